#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What tools/test_report.py makes of runs of Bazel, written here as event files and XML reports."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

REPORT = pathlib.Path(sys.argv.pop(1)).resolve()


class Run:
    """One event file, built up event by event."""

    def __init__(self, folder, name):
        self.folder = pathlib.Path(folder)
        self.name = name
        self.events = []

    def result(self, label, status, *cases):
        xml = self.folder / f"{self.name}{len(self.events)}.xml"
        xml.write_text("<testsuites><testsuite>" + "".join(cases) + "</testsuite></testsuites>")
        outputs = [{"name": "test.log", "uri": "file:///nowhere"}, {"name": "test.xml", "uri": xml.as_uri()}]
        self.events.append({"id": {"testResult": {"label": label}}, "testResult": {"status": status, "testActionOutput": outputs}})
        return self

    def not_built(self, label):
        self.events.append({"id": {"targetCompleted": {"label": label}}, "completed": {}})
        return self

    def end(self, exit_name):
        self.events.append({"id": {"buildFinished": {}}, "finished": {"exitCode": {"name": exit_name}}})
        return self

    def argument(self):
        path = self.folder / f"{self.name}.json"
        path.write_text("".join(json.dumps(event) + "\n" for event in self.events))
        return f"{self.name}={path}"


def case(name, inside=""):
    return f'<testcase classname="Suite" name="{name}" status="run">{inside}</testcase>'


SKIPPED = '<skipped message="some/test.cc:7&#x0A;needs root&#x0A;"/>'
FAILED = '<failure message="expected 1&#x0A;got 2"/>'


class TestReportTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR"))
        self.addCleanup(self.folder.cleanup)

    def run_of(self, name=""):
        return Run(self.folder.name, name)

    def report(self, *arguments):
        """Returns (exit code, last line, everything)."""
        done = subprocess.run([sys.executable, REPORT, *arguments], capture_output=True, text=True, check=False)
        lines = done.stdout.splitlines()
        return done.returncode, lines[-1] if lines else done.stderr, done.stdout

    def test_counts_cases_not_targets(self):
        run = self.run_of().result("//a:x", "PASSED", case("One"), case("Two")).result("//a:y", "PASSED", case("Three")).end("SUCCESS")
        self.assertEqual(self.report(run.argument())[:2], (0, "3 passed, 0 failed, 0 skipped"))

    def test_a_skip_is_listed_with_its_reason(self):
        run = self.run_of().result("//a:x", "PASSED", case("One"), case("Two", SKIPPED)).end("SUCCESS")
        code, last, text = self.report(run.argument())
        self.assertEqual((code, last), (0, "1 passed, 0 failed, 1 skipped"))
        self.assertIn("//a:x Suite.Two: needs root", text)

    def test_a_skip_of_what_must_run_is_a_failure(self):
        run = self.run_of().result("//a:x", "PASSED", case("One"), case("Two", SKIPPED)).end("SUCCESS")
        self.assertEqual(self.report("--must-run", "//b", run.argument())[0], 0)
        self.assertEqual(self.report("--must-run", "//a", run.argument())[:2], (1, "1 passed, 1 failed, 0 skipped"))
        self.assertEqual(self.report("--must-run", "//a", "--may-skip", "Suite.Two", run.argument())[:2], (0, "1 passed, 0 failed, 1 skipped"))
        self.assertEqual(self.report("--must-run", "//a", "--may-skip", "Suite.One", run.argument())[:2], (1, "1 passed, 1 failed, 0 skipped"))

    def test_a_failed_case(self):
        run = self.run_of().result("//a:x", "FAILED", case("One"), case("Two", FAILED)).end("TESTS_FAILED")
        code, last, text = self.report(run.argument())
        self.assertEqual((code, last), (1, "1 passed, 1 failed, 0 skipped"))
        self.assertIn("//a:x Suite.Two: expected 1 got 2", text)

    def test_a_failed_target_without_a_failed_case(self):
        run = self.run_of().result("//a:x", "TIMEOUT", case("One")).end("TESTS_FAILED")
        self.assertEqual(self.report(run.argument())[:2], (1, "1 passed, 1 failed, 0 skipped"))

    def test_a_target_that_did_not_build(self):
        run = self.run_of().result("//a:x", "PASSED", case("One")).not_built("//a:y").end("BUILD_FAILURE")
        self.assertEqual(self.report(run.argument())[:2], (1, "1 passed, 1 failed, 0 skipped"))

    def test_a_folder_that_did_not_load(self):
        run = self.run_of().result("//a:x", "PASSED", case("One")).end("BUILD_FAILURE")
        self.assertEqual(self.report(run.argument())[:2], (1, "1 passed, 1 failed, 0 skipped"))

    def test_a_run_that_broke_off(self):
        run = self.run_of().result("//a:x", "PASSED", case("One"))
        self.assertEqual(self.report(run.argument())[:2], (1, "1 passed, 1 failed, 0 skipped"))

    def test_nothing_at_all_is_no_success(self):
        self.assertEqual(self.report("=/nonexistent/events.json")[:2], (1, "0 passed, 1 failed, 0 skipped"))
        self.assertEqual(self.report(self.run_of().end("SUCCESS").argument())[:2], (1, "0 passed, 0 failed, 0 skipped"))

    def test_runs_and_checks_add_up(self):
        plain = self.run_of().result("//a:x", "PASSED", case("One")).end("SUCCESS")
        asan = self.run_of("asan").result("//a:x", "FAILED", case("One", FAILED)).end("TESTS_FAILED")
        code, last, text = self.report("--checks", "5,1", plain.argument(), asan.argument())
        self.assertEqual((code, last), (1, "6 passed, 2 failed, 0 skipped"))
        self.assertIn("[asan] //a:x Suite.One", text)


if __name__ == "__main__":
    unittest.main()
