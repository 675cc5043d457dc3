# SPDX-License-Identifier: Apache-2.0
# tools/ovs test --stress, inside namespaces of its own: ports come and go under traffic, interfaces vanish, the daemon is killed. Afterwards
# memory, files and XDP programs are what they were, and packets pass.
set -euo pipefail
source "$root/tools/console.bash"
source "$root/tools/openvswitch/daemons.bash"
source "$root/tools/openvswitch/rig.sandbox.bash"
readonly cycles=${STRESS_CYCLES:-200} kills=${STRESS_KILLS:-50}
# What repeated work may leave behind for good: caches of Open vSwitch and of the allocator, not a page a cycle.
readonly memory_slack_kib=4096

pings() { ip netns exec client ping -q -n -c 5 -i 0.05 -W 1 10.0.0.2 2>&1 | grep -q ' 5 received'; }
await_pings() {
  local deadline=$((SECONDS + 10))
  until pings; do ((SECONDS <= deadline)) || die "$stage" "no ping gets through after 10 s ($1)"; done
}
switch_pid() { cat "$ovs_rig/ovs-vswitchd.pid"; }
memory_kib() { awk '/^VmRSS:/ { print $2 }' "/proc/$(switch_pid)/status"; }
open_files() { ls "/proc/$(switch_pid)/fd" | wc -l; }
# Programs that the daemon holds: each file of it that is one.
programs() { grep -l '^prog_id:' "/proc/$(switch_pid)"/fdinfo/* 2>/dev/null | wc -l; }
attached() { ip -o link show "$1" | grep -c 'prog/xdp' || true; }
# A line of figures that must come back: the programs, the files.
figures() { echo "$(programs) programs, $(open_files) files"; }
check_back() {
  local before=$1 memory=$2 deadline=$((SECONDS + 5)) now=''
  # Sockets are closed at once, but RCU frees what belongs to them a moment later.
  until now=$(figures) && [[ $now == "$before" ]]; do
    ((SECONDS <= deadline)) || die "$stage" "before: $before; afterwards: $now"
    sleep 0.1
  done
  now=$(memory_kib)
  ((now <= memory + memory_slack_kib)) || die "$stage" "resident memory grew from $memory to $now KiB"
  passed "$stage" "$3: $before as before, memory $memory -> $now KiB"
}

stage=rig
make_port p0 client 10.0.0.1 02:00:00:00:00:01
make_port p1 server 10.0.0.2 02:00:00:00:00:02
ovs_start "$ovs_rig"
ovs-vsctl add-br br0 -- set bridge br0 datapath_type=netdev
add_port br0 p0
add_port br0 p1
await_pings "at first"
ip -n client neighbor replace 10.0.0.2 lladdr 02:00:00:00:00:02 dev eth0
ip netns exec client python3 -c '
import socket
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while True:
    try:
        sender.sendto(bytes(200), ("10.0.0.2", 9))
    except OSError:
        pass' &
sender=$!
passed rig "traffic from client to server"

stage=add-del
for ((cycle = 0; cycle < cycles; cycle++)); do
  # What the first cycles allocate stays: buffers of the allocator, pools.
  if ((cycle == cycles / 10)); then
    before=$(figures)
    memory=$(memory_kib)
  fi
  ovs-vsctl --timeout=20 del-port br0 p1
  [[ $(attached p1) == 0 ]] || die "$stage" "cycle $cycle: an XDP program is left on p1"
  passing "$stage" "cycle $cycle, $(memory_kib) KiB"
  add_port br0 p1
done
await_pings "after $cycles cycles"
check_back "$before" "$memory" "$cycles times under traffic"

stage=vanishing
before=$(figures)
memory=$(memory_kib)
for ((cycle = 0; cycle < 10; cycle++)); do
  ip link delete p1
  ovs-vsctl --timeout=20 del-port br0 p1
  make_port p1 server 10.0.0.2 02:00:00:00:00:02
  add_port br0 p1
done
await_pings "after the interface came back"
check_back "$before" "$memory" "interface deleted 10 times under traffic"

stage=kill
for ((cycle = 0; cycle < kills; cycle++)); do
  pid=$(switch_pid)
  kill -KILL "$pid"
  deadline=$((SECONDS + 5))
  while [[ -d /proc/$pid ]] && ! grep -q "^State:.*Z" "/proc/$pid/status" 2>/dev/null; do ((SECONDS <= deadline)) || die "$stage" "cannot be killed"; done
  until [[ $(attached p0) == 0 && $(attached p1) == 0 ]]; do
    ((SECONDS <= deadline)) || die "$stage" "cycle $cycle: an XDP program outlived the daemon"
    sleep 0.05
  done
  ovs_start_switch || die "$stage" "cycle $cycle: does not start again"
  passing "$stage" "restart $cycle"
  ovs_await_polling p0 p1 || die "$stage" "cycle $cycle: ports are not polled: $(ovs_port_errors)"
  # The first restart's figures are those of all.
  if ((cycle == 0)); then
    await_pings "after the first restart"
    before=$(figures)
    memory=$(memory_kib)
  fi
done
await_pings "after $kills restarts"
check_back "$before" "$memory" "$kills times kill -9 and restart under traffic"

# Of 65536 frames, the two fill rings hold 2048 each; the rest is free again, but for a few that wait in tx rings.
stage=frames
kill "$sender"
deadline=$((SECONDS + 15))
until free=$(ovs-vsctl get interface p0 status:memory-free-frames | tr -d '"') && ((free >= 65536 - 2 * 2048 - 512)); do
  ((SECONDS <= deadline)) || die "$stage" "only $free frames of 65536 are free without traffic"
  sleep 0.5
done
passed frames "$free of 65536 frames are free without traffic"

stage=end
pid=$(switch_pid)
ovs_end ovs-vswitchd
[[ $(attached p0) == 0 && $(attached p1) == 0 ]] || die "$stage" "an XDP program is left after SIGTERM"
passed end "SIGTERM: no program is left"
# Interfaces that vanish are worth a warning, of stock ports too; so is a machine that is busy with something else.
warnings=$(ovs_warnings | grep -v -E 'No such device|could not open network device|unknown port|Dropped [0-9]+ log|timeval|ovs_rcu' || true)
[[ -z $warnings ]] || { quote <<<"$(head -n 20 <<<"$warnings")"; die log "unexpected warnings (above)"; }
passed log "nothing unexpected"
