#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Debian's dpdk-testpmd as the user nobody, with what DPDK itself needs: CAP_NET_RAW to make its socket, CAP_IPC_LOCK to register its memory.
#
#   dpdk_testpmd.sh ROOT SCRATCH TESTPMD-ARGUMENT...
#
# ROOT: what dpdk.py prints. SCRATCH: a folder to make where nobody may look in; not below one where everybody may write, since DPDK loads no drivers
# from there.
#
# It runs on ROOT's own libraries, loader included. ROOT lies in the home folder of whoever fetched it, where nobody else may look: it is seen at
# SCRATCH, by this process alone.
set -euo pipefail
if [[ -z ${IN_NAMESPACE:-} ]]; then
  IN_NAMESPACE=1 exec unshare --mount "$BASH" "$0" "$@"
fi
root=$2/root runtime=$2/runtime
mkdir "$2" "$root" "$runtime"
chown nobody "$runtime"
mount --bind "$1" "$root"
shift 2

libraries=$root/usr/lib/x86_64-linux-gnu
drivers=$libraries/dpdk/pmds-25.0
capabilities=-all,+net_raw,+ipc_lock
export XDG_RUNTIME_DIR=$runtime
exec setpriv --reuid=nobody --regid=nogroup --clear-groups --no-new-privs \
  --inh-caps=$capabilities --ambient-caps=$capabilities --bounding-set=$capabilities \
  "$libraries/ld-linux-x86-64.so.2" --library-path "$libraries:$drivers" "$root/usr/bin/dpdk-testpmd" \
  -d "$drivers" --no-huge -m 128 --no-pci --no-telemetry "$@"
