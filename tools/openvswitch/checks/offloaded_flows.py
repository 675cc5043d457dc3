# SPDX-License-Identifier: Apache-2.0
"""other_config:hw-offload=true: flows between ports that the kernel forwards by itself, what Open vSwitch tells of them, and their ends."""

import filecmp
import os
import re
import signal
import subprocess

from rig import RIG, attempt, run, start_web_server, wait_for
from three_ports import ThreePorts

BYTES = 4 << 20
# A datagram each, at a pace that no queue on the way is too short for.
SEND = """
import socket, time
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for number in range({count}):
    sender.sendto(b"%8d" % number + bytes(92), ("{address}", 9))
    if number % 32 == 31: time.sleep(0.001)
"""
# Ends when 100 datagrams have come.
RECEIVE = """
import socket
receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
receiver.bind(("10.0.0.1", 9))
print("ready", flush=True)
for _ in range(100): receiver.recv(2000)
"""
# Datagrams to the client, with tag 7: UDP without a checksum.
SEND_TAGGED = """
import socket, struct, sys
header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 128, 0, 0, 64, 17, 0, bytes([10, 0, 0, 2]), bytes([10, 0, 0, 1]))
words = sum(struct.unpack("!10H", header))
while words >> 16: words = (words & 0xffff) + (words >> 16)
header = header[:10] + struct.pack("!H", words ^ 0xffff) + header[12:]
frame = bytes.fromhex("020000000001" "020000000002" "8100" "0007" "0800") + header + struct.pack("!HHHH", 9, 9, 108, 0) + bytes(100)
sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
sender.bind(("eth0", 0))
for _ in range(int(sys.argv[1])): sender.send(frame)
"""


