# SPDX-License-Identifier: Apache-2.0
"""What holds for one interface. A check gets the machine, the interface's name, what "ip link" says of it, and the ports on it."""

import difflib

from finding import BROKEN, COSTS, NOTE, RIGHT, Finding

BASIC, REDIRECT, NDO_XMIT, ZERO_COPY = 1, 2, 4, 8  # NETDEV_XDP_ACT_*
GENERIC = 2  # XDP_ATTACHED_SKB
STEERING = "pollux_steer"
OURS = ("pollux_redirect", "pollux_steer", "pollux_inject", "xdp_dispatcher")
LARGEST_FRAME_MTU = 3500  # what a frame of 4096 bytes holds behind 256 bytes of headroom, with headers and a tag
STANDARD_FRAME_MTU = 1500
# Masters that take the packets before XDP's owner could answer for the interface by itself.
MASTERS = {"bridge": "bridge", "bond": "bond", "team": "team"}
# With native XDP, where the kernel does not say (before 6.3).
NATIVE = {"veth", "virtio_net", "i40e", "ixgbe", "ice", "igb", "igc", "mlx5_core", "ena", "gve", "mlx4_en", "bnxt_en", "tun", "hv_netvsc",
          "stmmac", "nfp", "qede", "sfc", "mvneta", "vmxnet3"}


def presence(machine, interface, link, ports):
    if link is not None:
        return
    others = [name for name in machine.names("/sys/class/net") if name != "lo"]
    near = difflib.get_close_matches(interface, others, 1)
    namespaces = [line.split()[0] for line in (machine.run("ip", "netns", "list") or "").splitlines() if line.split()]
    text = f"there is no interface {interface} here" + (f"; did you mean {near[0]}" if near else "; there are " + (", ".join(others) or "none"))
    if namespaces:
        text += f". Other network namespaces: {', '.join(namespaces[:5])}"
    yield Finding("no-interface", BROKEN, interface, text, f"ip netns exec NAME tools/pollux doctor {interface}" if namespaces else "ip link")


def state(machine, interface, link, ports):
    if "UP" not in link.get("flags", []):
        yield Finding("down", BROKEN, interface, "the interface is down: nothing arrives", f"ip link set {interface} up")
    elif "NO-CARRIER" in link.get("flags", []) or link.get("operstate") == "LOWERLAYERDOWN":
        yield Finding("carrier", BROKEN, interface, "there is no carrier: the cable, or the other end of the pair, is down",
                      f"ethtool {interface}; of a veth: ip link set PEER up")
    else:
        yield Finding("down", RIGHT, interface, "the link is up")


def master(machine, interface, link, ports):
    name = link.get("master")
    if not name:
        return
    kind = (machine.link(name) or {}).get("linkinfo", {}).get("info_kind", "")
    kind = MASTERS.get(kind, kind or "device")
    yield Finding("master", BROKEN if kind == "bond" else COSTS, interface,
                  f"it belongs to the {kind} {name}, which no longer sees what a port on {interface} takes",
                  f"ip link set {interface} nomaster" if kind == "bridge" else f"open the port on {name}, or take {interface} out of it")


def addresses(machine, interface, link, ports):
    routes = machine.json("ip", "-j", "route", "show", "default") or []
    if not any(route.get("dev") == interface for route in routes):
        return
    if program(link).startswith(STEERING):
        return
    yield Finding("default-route", COSTS, interface,
                  "the machine's default route goes by this interface: a port on it takes ssh and everything else away from the kernel",
                  "leave some of it to the kernel: --steer='not tcp port 22' (docs/steering.md), or take another interface")


def program(link):
    return (link.get("xdp", {}).get("prog") or {}).get("name", "")


