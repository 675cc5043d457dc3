#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tools/ovs test, with the library that was just built. Each test of the suite is a case in the report; one that fails with type=afxdp too,
# since the kernel lacks a device, counts as skipped.
set -euo pipefail

if [[ $(id -u) != 0 ]]; then
  echo "needs root for network namespaces" >&2
  exit 1
fi
tools/install --prefix="$TEST_TMPDIR/pollux"
export TMPDIR=$TEST_TMPDIR
exec tools/ovs test --pollux="$TEST_TMPDIR/pollux" --xml="$XML_OUTPUT_FILE"
