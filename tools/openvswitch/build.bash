# SPDX-License-Identifier: Apache-2.0
# Builds Open vSwitch from Debian's source package, and ovs-vswitchd with the provider in it. Sourced; needs $root and console.bash.
#
# Two steps, each kept under a name that says what went in:
#   $cache/openvswitch-VERSION-KEY/        the adapted tree (source/), compiled (build/): two minutes, once
#   $cache/openvswitch-VERSION-KEY/KEY/    ovs-vswitchd with provider and libpollux.so: a second, for each state of these

readonly ovs_tarball=/usr/src/openvswitch/openvswitch.tar.gz
readonly ovs_folder=$root/tools/openvswitch
# The default -g makes the tree five times as large.
readonly ovs_flags='-O2 -g1 -fno-omit-frame-pointer'

hash_of() { sha256sum | cut -c1-12; }

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

# Sets $ovs_tree, the folder of the compiled tree. $1: empty or "sanitize".
ovs_build_tree() {
  local variant=$1 version key flags=$ovs_flags
  [[ -r $ovs_tarball ]] || die packages "$ovs_tarball is missing" "tools/setup_packages ovs installs it (package openvswitch-source)."
  version=$(dpkg-query --show --showformat='${Version}' openvswitch-source)
  [[ $variant != sanitize ]] || flags+=' -fsanitize=address'
  key=$({ cat "$ovs_tarball" "$ovs_folder/adapt_tree.py"; gcc --version; echo "$flags"; } | hash_of)
  ovs_tree=$ovs_cache/openvswitch-${version%%[-+]*}-$key
  mkdir -p "$ovs_tree"
  exec {tree_lock}>"$ovs_tree/lock"
  flock "$tree_lock"
  [[ ! -e $ovs_tree/complete ]] || return 0

  passing build "unpacking $ovs_tarball"
  rm -rf "$ovs_tree/source" "$ovs_tree/build"
  mkdir "$ovs_tree/source" "$ovs_tree/build"
  tar -x -f "$ovs_tarball" -C "$ovs_tree/source" --strip-components=1
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

# Sets $pollux_prefix, where the library is installed: what --pollux says, or the tree's own, built now. No lock is held meanwhile: Bazel may be
# running a test that waits for one.
ovs_install_library() {
  local variant=$1 options=()
  [[ -z ${pollux_prefix:-} ]] || return 0
  # GCC's sanitizer, as Open vSwitch's.
  [[ $variant != sanitize ]] || options=(--config=asan)
  passing build "bazel build //tools:install"
  (cd "$root" && ovs_log library bazel build --noshow_progress "${options[@]}" //tools:install)
  pollux_prefix=$(mktemp -d "$ovs_cache/installed.XXXX")
  pollux_temporary=$pollux_prefix
  # By its own path, since another build of the same tree may change what bazel-bin leads to.
  (cd "$root/bazel-bin/tools/install.runfiles/pollux" && ovs_log install "$root/tools/install.sh" --prefix="$pollux_prefix")
}

# Sets $ovs_programs, the folder with ovs-vswitchd. $1: empty or "sanitize".
ovs_build() {
  local variant=${1:-} key object file began=$SECONDS flags=$ovs_flags
  local provider=$ovs_folder/provider
  ovs_cache=${XDG_CACHE_HOME:-$HOME/.cache}/pollux
  mkdir -p "$ovs_cache"
  ovs_install_library "$variant"
  ovs_build_tree "$variant"
  [[ $variant != sanitize ]] || flags+=' -fsanitize=address'
  key=$(cat "$provider"/*.[ch] "$ovs_folder"/build.bash "$ovs_folder"/memlock.c "$pollux_prefix"/lib/libpollux.so.*.*.* \
    $(find "$pollux_prefix/include" -name '*.h' | sort) | hash_of)
  ovs_programs=$ovs_tree/$key
  if [[ ! -e $ovs_programs/complete ]]; then
    passing build "the provider"
    rm -rf "$ovs_programs"
    mkdir "$ovs_programs"
    (
      cd "$ovs_programs"
      export PKG_CONFIG_PATH=$pollux_prefix/lib/pkgconfig
      cp -a "$pollux_prefix"/lib/libpollux.so* .
      for file in "$provider"/*.c; do
        # Its options are the tree's: config.h decides the layout of what they share.
        ovs_log provider gcc -c $flags -std=gnu11 -Wall -Wextra -Werror -Wno-unused-parameter -Wno-sign-compare \
          -DHAVE_CONFIG_H -include config.h -I"$pollux_prefix/include/pollux" -isystem "$ovs_tree/build" -isystem "$ovs_tree/build/include" \
          -isystem "$ovs_tree/build/lib" -isystem "$ovs_tree/source/include" -isystem "$ovs_tree/source/lib" "$file"
      done
      gcc -shared -fPIC -O2 -o memlock.so "$ovs_folder/memlock.c"
      objects=()
      for object in *.o; do objects+=("$PWD/$object"); done
      # make builds what the Makefile builds, with the provider among its libraries; the first --wrap is where it registers itself.
      libraries=$(sed -n 's/^LIBS = //p' "$ovs_tree/build/Makefile")
      rm -f "$ovs_tree/build/vswitchd/ovs-vswitchd"
      ovs_log link make -C "$ovs_tree/build" --quiet vswitchd/ovs-vswitchd \
        LIBS="${objects[*]} -Wl,--wrap=netdev_vport_tunnel_register -L$PWD -lpollux -Wl,-rpath,$PWD $libraries"
      mv "$ovs_tree/build/vswitchd/ovs-vswitchd" .
      touch complete
    )
    # The newest few are enough: clones of this repository share the folder.
    ls -dt "$ovs_tree"/????????????/ | tail -n +9 | xargs -r rm -rf
  fi
  passed build "Open vSwitch with type=pollux in $((SECONDS - began)) s: $ovs_programs"
  exec {tree_lock}>&-
  [[ -z ${pollux_temporary:-} ]] || rm -rf "$pollux_temporary"
}
