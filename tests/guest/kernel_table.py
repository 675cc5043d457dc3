#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes docs/kernels.md: boots each kernel, asks it what Pollux gets of it, and runs the namespace tests there.

kernel_table.py [--kernels 6.1,6.12,...] [--output FILE] FEATURES-PROGRAM [TEST-PROGRAM]...

What a kernel lacks is reported, and no failure; a kernel that does not boot is. Run it by tools/guest --kernel-table, as root.
"""

import argparse
import contextlib
import io
import pathlib
import sys
import tempfile
import xml.etree.ElementTree as xml_tree

import guest

KERNELS = ("5.10", "6.1", "6.12", "6.16", "6.18", "7.3")
TEST_TIMEOUT_S = 240  # of one test program; the emulated machine is slow
LIBXDP_PROGRAMS = "/usr/lib/x86_64-linux-gnu/bpf"
HEAD = """# Kernels

Made by `tools/guest --kernel-table`, which boots each kernel in an emulated machine ([guest.md](guest.md)), asks for everything as a user
would, and runs tests of the kernel interfaces and of net_af_xdp there. What a kernel lacks is no failure: Pollux finds out at run time.
The contract suite on veth and the tests of testpmd are not among them: emulated, the suite does not end in two minutes.
5.10 is older than what the tests are written for: the programs of steering and of injection do not load there, and their tests fail.

## What works

"falls back": Pollux goes on another way, and says so in its report.

"""


def run_kernel(kernel, programs):
    """Returns (version, feature lines, {test: root of its XML or None})."""
    lines = ["uname -r >/out/version", "/usr/bin/ip link add v0 type veth peer name v1"]
    lines.append("for end in v0 v1; do ip link set $end up; done")
    lines.append("ethtool -K v1 gro on")  # the port takes XDP frames only so
    lines.append(f"{programs[0]} >/out/features 2>/out/errors")
    for number, program in enumerate(programs[1:]):
        lines.append(f"timeout {TEST_TIMEOUT_S} {program} --gtest_output=xml:/out/{number}.xml >/out/{number}.log 2>&1")
    words = ["--kernel", kernel, "--timeout", "1800", "--memory", "1024"]
    for program in programs:
        words += ["--file", program]
    for tool in ("ping", "sysctl", LIBXDP_PROGRAMS):
        words += ["--file", tool]
    with tempfile.TemporaryDirectory() as out:
        with contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO())):
            status = guest.main([*words, "--out", out, "--", "sh", "-c", "\n".join([*lines, "exit 0"])])
        folder = pathlib.Path(out)
        if status != 0 or not (folder / "features").exists():
            raise SystemExit(f"kernel {kernel}: exit code {status}")
        features = [line.split("\t") for line in (folder / "features").read_text(encoding="utf-8").splitlines()]
        results = {}
        for number, program in enumerate(programs[1:]):
            report = folder / f"{number}.xml"
            results[pathlib.Path(program).name] = xml_tree.parse(report).getroot() if report.exists() else None
        return (folder / "version").read_text(encoding="utf-8").strip(), features, results


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"


def cases(root):
    """Returns passed, and (name, kind, reason) of the others."""
    passed, others = 0, []
    for case in root.iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name')}"
        bad, skipped = case.find("failure"), case.find("skipped")
        if bad is not None:
            others.append((name, "failed", " ".join(bad.get("message", "").split())[:160]))
        elif skipped is not None or case.get("result") == "skipped":
            reason = skipped.get("message", "") if skipped is not None else ""
            others.append((name, "skipped", " ".join(reason.split())[:160]))
        else:
            passed += 1
    return passed, others


def write(results):
    versions = [version for version, _, _ in results]
    rows = {}
    notes = []
    for index, (version, features, _) in enumerate(results):
        for feature, verdict, why in features:
            rows.setdefault(feature, ["absent"] * len(results))[index] = verdict
            if verdict != "works":
                notes.append(f"- {version}, {feature}: {why}\n")
    text = HEAD + table(["", *versions], [[feature, *verdicts] for feature, verdicts in rows.items()]) + "\n" + "".join(notes)
    rows, notes = {}, []
    for index, (version, _, tests) in enumerate(results):
        for name, root in tests.items():
            row = rows.setdefault(name, ["not run"] * len(results))
            if root is None:
                row[index] = "did not end"
                continue
            passed, others = cases(root)
            failed = sum(kind == "failed" for _, kind, _ in others)
            row[index] = f"{passed} passed, {failed} failed, {len(others) - failed} skipped"
            notes += [f"- {version}, {name}: {case} {kind}: {reason}\n" for case, kind, reason in others]
    text += "\n## Tests\n\n" + table(["", *versions], [[f"`{name}`", *row] for name, row in rows.items()])
    return text + ("\n" + "".join(notes) if notes else "")


def main(words):
    parser = argparse.ArgumentParser(prog="tools/guest --kernel-table", description=__doc__)
    parser.add_argument("--kernels", default=",".join(KERNELS))
    parser.add_argument("--output", default="docs/kernels.md")
    parser.add_argument("programs", nargs="+")
    options = parser.parse_args(words)
    results = []
    for kernel in options.kernels.split(","):
        results.append(run_kernel(kernel, options.programs))
        pathlib.Path(options.output).write_text(write(results), encoding="utf-8")
    print(f"{options.output}: {len(results)} kernels")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
