#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the commands do to the machine and the tree of whoever calls them: with a sudo, a bazel and a tree that only note what is called.
#
#   commands_test.sh TEST    the command tools/test, beside which the others lie
set -euo pipefail

tree=$TEST_TMPDIR/tree calls=$TEST_TMPDIR/calls
mkdir -p "$tree/tools" "$tree/bazel-bin/tools/performance" "$TEST_TMPDIR/fakes" "$TEST_TMPDIR/bare"
tools=$(dirname "$(readlink -f "$1")")
cp "$tools"/{perf,test,setup_packages,console.bash} "$tree/tools"
touch "$tree/tools/test_report.py"
echo 'demo x-none  nothing' >"$tree/tools/packages.txt"
fail() { echo "FAIL: $*" >&2; cat "$calls" >&2; exit 1; }

# fake NAME COMMAND: notes what it is called with, and by whom.
fake() {
  printf '#!/bin/bash\necho "%s $* (%s)" >>%q\n%s\n' "${1##*/}" '$([[ -n ${AS_ROOT:-} ]] && echo root || echo user)' "$calls" "$2" >"$1"
  chmod +x "$1"
}
fake "$TEST_TMPDIR/fakes/bazel" ''
# Root's environment: id says so.
fake "$TEST_TMPDIR/fakes/sudo" 'while [[ $1 == -* ]]; do shift; done; export AS_ROOT=1 SUDO_UID=1000; exec "$@"'
printf '#!/bin/bash\n[[ -n ${AS_ROOT:-} ]] && echo 0 || echo 1000\n' >"$TEST_TMPDIR/fakes/id"
chmod +x "$TEST_TMPDIR/fakes/id"
fake "$tree/bazel-bin/tools/performance/perf" ''
export PATH=$TEST_TMPDIR/fakes:$PATH
real_setup_packages=$tree/tools/setup_packages
mv "$real_setup_packages" "$tree/setup_packages"
fake "$tree/tools/setup_packages" ''

# tools/perf: what is built is the user's, what measures is root's.
"$tree/tools/perf" --contenders=testpmd
grep -q '^bazel build .*//tools:perf (user)$' "$calls" || fail "tools/perf does not build as the user"
grep -q '^perf .*--contenders=testpmd (root)$' "$calls" || fail "tools/perf does not measure as root"
echo "perf: as expected"

# tools/test: everything is root's, and the user's bazel-bin does not lead there.
: >"$calls"
CI=false "$tree/tools/test" //tests/...
grep -q '^bazel test .*--symlink_prefix=/ .*//tests/\.\.\. (root)$' "$calls" || fail "tools/test links root's outputs into the user's tree"
: >"$calls"
AS_ROOT=1 CI=false "$tree/tools/test" //tests/...
grep -q '^bazel test .*//tests/\.\.\. (root)$' "$calls" || fail "tools/test does not run as root"
! grep -q symlink_prefix "$calls" || fail "tools/test hides root's own outputs from root"
echo "test: as expected"

# tools/setup_packages where there is no apt: it says so, and whoever has all goes on.
for tool in bash sed cut tr grep dirname readlink env; do ln -s "$(command -v $tool)" "$TEST_TMPDIR/bare/$tool"; done
mv "$tree/setup_packages" "$real_setup_packages"
PATH=$TEST_TMPDIR/bare "$real_setup_packages" demo 2>"$calls" || fail "setup_packages: ends with an error where there is no apt"
grep -q 'no apt here' "$calls" || fail "setup_packages: says nothing where there is no apt"
! PATH=$TEST_TMPDIR/bare "$real_setup_packages" --dry-run demo 2>"$calls" || fail "setup_packages --dry-run: says that all is there"
echo "setup_packages: as expected"
