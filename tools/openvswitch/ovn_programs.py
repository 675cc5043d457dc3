#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Finds OVN's programs: prints the folder below which Debian's packages of this machine's release are unpacked.

They are fetched into the cache (tools/guest_machine/archive.py: signatures are checked), not installed: ovn-host would bring Open vSwitch's
service along, and start it. Exit code 3: not to be had here, and why.
"""

import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "guest_machine"))

from archive import Archive, Unavailable, cache_folder, locked

PACKAGES = ["ovn-common", "ovn-central", "ovn-host"]
NOT_TO_BE_HAD = 3


def release():
    """The code name of this machine's Debian. One that has none is sid."""
    text = pathlib.Path("/etc/os-release").read_text(encoding="utf-8")
    name = re.search(r"^VERSION_CODENAME=\"?(\w+)", text, re.MULTILINE)
    return name.group(1) if name else "sid"


def main():
    cache = cache_folder().parent / "ovn"
    target = cache / release()
    try:
        with locked(cache):
            if not target.is_dir():
                archive = Archive(release(), cache, lambda text: print(f"  {text}", file=sys.stderr))
                # Their index first: a version that has gone cannot be fetched.
                missing = set(PACKAGES) - set(archive.packages)
                if missing:
                    raise Unavailable(f"Debian's {release()} has no {', '.join(sorted(missing))}")
                archive.unpack(PACKAGES, target)
    except Unavailable as reason:
        print(reason, file=sys.stderr)
        sys.exit(NOT_TO_BE_HAD)
    print(target)


if __name__ == "__main__":
    main()
