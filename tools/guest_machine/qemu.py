# SPDX-License-Identifier: Apache-2.0
"""The QEMU that has the ports' device: this machine's, or a newer one of Debian's, fetched into the cache and installed nowhere."""

import os
import shutil
import stat
import subprocess

from archive import Archive, Unavailable, cache_folder, locked, mirror

# Debian 12's own QEMU is 7.2, and igb is in QEMU from 8.0. What is unpacked runs with the libraries of the installed one.
SUITE = "bookworm-backports"
PACKAGES = ("qemu-system-x86", "qemu-system-data", "seabios")


class NoSuchDevice(Unavailable):
    """No QEMU that can be had has the device: not every mirror carries the suite, so a reason to skip everywhere."""


def refusal(qemu, device):
    """Why this QEMU cannot emulate `device`; empty: it can."""
    asked = subprocess.run([qemu, "-device", f"{device},help"], text=True, capture_output=True, check=False)
    return "" if f"{device} options" in asked.stdout else (asked.stderr or asked.stdout).strip()[-300:]


def fetch(say):
    """Returns a script that starts the newer QEMU, from the cache if it is there."""
    folder = cache_folder()
    target = folder / "qemu" / SUITE
    start = target / "qemu"
    with locked(folder):
        if not target.exists():
            archive = Archive(SUITE, folder, say)
            if not set(PACKAGES) <= set(archive.packages):
                raise Unavailable(f"{mirror()} gives no {', '.join(PACKAGES)} of {SUITE}")
            say(f"fetching {', '.join(PACKAGES)} from {SUITE}")
            archive.unpack(PACKAGES, target)
        # The modules of an installed QEMU are not for this one, and its data are where it was unpacked.
        data = " ".join(f"-L '{target}/usr/share/{name}'" for name in ("qemu", "seabios"))
        start.write_text(f"#!/bin/sh\nQEMU_MODULE_DIR=/nonexistent exec '{target}/usr/bin/qemu-system-x86_64' {data} \"$@\"\n", encoding="utf-8")
        start.chmod(start.stat().st_mode | stat.S_IXUSR)
    return str(start)


def find(device, say):
    """Returns a QEMU with `device` ("virtio": any). Raises Unavailable."""
    named = os.environ.get("POLLUX_QEMU")
    qemu = named or shutil.which("qemu-system-x86_64")
    if qemu is None:
        raise Unavailable("no QEMU on this machine (apt-get install qemu-system-x86)")
    if device == "virtio" or not refusal(qemu, device):
        return qemu
    if named:
        raise Unavailable(f"POLLUX_QEMU={named} has no device {device}: {refusal(named, device)}")
    try:
        newer = fetch(say)
    except Unavailable as missing:
        raise NoSuchDevice(f"{qemu} has no device {device}, and a newer QEMU is not to be had: {missing}") from missing
    reason = refusal(newer, device)
    if reason:
        raise NoSuchDevice(f"neither {qemu} nor {newer} has a device {device}: {reason}")
    return newer
