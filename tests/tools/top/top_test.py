#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tools/pollux top: what it makes of samples, and how it looks in a terminal, with a testpmd that forwards: top_test.py TOP.PY TESTPMD"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

TOP, TESTPMD = map(os.path.abspath, sys.argv[1:3])
del sys.argv[1:]
sys.path[:0] = [os.path.dirname(TOP), os.path.join(os.path.dirname(os.path.dirname(TOP)), "telemetry")]
import sample
import screen

PATIENCE_S = 60
EMPTY = {"pid": 7, "name": "testpmd", "report": {}, "cycles_per_second": 1000, "account": {}, "ports": {}, "lcores": {}, "pools": {}}


class Samples(unittest.TestCase):
    def test_rates_are_differences(self):
        before = {**EMPTY, "ports": {0: {"ipackets": 100, "opackets": 0, "ibytes": 1000, "obytes": 0}}}
        now = {**EMPTY, "ports": {0: {"ipackets": 300, "opackets": 50, "ibytes": 3000, "obytes": 40}}}
        port = sample.view("s", now, before, 2.0)["ports"][0]
        self.assertEqual((port["rx_packets_per_second"], port["tx_packets_per_second"]), (100, 25))
        self.assertEqual((port["rx_bits_per_second"], port["tx_bits_per_second"]), (8000, 160))

    def test_a_counter_that_began_anew_and_another_process_have_no_rate(self):
        before = {**EMPTY, "ports": {0: {"ipackets": 100}}}
        for now in ({**EMPTY, "ports": {0: {"ipackets": 5}}}, {**EMPTY, "pid": 8, "ports": {0: {"ipackets": 500}}}):
            self.assertIsNone(sample.view("s", now, before, 1.0)["ports"][0]["rx_packets_per_second"])

    def test_time_of_lcores_is_shared_out(self):
        before = {**EMPTY, "lcores": {1: {"lcore_id": 1, "total_cycles": 0, "busy_cycles": 0, "sleep_cycles": 0, "packets": 0}}}
        now = {**EMPTY, "lcores": {1: {"lcore_id": 1, "total_cycles": 1000, "busy_cycles": 250, "sleep_cycles": 500, "packets": 10}}}
        lcore = sample.view("s", now, before, 1.0)["lcores"][0]
        self.assertEqual((lcore["busy_share"], lcore["asleep_share"], lcore["cycles_per_packet"]), (0.25, 0.5, 25))

    BOUNDS_NS = [1024, 2048, 4096]

    def wakes(self, *counts, unmeasured=0):
        return sample.wakes_of({"bounds_ns": self.BOUNDS_NS, "lcores": [{"lcore": 1, "counts": list(counts), "sum_ns": 9, "unmeasured": unmeasured}]})[1]

    def test_wakes_are_those_since_the_last_look(self):
        view = sample.wakes_view(self.wakes(100, 99, 1, 0, unmeasured=4), self.wakes(100, 0, 0, 0), 2.0)
        self.assertEqual(view, {"per_second": 52, "unmeasured": 4, "p50_us": 2.048, "p99_us": 2.048})
        quiet = sample.wakes_view(self.wakes(98, 1, 1, 0), self.wakes(98, 1, 1, 0), 2.0)
        self.assertEqual((quiet["per_second"], quiet["p50_us"], quiet["p99_us"]), (0, 1.024, 2.048), "of all, while there are no others")

    def test_wakes_without_a_last_look_or_that_were_counted_anew_have_no_rate(self):
        for before in (None, self.wakes(5, 0, 0, 0)):
            view = sample.wakes_view(self.wakes(1, 0, 0, 0), before, 1.0)
            self.assertEqual((view["per_second"], view["p99_us"]), (None, 1.024))

    def test_a_wake_beyond_the_last_bound_has_none_and_no_wake_no_line(self):
        self.assertIsNone(sample.wakes_view(self.wakes(0, 0, 0, 1), None, None)["p50_us"])
        self.assertIsNone(sample.wakes_view(self.wakes(0, 0, 0, 0), None, None))

    def test_the_engine_is_named(self):
        features = [{"feature": "zerocopy", "present": False}, {"feature": "native", "present": True}, {"feature": "inject", "present": True}]
        self.assertEqual(sample.engine({"features": features}), "copy+inject")
        self.assertEqual(sample.engine({"driver": "net_null"}), "null")

    def test_amounts_have_five_places_at_most(self):
        self.assertEqual([screen.amount(value) for value in (None, 0, 999, 999.6, 1234567, 26.3e9, 5e15)],
                         ["-", "0", "999", "1k", "1.23M", "26.3G", "5e+03T"])


