#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/tutorial.md, typed as it stands: tutorial_test.py INSTALL

All blocks of commands become one script, all programs files where the page has them. It runs in namespaces of its own. Only one command has a
stand-in: `bazel run //tools:install` runs what Bazel has built for this test. What a block of text shows must have been
printed, numbers aside.
"""

import os
import pathlib
import re
import subprocess
import sys
import unittest

INSTALL = pathlib.Path(sys.argv[1]).absolute()
ROOT = pathlib.Path(__file__).resolve().parents[3]
FOLDER = pathlib.Path(os.environ["TEST_TMPDIR"])

BAZEL = f"""#!/bin/sh
[ "$1 $2 $3" = "run //tools:install --" ] || {{ echo "bazel $*: not what the tutorial's test knows" >&2; exit 1; }}
shift 3
cd '{pathlib.Path.cwd()}' && exec '{INSTALL}' "$@"
"""

SANDBOX = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private", "bash", "-c",
           'mkdir -p /run/netns && mount -t tmpfs none /run/netns && mount -t sysfs sysfs /sys && mount -t bpf bpf /sys/fs/bpf && '
           'ip link set lo up && "$@" && code=0 || code=$?; exit $code', "sandbox"]


def blocks(page):
    """(language, file or None, text) of each fenced block, in order. A program's file is named in the line before it."""
    found = re.finditer(r"(?:^File `([^`]+)`:\n\n)?^```(\w+)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return [(match[2], match[1], match[3]) for match in found]


def script_of(parts):
    lines = ["set -eu"]
    for language, file, text in parts:
        if file:
            lines += [f"cat >'{file}' <<'END OF FILE'", text.rstrip("\n"), "END OF FILE"]
        elif language == "sh":
            # A command that is to fail ends with ! in front, which set -e does not look at.
            lines += [re.sub(r"^! (.*)$", r'if \1; then echo "this should have failed: \1" >&2; exit 1; fi', line) for line in text.splitlines()]
    return "\n".join(lines) + "\n"


class TutorialTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.parts = blocks((ROOT / "docs/tutorial.md").read_text(encoding="utf-8"))

    def test_no_block_is_overlooked(self):
        page = (ROOT / "docs/tutorial.md").read_text(encoding="utf-8")
        self.assertEqual(2 * len(self.parts), len(re.findall(r"^```", page, re.MULTILINE)))
        for language, file, _ in self.parts:
            self.assertEqual(bool(file), language not in ("sh", "text"), f"a block of {language} with file {file}")

    def test_every_command(self):
        programs = FOLDER / "programs"
        programs.mkdir()
        (programs / "bazel").write_text(BAZEL, encoding="utf-8")
        (programs / "bazel").chmod(0o755)
        home = FOLDER / "home"
        home.mkdir()
        environment = {**os.environ, "HOME": str(home), "PATH": f"{programs}:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
                       "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run([*SANDBOX, "bash", "-c", script_of(self.parts)], cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False, timeout=240)
        self.assertEqual(done.returncode, 0, done.stdout)
        for language, _, text in self.parts:
            for line in text.splitlines() if language == "text" else []:
                self.assertRegex(done.stdout, "(?m)^" + re.sub(r"(?<![\w.])\d+", r"\\d+", re.escape(line)) + "$")


if __name__ == "__main__":
    if os.getuid() != 0:
        sys.exit("needs root for network namespaces")
    unittest.main(argv=sys.argv[:1])
