#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts test cases of Bazel runs: test_report.py [--must-run PREFIX]... [--may-skip CASE]... [--checks PASSED,FAILED] NAME=EVENTS.json...

EVENTS.json is what --build_event_json_file writes. A target that failed without a failed case in its XML (it crashed, ran out of
time, or did not build) counts as one failed case; so does a skipped case under a label that begins with a --must-run PREFIX, unless
it is a --may-skip CASE.
Prints what failed and what was skipped, with the reason, and last "N passed, N failed, N skipped". Exit code 0: nothing failed,
and something passed.
"""

import argparse
import json
import sys
import urllib.parse
import urllib.request
import xml.etree.ElementTree as xml_tree


class Count:
    def __init__(self):
        self.passed = 0
        self.failed = []  # (name, reason)
        self.skipped = []


def read_events(path):
    """Yields the events of a file; none if Bazel ended before it wrote any."""
    try:
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)
    except (FileNotFoundError, json.JSONDecodeError) as error:
        print(f"{path}: {error}", file=sys.stderr)


def first_words(text):
    """The reason in one line; gtest puts FILE:LINE on a line of its own before it."""
    lines = [line.strip() for line in (text or "").splitlines() if line.strip()]
    if len(lines) > 1 and lines[0].rsplit(":", 1)[-1].isdigit():
        lines = lines[1:]
    return " ".join(lines)[:300]


def read_cases(uri):
    """Returns (name, "passed" | "failed" | "skipped", reason) of every case of a test.xml."""
    path = urllib.request.url2pathname(urllib.parse.urlparse(uri).path)
    try:
        root = xml_tree.parse(path).getroot()
    except (OSError, xml_tree.ParseError):
        return []
    cases = []
    for case in root.iter("testcase"):
        suite = case.get("classname", "")
        name = f"{suite}.{case.get('name')}" if suite else case.get("name", "")
        bad = case.find("failure")
        bad = case.find("error") if bad is None else bad
        skip = case.find("skipped")
        if bad is not None:
            cases.append((name, "failed", first_words(bad.get("message"))))
        elif skip is not None or case.get("result") == "skipped":
            cases.append((name, "skipped", first_words(skip.get("message") if skip is not None else "")))
        elif case.get("status") == "notrun":
            cases.append((name, "skipped", "disabled"))
        else:
            cases.append((name, "passed", ""))
    return cases


def count_run(run, path, must_run, may_skip, count):
    results = {}  # (label, run, shard) -> result; a later attempt replaces an earlier one
    not_built = {}
    aborted = None
    exit_name = None
    for event in read_events(path):
        key = event.get("id", {})
        if "testResult" in key and "testResult" in event:
            which = key["testResult"]
            results[(which["label"], which.get("run", 1), which.get("shard", 1))] = event["testResult"]
        elif "targetCompleted" in key and not event.get("completed", {}).get("success", False):
            not_built[key["targetCompleted"]["label"]] = "did not build"
        elif "pattern" in key and "aborted" in event:
            aborted = event["aborted"].get("description", "the build was aborted")
        elif "buildFinished" in key:
            exit_name = event.get("finished", {}).get("exitCode", {}).get("name", "unknown")
    title = f"[{run}] " if run else ""
    for label, reason in not_built.items():
        count.failed.append((title + label, reason))
    # With --keep_going a folder that cannot be loaded shows in the exit code alone.
    if exit_name not in ("SUCCESS", "TESTS_FAILED") and not not_built:
        count.failed.append((f"{title}bazel test", first_words(aborted) or f"ended with {exit_name or 'no result'} (above: its words)"))
    for (label, _, _), result in sorted(results.items()):
        xml = [output["uri"] for output in result.get("testActionOutput", []) if output.get("name") == "test.xml" and "uri" in output]
        cases = read_cases(xml[0]) if xml else []
        status = result.get("status", "NO_STATUS")
        for name, verdict, reason in cases:
            full = f"{title}{label} {name}"
            if verdict == "passed":
                count.passed += 1
            elif verdict == "failed":
                count.failed.append((full, reason))
            elif name not in may_skip and any(label.startswith(prefix) for prefix in must_run):
                count.failed.append((full, "skipped, and may not be here: " + reason))
            else:
                count.skipped.append((full, reason))
        if status != "PASSED" and not any(verdict == "failed" for _, verdict, _ in cases):
            count.failed.append((title + label, f"{status.lower().replace('_', ' ')} without a failed case"))
        elif not cases:
            count.passed += 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--must-run", action="append", default=[], metavar="PREFIX")
    parser.add_argument("--may-skip", action="append", default=[], metavar="CASE")
    parser.add_argument("--checks", default="0,0", metavar="PASSED,FAILED", help="added to the counts")
    parser.add_argument("runs", nargs="+", metavar="NAME=EVENTS.json")
    arguments = parser.parse_args()

    count = Count()
    for run in arguments.runs:
        name, _, path = run.partition("=")
        count_run(name, path, arguments.must_run, arguments.may_skip, count)
    checks_passed, checks_failed = (int(number) for number in arguments.checks.split(","))

    for title, cases in (("skipped", count.skipped), ("failed", count.failed)):
        if cases:
            print(f"\n{title}:")
        for name, reason in cases:
            print(f"  {name}: {reason}" if reason else f"  {name}")
    passed = count.passed + checks_passed
    failed = len(count.failed) + checks_failed
    print(f"\n{passed} passed, {failed} failed, {len(count.skipped)} skipped")
    return 0 if failed == 0 and count.passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
