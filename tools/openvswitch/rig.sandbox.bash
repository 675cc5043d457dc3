# SPDX-License-Identifier: Apache-2.0
# Ports of a test rig inside the sandbox. Sourced.

# make_port PORT NAMESPACE ADDRESS [MAC]: a veth pair, PORT here and eth0 in the namespace.
make_port() {
  local error
  [[ -e /run/netns/$2 ]] || ip netns add "$2" || die rig "ip netns add $2 failed (above)" "Needs CAP_SYS_ADMIN."
  error=$(ip link add "$1" type veth peer name eth0 netns "$2" 2>&1) || die rig "$error" "Needs CAP_NET_ADMIN and the kernel's veth driver."
  [[ -z ${4:-} ]] || ip -n "$2" link set dev eth0 address "$4"
  ip -n "$2" address add "$3/24" dev eth0
  ip -n "$2" link set dev lo up
  ip -n "$2" link set dev eth0 up
  ip link set dev "$1" up
}

# add_port BRIDGE PORT [COLUMN=VALUE]...
add_port() {
  local bridge=$1 port=$2 errors
  shift 2
  ovs-vsctl --timeout=20 add-port "$bridge" "$port" -- set interface "$port" type=pollux "$@" 2>/dev/null || true
  errors=$(ovs_port_errors)
  [[ -z $errors ]] || die ports "$errors"
}

# await_counter PORT NAME TEST: the database is told every five seconds only. Waits until it has a value of which `((value TEST))` holds.
await_counter() {
  local deadline=$((SECONDS + 13)) value=0
  until value=$(ovs-vsctl --if-exists get interface "$1" "statistics:$2" 2>/dev/null || true) && [[ -n $value ]] && (("$value $3")); do
    ((SECONDS <= deadline)) || { echo "$2 of $1 is '${value}', not $3"; return 1; }
    sleep 0.2
  done
}
