# SPDX-License-Identifier: Apache-2.0
"""How tools/ovs pods and ovn-demo tell of their steps: a line for each, and at the first that fails what the daemons warned of."""

import subprocess
import sys
import threading
import time

BEGAN = time.monotonic()


def passed(name, text):
    print(f"  ok  {name:10} {text} ({time.monotonic() - BEGAN:.0f} s)", flush=True)


def told(name, text):
    """A figure, or what is going on: nothing that could fail."""
    print(f"      {name:10} {text}", flush=True)


def run_steps(steps, warnings):
    """Returns an exit code. `warnings`: a function that returns lines of the daemons' logs."""
    try:
        for step in steps:
            step()
    except (AssertionError, subprocess.SubprocessError, OSError) as error:
        print(f"  FAILED     {error}", flush=True)
        for line in warnings()[-15:]:
            print(f"      {line}", flush=True)
        return 1
    return 0


class Stream:
    """Packets with numbers, a thousand a second, between two namespaces all along: how many were lost, and the longest time without one."""

    SEND = """
import socket, sys, time
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
number = 0
while True:
    try:
        sender.sendto(number.to_bytes(8, "big") + bytes(192), (sys.argv[1], 9))
    except OSError:
        pass
    number += 1
    time.sleep(0.001)
"""
    RECEIVE = """
import select, socket, sys, time
receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
receiver.bind(("", 9))
count = lost = expected = 0
pause, last = 0.0, None
while True:
    ready = select.select([receiver, sys.stdin], [], [])[0]
    if receiver in ready:
        number, now = int.from_bytes(receiver.recv(2048)[:8], "big"), time.monotonic()
        if last is not None:
            lost += max(0, number - expected)
            pause = max(pause, now - last)
        count, expected, last = count + 1, max(expected, number + 1), now
    elif not sys.stdin.readline():
        break
    else:
        print(count, lost, pause, flush=True)
        count, lost, pause = 0, 0, 0.0
"""

    def __init__(self, source, target, address):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.receiver = target.start(sys.executable, "-c", self.RECEIVE, **pipes)
        self.sender = source.start(sys.executable, "-c", self.SEND, address)
        self.lock = threading.Lock()

    def take(self):
        """Since the last call: packets that arrived, packets lost before the last of them, longest pause in seconds."""
        with self.lock:
            self.receiver.stdin.write("\n")
            self.receiver.stdin.flush()
            count, lost, pause = self.receiver.stdout.readline().split()
        return int(count), int(lost), float(pause)

    def describe(self):
        count, lost, pause = self.take()
        return f"meanwhile {count} packets of a stream arrived, {lost} were lost, the longest pause was {pause * 1000:.0f} ms"
