#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Compares two runs of Open vSwitch's suite: suite_report.py [--table FILE] [--xml FILE] [--command TEXT] FOLDER.

FOLDER/afxdp.out and FOLDER/pollux.out are what the suite printed for each type of port; FOLDER/provider.results, if it is there, has
a line "ok NAME" or "FAILED NAME: WHY" for each check of our own. Exit code 1 if pollux failed a test that afxdp passed, or did not run
it, if a check of our own failed, or if nothing ran.
"""

import argparse
import collections
import pathlib
import platform
import re
import sys
import xml.etree.ElementTree as xml_tree

LINE = re.compile(r"^ *(\d+): (.*?) +(ok|FAILED|skipped)(?: \((.*)\))? *$")
Test = collections.namedtuple("Test", "number name afxdp pollux")


def read_results(path):
    """Returns {number: (name, result, where)} of a suite's output."""
    results = {}
    for line in path.read_text(errors="replace").splitlines():
        match = LINE.match(line)
        if match:
            number, name, result, where = match.groups()
            results[int(number)] = (name.strip(), result, where or "")
    return results


def first_reason(folder, number):
    """Returns the lines of a failed test's log that say why, shortened."""
    log = next(folder.glob(f"pollux*/*testsuite.dir/{number:03}/*testsuite.log"), None)
    if log is None:
        return ""
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.startswith(("+", "-", "Error", "RTNETLINK", "./"))
             or "wait failed" in line]
    return "\n".join(lines[:12])


def read_checks(path):
    """Returns [(name, reason or None)] of our own checks."""
    lines = path.read_text().splitlines() if path.exists() else []
    return [(line[3:], None) if line.startswith("ok ") else tuple(line.removeprefix("FAILED ").split(": ", 1)) for line in lines]


def verdict(test):
    if test.pollux == "skipped" and test.afxdp == "skipped":
        return "skipped"
    if test.pollux == "ok":
        return "passed"
    return "failed" if test.afxdp == "ok" else "skipped"


def write_xml(path, tests, checks, folder):
    suite = xml_tree.Element("testsuite", name="Open vSwitch", tests=str(len(tests) + len(checks)))
    for name, reason in checks:
        case = xml_tree.SubElement(suite, "testcase", classname="type=pollux", name=name, status="run")
        if reason:
            xml_tree.SubElement(case, "failure", message=reason)
    for test in tests:
        case = xml_tree.SubElement(suite, "testcase", classname="check-afxdp", name=f"{test.number}: {test.name}", status="run")
        if verdict(test) == "failed":
            failure = xml_tree.SubElement(case, "failure", message=f"type=afxdp: {test.afxdp}, type=pollux: {test.pollux}")
            failure.text = first_reason(folder, test.number)
        elif verdict(test) == "skipped":
            xml_tree.SubElement(case, "skipped", message=f"type=afxdp: {test.afxdp}, type=pollux: {test.pollux}")
    xml_tree.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)


def write_table(path, tests, command, summary):
    kernel = platform.release().split("-")[0]
    lines = [
        "# Open vSwitch's check-afxdp, with type=afxdp and with type=pollux", "",
        f"Written by `{command} --table=FILE`. Both types in one run, one binary, one kernel: Linux {kernel}, {platform.machine()}.",
        "The suite is Open vSwitch 3.1.0's own; for pollux only the name of the type differs. What fails with both needs a kind of device that",
        "this kernel lacks, unless [openvswitch.md](openvswitch.md) says otherwise.", "", summary, "",
        "| | test | afxdp | pollux |", "|---|---|---|---|"
    ]
    lines += [f"| {test.number} | {test.name} | {test.afxdp} | {test.pollux} |" for test in tests]
    path.write_text("\n".join(lines) + "\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--table", type=pathlib.Path)
    parser.add_argument("--xml")
    parser.add_argument("--command", default="tools/ovs test --full")
    parser.add_argument("folder", type=pathlib.Path)
    options = parser.parse_args()

    afxdp = read_results(options.folder / "afxdp.out")
    pollux = read_results(options.folder / "pollux.out")
    missing = ("", "not run", "")
    tests = [
        Test(number, (pollux.get(number) or afxdp[number])[0], afxdp.get(number, missing)[1], pollux.get(number, missing)[1])
        for number in sorted(afxdp.keys() | pollux.keys())
    ]
    checks = read_checks(options.folder / "provider.results")
    if not tests:
        print((options.folder / "pollux.out").read_text(errors="replace")[-3000:])
        print("no test ran (above: the suite's own words)")
        return 1

    print(f"\n{'':4} {'':70} {'afxdp':8} pollux")
    for test in tests:
        print(f"{test.number:4} {test.name[:70]:70} {test.afxdp:8} {test.pollux}")
    count = {which: collections.Counter(getattr(test, which) for test in tests) for which in ("afxdp", "pollux")}
    worse = [test for test in tests if verdict(test) == "failed"]
    better = [test for test in tests if test.pollux == "ok" and test.afxdp in ("FAILED", "skipped")]
    summary = "; ".join(f"{which}: {count[which]['ok']} ok, {count[which]['FAILED']} failed, {count[which]['skipped']} skipped"
                        for which in ("afxdp", "pollux"))
    print(f"\n{summary}")
    for test in better:
        print(f"only pollux passes {test.number}: {test.name}")
    for test in worse:
        print(f"pollux does not pass {test.number}: {test.name}")
        print("\n".join("    " + line for line in first_reason(options.folder, test.number).splitlines()))
    if options.xml:
        write_xml(options.xml, tests, checks, options.folder)
    if options.table:
        write_table(options.table, tests, options.command, summary + ".")
    failed_checks = [name for name, reason in checks if reason]
    for name in failed_checks:
        print(f"a check of the provider failed: {name}")
    return 1 if worse or failed_checks else 0


if __name__ == "__main__":
    sys.exit(main())