def other_program(machine, interface, link, ports):
    attached = link.get("xdp") or {}
    # The kernel keeps the first 15 letters of a name.
    if not attached or program(link) in [name[:15] for name in OURS]:
        if attached.get("mode") == GENERIC:
            yield Finding("generic", COSTS, interface, "the program of a running port is attached in generic mode: packets pass as sk_buffs",
                          "leave xdp_mode=generic out; where the driver has no native XDP there is no cure")
        return
    number = (attached.get("prog") or {}).get("id", "?")
    yield Finding("other-program", BROKEN, interface,
                  f"another XDP program ({program(link) or 'without a name'}, id {number}) is attached: a port cannot attach its own",
                  f"bpftool prog show id {number}; ip link set {interface} xdp off; or share: dispatcher=1, xdp_prog=FILE")


def native(machine, interface, link, ports):
    features = machine.xdp_features(interface)
    driver = machine.driver(interface)
    if features is None:
        if driver and driver not in NATIVE:
            yield Finding("native", COSTS, interface, f"driver {driver} is not known to do native XDP: packets will pass as sk_buffs, at their cost",
                          f"another card; what is got: testpmd --vdev net_af_xdp0,iface={interface} -- --require=native")
        return
    if features & BASIC:
        yield Finding("native", RIGHT, interface, f"driver {driver or 'unknown'} does native XDP")
        return
    yield Finding("native", COSTS, interface,
                  f"driver {driver or 'unknown'} does no native XDP (as it is set up): the generic mode makes an sk_buff of each packet",
                  "another card or driver; of virtio-net: queues=2*CPUS for the guest, and LRO (guest_tso) off")


def zero_copy(machine, interface, link, ports):
    features = machine.xdp_features(interface)
    if features is None or not features & BASIC:
        return
    driver = machine.driver(interface)
    if features & ZERO_COPY:
        yield Finding("zero-copy", RIGHT, interface, f"driver {driver} does zero-copy")
        return
    hint = "a veth has none in any kernel so far" if driver == "veth" else "an i40e, ice, ixgbe, igb, igc, mlx5 or virtio-net of a newer kernel has"
    yield Finding("zero-copy", NOTE, interface, f"driver {driver} has no zero-copy: each packet is copied once each way; {hint}",
                  "tx=auto sends without sk_buffs here where the far end allows (docs/inject.md)")


def far_end(machine, interface, link, ports):
    features = machine.xdp_features(interface)
    if features is None or not features & BASIC or features & (NDO_XMIT | ZERO_COPY):
        return
    if machine.driver(interface) == "veth":
        peer = link.get("link") or "PEER"
        yield Finding("far-end", COSTS, interface,
                      "the other end of the pair takes no XDP frames (it has neither GRO nor a program): sending takes an sk_buff a packet",
                      f"in the peer's namespace: ethtool -K {peer} gro on")
    else:
        yield Finding("far-end", COSTS, interface, "the driver takes no XDP frames to send: tx=auto and tx=inject fall back to the ring",
                      f"of virtio-net and others: attach a program to {interface}, or more queues (ethtool -L)")


def queues(machine, interface, link, ports):
    count = machine.rx_queues(interface)
    served = sum(port["rx_queues"] for port in ports)
    if ports and served < count:
        lost = (count - served) * 100 // count
        yield Finding("queues", BROKEN, interface,
                      f"the interface receives by {count} queues, and {served} {'is' if served == 1 else 'are'} served: about {lost} % of the "
                      "traffic goes to the kernel without a word",
                      f"serve all: --rxq={count} (Open vSwitch: options:n_rxq={count}); or one: ethtool -L {interface} combined {served}")
    elif ports:
        yield Finding("queues", RIGHT, interface, f"all {count} queue(s) are served")
    elif count > 1:
        yield Finding("queues", NOTE, interface, f"the interface receives by {count} queues: a port with fewer rx queues gets a part of the traffic only",
                      f"testpmd: --rxq={count}; or one queue: ethtool -L {interface} combined 1")


