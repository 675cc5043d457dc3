# SPDX-License-Identifier: Apache-2.0
# tools/ovs test, inside namespaces of its own: what Open vSwitch's suite does not look at. Writes "ok NAME" and "FAILED NAME: WHY" lines to $results.
set -uo pipefail
source "$root/tools/console.bash"
source "$root/tools/openvswitch/daemons.bash"
source "$root/tools/openvswitch/rig.sandbox.bash"

# check NAME FUNCTION: the function fails with a sentence on its output.
check() {
  local why
  passing provider "$1"
  if why=$($2 2>&1); then
    echo "ok $1" >>"$results"
    passed provider "$1"
  else
    echo "FAILED $1: ${why//$'\n'/ }" >>"$results"
    failed provider "$1: $why"
  fi
}
alive() { ovs-appctl version >/dev/null 2>&1 || { echo "ovs-vswitchd has ended: $(tail -n 2 "$ovs_rig/ovs-vswitchd.log")"; return 1; }; }
# The first ten packets all come back. With a deadline ping sends further ones while it waits: an answer may be late, but not lost.
ping_from() { # NAMESPACE ADDRESS [OPTION]...
  local namespace=$1 address=$2 answer number
  shift 2
  answer=$(ip netns exec "$namespace" ping -n -c 10 -i 0.05 -w 10 "$@" "$address" 2>&1)
  for number in {1..10}; do
    [[ $answer == *"icmp_seq=$number "* ]] || { echo "ping $address: no answer to packet $number: $(tail -n 3 <<<"$answer" | paste -sd' ')"; return 1; }
  done
}

copies_nothing() {
  ping_from client 10.0.0.2 || return 1
  await_counter p1 tx_packets '>= 20' || return 1
  local port value
  for port in p0 p1; do
    value=$(ovs-vsctl get interface $port statistics:copied)
    [[ $value == 0 ]] || { echo "copied of $port is $value"; return 1; }
  done
}

second_output() {
  ovs-ofctl add-flow br0 "priority=9,in_port=p0,actions=output:p1,output:p2"
  ovs-appctl revalidator/wait  # the datapath may act on its copy of the old flows until then
  ping_from client 10.0.0.2 || return 1
  ovs-ofctl --strict del-flows br0 "priority=9,in_port=p0"
  await_counter p2 tx_packets '>= 10' || return 1
  await_counter p1 memory_clones '>= 10' || return 1
  [[ $(ovs-vsctl get interface p2 statistics:copied) == 0 ]] || { echo "a clone was copied again"; return 1; }
}

# 252 bytes of Geneve options and 58 of headers: more than the 256 bytes before a packet.
long_push() {
  local set='' i before
  ovs-vsctl add-br br-phy -- set bridge br-phy datapath_type=netdev || return 1
  add_port br-phy u0
  ip address add 172.16.0.1/24 dev br-phy && ip link set dev br-phy up || return 1
  ip netns exec underlay ping -q -c 1 -W 3 172.16.0.1 >/dev/null || { echo "the tunnel's own network does not work"; return 1; }
  # The tunnel wants to know its neighbour.
  ovs-appctl tnl/neigh/set br-phy 172.16.0.2 02:00:00:00:00:22 >/dev/null
  ovs-vsctl add-port br0 gen0 -- set interface gen0 type=geneve options:remote_ip=172.16.0.2 options:key=7 || return 1
  ovs-ofctl add-tlv-map br0 "{class=0xffff,type=0,len=124}->tun_metadata0,{class=0xffff,type=1,len=120}->tun_metadata1" || return 1
  for ((i = 0; i < 2; i++)); do set+="set_field:0x1->tun_metadata$i,"; done
  ovs-ofctl -O OpenFlow13 add-flow br0 "priority=9,in_port=p0,actions=${set}output:gen0" || return 1
  ip netns exec underlay timeout 10 tcpdump -n -i eth0 -c 5 -w "$ovs_rig/geneve.pcap" udp port 6081 >/dev/null 2>&1 &
  local capture=$!
  sleep 0.5
  ip netns exec client ping -q -n -c 20 -i 0.1 -W 1 10.0.0.2 >/dev/null
  wait $capture || { echo "no Geneve packet came out"; alive; return 1; }
  ovs-ofctl --strict del-flows br0 "priority=9,in_port=p0"
  alive || return 1
  await_counter u0 memory_outgrown '>= 10' || return 1
  await_counter u0 copied_outgrown '>= 10' || return 1
  ovs-vsctl del-port br0 gen0
}

refuses() { # OPTION TEXT: the error that ovs-vsctl reports contains TEXT
  local said
  make_port bad other 10.9.0.1
  said=$(ovs-vsctl --timeout=10 add-port br0 bad -- set interface bad type=pollux "options:$1" 2>&1)
  said+=" $(ovs_port_errors)"
  ovs-vsctl --timeout=10 del-port br0 bad
  ip link delete bad
  [[ $said == *"$2"* ]] || { echo "options:$1: ovs-vsctl said '$said'"; return 1; }
}
bad_values() {
  refuses n_rxq=42 "interface bad has 1 receive queue" &&
    refuses n_rxq=none "a number from 1 to" &&
    refuses xdp-mode=fast "best-effort, native-with-zerocopy, native or generic" &&
    refuses frame-size=1500 "auto, 2048 or 4096" &&
    refuses steer=nonsense "nonsense" &&
    refuses colour=blue "no such option" &&
    refuses require=zerocopy "zero"
}