def port(name, packets, drops=0):
    return {"port": 0, "name": name, "started": True, "engine": "copy+inject", "features": [], "rx_queues": 1, "interface_rx_queues": 4,
            "rx_packets_per_second": packets, "tx_packets_per_second": packets, "rx_bits_per_second": packets * 512,
            "tx_bits_per_second": packets * 512, "rx_packets": packets, "tx_packets": packets, "queue_rx_packets": [packets],
            "drops": {"rx_ring_full": {"packets": drops, "per_second": drops}}}


class Screens(unittest.TestCase):
    VIEW = {"processes": [{"process": "ovs-vswitchd", "pid": 4194304, "ports": [port("an-interface-1", 1e6), port("eth1", 2e6, 99)],
                           "lcores": [{"lcore": 127, "cpus": [127], "busy_share": 0.5, "asleep_share": 0.25, "packets_per_second": 1e6,
                                       "cycles_per_packet": 512.5, "wakes": {"per_second": 1e6, "p50_us": 8.192, "p99_us": 33554.4, "unmeasured": 7}}],
                           "pools": [{"pool": "mb_pool_0", "frames": 65536, "free": 32768}]}]}

    def test_no_line_is_longer_than_80_columns(self):
        for line in screen.overview(self.VIEW) + screen.of_port(self.VIEW["processes"][0], port("an-interface-1", 1e6)):
            self.assertLessEqual(len(line), 80, line)

    def test_how_long_wakes_take_is_shown_where_there_are_any(self):
        self.assertRegex("\n".join(screen.overview(self.VIEW)), r"ovs-vswit 4194304 +127 +1M +8 us +34 ms +7")
        never = {"processes": [{**self.VIEW["processes"][0], "lcores": [{**self.VIEW["processes"][0]["lcores"][0], "wakes": None}]}]}
        self.assertNotIn("WAKE", "\n".join(screen.overview(never)))

    def test_ports_are_sorted_by_what_was_asked(self):
        for sort, first in (("port", "an-interface-1"), ("packets", "eth1"), ("bits", "eth1"), ("drops", "eth1")):
            self.assertEqual(screen.rows(self.VIEW, sort)[0][1]["name"], first)

    def test_what_stands_still_is_named_with_its_cause(self):
        answer = {"lcores": [{"lcore": 1, "milliseconds": 600, "text": "its thread is stopped (a debugger, or a frozen control group)"}],
                  "queues": [{"port": 0, "direction": "tx", "queue": 3, "cause": "not-completed", "milliseconds": 800, "text": "the driver took 64 packets"}]}
        view = {"processes": [{**self.VIEW["processes"][0], "stalls": sample.stalls(answer)}]}
        shown = screen.overview(view)
        self.assertLessEqual(max(map(len, shown)), 80)
        text = " ".join(" ".join(shown).split())
        self.assertIn("STANDS STILL ovs-vswit 4194304, lcore 1, no poll for 600 ms: its thread is stopped", text)
        self.assertIn("port 0, tx queue 3, for 800 ms: the driver took 64 packets", text)

    def test_losses_are_named_and_queues_that_nobody_serves(self):
        self.assertIn("rx_ring_full", "\n".join(screen.overview(self.VIEW)))
        self.assertIn("1 of the interface's 4 queues served", "\n".join(screen.of_port(self.VIEW["processes"][0], port("eth1", 1))))


