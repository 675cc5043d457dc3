#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""tools/ovs test --ports[=N], inside the sandbox: N ports on default options, as a host with containers has them. The
environment has N as `ports`.

Each port's far end is in a namespace of its own, 10.1.X.Y. Ports that were there first must go on when others come.
"""

import os
import signal
import subprocess
import sys
import unittest

import report
from rig import Namespace, Switch, attempt

COUNT = int(os.environ.get("ports", "200"))

# Counts what arrives at a UDP port, and prints the sum when it is told to end.
LISTEN = """
import signal, socket, sys
receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
receiver.bind(("", 9))
def end(*_):
    receiver.setblocking(False)
    count = 0
    try:
        while receiver.recv(2048):
            count += 1
    except BlockingIOError:
        pass
    print(count, flush=True)
    sys.exit()
signal.signal(signal.SIGTERM, end)
print("ready", flush=True)
signal.pause()
"""
BROADCASTS = 20
BROADCAST = f"""
import socket, time
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
for _ in range({BROADCASTS}):
    sender.sendto(bytes(200), ("10.1.255.255", 9))
    time.sleep(0.05)
"""


def address(number):
    return f"10.1.{number // 250}.{number % 250 + 1}"


class Scale(unittest.TestCase):
    """Half of the ports are added one by one, then half in one transaction."""

    @classmethod
    def setUpClass(cls):
        cls.switch = Switch()
        cls.switch.add_bridge("br0")
        cls.namespaces = []
        for number in range(COUNT):
            namespace = Namespace(f"n{number}")
            namespace.attach(f"v{number}", address(number), prefix=16)
            cls.namespaces.append(namespace)

    @classmethod
    def tearDownClass(cls):
        cls.switch.end_switch()

    def check_pings(self, first, last):
        """Each to the next; the last to the first."""
        silent = []
        for number in range(first, last):
            code, _ = attempt(*self.namespaces[number].command("ping", "-q", "-n", "-c", 1, "-W", 2, "-w", 10,
                                                               address(number + 1 if number + 1 < last else first)))
            if code != 0:
                silent.append(f"v{number}")
        if silent:
            raise AssertionError(f"of {last - first} ports {len(silent)} get no answer: {' '.join(silent[:10])}")

    def test_one_by_one(self):
        """ports added one by one, which all ping"""
        for number in range(COUNT // 2):
            self.switch.add_port("br0", f"v{number}")
        self.check_pings(0, COUNT // 2)

    def test_one_transaction(self):
        """as many ports again in one transaction, and all ping, those of before too"""
        words = []
        for number in range(COUNT // 2, COUNT):
            words += ["--", "add-port", "br0", f"v{number}", "--", "set", "interface", f"v{number}", "type=pollux"]
        attempt("ovs-vsctl", "--timeout=300", *words[1:], timeout=330)
        if self.switch.errors():
            raise AssertionError(self.switch.errors())
        self.check_pings(0, COUNT)

    def test_broadcasts(self):
        """broadcasts arrive at every port"""
        listeners = [namespace.start("python3", "-c", LISTEN, stdout=subprocess.PIPE, text=True) for namespace in self.namespaces[1:]]
        try:
            for listener in listeners:
                listener.stdout.readline()
            self.namespaces[0].run("python3", "-c", BROADCAST)
            # A port sends what it was given in order: once the answer to a ping is back, what was sent before it is there.
            self.check_pings(0, COUNT)
        finally:
            for listener in listeners:
                listener.send_signal(signal.SIGTERM)
        counts = [int(listener.communicate(timeout=60)[0]) for listener in listeners]
        missing = {f"v{number + 1}": count for number, count in enumerate(counts) if count != BROADCASTS}
        if missing:
            raise AssertionError(f"of {BROADCASTS} broadcasts arrived: {missing}")


if __name__ == "__main__":
    sys.exit(0 if report.run(Scale) else 1)
