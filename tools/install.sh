#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copies headers, libraries and the pkg-config file to where an application finds them: bazel run //tools:install -- --prefix=DIR
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: bazel run //tools:install -- --prefix=DIR [--destdir=DIR] [--libdir=NAME]

  --prefix=DIR    where the library will be used from, for example /usr/local
  --destdir=DIR   put before every path that is written to, and into no file (for packagers)
  --libdir=NAME   folder of the libraries below the prefix (default lib)

Installs PREFIX/include/pollux, PREFIX/lib/libpollux.a, libpollux.so and pkgconfig/pollux.pc. An application is then built by
  PKG_CONFIG_PATH=PREFIX/lib/pkgconfig g++ -std=c++20 main.cc $(pkg-config --cflags --libs pollux)
  PKG_CONFIG_PATH=PREFIX/lib/pkgconfig gcc -std=c11 main.c $(pkg-config --cflags --libs pollux)
TEXT
}

prefix='' destdir='' libdir=lib
for argument in "$@"; do
  case "$argument" in
    -h | --help) usage; exit 0 ;;
    --prefix=?*) prefix=${argument#*=} ;;
    --destdir=*) destdir=${argument#*=} ;;
    --libdir=?*) libdir=${argument#*=} ;;
    *) echo "install: unknown argument '$argument' (try --help)" >&2; exit 2 ;;
  esac
done
[[ -n $prefix ]] || { usage >&2; exit 2; }
# `bazel run` starts in a folder of its own; paths are relative to where the user stands.
from=${BUILD_WORKING_DIRECTORY:-$PWD}
[[ $prefix == /* ]] || prefix=$from/$prefix
[[ -z $destdir || $destdir == /* ]] || destdir=$from/$destdir

# The working folder of `bazel run` and of a test holds what BUILD.bazel names as data, and nothing else.
mapfile -t headers < <(find -L . -name '*.h' -printf '%P\n' | sort)
shared=$(cd tools && ls libpollux.so.*.*.*)
soname=${shared%.*.*}

for header in "${headers[@]}"; do
  # The one for C is <pollux.h>.
  install -D -m 644 "$header" "$destdir$prefix/include/pollux/${header#pmd/c/}"
done
install -D -m 644 tools/libpollux.a "$destdir$prefix/$libdir/libpollux.a"
install -D -m 755 "tools/$shared" "$destdir$prefix/$libdir/$shared"
ln -sf "$shared" "$destdir$prefix/$libdir/$soname"
ln -sf "$soname" "$destdir$prefix/$libdir/libpollux.so"
mkdir -p "$destdir$prefix/$libdir/pkgconfig"
sed -e "s|@PREFIX@|$prefix|" -e "s|@LIBDIR@|$libdir|" tools/pollux.pc >"$destdir$prefix/$libdir/pkgconfig/pollux.pc"

echo "${#headers[@]} headers, libpollux.a, $shared and pollux.pc are in $destdir$prefix"
