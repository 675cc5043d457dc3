#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tools/pages: every page is there, every link of it leads somewhere, and what is not its own stays."""

import html.parser
import os
import pathlib
import shutil
import subprocess
import sys
import unittest
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[3]
FOLDER = pathlib.Path(os.environ["TEST_TMPDIR"]).resolve() / "site"
SKIPPED = """<?xml version="1.0" encoding="UTF-8"?>
<testsuites><testsuite name="Pages" tests="1" skipped="1"><testcase name="pages" classname="Pages" status="run" result="skipped">
<skipped message="there is no mkdocs here (tools/setup_packages pages)"/></testcase></testsuite></testsuites>
"""


def make(folder):
    return subprocess.run([ROOT / "tools/pages", folder], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)


class Links(html.parser.HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        self.found += [value for name, value in attrs if name in ("href", "src") and value]


class SiteTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # There are pages of an earlier time, which are made anew.
        FOLDER.mkdir()
        for name in (".pollux-pages", "old.html"):
            (FOLDER / name).touch()
        done = make(FOLDER)
        if done.returncode != 0:
            raise AssertionError(done.stdout)

    def test_every_page_and_every_link(self):
        for page in ROOT.glob("docs/*.md"):
            self.assertTrue((FOLDER / "docs" / f"{page.stem}.html").is_file(), page)
        dead = []
        for page in FOLDER.rglob("*.html"):
            if page.name == "404.html":
                continue
            for link in Links(page).found:
                parts = urllib.parse.urlsplit(link)
                if not parts.scheme and not parts.netloc and parts.path and not (page.parent / urllib.parse.unquote(parts.path)).exists():
                    dead.append(f"{page.relative_to(FOLDER)}: {link}")
        self.assertEqual(dead, [])

    def test_a_foreign_folder_stays(self):
        foreign = FOLDER.parent / "foreign"
        foreign.mkdir()
        (foreign / "letter").write_text("mine")
        done = make(foreign)
        self.assertEqual((done.returncode, (foreign / "letter").read_text()), (1, "mine"))
        self.assertIn("holds something else", done.stdout)

    def test_own_pages_are_made_anew(self):
        self.assertFalse((FOLDER / "old.html").exists())


if __name__ == "__main__":
    if shutil.which("mkdocs") is None:
        pathlib.Path(os.environ["XML_OUTPUT_FILE"]).write_text(SKIPPED, encoding="utf-8")
        sys.exit(0)
    unittest.main()
