# SPDX-License-Identifier: Apache-2.0
# Builds Open vSwitch from source, and ovs-vswitchd with the provider in it. Sourced; needs $root and console.bash.
#
# Two steps, each kept under a name that says what went in:
#   $ovs_cache/openvswitch-VERSION-KEY/        the adapted tree (source/), compiled (build/): two minutes, once
#   $ovs_cache/openvswitch-VERSION-KEY/KEY/    ovs-vswitchd with provider and libpollux.so: a second, for each state of these

readonly ovs_folder=$root/tools/openvswitch
# The user's, also where a test has a home of its own.
readonly ovs_cache=${XDG_CACHE_HOME:-$(getent passwd "$(id -u)" | cut -d: -f6)/.cache}/pollux
# The default -g makes the tree five times as large.
readonly ovs_flags='-O2 -g1 -fno-omit-frame-pointer'

hash_of() { sha256sum | cut -c1-12; }

# keep_newest COUNT FOLDER PATTERN: removes the others of the folders that have such a name.
keep_newest() {
  find "$2" -mindepth 1 -maxdepth 1 -type d -name "$3" -printf '%T@ %p\0' | sort -z -n -r | tail -z -n +$(($1 + 1)) | cut -z -d' ' -f2- |
    xargs -0 -r rm -rf
}

# ovs_log NAME COMMAND...: the output is shown only if the command fails.
ovs_log() {
  local name=$1 log
  shift
  log=$(mktemp)
  if ! "$@" >"$log" 2>&1 </dev/null; then
    tail -n 40 "$log" | quote >&2
    rm -f "$log"
    die "$name" "${1##*/} failed (above: the end of its words)" >&2
  fi
  rm -f "$log"
}

