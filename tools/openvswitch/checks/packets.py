# SPDX-License-Identifier: Apache-2.0
"""What happens to packets: copies, room, drops, and that each is counted, once."""

import itertools
import os
import pathlib
import re
import signal
import struct
import subprocess

from rig import RIG, Namespace, attempt, run, wait_for
from three_ports import ThreePorts

SEND = """
import socket
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range({}):
    sender.sendto(bytes(200), ("10.0.0.2", 9))
"""


class Packets(ThreePorts):
    def test_copies_nothing(self):
        """no copy between two ports"""
        self.client.ping("10.0.0.2")
        self.switch.await_statistic("p1", "tx_packets", lambda sent: sent >= 20)
        for port in ("p0", "p1"):
            self.equal(f"copied of {port}", self.switch.get(port, "statistics:copied"), "0")

    def test_hash(self):
        """the device's hash of a packet with ports is the datapath's, if it was asked for"""
        self.addCleanup(self.switch.await_polling, "p0")
        self.addCleanup(self.switch.vsctl, "remove", "interface", "p0", "options", "rx-metadata")
        self.client.ping("10.0.0.2")
        self.equal("status:rx_metadata by itself", self.switch.get("p0", "status:rx_metadata"), "none (not asked for)")
        self.switch.vsctl("set", "interface", "p0", "options:rx-metadata=hash")
        wait_for(lambda: f"status:rx_metadata is {self.switch.get('p0', 'status:rx_metadata')}",
                 lambda: self.switch.get("p0", "status:rx_metadata") == "hash")
        self.equal("hashes taken before", self.switch.get("p0", "statistics:rx_hashes_taken"), "0")
        # Of these the device has a hash of the addresses.
        self.client.ping("10.0.0.2", "-c", 30)
        self.client.run("python3", "-c", SEND.format(100))
        self.switch.await_statistic("p0", "rx_hashes_taken", lambda taken: taken >= 100)
        # A packet or two of neighbour discovery may have come between.
        self.equal("packets without ports whose hash was not taken", int(self.switch.get("p0", "statistics:rx_hashes_taken")) < 120, True)

    def test_second_output(self):
        """a second output is copied once, into a frame"""
        self.switch.set_flow("priority=9,in_port=p0,actions=output:p1,output:p2")
        self.client.ping("10.0.0.2")
        self.switch.delete_flow("priority=9,in_port=p0")
        self.switch.await_statistic("p2", "tx_packets", lambda sent: sent >= 10)
        self.switch.await_statistic("p1", "memory_clones", lambda clones: clones >= 10)
        self.equal("copied of p2 (a clone, copied again)", self.switch.get("p2", "statistics:copied"), "0")

    def push_beyond_the_headroom(self):
        """What p0 receives leaves on u0 with 252 bytes of Geneve options and 58 of headers: more than the 256 bytes before a packet."""
        underlay = Namespace("underlay")
        self.addCleanup(underlay.remove)
        underlay.attach("u0", "172.16.0.2", "02:00:00:00:00:22")
        self.switch.add_bridge("br-phy")
        self.addCleanup(self.switch.vsctl, "del-br", "br-phy")
        self.switch.add_port("br-phy", "u0")
        run("ip", "address", "add", "172.16.0.1/24", "dev", "br-phy")
        run("ip", "link", "set", "dev", "br-phy", "up")
        underlay.run("ping", "-q", "-c", 1, "-W", 3, "172.16.0.1")
        run("ovs-appctl", "tnl/neigh/set", "br-phy", "172.16.0.2", "02:00:00:00:00:22")
        self.switch.vsctl("add-port", "br0", "gen0", "--", "set", "interface", "gen0", "type=geneve", "options:remote_ip=172.16.0.2",
                          "options:key=7")
        self.addCleanup(self.switch.vsctl, "del-port", "br0", "gen0")
        run("ovs-ofctl", "del-tlv-map", "br0")
        run("ovs-ofctl", "add-tlv-map", "br0",
            "{class=0xffff,type=0,len=124}->tun_metadata0,{class=0xffff,type=1,len=120}->tun_metadata1")
        self.switch.set_flow("priority=9,in_port=p0,actions=set_field:0x1->tun_metadata0,set_field:0x1->tun_metadata1,output:gen0")
        self.addCleanup(self.switch.delete_flow, "priority=9,in_port=p0")
        return underlay

    def test_long_push(self):
        """pushes beyond the headroom"""
        underlay = self.push_beyond_the_headroom()
        capture = underlay.start("tcpdump", "-n", "-i", "eth0", "-c", 5, "-w", RIG / "geneve.pcap", "udp", "port", "6081",
                                 stderr=subprocess.PIPE, text=True)
        capture.stderr.readline()  # "listening on"
        attempt(*self.client.command("ping", "-q", "-n", "-c", 20, "-i", "0.1", "-W", 1, "10.0.0.2"))
        self.switch.check_alive()
        try:
            capture.communicate(timeout=10)
        except subprocess.TimeoutExpired as late:
            capture.kill()
            raise AssertionError("fewer than 5 Geneve packets came out") from late
        self.switch.await_statistic("u0", "memory_outgrown", lambda outgrown: outgrown >= 10)
        self.switch.await_statistic("u0", "copied_outgrown", lambda copied: copied >= 10)

    def test_outgrown_memory(self):
        """packets that outgrew their frame give both memories back, also where a port of another kind sends them"""
        packets, slack_kib = 20000, 4096
        self.push_beyond_the_headroom()
        self.switch.vsctl("set", "interface", "u0", "type=system")
        self.client.ip("neighbor", "replace", "10.0.0.2", "lladdr", "02:00:00:00:00:02", "dev", "eth0")

        def memory_kib():
            return int(re.search(r"^VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{self.switch.pid}/status").read_text(), re.MULTILINE).group(1))

        def outgrown():
            return int(self.switch.get("p0", "statistics:memory_outgrown"))

        def send(count):
            before = outgrown()
            # Not faster than they are taken: what the kernel drops does not outgrow anything.
            for _ in range(count // 1000):
                self.client.run("python3", "-c", SEND.format(1000))
            wait_for(lambda: f"{outgrown() - before} of {count} packets outgrew their frame", lambda: outgrown() - before >= count // 2)

        send(2000)
        before = memory_kib()
        send(packets)
        # Each has at least 512 bytes of malloc().
        grown = memory_kib() - before
        if grown > slack_kib:
            raise AssertionError(f"resident memory grew by {grown} KiB")

    def test_longer_packets(self):
        """MTU 3000 in larger frames"""
        for port, end in (("p0", self.client), ("p1", self.server)):
            self.switch.vsctl("set", "interface", port, "mtu_request=3000")
            end.ip("link", "set", "dev", "eth0", "mtu", 3000)
        self.client.ping("10.0.0.2", "-s", 2900, "-M", "do")
        self.contains("status:memory of p0", self.switch.get("p0", "status:memory"), "frames of 4096 bytes")
        for port, end in (("p0", self.client), ("p1", self.server)):
            self.switch.vsctl("set", "interface", port, "mtu_request=1500")
            end.ip("link", "set", "dev", "eth0", "mtu", 1500)

    def set_jumbo(self, port, end):
        """MTU 9000 on a port, and then on its far end, which the kernel refuses as long as the port's program takes single frames."""
        self.addCleanup(wait_for, f"{port} has several frames a packet still",
                        lambda: "one frame" in self.switch.get(port, "status:scattered"))
        self.addCleanup(self.switch.vsctl, "set", "interface", port, "mtu_request=1500")
        self.addCleanup(end.ip, "link", "set", "dev", "eth0", "mtu", 1500)
        # From the frames of 4096 bytes that it needs then, so that only their number changes.
        self.switch.vsctl("set", "interface", port, "mtu_request=3000")
        wait_for(f"{port} keeps its small frames", lambda: "of 4096 bytes" in self.switch.get(port, "status:memory"))
        self.switch.vsctl("set", "interface", port, "mtu_request=9000")
        wait_for(lambda: f"{port} has {self.switch.get(port, 'status:scattered')}",
                 lambda: "up to 18 frames" in self.switch.get(port, "status:scattered"))
        self.equal(f"mtu of {port}", self.switch.get(port, "mtu"), "9000")
        end.ip("link", "set", "dev", "eth0", "mtu", 9000)

    def counters(self, port, *names):
        return [int(self.switch.get(port, f"statistics:{name}") or 0) for name in names]

    def test_jumbo(self):
        """MTU 9000: ping and iperf3 pass, and what is copied for it is counted"""
        self.set_jumbo("p0", self.client)
        self.set_jumbo("p1", self.server)
        before = self.counters("p0", "copied_scattered") + self.counters("p1", "copied_scattered", "tx_dropped_longer_than_frame")
        self.client.ping("10.0.0.2", "-s", 8972, "-M", "do")
        server = self.server.start("iperf3", "-s", "-1", stdout=subprocess.DEVNULL)
        self.addCleanup(server.kill)
        wait_for("no iperf3 server", lambda: self.server.run("ss", "-H", "-l", "-t", "-n", "sport = 5201"))
        self.client.run("iperf3", "-c", "10.0.0.2", "-n", "64M", timeout=120)
        server.wait(timeout=20)
        self.switch.await_statistic("p1", "copied_scattered", lambda now: now >= before[1] + 5000)
        self.switch.await_statistic("p0", "rx_copied_scattered", lambda now: now >= 5000)
        self.switch.await_statistic("p0", "copied_scattered", lambda now: now >= before[0] + 10)
        self.equal("longer than a frame at p1", self.counters("p1", "tx_dropped_longer_than_frame"), before[2:])

    def test_mixed_lengths(self):
        """between a port of MTU 9000 and one of 1500 short packets pass, and longer ones are counted"""
        self.set_jumbo("p0", self.client)
        self.client.ping("10.0.0.2")
        sent = 7
        long_before, dropped_before = self.counters("p1", "tx_dropped_longer_than_frame", "tx_dropped")
        attempt(*self.client.command("ping", "-q", "-n", "-c", sent, "-i", "0.05", "-W", 1, "-M", "do", "-s", 8972, "10.0.0.2"))
        # In one frame of p0's, and beyond the MTU of p1.
        attempt(*self.client.command("ping", "-q", "-n", "-c", sent, "-i", "0.05", "-W", 1, "-M", "do", "-s", 3000, "10.0.0.2"))
        self.switch.await_statistic("p1", "tx_dropped", lambda now: now == dropped_before + 2 * sent)
        self.equal("longer than a frame at p1", self.counters("p1", "tx_dropped_longer_than_frame"), [long_before + sent])
        self.switch.await_statistic("p1", "copied_other_pool", lambda now: now >= 10)
        self.client.ping("10.0.0.2")

    def test_largest_mtu(self):
        """an MTU that the options do not allow is refused, and the log has the limit"""
        self.addCleanup(self.switch.await_polling, "p0")
        self.addCleanup(self.switch.vsctl, "remove", "interface", "p0", "options", "frame-size")
        self.addCleanup(self.switch.vsctl, "set", "interface", "p0", "mtu_request=1500")
        self.switch.vsctl("set", "interface", "p0", "options:frame-size=2048", "mtu_request=33000")
        wait_for("no word of the limit", lambda: "mtu_request=33000: with these options packets have up to MTU 32238" in self.switch.log)
        self.equal("the MTU after that", pathlib.Path("/sys/class/net/p0/mtu").read_text().strip(), "1500")

    def test_too_long(self):
        """packets longer than a frame are dropped and counted"""
        # An internal port may have any MTU; what it sends may be longer than a frame.
        self.switch.vsctl("set", "interface", "br0", "mtu_request=9000")
        run("ip", "link", "set", "dev", "br0", "up")
        run("ip", "address", "add", "10.0.0.9/24", "dev", "br0")
        run("ping", "-q", "-n", "-c", 2, "-i", "0.2", "-W", 2, "10.0.0.2")
        attempt("ping", "-q", "-n", "-c", 5, "-i", "0.1", "-W", 1, "-s", 8000, "-M", "do", "10.0.0.2")
        self.switch.check_alive()
        self.switch.await_statistic("p1", "tx_dropped_longer_than_frame", lambda dropped: dropped >= 3)
        self.switch.await_statistic("p1", "copied_foreign", lambda copied: copied >= 2)
        run("ip", "address", "delete", "10.0.0.9/24", "dev", "br0")

    def test_drops_once(self):
        """what a stopped daemon misses is counted once"""
        self.client.ip("neighbor", "replace", "10.0.0.2", "lladdr", "02:00:00:00:00:02", "dev", "eth0")
        os.kill(self.switch.pid, signal.SIGSTOP)
        try:
            self.client.run("python3", "-c", SEND.format(5000))
        finally:
            os.kill(self.switch.pid, signal.SIGCONT)
        in_kernel = int(pathlib.Path("/sys/class/net/p0/statistics/rx_dropped").read_text())
        if in_kernel < 1000:
            raise AssertionError(f"the kernel dropped {in_kernel} of 5000 packets only")
        self.switch.await_statistic("p0", "rx_dropped", lambda dropped: dropped == in_kernel)

    def test_statistics_never_fall(self):
        """statistics do not fall when a port starts anew"""
        self.test_too_long()
        counters = ("tx_dropped", "tx_dropped_longer_than_frame", "copied_foreign")
        before = {name: int(self.switch.get("p1", f"statistics:{name}")) for name in counters}
        self.switch.vsctl("set", "interface", "p1", "options:n_txq_desc=1024")
        self.switch.await_polling("p1")
        sent = int(self.switch.get("p1", "statistics:tx_packets"))
        self.client.ping("10.0.0.2")
        self.switch.await_statistic("p1", "tx_packets", lambda now: now > sent)
        after = {name: int(self.switch.get("p1", f"statistics:{name}")) for name in counters}
        self.switch.vsctl("remove", "interface", "p1", "options", "n_txq_desc")
        if any(after[name] < before[name] for name in counters):
            raise AssertionError(f"before: {before}, afterwards: {after}")

    def test_kept_fragment(self):
        """a fragment that was kept comes out of a packet-out"""
        # The fragment engine keeps a first fragment for 15 s, and hands it to whatever passes conntrack next: here a packet-out, which
        # goes on with it in a struct of its own.
        def fragment(identifier):
            header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + 1208, identifier, 0x2000, 64, 17, 0, bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2]))
            total = sum(struct.unpack("!10H", header))
            total = (total & 0xFFFF) + (total >> 16)
            header = header[:10] + struct.pack("!H", 0xFFFF - ((total & 0xFFFF) + (total >> 16))) + header[12:]
            return bytes.fromhex("020000000002" "020000000001" "0800") + header + bytes(1208)

        def count(what):
            return int(re.search(rf"v4 frags {what}: (\d+)", run("ovs-appctl", "dpctl/ipf-get-status")).group(1))

        self.switch.set_flow("priority=9,in_port=p0,ip,actions=ct(table=1)")
        self.switch.set_flow("table=1,priority=9,ip,actions=output:p1")
        self.client.run("python3", "-c", f"import socket; s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind(('eth0', 0)); "
                                         f"s.send(bytes.fromhex('{fragment(1).hex()}'))")
        wait_for("the fragment is not kept", lambda: count("accepted") >= 1)
        before = count("expired")
        identifiers = itertools.count(2)

        def pass_another():
            run("ovs-ofctl", "packet-out", "br0", f"in_port=p2 packet={fragment(next(identifiers)).hex()} actions=ct(table=1)")
            self.switch.check_alive()
            return count("expired") > before

        wait_for("the fragment is kept for ever", pass_another, seconds=45)
        self.switch.check_alive()
        self.switch.delete_flow("priority=9,in_port=p0,ip")
        self.switch.delete_flow("table=1,priority=9,ip")
