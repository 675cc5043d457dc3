#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/counters.md has a row for every counter that the code reports, and no other: counters_test.py LIBRARY PYTHON-FOLDER

What the drivers report is asked of real ports, one of each kind, in a network namespace that ends with the test; the other tables
are read from the sources that hold them.
"""

import json
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile
import unittest

LIBRARY, PYTHON = (str(pathlib.Path(argument).resolve()) for argument in sys.argv[1:3])

# The page and the tables: of the tree itself, not of what a rule names.
os.chdir(pathlib.Path(__file__).resolve().parents[3])

# Prints the names of all counters of ports of every kind.
ASK = """
import json, os, sys
sys.path.insert(0, os.environ["PYTHON"])
import pollux
names = []
for device in sys.argv[1:]:
    with pollux.Port(device, pollux.Pool(8192)) as port:
        names += port.counters()
print(json.dumps(names))
"""


def documented():
    """Section -> names of the first cells of its table."""
    sections, section = {}, ""
    for line in pathlib.Path("docs/counters.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            section = line[3:]
        elif line.startswith("| `"):
            sections.setdefault(section, []).extend(re.findall(r"`([^`]+)`", line.split("|")[1]))
    return sections


def in_source(path, pattern):
    return set(re.findall(pattern, pathlib.Path(path).read_text(encoding="utf-8")))


def of_ports(folder):
    """Real ports, in a namespace with a veth pair."""
    capture = pathlib.Path(folder) / "one.pcap"
    capture.write_bytes(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1) + struct.pack("<IIII", 0, 0, 60, 60) + bytes(60))
    devices = ["net_af_xdp0,iface=p0,tx=auto", "net_null0", "net_ring0", f"net_pcap0,rx_pcap={capture}", f"net_pcap1,tx_pcap={folder}/out.pcap"]
    script = 'set -e; ip link add p0 type veth peer name p1; ip link set p0 up; ip link set p1 up; exec "$@"'
    done = subprocess.run(["unshare", "--net", "sh", "-c", script, "sh", sys.executable, "-c", ASK, *devices],
                          env={**os.environ, "PYTHON": PYTHON, "POLLUX_LIBRARY": LIBRARY, "PYTHONDONTWRITEBYTECODE": "1"},
                          text=True, capture_output=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"ports cannot be asked: {done.stderr}")
    return {re.sub(r"_q\d+_", "_qN_", name) for name in json.loads(done.stdout)}


class CountersTest(unittest.TestCase):
    maxDiff = None

    def check(self, sections, reported):
        page = documented()
        written = [name for section in sections for name in page[section]]
        self.assertEqual(sorted(set(written) - reported), [], "on the page, and reported by nobody")
        self.assertEqual(sorted(reported - set(written)), [], "reported, and not on the page")

    def test_the_drivers_counters(self):
        with tempfile.TemporaryDirectory() as folder:
            reported = of_ports(folder)
        self.assertIn("tx_qN_inject_packets", reported)
        self.check([section for section in documented() if section.startswith("net_")], reported)

    def test_the_totals(self):
        self.check(["Totals"], in_source("pmd/device_stats.cc", r'\{"(\w+)", stats\.'))

    def test_flows(self):
        self.check(["Flows in the kernel"], in_source("pmd/flow_table.cc", r'CounterName\{\w+, "(\w+)"'))

    def test_streams(self):
        self.check(["testpmd's streams"], in_source("tools/testpmd/engines/stream.h", r'\{"(\w+)", CounterRole::'))

    def test_open_vswitch(self):
        self.check(["Open vSwitch"], in_source("tools/openvswitch/provider/status.c", r'AddCounter\(stats, "(\w+)"') |
                   in_source("tools/openvswitch/provider/offload.c", r'AddCounter\(counters, &count, "(\w+)"'))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
