#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A Bazel test in the guest: guest_test.py [OPTION of tools/guest]... -- TEST-PROGRAM [ARGUMENT]...

The program's own report (XML_OUTPUT_FILE) becomes this test's. What is missing for a guest is a skipped case; where CI=true it is a
failure, unless it is the device of a driver, which only a newer QEMU has (qemu.py).
"""

import os
import pathlib
import sys
import tempfile
from xml.sax import saxutils

sys.path.insert(0, "tools/guest_machine")
import guest  # pylint: disable=wrong-import-position
import qemu  # pylint: disable=wrong-import-position


def skip(name, reason):
    path = os.environ.get("XML_OUTPUT_FILE")
    if path:
        message = saxutils.quoteattr(reason)
        case = f'<testcase name="{name}" classname="Guest" status="run" result="skipped"><skipped message={message}/></testcase>'
        text = f'<testsuites><testsuite name="Guest" tests="1" skipped="1">{case}</testsuite></testsuites>'
        pathlib.Path(path).write_text(f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n', encoding="utf-8")
    print(f"skipped: {reason}")
    return 0


def main(words):
    with tempfile.TemporaryDirectory(prefix="plx") as out:
        words = ["--out", out, "--env", "XML_OUTPUT_FILE=/out/test.xml", "--env", "TEST_TMPDIR=/tmp", *words]
        missing = []
        status = guest.main(words, missing.append)
        if missing and isinstance(missing[0], qemu.NoSuchDevice):
            return skip("hasTheDevice", str(missing[0]))
        if missing and os.environ.get("CI") != "true":
            return skip("boots", str(missing[0]))
        report = pathlib.Path(out) / "test.xml"
        if report.exists() and "XML_OUTPUT_FILE" in os.environ:
            pathlib.Path(os.environ["XML_OUTPUT_FILE"]).write_bytes(report.read_bytes())
        return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
