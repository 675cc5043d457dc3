#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Ping and HTTP through the machine's Open vSwitch, with ports of type=pollux. Part of packaging/try_packages.sh, in a network namespace of its own.
set -euo pipefail

readonly scripts=/usr/share/openvswitch/scripts run=/var/run/openvswitch
folder=$(mktemp -d)
fail() {
  echo "FAIL: $*"
  tail -n 20 /var/log/openvswitch/ovs-vswitchd.log 2>/dev/null || true
  exit 1
}
end() {
  [[ -z ${server:-} ]] || kill "$server" 2>/dev/null || true
  ovs-vsctl --timeout=10 --if-exists del-br br0 >/dev/null 2>&1 || true
  ovs-appctl -t ovs-vswitchd exit --cleanup >/dev/null 2>&1 || true
  "$scripts/ovs-ctl" stop >/dev/null 2>&1 || true
  for name in left right; do ip netns delete $name 2>/dev/null || true; done
  rm -rf "$folder"
}
trap end EXIT

for name in left right; do
  ip netns add $name
  ip link add $name type veth peer name eth0 netns $name
  ip link set dev $name up
  ip -n $name link set dev lo up
  ip -n $name link set dev eth0 up
done
ip -n left address add 10.0.0.1/24 dev eth0
ip -n right address add 10.0.0.2/24 dev eth0

# The database as the service starts it. The switch without the kernel's module, which ovs-ctl insists on and ports of the userspace datapath do not need.
"$scripts/ovs-ctl" --no-ovs-vswitchd --no-monitor --no-record-hostname --system-id=random start || fail "the database does not start"
ovs-vswitchd "unix:$run/db.sock" --no-chdir --log-file --pidfile --detach || fail "ovs-vswitchd does not start"
[[ $(readlink "/proc/$(cat $run/ovs-vswitchd.pid)/exe") == */ovs-vswitchd-pollux ]] || fail "another ovs-vswitchd runs"

ovs-vsctl --timeout=30 --may-exist add-br br0 -- set bridge br0 datapath_type=netdev
for name in left right; do ovs-vsctl --timeout=30 --may-exist add-port br0 $name -- set interface $name type=pollux || fail "port $name"; done
deadline=$((SECONDS + 30))
until ip netns exec left ping -n -c 1 -W 1 10.0.0.2 >/dev/null; do ((SECONDS < deadline)) || fail "no answer to a ping"; done
ip netns exec left ping -n -c 20 -i 0.05 -W 20 10.0.0.2 >"$folder/ping" || true
grep -q ' 0% packet loss' "$folder/ping" || fail "pings are lost: $(cat "$folder/ping")"

head -c 4M /dev/urandom >"$folder/file"
ip netns exec right python3 -m http.server --bind 10.0.0.2 --directory "$folder" 8000 >/dev/null 2>&1 &
server=$!
ip netns exec left curl -sS --retry 20 --retry-connrefused --retry-delay 1 --max-time 60 -o "$folder/received" http://10.0.0.2:8000/file || fail "no download"
cmp "$folder/file" "$folder/received" || fail "the download is not what was sent"
status=$(ovs-vsctl get interface left status)
[[ $status == *xdp-mode* ]] || fail "the port is not of type=pollux: $status"
version=$(ovs-vswitchd --version)
echo "$(head -n 1 <<<"$version"), the alternative: ping and 4 MiB over HTTP between two ports of type=pollux"
