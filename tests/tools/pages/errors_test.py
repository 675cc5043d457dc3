#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/errors.md quotes what the sources say: every text in the first column of its tables is in a source file, piece by piece."""

import os
import pathlib
import re
import unittest

# The page and all sources: of the tree itself, not of what a rule names.
os.chdir(pathlib.Path(__file__).resolve().parents[3])

FOLDERS = ("bpf", "lcore", "mempool", "pmd", "tools")
SUFFIXES = (".cc", ".c", ".h", ".py", ".sh", ".bash")


def rows(page):
    """First cells of the tables, without the headings."""
    for line in pathlib.Path(page).read_text(encoding="utf-8").splitlines():
        if line.startswith("|") and not line.startswith(("|---", "| Text |")):
            yield line.split("|")[1].strip()


def pieces(cell):
    """What stands in backquotes, between the places that differ."""
    for quoted in re.findall(r"`([^`]*)`", cell):
        yield from (piece for piece in (part.strip() for part in quoted.split("...")) if piece not in ("", ",", ";"))


def text_of(path):
    """A source's string literals as the compiler sees them: neighbours are one, escapes are resolved."""
    text = path.read_text(encoding="utf-8")
    return re.sub(r'"\s*\n\s*"', "", text).replace('\\"', '"')


class ErrorsTest(unittest.TestCase):
    def setUp(self):
        self.sources = [text_of(path) for folder in FOLDERS for path in pathlib.Path(folder).rglob("*") if path.suffix in SUFFIXES]

    def test_every_text_is_in_the_sources(self):
        self.assertGreater(len(self.sources), 100)
        cells = list(rows("docs/errors.md"))
        self.assertGreater(len(cells), 40)
        missing = [piece for cell in cells for piece in pieces(cell) if not any(piece in source for source in self.sources)]
        self.assertEqual(missing, [])

    def test_every_row_has_a_text(self):
        self.assertEqual([cell for cell in rows("docs/errors.md") if not any(len(piece) >= 8 for piece in pieces(cell))], [])


if __name__ == "__main__":
    unittest.main()
