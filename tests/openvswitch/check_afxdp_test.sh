#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tools/ovs demo and test of one version, with the library that was just built: check_afxdp_test.sh VERSION. Each test of the suite is a case in
# the report; one that fails with type=afxdp too, since the kernel lacks a device, counts as skipped. So does a version whose source cannot be had.
set -euo pipefail

readonly version=$1
if [[ $(id -u) != 0 ]]; then
  echo "needs root for network namespaces" >&2
  exit 1
fi
tools/install --prefix="$TEST_TMPDIR/pollux"
export TMPDIR=$TEST_TMPDIR

code=0
tools/ovs demo --ovs="$version" --pollux="$TEST_TMPDIR/pollux" --mib=4 2>&1 | tee "$TEST_TMPDIR/demo.log" || code=$?
if [[ $code == 3 ]]; then
  reason=$(grep -v '^$' "$TEST_TMPDIR/demo.log" | tail -n 1 | sed -e 's/&/\&amp;/g' -e 's/</\&lt;/g' -e 's/"/\&quot;/g')
  cat >"$XML_OUTPUT_FILE" <<XML
<?xml version="1.0" encoding="UTF-8"?>
<testsuites><testsuite name="OpenVSwitch" tests="1" skipped="1"><testcase name="sourceCanBeHad" classname="OpenVSwitch" status="run"
result="skipped"><skipped message="Open vSwitch $version: $reason"/></testcase></testsuite></testsuites>
XML
  exit 0
fi
[[ $code == 0 ]]
# The two types are compared on the version that the machine has itself.
only=()
[[ $version == 3.1 ]] || only=(--pollux-only)
exec tools/ovs test --ovs="$version" --pollux="$TEST_TMPDIR/pollux" --broker=tools/broker/pollux-broker \
  --capture=tools/capture/pollux-capture --xml="$XML_OUTPUT_FILE" "${only[@]}"