# Sets $ovs_version and $ovs_source, a tarball or a folder. $1: as --ovs was given, empty without. Ends with 3 if it is not to be had.
ovs_find_source() {
  local found code log
  log=$(mktemp)
  passing source "${1:-the package openvswitch-source}"
  found=$("$ovs_folder/source.py" ${1:+"$1"} 2>"$log") && code=0 || code=$?
  if [[ $code != 0 ]]; then
    failed source "$(tail -n 1 "$log")"
    rm -f "$log"
    exit "$code"
  fi
  rm -f "$log"
  ovs_version=${found%% *}
  ovs_source=${found#* }
}

# Sets $ovs_tree, the folder of the compiled tree. $1: empty or "sanitize".
ovs_build_tree() {
  local variant=$1 key flags=$ovs_flags
  [[ $variant != sanitize ]] || flags+=' -fsanitize=address'
  key=$({ echo "$ovs_version"; cat "$ovs_folder/adapt_tree.py"; gcc --version; echo "$flags"; } | hash_of)
  ovs_tree=$ovs_cache/openvswitch-${ovs_version%%[-+]*}-$key
  mkdir -p "$ovs_tree"
  exec {tree_lock}>"$ovs_tree/lock"
  flock "$tree_lock"
  [[ ! -e $ovs_tree/complete ]] || return 0

  passing build "copying $ovs_source"
  rm -rf "$ovs_tree/source" "$ovs_tree/build"
  mkdir "$ovs_tree/source" "$ovs_tree/build"
  if [[ -d $ovs_source ]]; then
    cp -a "$ovs_source/." "$ovs_tree/source"
    # One that was configured in place cannot be built elsewhere.
    [[ ! -e $ovs_tree/source/config.status ]] || ovs_log distclean make -C "$ovs_tree/source" --quiet distclean
  else
    tar -x -f "$ovs_source" -C "$ovs_tree/source" --strip-components=1
  fi
  "$ovs_folder/adapt_tree.py" "$ovs_tree/source"
  passing build "configure"
  (
    cd "$ovs_tree/build"
    # Leaks are for the library's own tests: Open vSwitch's configuration checks and short-lived tools leak by intention.
    export PYTHON3=/usr/bin/python3 ASAN_OPTIONS=detect_leaks=0
    ovs_log configure ../source/configure --quiet --enable-afxdp CFLAGS="$flags"
    passing build "make, about two minutes"
    ovs_log make make -j"$(nproc)" --quiet
  )
  touch "$ovs_tree/complete"
}

# A Bazel server of this tree in another network namespace cannot be reached from here: the client would wait two minutes for it.
library_needs_bazel_here() {
  local server
  for server in $(grep -l -z -x -F -e "--workspace_directory=$root" /proc/[0-9]*/cmdline 2>/dev/null); do
    [[ $(readlink "${server%/*}/ns/net") == "$(readlink /proc/self/ns/net)" ]] || die library \
      "it is not built for this state of the tree, and Bazel's server runs in another network namespace, where it cannot be reached from here" \
      "Outside of the namespace: tools/ovs build. Then this command finds what it built."
  done
}

# Sets $pollux_prefix, where the library is installed: what --pollux says, or the tree's own, built unless this state of it was built
# before. No lock is held meanwhile: Bazel may be running a test that waits for one.
ovs_install_library() {
  local variant=$1 options=() prefix partial sources
  [[ -z ${pollux_prefix:-} ]] || return 0
  # All that can go into it; and what it says.
  sources=$(cd "$root" && find WORKSPACE MODULE.bazel .bazelrc bpf lcore mempool pmd tools/BUILD.bazel tools/bazel tools/install.sh -type f -print0 | sort -z |
    xargs -0 sha256sum | hash_of)
  prefix=$ovs_cache/library${variant:+-$variant}-$sources
  if [[ ! -d $prefix ]]; then
    library_needs_bazel_here
    # GCC's sanitizer, as Open vSwitch's.
    [[ $variant != sanitize ]] || options=(--config=asan)
    passing build "bazel build //tools:install"
    (cd "$root" && ovs_log library bazel build --noshow_progress "${options[@]}" //tools:install)
    partial=$(mktemp -d "$ovs_cache/partial.XXXX")
    # By its own path, since another build of the same tree may change what bazel-bin leads to.
    (cd "$root"/bazel-bin/tools/install.runfiles/*/tools/.. && ovs_log install "$root/tools/install.sh" --prefix="$prefix" --destdir="$partial")
    # Another run may have been faster.
    mv -T "$partial$prefix" "$prefix" 2>/dev/null || true
    rm -rf "$partial"
    keep_newest 4 "$ovs_cache" "library${variant:+-$variant}-????????????"
  fi
  pollux_prefix=$prefix
}

# Sets $pollux_broker and $pollux_capture, the tree's own where none were given.
ovs_build_programs() {
  local targets=()
  [[ -n $pollux_broker ]] || targets+=(//tools/broker:pollux-broker)
  [[ -n $pollux_capture ]] || targets+=(//tools/capture:pollux-capture)
  [[ ${#targets[@]} -gt 0 ]] || return 0
  library_needs_bazel_here
  passing build "bazel build ${targets[*]}"
  (cd "$root" && ovs_log programs bazel build --noshow_progress "${targets[@]}")
  [[ -n $pollux_broker ]] || pollux_broker=$(readlink -f "$root/bazel-bin/tools/broker/pollux-broker")
  [[ -n $pollux_capture ]] || pollux_capture=$(readlink -f "$root/bazel-bin/tools/capture/pollux-capture")
}

# Sets $ovs_programs, the folder with ovs-vswitchd. $1: empty or "sanitize"; $2: as --ovs was given.
ovs_build() {
  local variant=${1:-} key began=$SECONDS
  local provider=$ovs_folder/provider
  mkdir -p "$ovs_cache"
  ovs_find_source "${2:-}"
  ovs_install_library "$variant"
  ovs_build_tree "$variant"
  key=$(cat "$provider"/*.[ch] "$ovs_folder"/{build.bash,link.sh,memlock.c} "$pollux_prefix"/lib/libpollux.so.*.*.* \
    $(find "$pollux_prefix/include" -name '*.h' | sort) | hash_of)
  ovs_programs=$ovs_tree/$key
  if [[ ! -e $ovs_programs/complete ]]; then
    passing build "the provider"
    rm -rf "$ovs_programs"
    mkdir "$ovs_programs"
    (
      cd "$ovs_programs"
      cp -a "$pollux_prefix"/lib/libpollux.so* .
      gcc -shared -fPIC -O2 -o memlock.so "$ovs_folder/memlock.c"
      # The program finds the library beside it, wherever it was installed from.
      mkdir pkgconfig
      sed -e "s|^libdir=.*|libdir=$PWD|" "$pollux_prefix/lib/pkgconfig/pollux.pc" >pkgconfig/pollux.pc
      export PKG_CONFIG_PATH=$PWD/pkgconfig ASAN_OPTIONS=detect_leaks=0
      cd "$ovs_tree/build"
      ovs_log link "$ovs_folder/link.sh" --objects="$ovs_programs"
      mv vswitchd/ovs-vswitchd "$ovs_programs"
      cd "$ovs_programs"
      rm -r pkgconfig ./*.o
      touch complete
    )
    # Clones of this repository share the folder.
    keep_newest 8 "$ovs_tree" '????????????'
  fi
  passed build "Open vSwitch $ovs_version with type=pollux in $((SECONDS - began)) s: $ovs_programs"
  exec {tree_lock}>&-
}
