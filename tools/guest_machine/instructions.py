#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts the instructions that testpmd and dpdk-testpmd execute in user space for a packet, between two zero-copy ports of one guest.

tools/guest --instructions [--packets N] [--kernel VERSION]

Both forward the same packets the same way, io forwarding in both directions, on a processor of the guest where nothing else is in user
space. A plugin of QEMU's counts there, from the start of forwarding to its stop. A poll that finds nothing is no packet's cost: its
instructions are counted in a run without traffic, right after, and subtracted for each such poll. testpmd counts polls and bursts
(--record-burst-stats, for both).
"""

import argparse
import contextlib
import dataclasses
import io
import os
import pathlib
import re
import sys
import tempfile

import guest

LIBRARIES = "/usr/lib/x86_64-linux-gnu"
# What DPDK loads by name. Other drivers stay at home.
DPDK_FILES = [f"{LIBRARIES}/dpdk/pmds-23.0/librte_{name}.so.23.0" for name in ("net_af_xdp", "mempool_ring")]
FORWARDER = 1  # the processor


@dataclasses.dataclass
class Count:
    """Of one contender: a run with packets, and one without."""

    packets: int
    bursts: int
    empty_polls: int
    instructions: int
    idle_polls: int
    idle_instructions: int

    @property
    def empty_poll(self):
        return self.idle_instructions / self.idle_polls

    @property
    def a_packet(self):
        return (self.instructions - self.empty_polls * self.empty_poll) / self.packets


def contenders(testpmd):
    ports = [f"--vdev net_af_xdp{number},iface=port{number + 1}" for number in range(2)]
    # Preferred busy polling, DPDK's default, stalls sends in zero-copy mode on virtio-net.
    dpdk = "stdbuf -oL dpdk-testpmd -l 0,1 -m 128 --no-pci --in-memory " + " ".join(port + ",busy_budget=0" for port in ports)
    return {"testpmd": f"{testpmd} -l 0,1 " + " ".join(ports), "dpdk-testpmd": dpdk}


def total(pattern, text):
    return sum(int(number) for number in re.findall(pattern, text))


def evaluate(text, sockets, marks):
    """`marks` are the counts of the forwarder's processor: before the traffic, behind it, and behind the run without."""
    if len(marks) != 3:
        raise SystemExit("the guest has not marked what was to be counted")
    if sockets.count("zc:1") != 2:
        raise SystemExit(f"not two sockets in zero-copy mode:\n{sockets}")
    # Up to the sums of each run: those of its ports.
    runs = [run.partition("Accumulated forward statistics")[0] for run in text.split("Telling cores to stop")[1:3]]
    polls, idle_polls = (total(r"RX-bursts : (\d+)", run) for run in runs)
    bursts = total(r"TX-bursts : (\d+)", runs[0])
    packets = total(r"TX-packets: (\d+)", runs[0])
    if total(r"TX-packets: (\d+)", runs[1]) != 0:
        raise SystemExit("packets in the run that was to have none")
    return Count(packets, bursts, polls - bursts, marks[1] - marks[0], idle_polls, marks[2] - marks[1])


def table(counts, kernel, packets):
    least = counts["dpdk-testpmd"].a_packet
    lines = [f"io forwarding of {packets} packets of 64 bytes between two zero-copy ports (virtio-net), Linux {kernel}", ""]
    lines.append("| contender | user-space instructions a packet | times DPDK's | packets a burst | instructions of an empty poll | empty polls |")
    lines.append("|---|---|---|---|---|---|")
    for name, count in counts.items():
        row = [name, f"{count.a_packet:.1f}", f"{count.a_packet / least:.2f}", f"{count.packets / count.bursts:.1f}"]
        lines.append("| " + " | ".join([*row, f"{count.empty_poll:.1f}", f"{count.empty_polls}"]) + " |")
    return "\n".join(lines)


def main(words):
    parser = argparse.ArgumentParser(prog="tools/guest --instructions", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packets", type=int, default=100000, metavar="N", help="(default %(default)s)")
    parser.add_argument("--kernel", default=guest.kernels.DEFAULT, metavar="VERSION", help="(default %(default)s)")
    parser.add_argument("programs", nargs=4, metavar="PLUGIN MARK SOURCE TESTPMD", help="named by tools/guest")
    options = parser.parse_args(words)
    plugin, mark, source, testpmd = (os.path.abspath(program) for program in options.programs)
    script = os.path.join(os.path.dirname(os.path.realpath(__file__)), "instructions.sh")
    commands = contenders(testpmd)
    with tempfile.TemporaryDirectory(prefix="plx") as out:
        words = ["--kernel", options.kernel, "--ports", "4", "--cpus", "2", "--hugepages", "128", "--memory", "1024", "--timeout", "900"]
        words += ["--plugin", f"{plugin},out={out}/counts", "--out", out]
        taken = [mark, source, testpmd, script, "ss", "stdbuf", "/usr/libexec/coreutils/libstdbuf.so", f"{LIBRARIES}/bpf"]
        for file in [*taken, "dpdk-testpmd", *DPDK_FILES]:
            words += ["--file", file]
        words += ["--", "sh", "-c", 'uname -r >/out/kernel; exec sh "$@"', "sh", script, str(options.packets), mark, source]
        for name, command in commands.items():
            words += [name, command]
        said = io.TextIOWrapper(io.BytesIO())
        with contextlib.redirect_stdout(said):
            status = guest.main(words)
        if status != 0:
            print(said.buffer.getvalue().decode(errors="replace"), file=sys.stderr)
            return status
        folder = pathlib.Path(out)
        lines = [line.split() for line in (folder / "counts").read_text(encoding="ascii").splitlines()]
        marks = [int(line[2 * FORWARDER]) for line in lines]
        counts = {}
        for number, name in enumerate(commands):
            sockets = (folder / f"{name}.sockets").read_text(encoding="utf-8")
            counts[name] = evaluate((folder / name).read_text(encoding="utf-8"), sockets, marks[3 * number : 3 * number + 3])
        print(table(counts, (folder / "kernel").read_text(encoding="utf-8").strip(), options.packets))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
