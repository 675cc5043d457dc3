# SPDX-License-Identifier: Apache-2.0
"""Small requests and their answers beside a flood on other ports of the bridge: none is lost, and none is overtaken. How long they take is
for tools/ovs flood.

    source (10.5.0.1) --- f0 ===> f1 --- sink     (10.5.0.2)     UDP, as fast as one processor sends it
    asker  (10.5.0.3) --- f2 <--> f3 --- answerer (10.5.0.4)     echo requests, which the kernel answers
"""

import pathlib
import re
import subprocess
import sys

from rig import Namespace, wait_for
from three_ports import ThreePorts

PORTS = ("f0", "f1", "f2", "f3")
GROUP = 32

# 64 packets a call, and a socket at the other end that nobody reads: the kernel's own work for both.
SEND = """
import ctypes, socket
class Vector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]
class Message(ctypes.Structure):
    _fields_ = [("name", ctypes.c_void_p), ("name_length", ctypes.c_uint), ("vectors", ctypes.POINTER(Vector)), ("count", ctypes.c_size_t),
                ("control", ctypes.c_void_p), ("control_length", ctypes.c_size_t), ("flags", ctypes.c_int), ("sent", ctypes.c_uint)]
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.connect(("10.5.0.2", 9))
payload = ctypes.create_string_buffer(64)
vector = Vector(ctypes.addressof(payload), 22)
messages = (Message * 64)(*[Message(vectors=ctypes.pointer(vector), count=1) for _ in range(64)])
sendmmsg = ctypes.CDLL(None).sendmmsg
print("sending", flush=True)
while True:
    sendmmsg(sender.fileno(), messages, 64, 0)
"""
HOLD = """
import signal, socket
receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
receiver.bind(("", 9))
print("holding", flush=True)
signal.pause()
"""


class FourPorts:
    """The picture above, on a bridge of its own."""

    def __init__(self, switch, kind="pollux"):
        self.switch = switch
        self.namespaces = {}
        self.running = []
        switch.add_bridge("br-flood")
        for number, port in enumerate(PORTS):
            namespace = Namespace(f"flood{number}")
            namespace.attach(port, f"10.5.0.{number + 1}", f"02:00:00:00:05:0{number + 1}")
            # Stock afxdp passes unfinished checksums on; so neither type has any to finish.
            namespace.run("ethtool", "-K", "eth0", "tx", "off")
            self.namespaces[port] = namespace
            switch.add_port("br-flood", port)
        self.source, self.sink, self.asker, self.answerer = self.namespaces.values()
        self.source.ip("neighbor", "replace", "10.5.0.2", "lladdr", "02:00:00:00:05:02", "dev", "eth0")
        self.set_type(kind)
        # The bridge learns where everybody is.
        self.sink.ping("10.5.0.1")

    def set_type(self, kind):
        self.switch.vsctl(*" -- ".join(f"set interface {port} type={kind}" for port in PORTS).split())
        self.switch.await_polling(*PORTS)

    def remove(self):
        self.end_flood()
        self.switch.vsctl("--if-exists", "del-br", "br-flood")
        for namespace in self.namespaces.values():
            namespace.remove()

    def _start(self, namespace, script):
        process = namespace.start(sys.executable, "-c", script, stdout=subprocess.PIPE, text=True)
        self.running.append(process)
        if not process.stdout.readline():
            raise AssertionError(f"a process in {namespace.name} ended with {process.wait()}")

    def arrived(self):
        """Packets of the flood at its far end."""
        return int(self.sink.run("cat", "/sys/class/net/eth0/statistics/rx_packets"))

    def start_flood(self, packets=10000):
        """Returns when so many have arrived."""
        self._start(self.sink, HOLD)
        self._start(self.source, SEND)
        before = self.arrived()
        wait_for(lambda: f"{self.arrived() - before} packets of the flood arrive, not {packets}", lambda: self.arrived() >= before + packets)

    def end_flood(self):
        for process in self.running:
            process.kill()
            process.wait()
            process.stdout.close()
        self.running = []

    def ask(self, count, *options):
        """Numbers and milliseconds of the answers to so many echo requests, in the order in which they came."""
        said = subprocess.run(self.asker.command("ping", "-n", "-c", count, "-W", 20, *options, "10.5.0.4"), text=True, capture_output=True,
                              check=False, timeout=120).stdout
        return [(int(number), float(time)) for number, time in re.findall(r"icmp_seq=(\d+) ttl=\d+ time=([\d.]+) ms", said)]

    def ask_alone(self, count):
        return self.ask(count, "-i", "0.01")

    def ask_in_group(self):
        """All at once."""
        return self.ask(GROUP, "-l", GROUP)


class Flood(ThreePorts):
    def test_requests_beside_a_flood(self):
        """beside a flood on other ports no request and no answer is lost or overtaken"""
        four = FourPorts(self.switch)
        self.addCleanup(four.remove)
        four.start_flood()
        self.equal("answers to requests one at a time", [number for number, _ in four.ask_alone(100)], list(range(1, 101)))
        for _ in range(10):
            self.equal(f"answers to {GROUP} requests at once", [number for number, _ in four.ask_in_group()], list(range(1, GROUP + 1)))
        before = four.arrived()
        wait_for("the flood does not go on", lambda: four.arrived() >= before + 10000)
        for port in ("f2", "f3"):
            for direction in ("rx", "tx"):
                kernel = pathlib.Path(f"/sys/class/net/{port}/statistics/{direction}_dropped").read_text().strip()
                self.equal(f"{direction}_dropped of {port}", kernel, "0")
