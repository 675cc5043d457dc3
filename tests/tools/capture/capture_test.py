#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""pollux capture, with a testpmd between two namespaces and real pings: capture_test.py TESTPMD CAPTURE"""

import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

TESTPMD, CAPTURE = map(os.path.abspath, sys.argv[1:3])
del sys.argv[1:]
os.environ["PATH"] += ":/usr/sbin:/sbin"
PATIENCE_S = 60
NOBODY = 65534
IN, OUT = 1, 2


def run(*words):
    return subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE_S, check=True).stdout


def eventually(condition, what):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def blocks(data):
    """(type, body) of what is whole."""
    at = 0
    while at + 12 <= len(data):
        kind, length = struct.unpack_from("=II", data, at)
        if at + length > len(data):
            return
        assert struct.unpack_from("=I", data, at + length - 4)[0] == length
        yield kind, data[at + 8:at + length - 4]
        at += length


def options(body, at):
    found = {}
    while at < len(body):
        code, length = struct.unpack_from("=HH", body, at)
        if code == 0:
            break
        found[code] = body[at + 4:at + 4 + length]
        at += 4 + (length + 3) // 4 * 4
    return found


def packets(data):
    """(direction, bytes)"""
    found = []
    for kind, body in blocks(data):
        if kind == 6:
            captured = struct.unpack_from("=I", body, 12)[0]
            flags = options(body, 20 + (captured + 3) // 4 * 4)[2]
            found.append((struct.unpack("=I", flags)[0] & 3, body[20:20 + captured]))
    return found


def icmp_type(packet):
    """8: a request, 0: a reply."""
    return packet[34] if packet[12:14] == b"\x08\x00" and packet[23] == 1 else None


class CaptureTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="plx", dir="/tmp")
        os.chmod(self.folder, 0o755)
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        os.environ["RUNTIME_DIRECTORY"] = self.folder
        self.file = os.path.join(self.folder, "capture.pcapng")
        self.names = [f"plxcap{side}{os.getpid()}" for side in ("m", "a", "b")]
        middle, *ends = self.names
        for name in self.names:
            self.addCleanup(subprocess.run, ["ip", "netns", "delete", name], capture_output=True, check=False)
            run("ip", "netns", "add", name)
        for port, end, address in (("p0", ends[0], "198.18.0.1/24"), ("p1", ends[1], "198.18.0.2/24")):
            run("ip", "link", "add", port, "netns", middle, "type", "veth", "peer", "name", "far", "netns", end)
            run("ip", "-n", middle, "link", "set", port, "up")
            run("ip", "-n", end, "addr", "add", address, "dev", "far")
            run("ip", "-n", end, "link", "set", "far", "up")
        words = ["ip", "netns", "exec", middle, TESTPMD, "--lcores", "0@0,1@0", "--no-huge", "--vdev", "net_af_xdp0,iface=p0",
                 "--vdev", "net_af_xdp1,iface=p1", "--", "--auto-start", "-i", "--idle=adaptive"]
        self.testpmd = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        self.addCleanup(self.end_testpmd)
        eventually(lambda: self.ping("-c", "1", "-W", "1"), "testpmd does not forward")

    def end_testpmd(self):
        if self.testpmd.poll() is None:
            self.testpmd.send_signal(signal.SIGINT)
        self.testpmd.wait(timeout=PATIENCE_S)
        self.testpmd.stdin.close()

    def ping(self, *words):
        """Whether an answer came."""
        words = ["ip", "netns", "exec", self.names[1], "ping", "-q", *(words or ("-c", "1", "-W", "20")), "198.18.0.2"]
        return subprocess.run(words, capture_output=True, check=False, timeout=PATIENCE_S).returncode == 0

    def start(self, *words):
        process = subprocess.Popen([CAPTURE, *words], stderr=subprocess.PIPE, text=True)
        self.addCleanup(lambda: (process.poll() is None and process.kill(), process.wait(), process.stderr.close()))
        self.assertIn("bytes a packet", process.stderr.readline())
        return process

    def written(self):
        with open(self.file, "rb") as file:
            return file.read()

    def pings(self):
        return [(direction, icmp_type(packet), len(packet)) for direction, packet in packets(self.written()) if icmp_type(packet) is not None]

    @staticmethod
    def end(process):
        process.send_signal(signal.SIGINT)
        return process.communicate(timeout=PATIENCE_S)[1]

    def test_a_ping_is_there_both_ways_and_libpcap_reads_it(self):
        process = self.start("p0", "-w", self.file)
        self.assertTrue(self.ping("-c", "1", "-W", "20", "-s", "1000"))
        eventually(lambda: len(self.pings()) == 2, "the ping is not captured")
        said = self.end(process)
        self.assertEqual(process.returncode, 0)
        self.assertIn(" 0 dropped by the tap", said)
        self.assertEqual(self.pings(), [(IN, 8, 1042), (OUT, 0, 1042)])
        found = dict(blocks(self.written()))
        self.assertEqual(options(found[1], 8)[2], b"p0")
        self.assertEqual(struct.unpack("=Q", options(found[5], 12)[5])[0], 0)
        text = run("tcpdump", "-n", "-r", self.file, "icmp")
        self.assertEqual([word for word in text.split() if word in ("request,", "reply,")], ["request,", "reply,"])

    def test_filter_direction_count_and_snap_length(self):
        process = self.start("1", "-w", self.file, "-Q", "out", "-c", "2", "-s", "60", "icmp", "and", "greater", "500")
        for size in ("100", "1000", "100", "1000"):
            self.assertTrue(self.ping("-c", "1", "-W", "20", "-s", size))
        said = process.communicate(timeout=PATIENCE_S)[1]
        self.assertEqual(process.returncode, 0, said)
        self.assertEqual(self.pings(), [(OUT, 8, 60)] * 2)

    def test_a_stuck_reader_loses_packets_and_stops_nobody(self):
        process = self.start("p0", "-w", self.file, "-B", "1", "icmp")
        process.send_signal(signal.SIGSTOP)
        # Each way more than the half MiB that a queue's ring has.
        for _ in range(3):
            self.assertTrue(self.ping("-i", "0.002", "-c", "200", "-s", "1400"))
        process.send_signal(signal.SIGCONT)
        said = self.end(process)
        captured, dropped = len(self.pings()), int(said.split(" dropped")[0].split()[-1])
        taken = int(said.split(" taken")[0].split()[-1])
        self.assertEqual(captured + dropped, taken, said)
        self.assertGreater(dropped, 100)
        found = dict(blocks(self.written()))
        self.assertEqual(struct.unpack("=Q", options(found[5], 12)[5])[0], dropped)

    def test_killed_either_side(self):
        process = self.start("p0", "-w", self.file)
        process.kill()
        process.wait()
        process = self.start("p0", "-w", self.file)  # the place is free again
        self.assertTrue(self.ping())
        eventually(lambda: packets(self.written()), "nothing is captured")
        # It is ip's child: the process itself.
        self.testpmd.kill()
        said = process.communicate(timeout=PATIENCE_S)[1]
        self.assertEqual(process.returncode, 0)
        self.assertIn("has ended", said)
        self.assertEqual([kind for kind, _ in blocks(self.written())][-1], 5, "it is closed in order")

    def test_one_at_a_time_and_the_port_s_end(self):
        process = self.start("p0", "-w", self.file)
        second = subprocess.run([CAPTURE, "p0", "-w", "/dev/null"], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        self.assertEqual(second.returncode, 1)
        self.assertIn("is being captured already", second.stderr)
        self.testpmd.stdin.write(b"stop\nport stop 0\nport close 0\n")
        self.testpmd.stdin.flush()
        said = process.communicate(timeout=PATIENCE_S)[1]
        self.assertEqual(process.returncode, 0)
        self.assertIn("has closed p0", said)

    def test_who_may_not_and_what_cannot_be(self):
        refused = subprocess.run(["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", CAPTURE, "p0", "-w", "/dev/null"],
                                 capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        self.assertEqual(refused.returncode, 1, refused.stderr)
        self.assertIn("Permission denied", refused.stderr)
        for words, code, error in ((("p7", "-w", "/dev/null"), 1, "no process has a port p7: testpmd"),
                                   (("p0", "-w", "/dev/null", "nonsense", "and"), 2, "filter \"nonsense and\""),
                                   (("p0",), 2, "no file"), ((), 2, "no port"), (("p0", "-w", "/dev/null", "-s", "0"), 2, "--snap-length"),
                                   (("p0", "-w", os.path.join(self.folder, "no", "where")), 1, "No such file"),
                                   (("p0", "-w", "/dev/full"), 1, "No space left")):
            done = subprocess.run([CAPTURE, *words], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
            self.assertEqual(done.returncode, code, (words, done.stderr))
            self.assertIn(error, done.stderr)

    def test_a_process_that_answers_nonsense(self):
        folder = os.path.join(self.folder, "dpdk", "odd")
        os.mkdir(folder)
        for greeting, info in ((b'{"pid":"seven"}', b'{"/ethdev/info,0":null}'), (b'{"pid":[]}', b'{"/ethdev/info":{"name":7,"interface":{}}}')):
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
                path = os.path.join(folder, "dpdk_telemetry.v2")
                server.bind(path)
                server.listen()
                server.settimeout(PATIENCE_S)
                process = subprocess.Popen([CAPTURE, "p9", "-w", "/dev/null", "--file-prefix", "odd"], stderr=subprocess.PIPE, text=True)
                with server.accept()[0] as client:
                    client.settimeout(PATIENCE_S)
                    client.send(greeting)
                    for answer in (b'{"/ethdev/list":[0]}', info):
                        client.recv(1024)
                        client.send(answer)
                    said = process.communicate(timeout=PATIENCE_S)[1]
                self.assertEqual(process.returncode, 1, said)
                self.assertIn("no process has a port p9", said)
                os.unlink(path)


if __name__ == "__main__":
    unittest.main()
