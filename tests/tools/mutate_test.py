#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tools/mutate in a repository of a few lines, with a bazel that is a script: mutate_test.py MUTATE"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

MUTATE = os.path.abspath(sys.argv.pop(1))
# A test of a target //tests:NAME is the shell script tests/NAME; "broken" in a source file is what does not build.
BAZEL = """#!/bin/bash
[[ $1 == test ]] || exit 0
echo "$PWD $*" >>"$CALLS"
grep -q broken code && { echo "//tests:any FAILED TO BUILD"; exit 1; }
while [[ $1 != -- ]]; do shift; done
shift
code=0
for target in "$@"; do
  if bash "tests/${target#//tests:}"; then echo "$target  PASSED in 0.1s"; else echo "$target  FAILED in 0.1s"; code=3; fi
done
exit $code
"""
CODE = "one = 1\ntwo = 2\nthree = 3\n"
EDIT = '[[edit]]\nfile = "code"\nold = "{old}"\nnew = "{new}"\nwhy = "{why}"\ntests = ["//tests:{test}"]\n'


class MutateTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR"))
        self.addCleanup(folder.cleanup)
        base = pathlib.Path(folder.name)
        self.tree, self.calls = base / "tree", base / "calls"
        (self.tree / "tools/mutations").mkdir(parents=True)
        (self.tree / "tests").mkdir()
        (base / "bin").mkdir()
        shutil.copy(MUTATE, self.tree / "tools/mutate")
        (base / "bin/bazel").write_text(BAZEL, encoding="utf-8")
        (base / "bin/bazel").chmod(0o755)
        (self.tree / "code").write_text(CODE, encoding="utf-8")
        (self.tree / "tests/ones").write_text("grep -q 'one = 1' code", encoding="utf-8")
        (self.tree / "tests/nothing").write_text("true", encoding="utf-8")
        (self.tree / "tests/fails").write_text("false", encoding="utf-8")
        self.environment = dict(
            os.environ,
            PATH=f"{base / 'bin'}:{os.environ['PATH']}",
            CALLS=str(self.calls),
            XDG_CACHE_HOME=str(base / "cache"),
            HOME=str(base),
            GIT_AUTHOR_NAME="a",
            GIT_AUTHOR_EMAIL="a",
            GIT_COMMITTER_NAME="a",
            GIT_COMMITTER_EMAIL="a",
        )

    def commit(self, *edits):
        (self.tree / "tools/mutations/list.toml").write_text("".join(EDIT.format(**edit) for edit in edits), encoding="utf-8")
        for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "all"]):
            subprocess.run(["git", "-C", str(self.tree), *words], check=True, env=self.environment)

    def run_mutate(self, *words):
        command = [sys.executable, "-B", str(self.tree / "tools/mutate"), *words]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)

    def run_commands(self):
        return self.calls.read_text(encoding="utf-8").splitlines() if self.calls.exists() else []

    def test_what_is_noticed_and_what_is_not(self):
        self.commit(
            {"old": "one = 1", "new": "one = 7", "why": "one is seven", "test": "ones"},
            {"old": "two = 2", "new": "two = 7", "why": "two is seven", "test": "nothing"},
        )
        out = self.tree / "out.json"
        done = self.run_mutate(f"--json={out}", "--config=tsan")
        self.assertEqual(done.returncode, 1, done.stderr)
        lines = done.stdout.splitlines()
        self.assertRegex(lines[1], r"^SURVIVED +code:2 +two is seven +//tests:nothing$")
        self.assertRegex(lines[2], r"^noticed +code:1 +one is seven +//tests:ones$")
        results = json.loads(out.read_text(encoding="utf-8"))
        self.assertEqual([(result["verdict"], result["line"], result["failed"]) for result in results],
                         [("noticed", 1, ["//tests:ones"]), ("SURVIVED", 2, [])])
        self.assertIn("1 noticed, 1 survived", done.stderr)
        # Neither this tree nor the scratch one keeps an edit, and the options came through.
        self.assertEqual((self.tree / "code").read_text(encoding="utf-8"), CODE)
        calls = self.run_commands()
        self.assertEqual(len(calls), 3)
        self.assertTrue(all("--config=tsan" in call and not call.startswith(f"{self.tree} ") for call in calls), calls)
        scratch = pathlib.Path(calls[0].split(" ")[0])
        self.assertEqual((scratch / "code").read_text(encoding="utf-8"), CODE)
        self.assertEqual(self.run_mutate("--only=one").returncode, 0)
        self.assertEqual(self.run_mutate("--clean").returncode, 0)
        self.assertFalse(scratch.exists())

    def test_an_edit_that_does_not_build_is_no_success(self):
        self.commit({"old": "one = 1", "new": "broken", "why": "syntax", "test": "ones"})
        done = self.run_mutate()
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertRegex(done.stdout, r"DOES NOT BUILD +code:1 +syntax")

    def test_a_test_that_fails_by_itself_proves_nothing(self):
        self.commit({"old": "one = 1", "new": "one = 2", "why": "w", "test": "fails"})
        done = self.run_mutate()
        self.assertEqual(done.returncode, 2)
        self.assertIn("without any edit: failed: //tests:fails", done.stderr)
        self.assertEqual(len(self.run_commands()), 1)

    def test_an_edit_must_fit_the_code(self):
        for old, count in (("four = 4", 0), (" = ", 3)):
            self.commit({"old": old, "new": "x", "why": "w", "test": "ones"}, {"old": "one = 1", "new": "y", "why": "w", "test": "ones"})
            for words in ([], ["--check"], ["--list"]):
                done = self.run_mutate(*words)
                self.assertEqual(done.returncode, 2)
                self.assertIn(f"code: '{old.strip()}' is there {count} times, not once", done.stderr)
        self.assertEqual(self.run_commands(), [])

    def test_lists_and_samples(self):
        self.commit(*({"old": f"{name} =", "new": "x", "why": f"no {name}", "test": "ones"} for name in ("one", "two", "three")))
        self.assertEqual(self.run_mutate("--check").stdout, "3 edits\n")
        self.assertEqual(self.run_mutate("--list", "--only=three").stdout, "code:3  no three  //tests:ones\n")
        sample = self.run_mutate("--list", "--sample=2", "--seed=5").stdout
        self.assertEqual(len(sample.splitlines()), 2)
        self.assertEqual(self.run_mutate("--list", "--sample=2", "--seed=5").stdout, sample)
        self.assertEqual(self.run_mutate("--only=none of them").returncode, 2)


if __name__ == "__main__":
    unittest.main()
