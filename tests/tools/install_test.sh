#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Installs the libraries into a folder and builds tools/l2_forward.cc and tools/c_forward.c outside the tree: against the shared library,
# against the archive alone, and through --destdir.
set -euo pipefail

source_file=$PWD/$1 c_source_file=$PWD/$2
prefix=$TEST_TMPDIR/prefix
fail() { echo "FAIL: $*" >&2; exit 1; }

tools/install --prefix="$prefix"

# Every header that an installed header includes is installed too, and the headers compile in any order.
cd "$prefix/include/pollux"
while IFS=: read -r header line; do
  included=$(sed -E 's/.*"([^"]+)".*/\1/' <<<"$line")
  [[ -f $included ]] || fail "$header includes $included, which is not installed"
done < <(grep -r -H --include='*.h' -E '^#include "' .)
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
read -r -a compile_flags < <(pkg-config --cflags pollux-cxx)
# In either order: a header that leans on one before it fails in the other.
for order in sort 'sort -r'; do
  find . -name '*.h' -printf '#include "%P"\n' | $order >"$TEST_TMPDIR/all.cc"
  g++ -std=c++20 -fsyntax-only "${compile_flags[@]}" "$TEST_TMPDIR/all.cc" || fail "a header does not compile by itself (above)"
done

mkdir "$TEST_TMPDIR/application"
cd "$TEST_TMPDIR/application"
cp "$source_file" main.cc
cp "$c_source_file" main.c

# A null port, which sends without end, and a ring port, which sends back, need neither root nor a kernel interface.
run() {
  local kind=$1 code=0
  shift
  "$@" net_null0 net_ring0 >"$kind.log" 2>&1 &
  local program=$! spun=0
  # It has forwarded once it has polled for a while: half a second of a processor's time, in hundredths.
  while ((spun < 50)) && read -r -a stat < <(sed 's/.*) //' "/proc/$program/stat" 2>/dev/null); do
    spun=${stat[11]}
    sleep 0.05
  done
  kill -TERM "$program" 2>/dev/null || true
  wait "$program" || code=$?
  cat "$kind.log"
  [[ $code == 0 ]] || fail "$kind: exit code $code"
  grep -q -E '^net_null0: received [1-9]' "$kind.log" && grep -q '^balanced: ' "$kind.log" || fail "$kind: nothing was forwarded"
}

read -r -a shared_flags < <(pkg-config --cflags --libs pollux-cxx)
g++ -std=c++20 main.cc -o shared "${shared_flags[@]}"
readelf -d shared | grep -q 'NEEDED.*libpollux-cxx\.so\.0\.1' || fail "the program does not need libpollux-cxx.so.0.1"
LD_LIBRARY_PATH=$prefix/lib ldd -r shared 2>&1 | grep -E 'not found|undefined symbol' && fail "the shared library lacks something (above)"
run shared env LD_LIBRARY_PATH="$prefix/lib" ./shared

# A program in C takes no notice of what is behind the library.
c_flags=(-std=c11 -Wall -Wextra -pedantic -Werror)
read -r -a shared_flags < <(pkg-config --cflags --libs pollux)
! grep -q absl <<<"${shared_flags[*]}" || fail "a program in C would need Abseil: ${shared_flags[*]}"
gcc "${c_flags[@]}" main.c -o shared_c "${shared_flags[@]}"
readelf -d shared_c | grep -q 'NEEDED.*libpollux\.so\.0' || fail "the program in C does not need libpollux.so.0"
run shared_c env LD_LIBRARY_PATH="$prefix/lib" ./shared_c

rm "$prefix"/lib/libpollux*.so*
read -r -a static_flags < <(pkg-config --static --cflags --libs pollux-cxx)
g++ -std=c++20 main.cc -o static "${static_flags[@]}"
! readelf -d static | grep -q libpollux || fail "the static program needs a shared libpollux"
run static ./static
read -r -a static_flags < <(pkg-config --static --cflags --libs pollux)
gcc "${c_flags[@]}" main.c -o static_c "${static_flags[@]}"
! readelf -d static_c | grep -q libpollux || fail "the static program in C needs a shared libpollux"
run static_c ./static_c

cd "$TEST_SRCDIR/$TEST_WORKSPACE"
tools/install --prefix=/usr/local --destdir="$TEST_TMPDIR/staging" --libdir=lib64
for name in pollux pollux-cxx; do
  grep -q '^prefix=/usr/local$' "$TEST_TMPDIR/staging/usr/local/lib64/pkgconfig/$name.pc" || fail "$name.pc names the staging folder"
  [[ -f $TEST_TMPDIR/staging/usr/local/lib64/lib$name.so ]] || fail "lib$name.so does not lead to the library"
done

# A prefix is no pattern. Nothing of what was installed is left behind by --uninstall, and nothing else is taken.
odd="$TEST_TMPDIR/a|b&c\\d"
mkdir -p "$odd/include/pollux/lcore"
touch "$odd/include/pollux/lcore/somebody_elses"
tools/install --prefix="$odd" >"$TEST_TMPDIR/said"
grep -q -x -F "prefix=$odd" "$odd/lib/pkgconfig/pollux.pc" || fail "pollux.pc has another prefix: $(grep prefix= "$odd/lib/pkgconfig/pollux.pc")"
grep -q -F "LD_LIBRARY_PATH=$odd/lib" "$TEST_TMPDIR/said" || fail "no word of the loader, which does not look there"
tools/install --prefix="$odd" --uninstall
left=$(cd "$odd" && find . ! -type d)
[[ $left == ./include/pollux/lcore/somebody_elses ]] || fail "left after --uninstall: $left"

# From anywhere, without `bazel run`: what it installs is beside it.
mkdir -p "$TEST_TMPDIR/bin/install.runfiles" "$TEST_TMPDIR/elsewhere"
cp -L tools/install "$TEST_TMPDIR/bin/install"
ln -s "$PWD" "$TEST_TMPDIR/bin/install.runfiles/pollux"
cd "$TEST_TMPDIR/elsewhere"
../bin/install --prefix=here
[[ -f $TEST_TMPDIR/elsewhere/here/include/pollux/pollux.h ]] || fail "started elsewhere, it installs nothing"
cp ../bin/install alone
! ./alone --prefix=there 2>"$TEST_TMPDIR/said" || fail "installs what is not there"
grep -q 'bazel run' "$TEST_TMPDIR/said" || fail "does not say how to run it"
