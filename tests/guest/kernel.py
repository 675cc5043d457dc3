# SPDX-License-Identifier: Apache-2.0
"""Kernels of Debian's packages, fetched by apt into a cache.

apt runs with a private state: the archive's signatures are checked as ever, and the machine's own sources and lists stay as they are.
"""

import contextlib
import fcntl
import functools
import os
import pathlib
import pwd
import re
import shutil
import subprocess
import tempfile

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# Where a version is looked for, in this order; a suite's lists are only fetched when it is needed.
SUITES = ("trixie-backports", "bookworm-backports", "bookworm", "bullseye")
# From 6.16 virtio-net has zero-copy; this is the version the tests were made with.
DEFAULT = "7.3.4"


class Unavailable(Exception):
    """What a guest needs is not on this machine: a reason to skip where nobody promised it."""


def cache_folder():
    """Bazel gives its tests a home of their own, so the cache is looked for in the user's."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(pwd.getpwuid(os.getuid()).pw_dir, ".cache")
    return pathlib.Path(base) / "pollux" / "guest"


def version_key(version):
    """Orders "7.3.4+deb13" after "7.3" and "6.19"."""
    return [int(number) for number in re.findall(r"\d+", version)]


@contextlib.contextmanager
def locked(folder):
    """One process at a time fetches; the others find what it fetched."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def mirror():
    """The archive that this machine's apt uses, if it can be told; else Debian's."""
    for path in [pathlib.Path("/etc/apt/sources.list"), *sorted(pathlib.Path("/etc/apt/sources.list.d").glob("*"))]:
        with contextlib.suppress(OSError):
            found = re.search(r"^(?:deb .*?|URIs: *)(https?://[^ \n]+/debian)/?(?: |$)", path.read_text(encoding="utf-8"), re.MULTILINE)
            if found:
                return found.group(1)
    return "http://deb.debian.org/debian"


class Archive:
    """apt for one suite, with its state below `folder`."""

    def __init__(self, suite, folder, say):
        self.folder = folder / "apt" / suite
        self.say = say
        self.suite = suite
        for part in ("state/lists/partial", "cache/archives/partial"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        (self.folder / "status").touch()
        (self.folder / "sources.list").write_text(f"deb [signed-by={KEYRING}] {mirror()} {suite} main\n", encoding="utf-8")
        settings = {"Dir::State": "state", "Dir::State::status": "status", "Dir::Cache": "cache", "Dir::Etc::SourceList": "sources.list"}
        lines = [f'{name} "{self.folder / path}";' for name, path in settings.items()]
        lines += ['Dir::Etc::SourceParts "/dev/null";', 'Acquire::Languages "none";', 'APT::Sandbox::User "root";', 'Acquire::Retries "2";']
        (self.folder / "apt.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def run(self, *command, cwd=None):
        environment = dict(os.environ, APT_CONFIG=str(self.folder / "apt.conf"), LC_ALL="C")
        result = subprocess.run(command, cwd=cwd, env=environment, text=True, capture_output=True, check=False, timeout=300)
        if result.returncode != 0:
            raise Unavailable(f"{' '.join(command[:2])} ({self.suite}): {(result.stderr or result.stdout).strip()[-300:]}")
        return result.stdout

    @functools.cached_property
    def packages(self):
        """Names of all packages. The lists are fetched again each time: versions go, and the index then names files that are not there."""
        self.say(f"fetching the package lists of {self.suite}")
        self.run("apt-get", "update", "-q")
        return self.run("apt-cache", "pkgnames").split()

    def unpack(self, names, target):
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            self.run("apt-get", "download", "-q", *names, cwd=folder)
            for package in pathlib.Path(folder).glob("*.deb"):
                self.run("dpkg-deb", "-x", str(package), str(target))


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
    # A folder gets its name once it is whole.
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
        if shutil.which("apt-get") is None or not os.path.exists(KEYRING):
            raise Unavailable("no apt with Debian's keys, and so no kernel for the guest")
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
            shutil.rmtree(folder / "partial", ignore_errors=True)
            archive.unpack(versions[version], folder / "partial")
            target.parent.mkdir(parents=True, exist_ok=True)
            (folder / "partial").rename(target)
            return Kernel(target)
    raise Unavailable(f"no kernel {wanted} ({flavour}) in {', '.join(SUITES)}; there are {', '.join(sorted(known, key=version_key))}")