class Terminals(unittest.TestCase):
    def setUp(self):
        run_folder = tempfile.mkdtemp(prefix="plx", dir="/tmp")
        self.addCleanup(shutil.rmtree, run_folder, ignore_errors=True)
        os.environ["RUNTIME_DIRECTORY"] = run_folder
        self.server = os.path.join(run_folder, "tmux")

    def start_testpmd(self):
        words = [TESTPMD, "--lcores", "0@0,1@0", "--no-huge", "--vdev", "net_null0", "--vdev", "net_null1", "--", "--total-num-mbufs=8192", "--json",
                 "--auto-start", "-i"]
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

        def end():
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=PATIENCE_S)

        self.addCleanup(end)
        while json.loads(process.stdout.readline())["event"] != "forwarding":
            pass
        return process

    def tmux(self, *words):
        return subprocess.run(["tmux", "-S", self.server, *words], capture_output=True, text=True, timeout=PATIENCE_S, check=True).stdout

    def wait_for(self, *texts):
        """The screen, when all of these are on it."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            shown = self.tmux("capture-pane", "-p")
            if all(text in shown for text in texts):
                return shown
            time.sleep(0.1)
        self.fail(f"no {texts} on:\n{shown}")

    def test_once_and_json(self):
        self.start_testpmd(), self.start_testpmd()
        once = subprocess.run([sys.executable, "-B", TOP, "--once", "-d", "0.2"], capture_output=True, text=True, timeout=PATIENCE_S, check=True).stdout
        self.assertEqual(once.count("net_null0"), 2)
        words = [sys.executable, "-B", TOP, "--once", "--json", "-d", "0.2"]
        view = json.loads(subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE_S, check=True).stdout)
        self.assertEqual(len(view["processes"]), 2)
        self.assertGreater(max(p["rx_packets_per_second"] for process in view["processes"] for p in process["ports"]), 0)

    def test_a_process_that_is_stopped_does_not_answer(self):
        process = self.start_testpmd()
        process.send_signal(signal.SIGSTOP)
        self.addCleanup(process.send_signal, signal.SIGCONT)
        done = subprocess.run([sys.executable, "-B", TOP, "--once", "-d", "0.1"], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("DOES NOT ANSWER", done.stdout)

    def test_nobody_answers(self):
        done = subprocess.run([sys.executable, "-B", TOP, "--once", "-d", "0.1"], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("No process answers", done.stdout)

    def test_a_terminal_of_80_columns_and_24_lines(self):
        process = self.start_testpmd()
        self.tmux("new-session", "-d", "-x", "80", "-y", "24", f"{sys.executable} -B {TOP} -d 0.2")
        try:
            shown = self.wait_for("1 processes, 2 ports", "net_null1", "BUSY %", "FREE FRAMES", "q quit")
            self.assertLessEqual(len(shown.rstrip("\n").splitlines()), 24)
            self.tmux("send-keys", "p")
            self.wait_for("sorted by packets")
            self.tmux("send-keys", "n", "Down", "Enter")
            self.wait_for(f"({process.pid}), port 1: net_null1", "QUEUE   RECEIVED")
            self.tmux("send-keys", "Escape")
            self.wait_for("PROCESS")
            process.send_signal(signal.SIGINT)
            self.wait_for("No process answers")
            self.tmux("send-keys", "q")
            deadline = time.monotonic() + PATIENCE_S
            while subprocess.run(["tmux", "-S", self.server, "ls"], capture_output=True, check=False).returncode == 0:
                self.assertLess(time.monotonic(), deadline, "q does not end it")
                time.sleep(0.1)
        finally:
            subprocess.run(["tmux", "-S", self.server, "kill-server"], capture_output=True, check=False)

    def test_wrong_words(self):
        for words in (["-d", "0"], ["--nonsense"], []):  # without a terminal
            done = subprocess.run([sys.executable, "-B", TOP, *words], capture_output=True, stdin=subprocess.DEVNULL, timeout=PATIENCE_S, check=False)
            self.assertEqual(done.returncode, 2, words)


if __name__ == "__main__":
    unittest.main()
