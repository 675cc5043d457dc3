#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An lcore that is stopped is named, with its cause, in the log, by telemetry and in the view: watchdog_test.py TESTPMD TOP.PY"""

import ctypes
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

TESTPMD, TOP = map(os.path.abspath, sys.argv[1:3])
del sys.argv[1:]
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(TOP)), "telemetry"))
import client

PATIENCE_S = 60
SEIZE, INTERRUPT, DETACH = 0x4206, 0x4207, 17  # ptrace(2)
WAIT_ALL_THREADS = 0x40000000  # __WALL
STOPPED = "its thread is stopped"


class StoppedThread:
    """As a debugger stops one thread; SIGSTOP would stop all of them, the one that watches too."""

    def __init__(self, thread):
        self.thread = thread
        self.ptrace = ctypes.CDLL(None, use_errno=True).ptrace
        self.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
        self._call(SEIZE)
        self._call(INTERRUPT)
        os.waitpid(thread, WAIT_ALL_THREADS)

    def go_on(self):
        self._call(DETACH)

    def _call(self, request):
        if self.ptrace(request, self.thread, None, None) != 0:
            raise OSError(ctypes.get_errno(), f"ptrace({request:#x})")


class WatchdogTest(unittest.TestCase):
    def setUp(self):
        run_folder = tempfile.mkdtemp(prefix="plx", dir="/tmp")
        self.addCleanup(shutil.rmtree, run_folder, ignore_errors=True)
        os.environ["RUNTIME_DIRECTORY"] = run_folder
        words = [TESTPMD, "--lcores", "0@0,1@0", "--no-huge", "--vdev", "net_ring0", "--vdev", "net_ring1", "--", "--total-num-mbufs=8192", "--json",
                 "--auto-start", "-i"]
        self.testpmd = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(self.testpmd.kill)
        self.events = queue.Queue()
        threading.Thread(target=lambda: [self.events.put(json.loads(line)) for line in self.testpmd.stdout], daemon=True).start()
        self.wait_for_event(lambda event: event["event"] == "forwarding")
        self.process = client.Process(client.socket_paths()[0])
        self.addCleanup(self.process.close)

    def wait_for_event(self, wanted):
        deadline = time.monotonic() + PATIENCE_S
        while True:
            event = self.events.get(timeout=max(0.1, deadline - time.monotonic()))
            if wanted(event):
                return event

    def lcore_thread(self):
        tasks = f"/proc/{self.testpmd.pid}/task"
        for thread in os.listdir(tasks):
            with open(f"{tasks}/{thread}/comm", encoding="utf-8") as comm:
                if comm.read().strip() == "plx-lcore-1":
                    return int(thread)
        raise AssertionError("no lcore 1")

    def test_an_lcore_that_is_stopped(self):
        self.assertEqual(self.process.ask("/pollux/watchdog"), {"lcores": [], "queues": [], "reopened": []})
        stopped = StoppedThread(self.lcore_thread())
        self.wait_for_event(lambda event: event["event"] == "stalled" and event.get("lcore") == 1 and STOPPED in event["text"])
        stall = self.process.ask("/pollux/watchdog")["lcores"][0]
        self.assertEqual((stall["lcore"], STOPPED in stall["text"]), (1, True))
        self.assertGreaterEqual(stall["milliseconds"], 500)
        view = subprocess.run([sys.executable, "-B", TOP, "--once", "-d", "0.2"], capture_output=True, text=True, timeout=PATIENCE_S, check=True).stdout
        self.assertIn(f"STANDS STILL  testpmd {self.testpmd.pid}, lcore 1", view)
        stopped.go_on()
        self.wait_for_event(lambda event: event["event"] == "moves" and event.get("lcore") == 1)
        self.assertEqual(self.process.ask("/pollux/watchdog")["lcores"], [])
        self.testpmd.send_signal(signal.SIGINT)
        self.assertEqual(self.testpmd.wait(timeout=PATIENCE_S), 0)


if __name__ == "__main__":
    unittest.main()
