#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes docs/kernels.md: boots each kernel, asks it what Pollux gets of it, and runs the tests that need a kernel there.

What a kernel lacks is reported, and no failure; a kernel that does not boot is. Software emulation: count with half an hour a kernel.
The version "host" stands for this machine itself: only the tests run there. What each kernel said is kept, program by program, so the
table always has all kernels, and --resume goes on where a run was cut.
Run it as root, by tools/guest --kernel-table, which builds PROGRAM...: what tells features, testpmd, and the tests in their order.
"""

import argparse
import contextlib
import datetime
import io
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import guest
import kernel as kernels
from kernel_report import LEFT_OUT, report
from kernel_results import Results

KERNELS = ("6.1", "6.12", "6.16", "6.18", "7.3", "host")
PROGRAM_TIMEOUT_S = 1800
# Several times what a real machine needs; the tests multiply their deadlines by it (tools/support/patience.h).
PATIENCE = 6
TOOLS = ("ip", "ping", "sysctl", "ethtool", "bpftool", "curl", "iperf3", "nstat", "setpriv", "prlimit", "/usr/bin/python3")
LIBXDP_PROGRAMS = "/usr/lib/x86_64-linux-gnu/bpf"


# Of the guest: a veth for what tells features (its port takes XDP frames only with gro on), and the kernel's own complaints.
SETUP = """/usr/bin/ip link add v0 type veth peer name v1
for end in v0 v1; do ip link set $end up; done
ethtool -K v1 gro on
dmesg -c >/dev/null"""
COMPLAINTS = "dmesg -c | grep -E 'WARNING:|BUG:|Oops|stall' | sed 's/^/@kernel /'"


def script(programs, emulated):
    """For a shell; kernel_results.py reads the lines that begin with @."""
    lines = ['echo "@release $(uname -r)"' if emulated else 'echo "@release $(uname -r | cut -d- -f1) (host)"', SETUP if emulated else ""]
    for program in programs:
        left_out = LEFT_OUT[program.name][0] if emulated and program.name in LEFT_OUT else ""
        lines.append(f'echo "@begin {program.name}"')
        lines.append(f"timeout -s KILL {PROGRAM_TIMEOUT_S} {program} --gtest_filter=-{left_out}")
        lines += ["status=$?", COMPLAINTS if emulated else ""]
        lines.append('echo "@end $status"')
    return "\n".join([*lines, "exit 0"])


def python_library():
    """The modules of Debian's python3, for the tests' web server."""
    return max(pathlib.Path("/usr/lib").glob("python3.*[0-9]"), key=lambda path: kernels.version_key(path.name))


class Output(io.TextIOWrapper):
    """A standard output that hands the guest's bytes on."""

    def __init__(self, read):
        super().__init__(io.BytesIO())
        self.read_bytes = read

    @property
    def buffer(self):
        return self

    def write(self, data):
        self.read_bytes(data if isinstance(data, bytes) else data.encode())


def boot(kernel, programs, testpmd, results):
    """One guest for all these programs; returns its exit code."""
    words = ["--kernel", kernel, "--cpus", "2", "--memory", "2048", "--timeout", str(PROGRAM_TIMEOUT_S * len(programs))]
    for assignment in (f"POLLUX_TESTPMD={testpmd}", f"POLLUX_TEST_PATIENCE={PATIENCE}", "TEST_TMPDIR=/tmp"):
        words += ["--env", assignment]
    for path in (*programs, testpmd, *TOOLS, LIBXDP_PROGRAMS, python_library()):
        words += ["--file", str(path)]
    with contextlib.redirect_stdout(Output(results.read)):
        return guest.main([*words, "--", "sh", "-c", script(programs, emulated=True)])


def run_host(programs, testpmd, results):
    """The tests on this machine's own kernel."""
    pending = [program for program in programs if program.name not in results.programs]
    command = ["sh", "-c", script(pending, emulated=False)]
    with tempfile.TemporaryDirectory(prefix="plx") as scratch:
        environment = dict(os.environ, POLLUX_TESTPMD=str(testpmd), TEST_TMPDIR=scratch)
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment) as shell:
            while data := shell.stdout.read1():
                results.read(data)


def run_kernel(kernel, programs, testpmd, results, say):
    """Runs what `results` has not yet; after a guest that died, another takes the programs behind the one it died of."""
    while True:
        pending = [program for program in programs if program.name not in results.programs]
        if not pending:
            return
        say(f"{len(pending)} programs to run")
        status = boot(kernel, pending, testpmd, results)
        if not results.cut("the guest died" if status == guest.machines.GUEST_DIED else f"the guest ended with {status}"):
            if status != 0 or any(program.name not in results.programs for program in pending):
                raise SystemExit(f"kernel {kernel}: exit code {status}")


def main(words):
    parser = argparse.ArgumentParser(
        prog="tools/guest --kernel-table", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--kernels", default=",".join(KERNELS), metavar="VERSION[,VERSION]", help="which to run (default %(default)s)")
    add("--only", default="", metavar="NAME[,NAME]", help="run these programs anew, and no others")
    add("--resume", action="store_true", help="leave out what was run before")
    add("--output", default="docs/kernels.md", help="(default %(default)s)")
    add("programs", nargs="+", metavar="PROGRAM")
    options = parser.parse_args(words)
    features, testpmd, *tests = (pathlib.Path(program).absolute() for program in options.programs)
    programs = [features, *tests]
    only = [name for name in options.only.split(",") if name]
    began = time.monotonic()

    def say(text):
        print(f"{time.monotonic() - began:6.0f} s  {text}", file=sys.stderr, flush=True)

    folder = kernels.cache_folder() / "kernel_table"
    for wanted in options.kernels.split(","):
        try:
            version = "host" if wanted == "host" else kernels.fetch(wanted, "cloud", say).version
        except kernels.Unavailable as missing:
            raise SystemExit(f"tools/guest: {missing}") from missing
        results = Results(folder / f"{version}.json", lambda text, kernel=wanted: say(f"{kernel}  {text}"))
        if not options.resume and not only:
            results.programs = {}
        for name in only:
            results.programs.pop(name, None)
        chosen = [program for program in programs if not only or program.name in only]
        if wanted == "host":
            run_host([program for program in chosen if program != features], testpmd, results)
        else:
            run_kernel(wanted, chosen, testpmd, results, results.say)
        every = [Results(path) for path in sorted(folder.glob("*.json"), key=lambda path: kernels.version_key(path.stem) or [99])]
        text = report(every, [program.name for program in tests], datetime.date.today())
        pathlib.Path(options.output).write_text(text, encoding="utf-8")
        say(f"{options.output}: {len(every)} kernels")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
