# SPDX-License-Identifier: Apache-2.0
"""Debian packages, fetched by apt into a cache and unpacked there.

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


class Unavailable(Exception):
    """What a guest needs is not on this machine: a reason to skip where nobody promised it."""


def cache_folder():
    """Bazel gives its tests a home of their own, so the cache is looked for in the user's."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(pwd.getpwuid(os.getuid()).pw_dir, ".cache")
    return pathlib.Path(base) / "pollux" / "guest"


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
        if shutil.which("apt-get") is None or not os.path.exists(KEYRING):
            raise Unavailable("no apt with Debian's keys here, and so nothing to fetch packages with")
        self.cache = folder
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
        try:
            result = subprocess.run(command, cwd=cwd, env=environment, text=True, capture_output=True, check=False, timeout=300)
        except subprocess.TimeoutExpired as slow:
            raise Unavailable(f"{' '.join(command[:2])} ({self.suite}): not done after {slow.timeout:.0f} s") from slow
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
        """The folder `target` gets its name once everything is in it."""
        partial = self.cache / "partial"
        shutil.rmtree(partial, ignore_errors=True)
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            self.run("apt-get", "download", "-q", *names, cwd=folder)
            for package in pathlib.Path(folder).glob("*.deb"):
                self.run("dpkg-deb", "-x", str(package), str(partial))
        target.parent.mkdir(parents=True, exist_ok=True)
        partial.rename(target)
