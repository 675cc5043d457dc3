#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""tools/ovs test --stress, inside the sandbox: ports come and go under traffic, interfaces vanish, the daemon is killed. Afterwards memory, files
and XDP programs are what they were, and packets pass.
"""

import os
import pathlib
import re
import signal
import sys
import unittest

import report
from rig import Namespace, Switch, attempt, run, wait_for

CYCLES = int(os.environ.get("STRESS_CYCLES", "200"))
REPLACEMENTS = int(os.environ.get("STRESS_REPLACEMENTS", "50"))
KILLS = int(os.environ.get("STRESS_KILLS", "50"))
# What repeated work may leave behind for good: caches of Open vSwitch and of the allocator, not a page a cycle.
MEMORY_SLACK_KIB = 4096
FRAMES, FILL_RING, IN_TX_RINGS = 65536, 2048, 512

FLOOD = """
import socket
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while True:
    try:
        sender.sendto(bytes(200), ("10.0.0.2", 9))
    except OSError:
        pass
"""


def attached(port):
    return "prog/xdp" in run("ip", "-o", "link", "show", port)


class Stress(unittest.TestCase):
    """The cases build on each other, under one flood from client to server."""

    @classmethod
    def setUpClass(cls):
        cls.client, cls.server = Namespace("client"), Namespace("server")
        cls.client.attach("p0", "10.0.0.1", "02:00:00:00:00:01")
        cls.server.attach("p1", "10.0.0.2", "02:00:00:00:00:02")
        cls.switch = Switch()
        cls.switch.add_bridge("br0")
        cls.switch.add_port("br0", "p0")
        cls.switch.add_port("br0", "p1")
        cls.await_pings()
        cls.client.ip("neighbor", "replace", "10.0.0.2", "lladdr", "02:00:00:00:00:02", "dev", "eth0")
        cls.flood = cls.client.start("python3", "-c", FLOOD)

    @classmethod
    def tearDownClass(cls):
        cls.flood.kill()
        cls.flood.wait()

    @classmethod
    def await_pings(cls):
        wait_for("no ping gets through", lambda: " 5 received" in attempt(
            *cls.client.command("ping", "-q", "-n", "-c", 5, "-i", "0.05", "-W", 1, "10.0.0.2"))[1])

    def memory_kib(self):
        status = pathlib.Path(f"/proc/{self.switch.pid}/status").read_text()
        return int(re.search(r"^VmRSS:\s+(\d+)", status, re.MULTILINE).group(1))

    def check_came_back(self, before, memory):
        # Sockets are closed at once, but RCU frees what belongs to them a moment later.
        wait_for(lambda: f"before: {before}; afterwards: {self.switch.held()}", lambda: self.switch.held() == before, seconds=10)
        grown = self.memory_kib() - memory
        if grown > MEMORY_SLACK_KIB:
            raise AssertionError(f"resident memory grew by {grown} KiB from {memory}")

    def test_add_and_delete(self):
        """ports added and deleted under traffic"""
        for cycle in range(CYCLES):
            # What the first cycles allocate stays: buffers of the allocator, pools.
            if cycle == CYCLES // 10:
                before, memory = self.switch.held(), self.memory_kib()
            self.switch.vsctl("del-port", "br0", "p1")
            if attached("p1"):
                raise AssertionError(f"cycle {cycle}: an XDP program is left on p1")
            self.switch.add_port("br0", "p1")
        self.await_pings()
        self.check_came_back(before, memory)

    def test_vanishing_interface(self):
        """an interface that vanishes under traffic"""
        before, memory = self.switch.held(), self.memory_kib()
        for _ in range(10):
            run("ip", "link", "delete", "p1")
            self.switch.vsctl("del-port", "br0", "p1")
            self.server.attach("p1", "10.0.0.2", "02:00:00:00:00:02")
            self.switch.add_port("br0", "p1")
        self.await_pings()
        self.check_came_back(before, memory)

    def test_replacement(self):
        """interfaces that are made again, and renamed, under traffic"""
        self.await_pings()
        before, memory = self.switch.held(), self.memory_kib()
        for cycle in range(REPLACEMENTS):
            run("ip", "link", "delete", "p1")
            self.server.attach("p1", "10.0.0.2", "02:00:00:00:00:02")
            self.await_pings()
            run("ip", "link", "set", "p0", "name", "q0")
            self.await_pings()
            run("ip", "link", "set", "q0", "name", "p0")
            if cycle == 0:
                before, memory = self.switch.held(), self.memory_kib()
        self.await_pings()
        self.check_came_back(before, memory)

    def test_kill(self):
        """kill -9 and restart under traffic"""
        for cycle in range(KILLS):
            process = self.switch.pid
            os.kill(process, signal.SIGKILL)
            for port in ("p0", "p1"):
                wait_for(f"cycle {cycle}: an XDP program on {port} outlived the daemon", lambda port=port: not attached(port), seconds=5)
            self.switch.start_switch()
            self.switch.await_polling("p0", "p1")
            # The first restart's figures are those of all.
            if cycle == 0:
                self.await_pings()
                before, memory = self.switch.held(), self.memory_kib()
        self.await_pings()
        self.check_came_back(before, memory)

    def test_frames(self):
        """all frames are free without traffic, but for what waits in rings"""
        self.flood.kill()
        self.flood.wait()
        least = FRAMES - 2 * FILL_RING - IN_TX_RINGS
        wait_for(lambda: f"only {self.switch.get('p0', 'status:memory-free-frames')} of {FRAMES} frames are free, not {least}",
                 lambda: int(self.switch.get("p0", "status:memory-free-frames") or 0) >= least)

    def test_end(self):
        """SIGTERM leaves no program, and the log nothing unexpected"""
        self.switch.end_switch()
        for port in ("p0", "p1"):
            # The threads of a process that ends close its files when the last of them is gone.
            wait_for(f"an XDP program is left on {port}", lambda port=port: not attached(port), seconds=5)
        # Interfaces that vanish are worth a warning, of stock ports too; so is a machine that is busy with something else.
        usual = re.compile("No such device|could not open network device|was deleted|unknown port|Dropped [0-9]+ log|timeval|ovs_rcu")
        unusual = [line for line in self.switch.warnings() if not usual.search(line)]
        if unusual:
            raise AssertionError(f"unexpected warnings: {' '.join(unusual[:20])}")


if __name__ == "__main__":
    sys.exit(0 if report.run(Stress) else 1)
