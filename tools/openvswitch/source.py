#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Finds the source of a version of Open vSwitch: source.py [3.1 | 3.5 | 4.0 | TREE]. Prints "NAME PATH".

NAME tells one state of the source from every other; PATH is a tarball or a folder. Without an argument, the machine's own package
openvswitch-source; a version that this is not comes from the Debian release that has it (tools/guest_machine/archive.py: signatures are checked, and the
machine's own sources stay as they are), and is kept in the cache. Exit code 3: not to be had here, and why.
"""

import hashlib
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "guest_machine"))

from archive import Archive, Unavailable, cache_folder, locked

# Where a version is looked for. A release goes on to later ones, so what it had stays in the cache.
SUITES = {"3.1": "bookworm", "3.5": "trixie", "4.0": "sid"}
PACKAGE = "openvswitch-source"
# Debian 12's package holds a tarball, that of later releases a folder.
PLACE = "usr/src/openvswitch"
NOT_TO_BE_HAD = 3


def say(text):
    print(f"  {text}", file=sys.stderr)


def content_of(root):
    tarball = root / PLACE / "openvswitch.tar.gz"
    return tarball if tarball.exists() else root / PLACE


def matches(version, wanted):
    return re.match(re.escape(wanted) + r"(?![0-9])", version) is not None


def installed():
    """The version of the machine's own package; None: it is not installed."""
    asked = subprocess.run(["dpkg-query", "--show", "--showformat=${db:Status-Status} ${Version}", PACKAGE],
                           text=True, capture_output=True, check=False)
    status, _, version = asked.stdout.partition(" ")
    return version if status == "installed" else None


def packaged(wanted):
    version = installed()
    if version is not None and (wanted is None or matches(version, wanted)):
        return version, content_of(pathlib.Path("/"))
    if wanted is None:
        raise Unavailable(f"the package {PACKAGE} is not installed (tools/setup_packages ovs installs it)")
    cache = cache_folder().parent / "openvswitch-source"
    with locked(cache):
        kept = sorted(path for path in cache.glob("*") if path.is_dir() and matches(path.name, wanted))
        if not kept:
            archive = Archive(SUITES[wanted], cache, say)
            offered = archive.packages and archive.run("apt-cache", "show", "--no-all-versions", PACKAGE)
            version = re.search(r"^Version: (\S+)$", offered, re.MULTILINE).group(1)
            if not matches(version, wanted):
                raise Unavailable(f"Debian's {SUITES[wanted]} has Open vSwitch {version} by now, and no {wanted}")
            say(f"fetching the source of Open vSwitch {version} from Debian's {SUITES[wanted]}")
            kept = [cache / version]
            archive.unpack([PACKAGE], kept[0])
    return kept[-1].name, content_of(kept[-1])


def of_a_tree(tree):
    """A folder of the user's own: named by its version and its content, so that what is built of it is built again once it changes."""
    if not (tree / "configure").is_file():
        sys.exit(f"{tree} has no configure: run ./boot.sh in it (autoconf, automake and libtool are needed)")
    version = re.search(r"AC_INIT\(openvswitch, ([0-9.]+)", (tree / "configure.ac").read_text(encoding="utf-8"))
    if version is None:
        sys.exit(f"{tree}/configure.ac is not Open vSwitch's")
    content = hashlib.sha256()
    for path in sorted(tree.rglob("*")):
        if path.is_file() and (path.suffix in (".c", ".h", ".in", ".ac", ".at", ".py") or path.name == "configure"):
            content.update(f"{path.relative_to(tree)} ".encode() + hashlib.sha256(path.read_bytes()).digest())
    return f"{version.group(1)}+{content.hexdigest()[:12]}", tree


def main(wanted=None):
    try:
        if wanted is None or wanted in SUITES:
            name, path = packaged(wanted)
        elif pathlib.Path(wanted).is_dir():
            name, path = of_a_tree(pathlib.Path(wanted).resolve())
        else:
            sys.exit(f"--ovs takes {', '.join(SUITES)} or the folder of a source tree, not '{wanted}'")
    except Unavailable as missing:
        print(missing, file=sys.stderr)
        sys.exit(NOT_TO_BE_HAD)
    print(name, path)


if __name__ == "__main__":
    main(*sys.argv[1:2])
