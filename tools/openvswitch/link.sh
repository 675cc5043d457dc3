#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Puts the netdev provider into the ovs-vswitchd of a configured and compiled tree: link.sh [--objects=FOLDER] [--no-rpath], in the tree's build folder.
#
# Compiles the provider against that tree, links vswitchd/ovs-vswitchd anew with it and with the installed library (pkg-config pollux), and
# checks that the program starts and has the class. --objects: where the compiled provider goes (default: pollux/ in the build folder);
# --no-rpath: the program looks for the library only where the loader does (for packages).
set -euo pipefail

readonly folder=$(dirname "$(readlink -f "$0")")
die() {
  echo "link.sh: $*" >&2
  exit 1
}

objects=$PWD/pollux rpath=true
for argument in "$@"; do
  case "$argument" in
    -h | --help) sed -n '3,7s/^# //p' "$0"; exit 0 ;;
    --no-rpath) rpath=false ;;
    --objects=?*) objects=$(realpath -m "${argument#*=}") ;;
    *) die "unknown argument '$argument' (try --help)" ;;
  esac
done

# --- What must be so --------------------------------------------------------------------------------------------------------------
[[ -f Makefile && -f config.h && -x libtool ]] || die "$PWD is not the build folder of a configured Open vSwitch"
readonly source=$(sed -n 's/^abs_top_srcdir = //p' Makefile)
grep -q DPBUF_EXTERNAL "$source/lib/dp-packet.h" || die "$source is as it was: $folder/adapt_tree.py $source, then make"
# What registers the class is part of the program; a shared libopenvswitch calls its own functions, and the program's link does not change that.
! grep -q '^build_libtool_libs=yes' libtool || die "this tree is configured with --enable-shared, where type=pollux would be missing: configure" \
  "it with --disable-shared"
grep -q '^#define HAVE_AF_XDP 1' config.h || die "this tree is configured without AF_XDP: configure it with --enable-afxdp"
pkg-config --exists pollux || die "pkg-config does not find pollux: bazel run //tools:install -- --prefix=DIR, then PKG_CONFIG_PATH=DIR/lib/pkgconfig"

# --- The provider -----------------------------------------------------------------------------------------------------------------
rm -f "$objects"/*.o
mkdir -p "$objects"
compiled=()
# A compiler of tomorrow may have new warnings, which are for whoever changes the code: they are errors in tests only.
warnings=(-Wall -Wextra -Wno-unused-parameter -Wno-sign-compare)
[[ -z ${TEST_TMPDIR:-} ]] || warnings+=(-Werror)
for file in "$folder"/provider/*.c; do
  object=$objects/$(basename "$file" .c).o
  # Its options are the tree's: config.h decides the layout of what they share.
  gcc -c $(sed -n 's/^CFLAGS = //p' Makefile) $(sed -n 's/^CPPFLAGS = //p' Makefile) -std=gnu11 "${warnings[@]}" -DHAVE_CONFIG_H \
    -include config.h $(pkg-config --cflags pollux) -isystem . -isystem include -isystem lib -isystem "$source/include" \
    -isystem "$source/lib" -o "$object" "$file"
  compiled+=("$object")
done

# --- The program ------------------------------------------------------------------------------------------------------------------
# make links what the Makefile links, with the provider among its libraries. The first --wrap is where the class registers itself, the second is
# in provider/traffic_control.c, the others in provider/offload_*.c; one that a version does not have does nothing there. The originals are in
# an archive that would not be looked at again.
readonly library=$(pkg-config --variable=libdir pollux)
# Up to 3.5.
wraps=''
[[ ! -e $source/lib/netdev-offload-provider.h ]] || wraps='-Wl,--wrap=mpsc_queue_insert -Wl,--wrap=xnanosleep'
run_path=
! $rpath || run_path=-Wl,-rpath,$library
rm -f vswitchd/ovs-vswitchd
make --quiet vswitchd/ovs-vswitchd LIBS="${compiled[*]} -Wl,--wrap=netdev_vport_tunnel_register -Wl,--wrap=netdev_offload_tc \
  -Wl,--wrap=dpif_attach_offload_providers $wraps \
  $PWD/lib/.libs/libopenvswitch.a -L$library -lpollux $run_path $(sed -n 's/^LIBS = //p' Makefile)"

nm vswitchd/ovs-vswitchd | grep ' T __wrap_netdev_vport_tunnel_register$' >/dev/null || die "the class is not in vswitchd/ovs-vswitchd"
version=$(LD_LIBRARY_PATH=$library${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} vswitchd/ovs-vswitchd --version) || die "vswitchd/ovs-vswitchd does not start"
echo "$PWD/vswitchd/ovs-vswitchd: ${version%%$'\n'*}, with type=pollux"
