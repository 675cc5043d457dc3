#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The broker's unit for systemd, as far as it can be checked without systemd running: unit_test.py UNIT BROKER."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

UNIT, BROKER = (pathlib.Path(word).resolve() for word in sys.argv[1:3])
MOST_EXPOSURE = 35  # tenths, of systemd-analyze security: 0 is the least; without a sandbox it is 96
TARGETS = ("sysinit", "basic", "shutdown", "network-pre", "multi-user", "local-fs")
PATIENCE_S = 20 * int(os.environ.get("POLLUX_TEST_PATIENCE", "1"))


def setting(name):
    """The words of all lines NAME=..., joined."""
    return " ".join(re.findall(rf"^{name}=(.*)$", UNIT.read_text(encoding="utf-8"), re.MULTILINE)).split()


class UnitTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)

    def analyze(self, *words):
        if shutil.which("systemd-analyze") is None:
            self.skipTest("no systemd-analyze here (package systemd)")
        return subprocess.run(["systemd-analyze", *words], text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              check=False)

    def test_systemd_finds_nothing_wrong(self):
        units = self.folder / "usr/lib/systemd/system"
        units.mkdir(parents=True)
        shutil.copy(UNIT, units)
        # What it refers to: a root of a file system with the program, and targets that say nothing.
        program = self.folder / setting("ExecStart")[0].lstrip("/")
        program.parent.mkdir(parents=True)
        program.write_text("#!/bin/sh\n", encoding="ascii")
        program.chmod(0o755)
        for target in TARGETS:
            (units / f"{target}.target").write_text("[Unit]\n", encoding="ascii")
        done = self.analyze(f"--root={self.folder}", "--man=no", "verify", UNIT.name)
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_the_sandbox_leaves_little(self):
        done = self.analyze("--offline=true", f"--threshold={MOST_EXPOSURE}", "--no-pager", "security", str(UNIT))
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_injectors_find_their_device(self):
        self.assertEqual(setting("DeviceAllow"), ["/dev/net/tun", "rw"])
        self.assertEqual(setting("PrivateDevices"), [], "it would hide all but a few devices")

    @unittest.skipIf(os.geteuid() != 0, "needs root")
    def test_the_broker_serves_with_the_capabilities_of_the_unit(self):
        """And does so again after it was killed: what it left belongs to its client."""
        network = f"plx{os.getpid()}-unit"
        subprocess.run(["ip", "netns", "add", network], check=True)
        self.addCleanup(subprocess.run, ["ip", "netns", "del", network], check=False)
        subprocess.run(["ip", "-n", network, "link", "add", "p0", "type", "veth", "peer", "name", "p1"], check=True)
        folder = {"interface": "p0", "user": "nobody", "folder": f"{self.folder}/p0", "pin": f"{self.folder}/bpf/map"}
        (self.folder / "broker.json").write_text(json.dumps({"socket": f"{self.folder}/s", "device_plugin": [folder]}), encoding="utf-8")
        (self.folder / "bpf").mkdir()
        kept = ",".join(["-all"] + ["+" + name.removeprefix("CAP_").lower() for name in setting("CapabilityBoundingSet")])
        broker = f"setpriv --bounding-set={kept} --inh-caps={kept} --no-new-privs {BROKER} --config={self.folder}/broker.json"
        script = f"""
            mount -t bpf bpf {self.folder}/bpf
            for signal in KILL TERM; do
              {broker} >{self.folder}/log 2>&1 &
              for try in $(seq {PATIENCE_S * 20}); do grep -q 'serving at' {self.folder}/log && break; kill -0 $! || break; sleep 0.05; done
              grep 'serving at' {self.folder}/log || cat {self.folder}/log
              kill -$signal $!; wait $!
            done"""
        done = subprocess.run(["ip", "netns", "exec", network, "unshare", "--mount", "bash", "-c", script], text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        self.assertEqual(done.stdout.count("serving at"), 2, done.stdout)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