def mtu(machine, interface, link, ports):
    size = link.get("mtu", 0)
    if size > LARGEST_FRAME_MTU:
        yield Finding("mtu", BROKEN, interface, f"MTU {size}: but in testpmd a packet must fit into one frame of at most 4096 bytes; longer ones are refused",
                      f"ip link set {interface} mtu {STANDARD_FRAME_MTU}")
    elif size > STANDARD_FRAME_MTU + 200:
        yield Finding("mtu", NOTE, interface, f"MTU {size}: frames of 2048 bytes are too short for that", "testpmd: --mbuf-size=4096")


def offloads(machine, interface, link, ports):
    on = machine.offloads(interface)
    if on.get("large-receive-offload") or on.get("rx-gro-hw"):
        name = "lro" if on.get("large-receive-offload") else "rx-gro-hw"
        yield Finding("merged", BROKEN, interface,
                      f"{name} merges packets before XDP sees them: drivers refuse a program, or hand on packets that no frame holds",
                      f"ethtool -K {interface} {name} off")
    if on.get("rx-vlan-offload") and machine.driver(interface) not in ("veth", ""):
        yield Finding("vlan-tags", COSTS, interface, "the card takes VLAN tags off packets, and AF_XDP does not hand them on: tagged traffic arrives untagged",
                      f"ethtool -K {interface} rxvlan off")


def busy_polling(machine, interface, link, ports):
    asked = [state for port in ports for state in port["features"] if state["feature"] == "busy_poll" and state["asked"] != "off"]
    unlinked = [queue for queue, napi in machine.napi_of_queues(interface).items() if napi is None]
    for state in asked:
        if not state["present"]:
            yield Finding("busy-poll", COSTS, interface, f"busy polling was asked for and is off: {state['reason']}", "leave busy_budget= out")
            return
    if unlinked and not asked:
        yield Finding("busy-poll", NOTE, interface,
                      f"the driver links no NAPI instance to {len(unlinked)} of its rx queues: busy polling (busy_budget=) has no effect on them",
                      "leave busy_budget= at 0; i40e, ixgbe and veth are such drivers")


def numa(machine, interface, link, ports):
    node = machine.number(f"/sys/class/net/{interface}/device/numa_node")
    if node is None or node < 0:
        return
    for port in ports:
        far = [lcore["lcore_id"] for lcore in port["lcores"] if lcore.get("socket") not in (None, node) and not lcore.get("main")]
        if far:
            cpus = machine.read(f"/sys/devices/system/node/node{node}/cpulist") or "?"
            yield Finding("numa", COSTS, interface, f"the card is at NUMA node {node}, and lcore {far[0]} of {port['process']} is elsewhere",
                          f"run on CPUs of node {node}: -l {cpus}")


def cpus_of_list(text):
    cpus = set()
    for part in (text or "").split(","):
        first, _, last = part.partition("-")
        if first.isdigit():
            cpus.update(range(int(first), int(last or first) + 1))
    return cpus


def interrupts(machine, interface, link, ports):
    polled = {cpu for port in ports for lcore in port["lcores"] if not lcore.get("main") for cpu in lcore.get("cpuset", [])}
    lines = machine.names(f"/sys/class/net/{interface}/device/msi_irqs")
    affinities = {line: cpus_of_list(machine.read(f"/proc/irq/{line}/smp_affinity_list")) for line in lines}
    bad = sorted(line for line, cpus in affinities.items() if cpus and cpus <= polled)
    if polled and bad:
        yield Finding("irq-affinity", COSTS, interface,
                      f"interrupt {bad[0]} of the card is served by a CPU that an lcore polls on: each waits for the other",
                      f"echo OTHER-CPU > /proc/irq/{bad[0]}/smp_affinity_list (and stop irqbalance)")
    elif len(lines) > 2 and all(cpus == {0} for cpus in affinities.values()):
        yield Finding("irq-affinity", COSTS, interface, "all interrupts of the card go to CPU 0",
                      f"echo CPU > /proc/irq/{lines[1]}/smp_affinity_list, another one for each queue; or start irqbalance")


CHECKS = [state, queues, other_program, addresses, master, mtu, offloads, native, zero_copy, far_end, busy_polling, numa, interrupts]