class Offload(ThreePorts):
    """With hw-offload=true, which stays: these cases come last."""

    enabled = False

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if Offload.enabled:
            return
        Offload.enabled = True
        for end in (cls.client, cls.server, cls.third):
            # A veth takes redirected packets where its far end has GRO; and flows take those whose checksums are finished.
            end.run("ethtool", "-K", "eth0", "gro", "on", "tx", "off")
        # Each end knows the other: no ARP between the packets that are counted.
        cls.client.ip("neighbor", "replace", "10.0.0.2", "lladdr", "02:00:00:00:00:02", "dev", "eth0")
        cls.server.ip("neighbor", "replace", "10.0.0.1", "lladdr", "02:00:00:00:00:01", "dev", "eth0")
        cls.switch.vsctl("set", "Open_vSwitch", ".", "other_config:hw-offload=true")
        cls.switch.restart_switch(ports=("p0", "p1", "p2"))

    # --- What Open vSwitch says ---

    @staticmethod
    def dump(kind="offloaded"):
        return [line for line in run("ovs-appctl", "--timeout=20", "dpctl/dump-flows", "-m", f"type={kind}").splitlines() if "actions:" in line]

    def offloaded(self, *words):
        """The offloaded flows that have these words."""
        return [flow for flow in self.dump() if all(word in flow for word in words)]

    def await_offload(self, *words):
        """Packets come meanwhile, from which the datapath makes flows."""
        return wait_for(lambda: f"no offloaded flow with {words}: {self.dump('offloaded')} {self.dump('non-offloaded')} "
                                f"{run('ovs-appctl', 'dpctl/show')}",
                        lambda: (attempt(*self.client.command("ping", "-q", "-n", "-c", 1, "-W", 1, "10.0.0.2")), self.offloaded(*words))[1])

    def openflow_packets(self, cookie):
        return int(re.search(r"n_packets=(\d+)", run("ovs-ofctl", "dump-flows", "br0", f"cookie={cookie}/-1")).group(1))

    @staticmethod
    def statistic(port, name):
        """Of now; the database has it every five seconds. "tx pkts", or one of the provider's own."""
        shown = run("ovs-ofctl", "-O", "OpenFlow14", "dump-ports", "br0", port)
        direction, _, of_the_interface = name.partition(" ")
        if of_the_interface:
            return int(re.search(rf"{direction} {of_the_interface}=(\d+)", shown).group(1))
        found = re.search(rf"\b{name}=(\d+)", shown)
        return int(found.group(1)) if found else 0

    def await_statistic(self, port, name, least):
        wait_for(lambda: f"{name} of {port} is {self.statistic(port, name)}, not {least}", lambda: self.statistic(port, name) >= least)

    def hits(self):
        return self.statistic("p0", "flow_hits")

    def set_flows(self, *flows):
        run("ovs-ofctl", "del-flows", "br0")
        for flow in flows:
            run("ovs-ofctl", "-O", "OpenFlow13", "add-flow", "br0", flow)
        run("ovs-appctl", "revalidator/wait")

    def warm_up(self, *words):
        """Until the datapath's flow, which a first packet makes, is offloaded."""
        wait_for(lambda: f"no offloaded flow with {words}: {self.dump('non-offloaded')}",
                 lambda: (self.send(1), self.offloaded(*words))[1])

    def ping(self, address):
        """From the first answer on no packet is lost. Before it the table may still have what OpenFlow said a moment ago."""
        one = self.client.command("ping", "-q", "-n", "-c", 1, "-W", 1, address)
        wait_for(f"no answer from {address}", lambda: attempt(*one)[0] == 0)
        self.client.ping(address)

    def send(self, count, address="10.0.0.2"):
        self.client.run("python3", "-c", SEND.format(count=count, address=address), timeout=120)

    def start_traffic(self):
        traffic = self.client.start("python3", "-c", "import socket, time\nsender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                                    "while True: sender.sendto(bytes(99), ('10.0.0.2', 9)); time.sleep(0.0005)", stderr=subprocess.DEVNULL)
        self.addCleanup(traffic.wait)
        self.addCleanup(traffic.kill)
        return traffic


class OffloadedFlows(Offload):
    def test_ping(self):
        """ping is offloaded both ways, and counted: by flow, in OpenFlow, at the interfaces"""
        self.set_flows("cookie=1,in_port=p0,actions=output:p1", "cookie=2,in_port=p1,actions=output:p0")
        self.ping("10.0.0.2")
        for ends in ("p0", "p1"):
            flow = self.await_offload(f"in_port({ends})")[0]
            self.contains("the flow", flow, "offloaded:yes, dp:xdp")
        sent = {port: self.statistic(port, "tx pkts") for port in ("p0", "p1")}
        hits = self.hits()
        before = self.openflow_packets(1)
        self.client.run("ping", "-q", "-n", "-c", 50, "-i", "0.01", "-W", 5, "10.0.0.2")
        wait_for(lambda: f"n_packets moved by {self.openflow_packets(1) - before}, not 50", lambda: self.openflow_packets(1) - before >= 50)
        self.await_statistic("p0", "flow_hits", hits + 100)
        for port, former in sent.items():
            self.await_statistic(port, "tx pkts", former + 50)
        if self.offloaded("in_port(p0)")[0] in self.dump("non-offloaded"):
            raise AssertionError("an offloaded flow is listed as not offloaded")

    def test_hooks(self):
        """flows of a port with options:attach=tc say dp:tc, those of its neighbour dp:xdp, and type=tc selects"""
        self.set_flows("in_port=p0,actions=output:p1", "in_port=p1,actions=output:p0")
        self.switch.vsctl("set", "interface", "p1", "options:attach=tc")
        self.addCleanup(self.switch.await_polling, "p1")
        self.addCleanup(self.switch.vsctl, "remove", "interface", "p1", "options", "attach")
        self.switch.await_polling("p1")
        self.ping("10.0.0.2")
        for port, hook in (("p0", "xdp"), ("p1", "tc")):
            self.await_offload(f"in_port({port})")
            wait_for(lambda port=port, hook=hook: f"not dp:{hook}: {self.offloaded(f'in_port({port})')}",
                     lambda port=port, hook=hook: self.offloaded(f"in_port({port})", f"offloaded:yes, dp:{hook}"))
        wait_for(lambda: f"type=tc has {self.dump('tc')}",
                 lambda: self.dump("tc") and all("in_port(p1)" in flow for flow in self.dump("tc")))
        before = self.hits()
        self.ping("10.0.0.2")
        wait_for("the packets were not forwarded by flows", lambda: self.hits() - before >= 20)

    def test_count(self):
        """each packet is counted once, with its bytes"""
        packets = 5000
        self.set_flows("cookie=7,in_port=p0,udp,actions=output:p1", "priority=1,actions=drop")
        self.warm_up("in_port(p0)", "proto=17")
        before, hits = self.openflow_packets(7), self.hits()
        self.send(packets)
        wait_for(lambda: f"{self.openflow_packets(7) - before} of {packets} packets are counted",
                 lambda: self.openflow_packets(7) - before >= packets)
        self.equal("n_packets", self.openflow_packets(7) - before, packets)
        wait_for(lambda: f"{self.hits() - hits} of {packets} were forwarded by the flow", lambda: self.hits() - hits >= packets)

    def test_modification(self):
        """a changed flow's packets go where it says now, and what was counted stays"""
        self.set_flows("cookie=5,in_port=p0,udp,actions=output:p1", "priority=1,actions=drop")
        self.warm_up("in_port(p0)", "proto=17")
        self.send(100)
        before = self.openflow_packets(5)
        run("ovs-ofctl", "mod-flows", "br0", "cookie=5,in_port=p0,udp,actions=output:p2")
        run("ovs-appctl", "revalidator/wait")
        self.warm_up("in_port(p0)", "proto=17", "actions:p2")
        p1, p2 = (self.statistic(port, "tx pkts") for port in ("p1", "p2"))
        self.send(1000)
        self.await_statistic("p2", "tx pkts", p2 + 1000)
        if self.statistic("p1", "tx pkts") >= p1 + 100:
            raise AssertionError("packets still take the former action")
        wait_for("packets are missing in n_packets", lambda: self.openflow_packets(5) >= before + 1000)
        # What cannot be offloaded takes the flow out of the kernel.
        run("ovs-ofctl", "mod-flows", "br0", "cookie=5,in_port=p0,udp,actions=output:p1,output:p2")
        run("ovs-appctl", "revalidator/wait")
        wait_for("it stays offloaded", lambda: not self.offloaded("in_port(p0)", "proto=17"))

    def test_del_port(self):
        """a port goes and comes back under traffic: its flows go with it, as input and as output"""
        self.set_flows("actions=normal")
        self.ping("10.0.0.2")
        self.start_traffic()
        self.await_offload("in_port(p0)", "actions:p1")
        self.switch.vsctl("del-port", "br0", "p1")
        wait_for("a flow from p1 is left", lambda: not self.offloaded("in_port(p1)"))
        wait_for("a flow to p1 is left", lambda: not self.offloaded("actions:p1"))
        if "prog/xdp" in run("ip", "link", "show", "p1"):
            raise AssertionError("p1 keeps a program")
        # Of the kernel's traffic control, which packets of our ports do not pass.
        qdiscs = run("tc", "qdisc", "show", "dev", "p1")
        if "ingress" in qdiscs or "clsact" in qdiscs:
            raise AssertionError(f"p1 has {qdiscs}")
        self.switch.add_port("br0", "p1")
        self.switch.await_polling("p1")
        self.ping("10.0.0.2")
        self.await_offload("in_port(p0)", "actions:p1")


class OffloadedPackets(Offload):
    def test_tcp(self):
        """TCP by learning, with the packets' real addresses and flags"""
        (RIG / "www").mkdir(exist_ok=True)
        (RIG / "www/file").write_bytes(os.urandom(BYTES))
        self.set_flows("actions=normal")
        web = start_web_server("10.0.0.2", 8000, self.server.command())
        self.addCleanup(web.wait)
        self.addCleanup(web.kill)
        before = self.hits()
        for _ in range(3):
            self.client.run("curl", "-s", "-S", "--retry", 20, "--retry-delay", 0, "--retry-connrefused", "--max-time", 60, "-o",
                            RIG / "received", "http://10.0.0.2:8000/file", timeout=90)
            if not filecmp.cmp(RIG / "www/file", RIG / "received", shallow=False):
                raise AssertionError("what arrived is not what was sent")
        wait_for(lambda: f"{self.hits() - before} packets were forwarded by flows", lambda: self.hits() - before > BYTES // 1500)

    def test_vlan(self):
        """tags are pushed and popped"""
        self.set_flows("in_port=p0,udp,actions=push_vlan:0x8100,set_field:4103->vlan_vid,output:p1",
                       "in_port=p1,dl_vlan=7,actions=pop_vlan,output:p0")
        self.warm_up("in_port(p0)", "push_vlan(vid=7,pcp=0)")
        capture = self.server.start("tcpdump", "-n", "-i", "eth0", "-c", 100, "-w", os.devnull, "vlan", 7, "and", "udp", stderr=subprocess.PIPE,
                                    text=True)
        self.addCleanup(capture.kill)
        capture.stderr.readline()  # "listening on"
        before = self.hits()
        self.send(100)
        capture.communicate(timeout=20)
        self.await_statistic("p0", "flow_hits", before + 100)
        receiver = self.client.start("python3", "-c", RECEIVE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(receiver.kill)
        receiver.stdout.readline()
        wait_for("no offloaded flow pops a tag", lambda: (self.server.run("python3", "-c", SEND_TAGGED, "1"),
                                                          self.offloaded("in_port(p1)", "vlan(vid=7", "pop_vlan"))[1])
        before = self.hits()
        self.server.run("python3", "-c", SEND_TAGGED, "100")
        self.await_statistic("p0", "flow_hits", before + 100)
        receiver.communicate(timeout=20)
        self.equal("what the receiver has to say", receiver.returncode, 0)

    def test_rewrite(self):
        """addresses, ports and TTL are set, with checksums that the receiver takes"""
        self.set_flows("in_port=p0,ip,nw_dst=10.0.0.77,actions=mod_dl_dst:02:00:00:00:00:02,mod_nw_dst:10.0.0.2,dec_ttl,output:p1",
                       "in_port=p1,ip,nw_dst=10.0.0.1,actions=mod_nw_src:10.0.0.77,output:p0")
        self.client.ip("neighbor", "replace", "10.0.0.77", "lladdr", "02:00:00:00:00:77", "dev", "eth0")
        self.addCleanup(self.client.ip, "neighbor", "delete", "10.0.0.77", "dev", "eth0")
        self.ping("10.0.0.77")
        self.await_offload("in_port(p0)", "set(")
        self.await_offload("in_port(p1)", "set(")
        before = self.hits()
        self.ping("10.0.0.77")
        wait_for("the packets were not forwarded by flows", lambda: self.hits() - before >= 20)

    def test_what_stays(self):
        """connection tracking and second outputs stay with the PMD threads, and work"""
        self.set_flows("in_port=p0,actions=output:p1,output:p2", "in_port=p1,ip,ct_state=-trk,actions=ct(table=1)",
                       "in_port=p1,arp,actions=output:p0", "table=1,ct_state=+trk,actions=output:p0")
        self.ping("10.0.0.2")
        self.equal("offloaded flows", self.offloaded("proto=1"), [])
        wait_for("no flow is listed as not offloaded", lambda: self.dump("non-offloaded"))
        self.await_statistic("p0", "offload_refused", 1)

    def test_first_pass_of_a_pipeline(self):
        """a match on connection tracking that a fresh packet has not is no obstacle"""
        self.set_flows("in_port=p0,ct_state=-trk,actions=output:p1", "in_port=p0,ct_state=+trk,actions=drop",
                       "in_port=p1,ct_mark=0,ct_zone=0,actions=output:p0")
        self.ping("10.0.0.2")
        self.await_offload("in_port(p0)")
        self.await_offload("in_port(p1)")

    def test_idle_timeout(self):
        """an idle time-out waits while the kernel forwards, and comes when it does not"""
        self.set_flows("cookie=9,idle_timeout=4,in_port=p0,udp,actions=output:p1", "priority=1,actions=drop")
        self.warm_up("in_port(p0)", "proto=17")
        self.client.run("python3", "-c", "import time\n" + SEND.format(count=1, address="10.0.0.2") +
                        "until = time.monotonic() + 6\nwhile time.monotonic() < until: sender.sendto(bytes(99), ('10.0.0.2', 9)); time.sleep(0.1)")
        if "cookie=0x9" not in run("ovs-ofctl", "dump-flows", "br0"):
            raise AssertionError("the flow is gone, which had packets all the time")
        wait_for("the flow stays, which has no packets", lambda: "cookie=0x9" not in run("ovs-ofctl", "dump-flows", "br0"))
        wait_for("it stays offloaded", lambda: not self.offloaded("in_port(p0)", "proto=17", "actions:p1"))

    def test_restarted_port(self):
        """a port that is started anew finds its flows again; a flush leaves none"""
        self.set_flows("actions=normal")
        self.ping("10.0.0.2")
        self.await_offload("in_port(p0)", "actions:p1")
        self.switch.vsctl("set", "interface", "p0", "options:n_rxq_desc=1024")
        self.switch.await_polling("p0")
        before = self.hits()
        self.ping("10.0.0.2")
        wait_for("after a restart of the port no flow takes its packets", lambda: self.hits() > before + 10)
        self.switch.vsctl("remove", "interface", "p0", "options", "n_rxq_desc")
        run("ovs-appctl", "revalidator/purge")
        wait_for("flows are left after a flush", lambda: not self.dump())
        self.ping("10.0.0.2")

    def test_overtaking(self):
        """packets that may be overtaken when a flow begins are counted"""
        self.set_flows("actions=normal")
        self.ping("10.0.0.2")
        # A flow that begins while its packets wait; purged, it begins again.
        flood = self.client.start("python3", "-c", "import socket\nsender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                                  "while True: sender.sendto(bytes(99), ('10.0.0.2', 9))", stderr=subprocess.DEVNULL)
        self.addCleanup(flood.wait)
        self.addCleanup(flood.kill)
        wait_for("no packet is counted", lambda: (run("ovs-appctl", "revalidator/purge"), self.statistic("p0", "offload_overtaken_at_most"))[1])

    def test_kill(self):
        """after kill -9 nothing is left, and the next start offloads again"""
        self.set_flows("actions=normal")
        self.ping("10.0.0.2")
        self.await_offload("in_port(p0)")
        self.start_traffic()
        os.kill(self.switch.pid, signal.SIGKILL)
        for port in ("p0", "p1", "p2"):
            wait_for(f"{port} keeps a program", lambda port=port: "prog/xdp" not in run("ip", "link", "show", port))
        self.switch.start_switch()
        self.await_offload("in_port(p0)")
        self.ping("10.0.0.2")
