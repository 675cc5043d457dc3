#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""tools/pollux exporter: what Prometheus is told of a testpmd, and that the dashboard asks for nothing else: exporter_test.py EXPORTER.PY TESTPMD

Debian's own python3, since the client library is Debian's."""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse
import urllib.request

EXPORTER, TESTPMD = map(os.path.abspath, sys.argv[1:3])
del sys.argv[1:]
DASHBOARD = pathlib.Path(EXPORTER).with_name("dashboard.json")
PATIENCE_S = 60


class ExporterTest(unittest.TestCase):
    def setUp(self):
        run_folder = tempfile.mkdtemp(prefix="plx", dir="/tmp")
        self.addCleanup(shutil.rmtree, run_folder, ignore_errors=True)
        os.environ["RUNTIME_DIRECTORY"] = run_folder

    def start(self, words):
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

        def end():
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=PATIENCE_S)

        self.addCleanup(end)
        return process

    def start_testpmd(self, prefix):
        process = self.start([TESTPMD, "--lcores", "0@0,1@0", "--no-huge", "--vdev", "net_null0", "--vdev", "net_null1", "--file-prefix", prefix, "--",
                              "--total-num-mbufs=8192", "--json", "--auto-start", "-i"])
        while json.loads(process.stdout.readline())["event"] != "forwarding":
            pass

    def start_exporter(self):
        """Its address; port 0 would not tell which one it got, so one that is free just now."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = "127.0.0.1:%d" % free.getsockname()[1]
        url = self.start([sys.executable, "-B", EXPORTER, "--listen", address]).stdout.readline().strip()
        self.assertEqual(url, f"http://{address}/metrics")
        return url

    @staticmethod
    def metrics(url):
        """{(name, labels): value}"""
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
            text = answer.read().decode()
        found = re.findall(r"^([a-z_]+)\{([^}]*)\} (\S+)$", text, re.MULTILINE)
        return {(name, labels): float(value) for name, labels, value in found}, text

    def test_counters_move_and_processes_are_named_by_their_prefix(self):
        self.start_testpmd("one"), self.start_testpmd("two")
        url = self.start_exporter()
        key = ("pollux_port_received_packets_total", 'interface="net_null0",port="0",process="one"')
        (first, _), (second, text) = self.metrics(url), self.metrics(url)
        self.assertGreater(second[key], first[key])
        self.assertEqual(second["pollux_process_up", 'process="two"'], 1)
        self.assertEqual(second["pollux_pool_frames", 'pool="mb_pool_0",process="two"'], 8192)
        self.assertGreater(second["pollux_lcore_busy_seconds_total", 'lcore="1",process="one"'], 0)
        self.assertEqual(second["pollux_lcore_wake_seconds_count", 'lcore="1",process="one"'], 0, "it spins")
        self.assertEqual(second["pollux_lcore_wake_seconds_bucket", 'lcore="1",le="+Inf",process="one"'], 0)
        self.assertNotIn("pid", text)

    def test_without_a_process_there_is_an_empty_answer(self):
        self.assertEqual(self.metrics(self.start_exporter())[0], {})

    def test_the_dashboard_asks_for_what_there_is(self):
        _, text = self.metrics(self.start_exporter())
        declared = set(re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE))
        dashboard = json.loads(DASHBOARD.read_text())
        asked = {name for panel in dashboard["panels"] for target in panel["targets"]
                 for name in re.findall(r"pollux_[a-z_]+?(?=_bucket|\b)", target["expr"])}
        self.assertGreater(len(asked), 8)
        self.assertEqual(asked - declared, set())

    def test_prometheus_itself_reads_it_and_understands_every_question_of_the_dashboard(self):
        self.start_testpmd("one")
        target = self.start_exporter().removeprefix("http://").removesuffix("/metrics")
        prometheus = f"http://{self.start_prometheus(target)}"
        received = 'rate(pollux_port_received_packets_total{process="one",port="0"}[1m])'
        self.wait_for(lambda: any(float(row["value"][1]) > 0 for row in self.query(prometheus, received)), "no rate of received packets")
        for panel in json.loads(DASHBOARD.read_text())["panels"]:
            for target in panel["targets"]:
                expression = target["expr"].replace("$__rate_interval", "1m").replace("$process", ".*")
                rows = self.query(prometheus, expression)
                # Nothing is lost, and nothing that was asked of a net_null is missing.
                if not re.search(r"lost|feature", expression):
                    self.assertTrue(rows, expression)

    def start_prometheus(self, target):
        """Its address, once it answers."""
        folder = tempfile.mkdtemp(prefix="plx", dir="/tmp")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = "127.0.0.1:%d" % free.getsockname()[1]
        job = {"job_name": "pollux", "scrape_interval": "2s", "scrape_timeout": "2s", "static_configs": [{"targets": [target]}]}
        # JSON is YAML.
        pathlib.Path(folder, "prometheus.yml").write_text(json.dumps({"scrape_configs": [job]}), encoding="utf-8")
        self.start(["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data", f"--web.listen-address={address}"])

        def is_ready():
            try:
                with urllib.request.urlopen(f"http://{address}/-/ready", timeout=PATIENCE_S) as answer:
                    return answer.status == 200
            except OSError:
                return False

        self.wait_for(is_ready, "prometheus does not start")
        return address

    @staticmethod
    def query(prometheus, expression):
        words = urllib.parse.urlencode({"query": expression})
        with urllib.request.urlopen(f"{prometheus}/api/v1/query?{words}", timeout=PATIENCE_S) as answer:
            return json.load(answer)["data"]["result"]

    def wait_for(self, condition, text):
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            self.assertLess(time.monotonic(), deadline, text)
            time.sleep(0.2)

    def test_an_address_that_is_taken_or_wrong_is_said(self):
        taken = self.start_exporter().removeprefix("http://").removesuffix("/metrics")
        for address, code, text in ((taken, 1, "Address already in use"), ("9470", 2, "ADDRESS:PORT")):
            done = subprocess.run([sys.executable, "-B", EXPORTER, "--listen", address], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
            self.assertEqual(done.returncode, code)
            self.assertIn(text, done.stderr)


if __name__ == "__main__":
    unittest.main()
