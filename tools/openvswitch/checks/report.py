# SPDX-License-Identifier: Apache-2.0
"""Runs the test cases of a module in the order in which they are written: each says what it is about in its first line of documentation."""

import os
import sys
import time
import traceback
import unittest


class Report(unittest.TestResult):
    """A line for each case, here and, for suite_report.py, in the file $results: "ok NAME" or "FAILED NAME: WHY"."""

    def __init__(self):
        super().__init__()
        self.results = os.environ.get("results")
        self.began = 0

    def startTest(self, test):
        super().startTest(test)
        self.began = time.monotonic()

    def _say(self, mark, test, why):
        # A part of a case that has subtests says which one it is.
        name = test.shortDescription() or str(test)
        print(f"  {mark}  provider   {name}{': ' + why if why else ''} ({time.monotonic() - self.began:.1f} s)", flush=True)
        if self.results:
            with open(self.results, "a", encoding="utf-8") as file:
                file.write(f"{'FAILED' if why else 'ok'} {name}{': ' + ' '.join(why.split()) if why else ''}\n")

    def addSuccess(self, test):
        self._say("ok", test, "")

    def _fail(self, test, error):
        kind, value, trace = error
        where = traceback.extract_tb(trace)[-1]
        # What was expected says enough; anything else was not foreseen, and so its place is wanted.
        self._say("FAILED", test, str(value) if kind is AssertionError else f"{kind.__name__}: {value} ({where.filename}:{where.lineno})")

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._fail(test, err)

    def addError(self, test, err):
        super().addError(test, err)
        self._fail(test, err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._fail(subtest, err)


def run(*cases, word=""):
    """True if no case failed. `word`: a part of the name or title of those that are run."""
    found = [case(name) for case in cases for name in vars(case) if name.startswith("test")]
    chosen = [test for test in found if word in str(test) or word in (test.shortDescription() or "")]
    if not chosen:
        sys.exit(f"no check has '{word}' in its name; there are {', '.join(test.shortDescription() for test in found)}")
    report = Report()
    unittest.TestSuite(chosen).run(report)
    return report.wasSuccessful()
