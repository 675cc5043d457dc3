# SPDX-License-Identifier: Apache-2.0
"""Kernels of Debian's packages."""

import re

from archive import Archive, Unavailable, cache_folder, locked

# Where a version is looked for, in this order; a suite's lists are only fetched when it is needed.
SUITES = ("trixie-backports", "bookworm-backports", "bookworm", "bullseye")
# From 6.16 virtio-net has zero-copy; this is the version the tests were made with.
DEFAULT = "7.3.4"


def version_key(version):
    """Orders "7.3.4+deb13" after "7.3" and "6.19"."""
    return [int(number) for number in re.findall(r"\d+", version)]


class Kernel:
    """An unpacked kernel: its image and its modules."""

    def __init__(self, folder):
        self.folder = folder
        self.version = folder.name
        images = [*folder.glob("boot/vmlinuz-*"), *folder.glob("usr/lib/modules/*/vmlinuz")]
        modules = [*folder.glob("lib/modules/*/kernel"), *folder.glob("usr/lib/modules/*/kernel")]
        if len(images) != 1 or len(modules) != 1:
            raise Unavailable(f"{folder}: no kernel in it; remove this folder")
        self.image = images[0]
        self.module_files = {path.name.partition(".")[0].replace("-", "_"): path for path in modules[0].rglob("*.ko*")}


def matches(version, wanted):
    return version == wanted or version.startswith((wanted + ".", wanted + "+", wanted + "-"))


def cached(wanted, flavour, folder):
    found = [path for path in (folder / "kernels" / flavour).glob("*") if matches(path.name, wanted)]
    return Kernel(max(found, key=lambda path: version_key(path.name))) if found else None


def offered(archive, flavour):
    """Version -> packages. From 6.19 on the image package is empty, and its parts have their own."""
    ending = "-cloud-amd64" if flavour == "cloud" else "-amd64"
    versions = {}
    for name in archive.packages:
        found = re.fullmatch(r"linux-(image|binary)-(\d[^-]*(?:-\d+)?)" + re.escape(ending), name)
        if found is None:
            continue
        kind, version = found.groups()
        split = f"linux-modules-{version}{ending}" if kind == "binary" else None
        if split is None:
            versions.setdefault(version, [name])
        elif split in archive.packages:
            versions[version] = [name, split]
        else:
            versions[version] = [name, *(other for other in archive.packages if other == f"linux-base-{version}{ending}")]
    return versions


def fetch(wanted, flavour, say):
    """Returns the newest kernel of a version ("6.1", "7.3.4"), from the cache if there is one. Raises Unavailable."""
    folder = cache_folder()
    with locked(folder):
        kernel = cached(wanted, flavour, folder)
        if kernel is not None:
            return kernel
        known = []
        for suite in SUITES:
            archive = Archive(suite, folder, say)
            versions = offered(archive, flavour)
            known += versions
            fitting = [version for version in versions if matches(version, wanted)]
            if not fitting and wanted == DEFAULT:
                # The archive has moved on: the newest is as good.
                fitting = [version for version in versions if version_key(version) >= [6, 16]]
            if not fitting:
                continue
            version = max(fitting, key=version_key)
            say(f"fetching kernel {version} ({flavour}) from {suite}")
            target = folder / "kernels" / flavour / version
            archive.unpack(versions[version], target)
            return Kernel(target)
    raise Unavailable(f"no kernel {wanted} ({flavour}) in {', '.join(SUITES)}; there are {', '.join(sorted(known, key=version_key))}")
