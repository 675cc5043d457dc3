#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tools/ovs pods and ovn-demo in their short forms, with the library that was just built; and what is left when one of them is killed.
set -euo pipefail

if [[ $(id -u) != 0 ]]; then
  echo "needs root for network namespaces" >&2
  exit 1
fi
fail() { echo "FAIL: $*" >&2; exit 1; }
tools/install --prefix="$TEST_TMPDIR/pollux" >/dev/null
export TMPDIR=$TEST_TMPDIR

# Bad input is refused before anything is built.
for bad in 'pods --pods=0' 'pods --pods=many' 'ovn-demo --seconds=long' 'ovn-demo --pods=3'; do
  code=0
  tools/ovs $bad >"$TEST_TMPDIR/refused.log" 2>&1 || code=$?
  [[ $code == 2 ]] || fail "tools/ovs $bad: exit code $code: $(cat "$TEST_TMPDIR/refused.log")"
done

tools/ovs pods --pods=8 --pollux="$TEST_TMPDIR/pollux"

# Killed in the middle: its daemons, namespaces and whatever else runs in there go with it.
tools/ovs pods --pods=200 --pollux="$TEST_TMPDIR/pollux" >"$TEST_TMPDIR/killed.log" 2>&1 &
pid=$!
deadline=$((SECONDS + 120))
until grep -q 'ok  bridge' "$TEST_TMPDIR/killed.log"; do
  ((SECONDS < deadline)) && kill -0 "$pid" || { cat "$TEST_TMPDIR/killed.log"; fail "pods do not begin"; }
  sleep 0.1
done
daemon=$(pgrep -f "^ovs-vswitchd unix:$TEST_TMPDIR/plxo$pid") || fail "there is no ovs-vswitchd of $pid"
kill -KILL "$pid"
wait "$pid" || true
deadline=$((SECONDS + 60))
while [[ -e /proc/$daemon ]]; do
  ((SECONDS < deadline)) || fail "ovs-vswitchd $daemon outlived the command"
  sleep 0.1
done

code=0
tools/ovs ovn-demo --ping --pollux="$TEST_TMPDIR/pollux" 2>&1 | tee "$TEST_TMPDIR/ovn.log" || code=$?
if [[ $code == 3 ]]; then
  cat >"$XML_OUTPUT_FILE" <<'XML'
<?xml version="1.0" encoding="UTF-8"?>
<testsuites><testsuite name="OpenVSwitch" tests="1" skipped="1"><testcase name="ovnCanBeHad" classname="OpenVSwitch" status="run"
result="skipped"><skipped message="no OVN in this machine's Debian release"/></testcase></testsuite></testsuites>
XML
  exit 0
fi
[[ $code == 0 ]] || fail "ovn-demo: exit code $code"
left=("$TEST_TMPDIR"/plxo*)
[[ ! -e ${left[0]} ]] || fail "left behind: ${left[*]}"
