#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The surface of libpollux, by its symbols and by the types that its debug information has: library_surface_test.sh HEADER LIBRARY [ABI]...
#
# Kept is what each version from POLLUX_ABI_OLDEST on looked like: tests/tools/abi/libpollux.N.abi. The one of today's version is what the
# library is, and today's library can serve a program that was compiled with any of the others. After a change of pollux.h: count
# POLLUX_ABI_VERSION up, name new functions in tools/libpollux.map, and bazel run //tests/tools:library_surface_test -- --keep.
set -euo pipefail

fail() { echo "FAIL: $*" >&2; exit 1; }
readonly header=$1 library=$(readlink -f "$2")
number_of() { sed -n "s/^#define $1 //p" "$header"; }
readonly version=$(number_of POLLUX_ABI_VERSION) oldest=$(number_of POLLUX_ABI_OLDEST)
readonly work=${TEST_TMPDIR:-$(mktemp -d)}

# --- Symbols ----------------------------------------------------------------------------------------------------------------------
gcc -E -P -x c "$header" | grep -v '^static' | grep -o -E '\bpollux_[a-z0-9_]+ *\(' | tr -d '( ' | sort -u >"$work/declared"
nm -D --defined-only "$library" | awk '$2 == "T" { sub(/@.*/, "", $3); print $3 }' | sort >"$work/exported"
# What static functions of the header call is theirs, not the library's.
gcc -E -P -x c "$header" | grep -o -E '^static inline [^(]*\bpollux_[a-z0-9_]+\(' | grep -o -E 'pollux_[a-z0-9_]+' | sort -u >"$work/inline"
comm -23 "$work/declared" "$work/inline" >"$work/functions"
diff "$work/functions" "$work/exported" >"$work/difference" || { cat "$work/difference"; fail "declared (<) and exported (>) differ: tools/libpollux.map"; }
others=$(nm -D --defined-only "$library" | awk '$2 ~ /^[B-Z]/ && $2 != "T"')
[[ -z $others ]] || fail "exported besides functions: $others"
readelf -dW "$library" | grep 'SONAME.*\[libpollux\.so\.0\]' >/dev/null || fail "the soname is another"

# --- Types ------------------------------------------------------------------------------------------------------------------------
# A folder with this header alone: what other headers define is nobody else's business.
mkdir -p "$work/headers"
cp -L "$header" "$work/headers"
abidw --exported-interfaces-only --drop-undefined-syms --no-show-locs --no-elf-needed --headers-dir "$work/headers" --drop-private-types \
  --no-corpus-path --no-comp-dir-path --no-architecture --out-file "$work/now.abi" "$library"
while read -r structure; do
  grep -q "class-decl name='$structure' size-in-bits=" "$work/now.abi" || fail "the library's debug information lacks struct $structure"
done < <(sed -n 's/^struct \(pollux_[a-z_]*\) {$/\1/p' "$header")
readonly folder=${BUILD_WORKSPACE_DIRECTORY:-$PWD}/tests/tools/abi
if [[ ${!#} == --keep ]]; then
  cp "$work/now.abi" "$folder/libpollux.$version.abi"
  echo "kept as $folder/libpollux.$version.abi"
  exit 0
fi
[[ -f $folder/libpollux.$version.abi ]] || fail "version $version was not kept: bazel run //tests/tools:library_surface_test -- --keep"
for ((kept = oldest; kept <= version; kept++)); do
  code=0
  abidiff --harmless --no-added-syms "$folder/libpollux.$kept.abi" "$work/now.abi" >"$work/changes" 2>&1 || code=$?
  # 4: changed, also in names alone, 8: in a way that compiled programs notice (abidiff(1)).
  if [[ $kept == "$version" ]]; then
    diff <(grep elf-symbol "$folder/libpollux.$kept.abi") <(grep elf-symbol "$work/now.abi") >>"$work/changes" || code=4
    [[ $code == 0 ]] || { cat "$work/changes"; fail "the surface is not version $version's (above): count POLLUX_ABI_VERSION up"; }
  elif ((code & ~4)); then
    cat "$work/changes"
    fail "a program of version $kept would notice (above): raise POLLUX_ABI_OLDEST, and the soname"
  fi
done
echo "libpollux: $(wc -l <"$work/functions") functions, version $version, serves from $oldest on"
