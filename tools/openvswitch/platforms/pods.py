#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""tools/ovs pods, inside the sandbox: what a container platform does to a bridge. Namespaces come with a port each, go and come again, four at
a time, while others talk; the switch is restarted in between. The environment has `pods`, how many, and `type`, of the ports.
"""

import concurrent.futures
import os
import pathlib
import re
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "checks"))

from rig import Namespace, Switch, attempt, run, wait_for
from steps import Stream, passed, run_steps, told

COUNT, TYPE = int(os.environ["pods"]), os.environ["type"]
# Columns of every port: "options:frames=16384".
COLUMNS = os.environ["columns"].split()
AT_ONCE = 4
# What repeated work may leave behind for good: caches of Open vSwitch and of the allocator.
MEMORY_SLACK_KIB = 8192


def address(number):
    return f"10.1.{number // 250}.{number % 250 + 1}"


def hardware_address(number):
    """Of the address, as container platforms have it: a pod that is made again is known to its neighbours by the one that it had."""
    return f"02:42:0a:01:{number // 250:02x}:{number % 250 + 1:02x}"


def kernel_memory_kib():
    return int(re.search(r"VmallocUsed:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text()).group(1))


class Pods:
    """Numbers 0 and 1 stay, and have a stream between them; the others are the pods."""

    def __init__(self):
        self.switch = Switch()
        self.switch.add_bridge("br0")
        self.namespaces = {}

    def everyone(self, function, numbers):
        """As a platform with several requests at once."""
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as executor:
            list(executor.map(function, numbers))

    def make(self, number):
        namespace = Namespace(f"n{number}")
        namespace.attach(f"v{number}", address(number), prefix=16)
        namespace.run("ip", "link", "set", "eth0", "address", hardware_address(number))
        if TYPE == "afxdp":
            # It sends unfinished checksums on as they are.
            namespace.run("ethtool", "-K", "eth0", "tx", "off")
        self.namespaces[number] = namespace
        # With an error of the port's, ovs-vsctl ends with 0 or another code, by version: check() asks for it.
        attempt("ovs-vsctl", "--timeout=60", "add-port", "br0", f"v{number}", "--", "set", "interface", f"v{number}", f"type={TYPE}",
                *COLUMNS, timeout=90)

    def delete(self, number):
        """Tidily, or, as when a container dies, the namespace and its interface first."""
        namespace = self.namespaces.pop(number)
        if number % 2:
            namespace.remove()
        self.switch.vsctl("del-port", "br0", f"v{number}")
        if number % 2 == 0:
            namespace.remove()

    def check_ping(self, number):
        others = sorted(self.namespaces)
        target = others[(others.index(number) + 1) % len(others)]
        code, said = attempt(*self.namespaces[number].command("ping", "-q", "-n", "-c", 1, "-W", 2, "-w", 20, address(target)))
        if code != 0:
            raise AssertionError(f"n{number} gets no answer from n{target}: {' '.join(said.splitlines()[-2:])}")

    def check(self):
        """Each namespace pings the next."""
        if self.switch.errors():
            raise AssertionError(self.switch.errors())
        self.everyone(self.check_ping, sorted(self.namespaces))

    def memory_kib(self):
        return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{self.switch.pid}/status").read_text()).group(1))

    def memory(self):
        """Of the daemon, and of the whole kernel, which has an entry for each frame of a port's memory."""
        return f"ovs-vswitchd has {self.memory_kib() // 1024} MiB, the kernel's VmallocUsed is {kernel_memory_kib() // 1024} MiB"

    def files(self):
        return len(list(pathlib.Path(f"/proc/{self.switch.pid}/fd").iterdir()))

    def begin(self):
        for number in (0, 1):
            self.make(number)
        self.check()
        self.stream = Stream(self.namespaces[0], self.namespaces[1], address(1))
        wait_for("no packet of the stream arrives", lambda: self.stream.take()[0])
        self.empty_files = self.files()
        passed("bridge", f"br0 with two ports of type={TYPE}, and a stream between them; {self.memory()}")

    def come(self, what):
        began = time.monotonic()
        self.everyone(self.make, range(2, COUNT + 2))
        took = time.monotonic() - began
        self.check()
        passed(what, f"{COUNT} pods, {took / COUNT * 1000:.0f} ms each; all ping; {self.memory()}")
        told("", self.stream.describe())

    def go(self):
        began = time.monotonic()
        self.everyone(self.delete, range(2, COUNT + 2))
        took = time.monotonic() - began
        left = self.switch.vsctl("list-ports", "br0").split()
        if sorted(left) != ["v0", "v1"]:
            raise AssertionError(f"the bridge still has {left}")
        # Sockets are closed at once, but RCU frees what belongs to them a moment later.
        if TYPE == "pollux":
            wait_for(lambda: f"ovs-vswitchd has {self.files()} files open, and had {self.empty_files}", lambda: self.files() <= self.empty_files)
        elif self.files() > self.empty_files:
            told("", f"ovs-vswitchd has {self.files()} files open, and had {self.empty_files}")
        passed("deleted", f"{COUNT} pods, {took / COUNT * 1000:.0f} ms each; {self.memory()}")
        told("", self.stream.describe())

    @staticmethod
    def check_detached(port):
        """Stock afxdp leaves its program behind when it is killed, and takes it off as it starts again."""
        if TYPE == "pollux":
            wait_for(f"an XDP program is left on {port}", lambda: "prog/xdp" not in run("ip", "-o", "link", "show", port))

    def start_again(self):
        """False as long as threads of the one that was killed hold its files."""
        try:
            self.switch.start_switch()
        except AssertionError as error:
            if "already running" not in str(error):
                raise
            return False
        return True

    def restart(self, kill):
        self.stream.take()
        began = time.monotonic()
        if kill:
            process = self.switch.pid
            os.kill(process, signal.SIGKILL)
            self.check_detached("v0")
            wait_for(f"ovs-vswitchd {process} is still there after SIGKILL", self.start_again)
        else:
            self.switch.restart_switch()
        wait_for("the stream does not go on", lambda: self.stream.take()[0])
        resumed = time.monotonic() - began
        self.check()
        passed("restarted", f"{'killed' if kill else 'ended'} and started with {COUNT + 2} ports: the stream went on after {resumed:.1f} s, all ping")
        self.stream.take()

    def end(self):
        self.check()
        grown = self.memory_kib() - self.before
        if TYPE == "pollux" and grown > MEMORY_SLACK_KIB:
            raise AssertionError(f"resident memory grew by {grown} KiB between the first and the second time that there were no pods")
        self.switch.end_switch()
        for number in (0, 1):
            self.check_detached(f"v{number}")
        passed("ended", f"memory of the daemon grew by {grown} KiB between the first and the last time that there were no pods"
               f"{'; no XDP program is left' if TYPE == 'pollux' else ''}")

    def remember(self):
        self.before = self.memory_kib()

    def steps(self):
        return [self.begin, lambda: self.come("made"), self.go, lambda: self.come("again"), lambda: self.restart(False),
                lambda: self.restart(True), self.go, self.remember, lambda: self.come("once more"), self.go, self.end]


if __name__ == "__main__":
    pods = Pods()
    sys.exit(run_steps(pods.steps(), pods.switch.warnings))
