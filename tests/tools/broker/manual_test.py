#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The broker's manual page: manual_test.py PAGE BROKER. It is well made, and says what the program says."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

PAGE, BROKER = (pathlib.Path(word).resolve() for word in sys.argv[1:3])


def text_of_page():
    """As it is read, without the marks of its source."""
    text = PAGE.read_text(encoding="utf-8").replace("\\-", "-").replace("\\c\n", "")
    text = re.sub(r"^\.\w+ ?", "", text, flags=re.MULTILINE)
    return text.replace("\\f", "")


def refusal(configuration):
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(configuration)
        file.flush()
        done = subprocess.run([BROKER, f"--config={file.name}", "--check"], text=True, capture_output=True, check=False)
    assert done.returncode == 2, done.stdout
    return done.stderr


class ManualTest(unittest.TestCase):
    def test_no_warnings(self):
        if shutil.which("man") is None:
            self.skipTest("no man here (package man-db)")
        done = subprocess.run(["man", "--warnings", "--local-file", PAGE], text=True, capture_output=True, check=False,
                              env=dict(os.environ, MANWIDTH="80", LC_ALL="C", MANROFFSEQ=""))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("NAME", done.stdout)

    def test_every_option_is_in_it_and_no_other(self):
        shown = subprocess.run([BROKER, "--help"], text=True, capture_output=True, check=True).stdout
        options = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", shown.split("A configuration:")[0]))
        self.assertIn("--config", options)
        described = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", text_of_page().split("CONFIGURATION")[0].split("OPTIONS")[1]))
        self.assertEqual(options - described, set())
        self.assertEqual(described - options - {"-h"}, set())

    def test_every_key_of_the_configuration_is_in_it(self):
        text = text_of_page()
        for configuration in ('{"x": 1}', '{"clients": [{"x": 1}]}', '{"clients": [{"users": [0], "ports": [{"x": 1}]}]}',
                              '{"device_plugin": [{"x": 1}]}'):
            known = re.search(r"known are (.*)", refusal(configuration)).group(1).split(", ")
            for key in known:
                self.assertRegex(text, rf"\b{key}\b", f"key {key}")
        allowed = re.search(r"one of (.*) is expected",
                            refusal('{"clients": [{"users": [0], "ports": [{"interface": "p0", "allow": ["x"]}]}]}')).group(1).split(", ")
        self.assertGreater(len(allowed), 3)
        for word in allowed:
            self.assertRegex(text, rf"\b{word}\b", f"allow {word}")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
