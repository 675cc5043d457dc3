#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What kernel_results.py makes of a guest's output, and kernel_report.py of that."""

import datetime
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, "tools/guest_machine")
from kernel_report import report  # pylint: disable=wrong-import-position
from kernel_results import Results  # pylint: disable=wrong-import-position

OUTPUT = """@release 6.1.0-50
@begin tells
native XDP\tworks\t
zero-copy\tfalls back\tno such thing
@end 0
@begin some_test
[ RUN      ] Some.Passes
noise
[       OK ] Some.Passes (3 ms)
[ RUN      ] Some.Fails/0
tests/some_test.cc:7: Failure
Expected: a
  actual: b
[  FAILED  ] Some.Fails/0, where GetParam() = 1 (3 ms)
[ RUN      ] Some.Skips
tests/some_test.cc:9: Skipped
no netlink | family
[  SKIPPED ] Some.Skips (0 ms)
[  FAILED  ] 1 test, listed below:
[  FAILED  ] Some.Fails/0, where GetParam() = 1
@kernel WARNING: CPU: 0
@end 1
@begin slow_test
[ RUN      ] Slow.Hangs
"""


class ResultsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="plx")
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name) / "kernel.json"
        self.results = Results(self.path)

    def read(self):
        for start in range(0, len(OUTPUT), 7):  # as it comes: in pieces
            self.results.read(OUTPUT[start : start + 7].encode())

    def test_every_case_has_its_verdict_and_reason(self):
        self.read()
        cases = self.results.programs["some_test"]["cases"]
        self.assertEqual(cases["Some.Passes"], ["passed", ""])
        self.assertEqual(cases["Some.Fails/0"], ["failed", "tests/some_test.cc:7 Expected: a actual: b"])
        self.assertEqual(cases["Some.Skips"], ["skipped", "no netlink family"])
        self.assertEqual(self.results.programs["some_test"]["kernel"], ["WARNING: CPU: 0"])

    def test_a_killed_program_is_no_passed_one(self):
        self.read()
        self.results.read(b"@end 137\n")
        self.assertEqual(self.results.programs["slow_test"]["cases"]["Slow.Hangs"], ["failed", "did not end in time"])

    def test_what_was_under_way_when_the_guest_died_is_told(self):
        self.read()
        self.assertTrue(self.results.cut("the guest died"))
        self.assertEqual(self.results.programs["slow_test"]["end"], "the guest died")
        self.assertFalse(self.results.cut("the guest died"))

    def test_ended_programs_are_kept_for_the_next_run(self):
        self.read()
        again = Results(self.path)
        self.assertEqual((again.release, sorted(again.programs)), ("6.1.0-50", ["some_test", "tells"]))

    def test_the_report_counts_and_names(self):
        self.read()
        text = report([Results(self.path)], ["some_test", "slow_test"], datetime.date(2026, 1, 2))
        self.assertIn("| zero-copy | falls back |", text)
        self.assertIn("- 6.1.0-50, zero-copy: no such thing\n", text)
        self.assertIn("| `some_test` | 1 passed, 1 failed, 1 skipped |", text)
        self.assertIn("| `slow_test` | not run |", text)
        self.assertIn("Some.Skips skipped: no netlink family\n", text)
        self.assertIn("the kernel said: WARNING: CPU: 0\n", text)


if __name__ == "__main__":
    unittest.main()
