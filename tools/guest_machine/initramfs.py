# SPDX-License-Identifier: Apache-2.0
"""The guest's file system: programs with the libraries they need, modules, and init, in the kernel's own archive format (newc)."""

import lzma
import os
import pathlib
import re
import stat
import subprocess

FOLDERS = ("bin", "dev", "etc", "lib", "lib/modules", "mnt", "out", "proc", "run", "sbin", "sys", "tmp", "usr", "usr/bin", "usr/sbin", "var")


def libraries(path):
    """The shared objects that a program loads, and its loader, by the names it looks them up under."""
    with open(path, "rb") as file:
        if file.read(4) != b"\x7fELF":
            return []
    listed = subprocess.run(["ldd", path], text=True, capture_output=True, check=False).stdout
    missing = re.findall(r"(\S+) => not found", listed)
    if missing:
        raise FileNotFoundError(f"{path} needs {', '.join(missing)}")
    return re.findall(r"^\s+(?:\S+ => )?(/\S+) \(", listed, re.MULTILINE)


def module_content(path):
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data


class Initramfs:
    """An archive that grows; folders above an entry are made as needed."""

    def __init__(self):
        self.parts = []
        self.names = set()
        self.modules = []  # in the order to load them
        for folder in FOLDERS:
            self.add_folder(folder)
        self._entry("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))
        self._entry("dev/null", stat.S_IFCHR | 0o666, device=(1, 3))

    def _entry(self, name, mode, content=b"", device=(0, 0)):
        if name in self.names:
            return
        self.names.add(name)
        fields = (len(self.names), mode, 0, 0, 1, 0, len(content), 0, 0, *device, len(name) + 1, 0)
        header = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
        for part in (header, content):
            self.parts += [part, b"\0" * (-len(part) % 4)]

    def add_folder(self, name):
        if not name or name in self.names:
            return
        self.add_folder(os.path.dirname(name))
        self._entry(name, stat.S_IFDIR | 0o755)

    def add_text(self, name, text, mode=0o644):
        self.add_folder(os.path.dirname(name))
        self._entry(name, stat.S_IFREG | mode, text.encode())

    def add_link(self, name, target):
        self.add_folder(os.path.dirname(name))
        self._entry(name, stat.S_IFLNK | 0o777, target.encode())

    def add_file(self, source, name=None, mode=None):
        """A file, with the libraries it needs, or a folder with all in it; at the path that it has here, or at `name`."""
        source = os.path.abspath(source)
        name = (name or source).lstrip("/")
        if os.path.isdir(source):
            self.add_folder(name)
            for entry in sorted(os.listdir(source)):
                self.add_file(os.path.join(source, entry), f"{name}/{entry}")
            return
        if name in self.names:
            return
        self.add_folder(os.path.dirname(name))
        self._entry(name, stat.S_IFREG | (mode or stat.S_IMODE(os.stat(source).st_mode)), pathlib.Path(source).read_bytes())
        for library in libraries(source):
            self.add_file(library)

    def add_module(self, kernel, name):
        """A module and what it depends on; one that the kernel has built in, or lacks, is none."""
        name = name.replace("-", "_")
        target = f"lib/modules/{name}.ko"
        path = kernel.module_files.get(name)
        if path is None or target in self.names:
            return
        content = module_content(path)
        depends = re.search(rb"\0depends=([^\0]*)\0", b"\0" + content)
        for dependency in depends.group(1).decode().split(",") if depends else []:
            self.add_module(kernel, dependency)
        self._entry(target, stat.S_IFREG | 0o644, content)
        self.modules.append(target)

    def write(self, path):
        self.add_text("etc/modules", "".join(f"/{module}\n" for module in self.modules))
        self._entry("TRAILER!!!", 0)
        with open(path, "wb") as file:
            file.writelines(self.parts)
