#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""testpmd --idle: lcores without packets sleep, and packets pass as before: idle_test.py TESTPMD CLIENT.PY PROGRAM.BPF.O

PROGRAM: an XDP program of somebody else."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

TESTPMD, CLIENT, PROGRAM = map(os.path.abspath, sys.argv[1:4])
del sys.argv[1:]
sys.path.insert(0, os.path.dirname(CLIENT))
import client

os.environ["PATH"] += ":/usr/sbin:/sbin"
PATIENCE_S = 60
DEVICE = "/dev/cpu_dma_latency"


def run(*words, check=True):
    return subprocess.run(words, capture_output=True, text=True, timeout=2 * PATIENCE_S, check=check).stdout


def open_files(process):
    """What its descriptors stand for; those that it closes meanwhile are left out."""
    files = []
    folder = f"/proc/{process}/fd"
    for name in os.listdir(folder):
        try:
            files.append(os.readlink(os.path.join(folder, name)))
        except FileNotFoundError:
            pass
    return files


class IdleTest(unittest.TestCase):
    """c0 - p0 [switch: testpmd] p1 - c1"""

    def setUp(self):
        run_folder = tempfile.mkdtemp(prefix="plx", dir="/tmp")
        self.addCleanup(shutil.rmtree, run_folder, ignore_errors=True)
        os.environ["RUNTIME_DIRECTORY"] = run_folder
        self.switch, *clients = (f"plxidle{os.getpid()}{name}" for name in ("s", "0", "1"))
        for namespace in (self.switch, *clients):
            self.addCleanup(run, "ip", "netns", "delete", namespace, check=False)
            run("ip", "netns", "add", namespace)
        for number, namespace in enumerate(clients):
            run("ip", "link", "add", f"p{number}", "netns", self.switch, "type", "veth", "peer", "name", f"c{number}", "netns", namespace)
            run("ip", "-n", self.switch, "link", "set", f"p{number}", "up")
            run("ip", "-n", namespace, "addr", "add", f"10.78.0.{number + 1}/24", "dev", f"c{number}")
            run("ip", "-n", namespace, "link", "set", f"c{number}", "up")
        self.clients = clients

    def start(self, idle, *ports):
        ports = ports or ("net_af_xdp0,iface=p0", "net_af_xdp1,iface=p1")
        vdevs = [word for port in ports for word in ("--vdev", port)]
        words = ["ip", "netns", "exec", self.switch, TESTPMD, "--lcores", "0@0,1@0", *vdevs, "--", "--json", "--total-num-mbufs=16384", "--auto-start",
                 "-i", f"--idle={idle}"]
        self.testpmd = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(self.testpmd.kill)
        while json.loads(self.testpmd.stdout.readline())["event"] != "forwarding":
            pass
        self.process = client.Process(client.socket_paths()[0])
        self.addCleanup(self.process.close)

    def lcore(self):
        return self.process.ask("/eal/lcore/info,1")

    def share_asleep(self):
        """Of a second in which nothing is sent."""
        before = self.lcore()
        time.sleep(1)
        after = self.lcore()
        return (after["sleep_cycles"] - before["sleep_cycles"]) / (after["total_cycles"] - before["total_cycles"])

    def stop_balanced(self):
        self.testpmd.send_signal(signal.SIGINT)
        output, _ = self.testpmd.communicate(timeout=PATIENCE_S)
        final = json.loads(output.splitlines()[-1])
        self.assertEqual((self.testpmd.returncode, final["event"], final["balanced"]), (0, "final", True))

    def ping(self, count, interval_s):
        output = run("ip", "netns", "exec", self.clients[0], "ping", "-n", "-q", "-c", str(count), "-i", str(interval_s), "-W", "10", "10.78.0.2", check=False)
        self.assertRegex(output, re.compile(rf"{count} packets transmitted, {count} received"), output)

    def test_sleeps_and_forwards(self):
        for idle in ("adaptive", "sleep"):
            with self.subTest(idle=idle):
                self.start(idle)
                # Address resolution of the first moments wakes it now and then.
                deadline = time.monotonic() + PATIENCE_S
                while self.share_asleep() < 0.9:
                    self.assertLess(time.monotonic(), deadline, "it does not sleep")
                self.ping(200, 0.002)  # both sides of how long it spins
                self.ping(20, 0.05)
                self.stop_balanced()

    def wakes(self):
        """{"counts": by length, "unmeasured": ...} of lcore 1."""
        return next(lcore for lcore in self.process.ask("/pollux/wakes")["lcores"] if lcore["lcore"] == 1)

    def test_how_long_packets_wait_for_a_sleeping_lcore_is_measured(self):
        self.start("sleep")
        self.ping(20, 0.05)
        wakes = self.wakes()
        # Each request and each answer, but for those that come while it is awake.
        self.assertGreaterEqual(sum(wakes["counts"]), 10)
        self.assertGreater(wakes["sum_ns"], 0)
        self.assertEqual(wakes["unmeasured"], 0)
        self.testpmd.stdin.write("show fwd wakes\n")
        self.testpmd.stdin.flush()
        self.stop_balanced()

    def test_flows_share_the_stamps_of_the_program_that_they_replace(self):
        self.start("sleep")
        self.testpmd.stdin.write("flow create 0 ingress pattern eth type is 0x88cc / end actions drop / end\n")
        self.testpmd.stdin.flush()
        # The rule is in effect when its port has the program with flows.
        self.wait_for(lambda: "pollux_flows" in run("ip", "-n", self.switch, "-details", "link", "show", "p0"), "no program with flows")
        before = self.wakes()
        self.ping(20, 0.05)
        after = self.wakes()
        self.assertGreaterEqual(sum(after["counts"]) - sum(before["counts"]), 10)
        self.assertEqual(after["unmeasured"], 0)
        self.stop_balanced()

    def test_a_program_of_somebody_else_stamps_nothing_and_that_is_said(self):
        self.start("sleep", f"net_af_xdp0,iface=p0,xdp_prog={PROGRAM}", f"net_af_xdp1,iface=p1,xdp_prog={PROGRAM}")
        self.ping(20, 0.05)
        wakes = self.wakes()
        self.assertEqual(sum(wakes["counts"]), 0)
        self.assertGreaterEqual(wakes["unmeasured"], 10)
        features = {state["feature"]: state for state in self.process.ask("/pollux/report")["ports"][0]["features"]}
        self.assertEqual(features["wake_latency"]["got"], "not measured")
        self.assertIn("xdp_prog=", features["wake_latency"]["reason"])
        self.stop_balanced()

    def wait_for(self, condition, text):
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            self.assertLess(time.monotonic(), deadline, text)
            time.sleep(0.05)

    def test_processors_do_not_sleep_deeper_than_they_may(self):
        words = [TESTPMD, "--lcores", "0@0,1@0", "--no-huge", "--vdev", "net_null0", "--vdev", "net_null1", "--", "--total-num-mbufs=8192", "--json", "-i",
                 "--idle-latency-us=20"]
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.kill)
        if not os.path.exists(DEVICE):
            _, errors = process.communicate(timeout=PATIENCE_S)
            self.assertEqual(process.returncode, 1)
            self.assertIn(f"--idle-latency-us: open({DEVICE})", errors)
            return
        self.assertEqual(json.loads(process.stdout.readline())["event"], "start")
        self.assertIn(DEVICE, open_files(process.pid))
        process.communicate("quit\n", timeout=PATIENCE_S)
        self.assertEqual(process.returncode, 0)

    def test_spins_where_it_is_told_to_or_nothing_wakes_it(self):
        for idle, ports in (("spin", ()), ("adaptive", ("net_af_xdp0,iface=p0", "net_null0,no-rx=1"))):
            with self.subTest(idle=idle):
                self.start(idle, *ports)
                self.assertEqual(self.share_asleep(), 0)
                self.stop_balanced()


if __name__ == "__main__":
    unittest.main()
