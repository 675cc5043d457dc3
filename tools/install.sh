#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copies headers, libraries and the pkg-config file to where an application finds them: bazel run //tools:install -- --prefix=DIR
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: bazel run //tools:install -- --prefix=DIR [--destdir=DIR] [--libdir=NAME] [--uninstall]

  --prefix=DIR    where the library will be used from, for example /usr/local
  --destdir=DIR   put before every path that is written to, and into no file (for packagers)
  --libdir=NAME   folder of the libraries below the prefix (default lib)
  --uninstall     removes what this version installs there, and the folders that are empty then

Installs PREFIX/include/pollux and, in PREFIX/lib, libpollux.so and .a for C, libpollux-cxx.so and .a for C++, and what pkg-config and CMake
find them by. An application is then built by
  PKG_CONFIG_PATH=PREFIX/lib/pkgconfig gcc -std=c11 main.c $(pkg-config --cflags --libs pollux)
  PKG_CONFIG_PATH=PREFIX/lib/pkgconfig g++ -std=c++20 main.cc $(pkg-config --cflags --libs pollux-cxx)
  cmake -DCMAKE_PREFIX_PATH=PREFIX ...      find_package(pollux), then pollux::pollux or pollux::pollux-cxx

Where only root may write: bazel build //tools:install, then sudo bazel-bin/tools/install --prefix=/usr/local
TEXT
}

refuse() { echo "install: $1 (try --help)" >&2; exit 2; }

prefix='' destdir='' libdir=lib uninstall=false
for argument in "$@"; do
  case "$argument" in
    -h | --help) usage; exit 0 ;;
    --prefix=?*) prefix=${argument#*=} ;;
    --destdir=*) destdir=${argument#*=} ;;
    --libdir=?*) libdir=${argument#*=} ;;
    --uninstall) uninstall=true ;;
    *) refuse "unknown argument '$argument'" ;;
  esac
done
[[ -n $prefix ]] || { usage >&2; exit 2; }
[[ $prefix$libdir != *$'\n'* ]] || refuse "--prefix and --libdir are one line each"
# `bazel run` starts in a folder of its own; paths are relative to where the user stands.
from=${BUILD_WORKING_DIRECTORY:-$PWD}
[[ $prefix == /* ]] || prefix=$from/$prefix
[[ -z $destdir || $destdir == /* ]] || destdir=$from/$destdir

# What BUILD.bazel names as data, and nothing else, is in the folder beside this program; `bazel run` and a test begin in it.
for folder in "$0".runfiles/*/; do
  [[ ! -f $folder/tools/pollux.pc ]] || cd "$folder"
done
[[ -f tools/pollux.pc ]] || { echo "install: nothing to install in $PWD: run it by bazel run //tools:install" >&2; exit 1; }
mapfile -t headers < <(find -L . -name '*.h' -printf '%P\n' | sort)
mapfile -t shared < <(cd tools && ls libpollux.so.*.*.* libpollux-cxx.so.*.*.*)
# What the loader looks for, as the library itself says.
soname_of() { readelf -d "$1" | sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p'; }
version=${shared[0]##*.so.}
readonly include=$destdir$prefix/include/pollux libraries=$destdir$prefix/$libdir

# The one for C is <pollux.h>.
if $uninstall; then
  for header in "${headers[@]}"; do rm -f "$include/${header#pmd/c/}"; done
  for library in "${shared[@]}"; do
    name=${library%%.so.*}
    rm -f "$libraries/$name.a" "$libraries/$name.so" "$libraries/$(soname_of "tools/$library")" "$libraries/$library" \
      "$libraries/pkgconfig/${name#lib}.pc"
  done
  rm -f "$libraries"/cmake/pollux/pollux-config{,-version}.cmake
  for folder in "$include" "$libraries/pkgconfig" "$libraries/cmake"; do
    [[ ! -d $folder ]] || find "$folder" -depth -type d -empty -delete
  done
  echo "nothing of ${shared[*]} is left in $destdir$prefix"
  exit 0
fi
for header in "${headers[@]}"; do install -D -m 644 "$header" "$include/${header#pmd/c/}"; done
mkdir -p "$libraries/pkgconfig" "$libraries/cmake/pollux"
# For the right side of sed's s|||.
verbatim() { sed 's/[\\&|]/\\&/g' <<<"$1"; }
# fill TEMPLATE FILE
fill() {
  sed -e "s|@PREFIX@|$(verbatim "$prefix")|" -e "s|@LIBDIR@|$(verbatim "$libdir")|" -e "s|@VERSION@|$version|" "$1" >"$2"
}
for library in "${shared[@]}"; do
  name=${library%%.so.*} soname=$(soname_of "tools/$library")
  install -D -m 644 "tools/$name.a" "$libraries/$name.a"
  install -D -m 755 "tools/$library" "$libraries/$library"
  ln -sf "$library" "$libraries/$soname"
  ln -sf "$soname" "$libraries/$name.so"
  fill "tools/${name#lib}.pc" "$libraries/pkgconfig/${name#lib}.pc"
done
for template in pollux-config{,-version}.cmake; do fill "tools/cmake/$template.in" "$libraries/cmake/pollux/$template"; done
echo "${#headers[@]} headers, ${shared[*]}, their archives and .pc files are in $destdir$prefix"

[[ -z $destdir ]] || exit 0
# The loader looks for shared libraries in a list of its own, through an index of its own. Both are root's.
export PATH=$PATH:/usr/sbin:/sbin
listed=$( (ldconfig -v -N -X 2>/dev/null || true) | sed -n 's/^\(\/[^:]*\):.*/\1/p')
if grep -q -x -F "$(realpath "$libraries")" <<<"$listed" && [[ $(id -u) == 0 ]] && ldconfig; then
  echo "ldconfig knows ${shared[*]} now: programs find them"
elif ! grep -q -x -F "$(realpath "$libraries")" <<<"$listed"; then
  echo "The loader does not look into $libraries: run programs with LD_LIBRARY_PATH=$libraries, link them with"
  echo "-Wl,-rpath,$libraries, or name the folder in a file of /etc/ld.so.conf.d and run ldconfig."
else
  echo "Run ldconfig as root, so that programs find ${shared[*]}."
fi
