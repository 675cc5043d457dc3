#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""DPDK's own telemetry client, as Debian packages it, and tools/telemetry/client.py, with a testpmd: client_test.py TESTPMD CLIENT.PY"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

TESTPMD, CLIENT = map(os.path.abspath, sys.argv[1:3])
del sys.argv[1:]
sys.path.insert(0, os.path.dirname(CLIENT))
import client

SCRIPT = "dpdk-telemetry.py"


class ClientTest(unittest.TestCase):
    def setUp(self):
        self.run_folder = tempfile.mkdtemp(prefix="plx", dir="/tmp")  # a socket's path has at most 107 bytes
        self.addCleanup(shutil.rmtree, self.run_folder, ignore_errors=True)
        os.environ["RUNTIME_DIRECTORY"] = self.run_folder
        self.testpmd = None

    def start(self, *eal):
        """Until it forwards; ended at the end of the test."""
        words = [TESTPMD, "--lcores", "0@0,1@0", "--no-huge", "--vdev", "net_null0", "--vdev", "net_null1", *eal, "--",
                 "--total-num-mbufs=8192", "--json", "--auto-start", "-i"]
        # Its input stays open: the end of the input would be the end of testpmd.
        self.testpmd = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(self.end, self.testpmd)
        events = []
        while not events or events[-1]["event"] != "forwarding":
            events.append(json.loads(self.testpmd.stdout.readline()))
        return events[0]

    @staticmethod
    def end(process):
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)

    def ask(self, *requests, options=()):
        """By DPDK's script, as somebody would type; one answer a request."""
        done = subprocess.run([SCRIPT, *options], input="\n".join(requests) + "\n", capture_output=True, text=True, timeout=60, check=True)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def test_dpdks_script_gets_an_answer_to_every_command(self):
        self.assertIsNotNone(shutil.which(SCRIPT), "tools/setup_packages test installs it")
        self.start()
        commands = self.ask("/")[0]["/"]
        self.assertIn("/ethdev/xstats", commands)
        parameters = {"/ethdev/list": "", "/eal/lcore/list": "", "/eal/lcore/usage": "", "/eal/lcore/info": ",1", "/mempool/list": "",
                      "/mempool/info": ",mb_pool_0", "/ethdev/rx_queue": ",1,0", "/ethdev/tx_queue": ",1,0", "/help": ",/info"}
        asked = [name + parameters.get(name, ",1" if name.startswith("/ethdev") else "") for name in commands if name != "/ring/info"]
        for request, answer in zip(asked, self.ask(*asked), strict=True):
            self.assertIsNotNone(answer[request.split(",")[0]], request)
            self.assertNotIn("error", answer)

    def test_counters_move_while_it_forwards(self):
        self.start("--file-prefix", "other")
        first, second = (self.ask("/ethdev/stats,0", options=("-f", "other"))[0]["/ethdev/stats"]["ipackets"] for _ in range(2))
        self.assertGreater(second, first)

    def test_the_second_process_is_another_instance(self):
        first, second = self.start(), self.start()
        self.assertEqual(second["telemetry"], first["telemetry"] + ":1")
        pids = {self.ask("/info", options=options)[0]["/info"]["pid"] for options in ((), ("-i", "1"))}
        self.assertEqual(len(pids), 2)

    def test_without_telemetry_nothing_is_made(self):
        self.assertNotIn("telemetry", self.start("--no-telemetry"))
        self.assertEqual(os.listdir(self.run_folder), [])

    def test_what_a_killed_process_left_is_known_as_that(self):
        path = self.start()["telemetry"]
        self.testpmd.kill()
        self.testpmd.wait()
        self.assertEqual(client.connect_all(), ([], [path]))
        self.assertEqual(self.start()["telemetry"], path)
        alive, dead = client.connect_all()
        self.assertEqual(([process.path for process in alive], dead), ([path], []))
        self.assertEqual(alive[0].ask("/ethdev/list"), [0, 1])
        self.assertIsNone(alive[0].ask("/ethdev/stats,9"))
        alive[0].close()


if __name__ == "__main__":
    unittest.main()
