#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""testpmd --record, and the page of it: plot_test.py TESTPMD PLOT"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import xml.dom.minidom

TESTPMD, PLOT = map(os.path.abspath, sys.argv[1:3])
del sys.argv[1:]
PATIENCE_S = 60
SMALL_DISK = 'mount -t tmpfs -o size=16k pollux-test "$0" && exec "$@"'


class PlotTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="plx", dir="/tmp")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        os.environ["RUNTIME_DIRECTORY"] = self.folder
        self.file = os.path.join(self.folder, "run.jsonl")

    def start(self, *options, before=()):
        words = [*before, TESTPMD, "--lcores", "0@0,1@0", "--no-huge", "--vdev", "net_null0", "--vdev", "net_null1", "--",
                 "--total-num-mbufs=8192", "--auto-start", "-i", f"--record={self.file}", "--record-period-ms=20", *options]
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.addCleanup(lambda: process.poll() is None and (process.kill(), process.wait()))
        return process

    def wait_for_samples(self, count):
        deadline = time.monotonic() + PATIENCE_S
        while not os.path.exists(self.file) or open(self.file, encoding="utf-8").read().count("\n") <= count:
            self.assertLess(time.monotonic(), deadline, "no samples come")
            time.sleep(0.02)

    @staticmethod
    def end(process):
        process.send_signal(signal.SIGINT)
        return process.communicate(timeout=PATIENCE_S)[0]

    def plot(self, *words):
        return subprocess.run([PLOT, *words], capture_output=True, text=True, timeout=PATIENCE_S, check=False)

    def record(self):
        process = self.start()
        self.wait_for_samples(5)
        self.end(process)
        self.assertEqual(process.returncode, 0)

    def test_a_run_and_its_page(self):
        self.record()
        lines = [json.loads(line) for line in open(self.file, encoding="utf-8")]
        self.assertEqual((lines[0]["record"], lines[0]["version"], lines[0]["period_ms"]), ("pollux", 1, 20))
        self.assertGreater(lines[-1]["ports"][0]["rx_packets"], lines[1]["ports"][0]["rx_packets"])
        self.assertEqual([port["name"] for port in lines[-1]["ports"]], ["net_null0", "net_null1"])
        done = self.plot(self.file)
        self.assertEqual((done.returncode, done.stdout), (0, self.file + ".html\n"), done.stderr)
        page = open(self.file + ".html", encoding="utf-8").read()
        self.assertIn("</i>net_null1</span>", page)
        pictures = [picture.split("</svg>")[0] for picture in page.split("<svg")[1:]]
        self.assertGreaterEqual(len(pictures), 6)
        for picture in pictures:
            self.assertIn("<polyline", picture)
            xml.dom.minidom.parseString("<svg" + picture + "</svg>")
        both = self.plot(self.file, "-o", "-", os.path.join(self.folder, ".", "run.jsonl"))
        self.assertEqual(both.returncode, 0, both.stderr)
        self.assertIn(f"</i>{self.file}: net_null1</span>", both.stdout)

    def test_what_was_killed_can_be_drawn(self):
        process = self.start()
        self.wait_for_samples(5)
        process.kill()
        process.wait()
        with open(self.file, "a", encoding="utf-8") as file:
            file.write('{"seconds":')
        done = self.plot(self.file)
        self.assertEqual(done.returncode, 0)
        self.assertIn("cut off", done.stderr)

    def test_a_full_disk_ends_the_record_and_not_the_forwarding(self):
        disk = os.path.join(self.folder, "disk")
        os.mkdir(disk)
        self.file = os.path.join(disk, "run.jsonl")
        process = self.start(before=("unshare", "--mount", "sh", "-c", SMALL_DISK, disk))
        text = ""
        while "No space left on device" not in text:
            line = process.stdout.readline()
            self.assertTrue(line, "it has ended: " + text)
            text += line
        self.assertIn(f"--record ends, forwarding goes on: write({self.file})", text)
        process.stdin.write("show fwd stats all\n")
        process.stdin.flush()
        while "Accumulated forward statistics" not in text:
            line = process.stdout.readline()
            self.assertTrue(line, "it has ended: " + text)
            text += line
        # That it ends with a whole line is seen from within its own namespace of mounts.
        record = open(f"/proc/{process.pid}/root{self.file}", encoding="utf-8").read()
        self.assertTrue(record.endswith("}\n"))
        self.assertGreater(record.count("\n"), 2)
        self.end(process)
        self.assertEqual(process.returncode, 1)

    def test_the_file_is_bounded(self):
        process = self.start("--record-limit=1", "--record-period-ms=1")
        text = ""
        while "--record-limit" not in text:
            line = process.stdout.readline()
            self.assertTrue(line, "it has ended: " + text)
            text += line
        self.assertLessEqual(os.path.getsize(self.file), 1 << 20)
        self.end(process)
        self.assertEqual(process.returncode, 1)

    def test_files_that_cannot_be(self):
        self.file = "/dev/null"
        process = self.start()
        self.assertIn("--record: /dev/null is no ordinary file", process.communicate(timeout=PATIENCE_S)[0])
        self.assertEqual(process.returncode, 2)
        self.file = os.path.join(self.folder, "nowhere", "run")
        process = self.start()
        self.assertIn("No such file or directory", process.communicate(timeout=PATIENCE_S)[0])
        self.assertEqual(process.returncode, 1)

    def test_wrong_words_and_files(self):
        self.assertEqual(self.plot().returncode, 2)
        self.assertEqual(self.plot("--nonsense", "x").returncode, 2)
        self.assertEqual(self.plot("--help").returncode, 0)
        text = os.path.join(self.folder, "text")
        with open(text, "w", encoding="utf-8") as file:
            file.write("hello\n")
        for words, error in (((text,), "is no record"), ((self.folder,), "is no record"), ((text + "no",), "No such file"),
                             ((text, "-o", text), "take the place")):
            done = self.plot(*words)
            self.assertEqual(done.returncode, 1, words)
            self.assertIn(error, done.stderr)


if __name__ == "__main__":
    unittest.main()
