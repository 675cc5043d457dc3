#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# In the guest: lets one testpmd after the other forward, and marks how many instructions were executed before and after.
#
#   instructions.sh PACKETS MARK SOURCE NAME COMMAND [NAME COMMAND]...
#
# COMMAND is a testpmd with its EAL options, whose worker runs on processor 1, where nobody else is in user space. It forwards PACKETS,
# which SOURCE (packet_source) sends from both ends, and then polls without traffic. Everything else is on processor 0.
set -eu
packets=$1 mark=$2 source=$3
shift 3
taskset -p 1 $$ >/dev/null
# The forwarder gets part of its processor's time: so it is slower than the emulated devices, and finds full bursts.
mount -t cgroup2 none /sys/fs/cgroup
echo +cpu >/sys/fs/cgroup/cgroup.subtree_control
mkdir /sys/fs/cgroup/forwarder
echo 4000 40000 >/sys/fs/cgroup/forwarder/cpu.max

fail() {
  echo "$1"
  cat "/out/$name"
  exit 1
}

# Waits until the forwarder has said something so many times.
await() {
  until [ "$(grep -c "$1" "/out/$name")" -ge "$2" ]; do
    kill -0 "$forwarder" 2>/dev/null || fail "$name ended early"
    sleep 0.1
  done
}

measure() {
  mkfifo "/tmp/$name"
  # shellcheck disable=SC2086  # the command is words
  $1 -- -i --forward-mode=io --total-num-mbufs=16384 --nb-cores=1 --no-flush-rx --record-burst-stats <"/tmp/$name" >"/out/$name" 2>&1 &
  forwarder=$!
  exec 3>"/tmp/$name"
  await 'Checking link statuses' 1
  echo "$forwarder" >/sys/fs/cgroup/forwarder/cgroup.procs
  "$source" "$packets" port0 port3 &
  sender=$!
  sleep 2 # what comes before the forwarder starts waits for it, in full rings
  $mark
  echo start >&3
  wait "$sender" || fail "$name: the source failed"
  echo stop >&3
  await 'Accumulated forward statistics' 1
  $mark
  echo start >&3
  await 'packets/burst=' 2
  ss --xdp --extended >"/out/$name.sockets"
  echo stop >&3
  await 'Accumulated forward statistics' 2
  $mark
  echo quit >&3
  exec 3>&-
  wait "$forwarder" || fail "$name failed"
}

while [ $# -gt 0 ]; do
  name=$1
  measure "$2"
  shift 2
done
