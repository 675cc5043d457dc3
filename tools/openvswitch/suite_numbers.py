#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the numbers that tests have in a suite of Open vSwitch: suite_numbers.py SUITE TITLES. TITLES is a file with a title a line; "#" begins a
comment. The same test has another number in each version.
"""

import pathlib
import re
import sys


def titles_of(suite):
    """{title: number} of a suite, which holds a list of its tests, "NUMBER;PLACE;TITLE;KEYWORDS;" each."""
    listed = re.search(r'^at_help_all="(.*?)"$', suite.read_text(encoding="utf-8", errors="replace"), re.MULTILINE | re.DOTALL)
    return {line.split(";")[2]: line.split(";")[0] for line in listed.group(1).splitlines() if line.count(";") >= 3}


def main(suite, wanted):
    numbers = titles_of(pathlib.Path(suite))
    titles = [line for line in pathlib.Path(wanted).read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    missing = [title for title in titles if title not in numbers]
    if missing:
        sys.exit(f"{suite} has no test {', '.join(map(repr, missing))}")
    print(*(numbers[title] for title in titles))


if __name__ == "__main__":
    main(*sys.argv[1:])
