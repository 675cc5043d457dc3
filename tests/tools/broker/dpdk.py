#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Debian's DPDK 24.11 with all the libraries that it runs on: dpdk.py. Prints the folder, which is the root of a file system.

Its packages come from Debian's trixie (tools/guest_machine/archive.py: signatures are checked, and the machine's own packages and sources stay
as they are) and are kept in the user's cache. Exit code 3: not to be had here, and why.
"""

import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path("tools/guest_machine").resolve()))
from archive import Archive, Unavailable, cache_folder, locked  # pylint: disable=wrong-import-position

SUITE = "trixie"
VERSION = "24.11"
PROGRAM = "dpdk-dev"  # dpdk-testpmd
DRIVERS = ("librte-net-af-xdp25", "librte-mempool-ring25")  # loaded at run time, so that nothing depends on them
NOT_TO_BE_HAD = 3


def say(text):
    print(f"  {text}", file=sys.stderr)


def depends(archive, *names, recurse=()):
    kinds = ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")
    text = archive.run("apt-cache", "depends", *recurse, *(f"--no-{kind}" for kind in kinds), *names)
    return set(re.findall(r"^(?:  (?:Pre)?Depends: )?([a-z0-9][a-z0-9.+-]*)$", text, re.MULTILINE))


def libraries(archive):
    """All that the program and its drivers need, the C library included; not what they are built with."""
    def of_libraries(names):
        return sorted(name for name in names if name.startswith(("lib", "zlib", "ibverbs")) and not name.endswith("-dev"))

    return of_libraries(depends(archive, *of_libraries(depends(archive, PROGRAM)), *DRIVERS, recurse=["--recurse"]))


def folder():
    cache = cache_folder().parent / "dpdk"
    with locked(cache):
        kept = sorted(path for path in cache.glob(f"{VERSION}*") if path.is_dir())
        if not kept:
            archive = Archive(SUITE, cache, say)
            offered = archive.packages and archive.run("apt-cache", "show", "--no-all-versions", PROGRAM)
            version = re.search(r"^Version: (\S+)$", offered, re.MULTILINE).group(1)
            if not version.startswith(VERSION):
                raise Unavailable(f"Debian's {SUITE} has DPDK {version}, and no {VERSION}")
            names = libraries(archive)
            say(f"fetching DPDK {version} from Debian's {SUITE}: {len(names) + 1} packages")
            kept = [cache / version]
            archive.unpack([PROGRAM, *names], kept[0])
    return kept[-1]


def main():
    try:
        print(folder())
    except Unavailable as missing:
        print(missing, file=sys.stderr)
        sys.exit(NOT_TO_BE_HAD)


if __name__ == "__main__":
    main()