failing_change() {
  local deadline=$((SECONDS + 13)) tries
  ovs-vsctl set interface p0 options:require=zerocopy
  ovs_await_polling p0 || { echo "p0 is not polled any more"; return 1; }
  ping_from client 10.0.0.2 || return 1
  until [[ $(ovs-vsctl --if-exists get interface p0 status:error 2>/dev/null) == *zero* ]]; do
    ((SECONDS <= deadline)) || { echo "status has no error"; return 1; }
    sleep 0.2
  done
  # A start for another reason keeps to what works.
  ovs-vsctl set interface p0 mtu_request=3000
  ovs-vsctl set interface p0 mtu_request=1500
  tries=$(grep -c "required feature zerocopy" "$ovs_rig/ovs-vswitchd.log")
  [[ $tries == 1 ]] || { echo "what cannot be was tried $tries times"; return 1; }
  [[ $(ovs-vsctl get interface p0 status:error) == *zero* ]] || { echo "a start for another reason took the error away"; return 1; }
  ovs-vsctl remove interface p0 options require
  ping_from client 10.0.0.2
}

longer_packets() {
  local port
  for port in p0 p1; do
    ovs-vsctl set interface $port mtu_request=3000
    ip -n "$([[ $port == p0 ]] && echo client || echo server)" link set dev eth0 mtu 3000
  done
  ping_from client 10.0.0.2 -s 2900 -M do || return 1
  [[ $(ovs-vsctl get interface p0 status:memory) == *"frames of 4096 bytes"* ]] || { echo "status:memory of p0: $(ovs-vsctl get interface p0 status:memory)"; return 1; }
  ovs-vsctl set interface p0 mtu_request=9000
  [[ $(cat /sys/class/net/p0/mtu) == 3000 ]] || { echo "MTU 9000 was accepted"; return 1; }
  for port in p0 p1; do ovs-vsctl set interface $port mtu_request=1500; done
}

# An internal port may have any MTU; what it sends may be longer than a frame.
too_long() {
  ovs-vsctl set interface br0 mtu_request=9000
  ip link set dev br0 up && ip address add 10.0.0.9/24 dev br0 || return 1
  ping -q -n -c 2 -i 0.2 -W 2 10.0.0.2 >/dev/null || { echo "the bridge's own port does not work"; return 1; }
  ping -q -n -c 5 -i 0.1 -W 1 -s 8000 -M do 10.0.0.2 >/dev/null
  alive || return 1
  await_counter p1 tx_dropped_longer_than_frame '>= 3' || return 1
  await_counter p1 copied_foreign '>= 2' || return 1
}

modes() {
  local mode
  for mode in native generic best-effort; do
    ovs-vsctl set interface p1 options:xdp-mode=$mode
    ovs_await_polling p1 || { echo "$mode: not polled"; return 1; }
    ping_from client 10.0.0.2 || return 1
  done
  ovs-vsctl remove interface p1 options xdp-mode
}

# Threads come and go; each has a queue to send on.
pmd_threads() {
  local mask
  for mask in 1 3 2; do
    ovs-vsctl set Open_vSwitch . other_config:pmd-cpu-mask=$mask
    ovs_await_polling p0 p1 || { echo "mask $mask: not polled"; return 1; }
    ping_from client 10.0.0.2 || return 1
  done
  ovs-vsctl set interface p1 other_config:tx-steering=hash
  ping_from client 10.0.0.2 || return 1
  ovs-vsctl remove interface p1 other_config tx-steering
  ovs-vsctl remove Open_vSwitch . other_config pmd-cpu-mask
  [[ $(ovs-vsctl get interface p0 statistics:tx_dropped_no_queue) == 0 ]] || { echo "a thread had no queue"; return 1; }
}

ssh_to_the_kernel() {
  ip address add 10.8.0.5/24 dev p0
  ip -n client address add 10.8.0.1/24 dev eth0
  ovs-vsctl set interface p0 'options:steer=not tcp port 22; not arp'
  ovs_await_polling p0 || return 1
  python3 -m http.server --bind 10.8.0.5 22 >/dev/null 2>&1 &
  local server=$! code deadline=$((SECONDS + 10))
  until code=$(ip netns exec client curl -s -o /dev/null --max-time 2 -w '%{http_code}' http://10.8.0.5:22/) && [[ $code == 200 ]]; do
    ((SECONDS <= deadline)) || { kill $server; echo "the kernel does not answer on port 22: $code"; return 1; }
    sleep 0.1
  done
  kill $server
  ovs-vsctl remove interface p0 options steer
  ip address delete 10.8.0.5/24 dev p0
}

make_port p0 client 10.0.0.1 02:00:00:00:00:01
make_port p1 server 10.0.0.2 02:00:00:00:00:02
make_port p2 third 10.0.0.3
make_port u0 underlay 172.16.0.2 02:00:00:00:00:22
ovs_start "$ovs_rig"
ovs-vsctl add-br br0 -- set bridge br0 datapath_type=netdev
for port in p0 p1 p2; do add_port br0 $port; done
ovs_require_polling p0 p1 p2

check "no copy between two ports" copies_nothing
check "a second output is copied once, into a frame" second_output
check "pushes beyond the headroom" long_push
check "bad values are refused, with a reason" bad_values
check "a change that fails leaves the port as it was" failing_change
check "MTU 3000 in larger frames, 9000 refused" longer_packets
check "packets longer than a frame are dropped and counted" too_long
check "every xdp-mode" modes
check "PMD threads come and go, tx-steering" pmd_threads
check "steering leaves a port to the kernel" ssh_to_the_kernel
ovs_end ovs-vswitchd
