# SPDX-License-Identifier: Apache-2.0
"""Machine: what the doctor looks at: files of /proc and /sys, and what ip and ethtool say.

With a root, files are read below it, and the output of a command from ROOT/commands/WORDS: a machine that is not at hand, or that a test made
up. Nothing is run then."""

import json
import os
import subprocess

import netdev_family


# Where ip and ethtool are, whatever the user's own path.
ENVIRONMENT = {**os.environ, "PATH": os.environ.get("PATH", "/usr/bin") + ":/usr/sbin:/sbin", "LC_ALL": "C"}


class Machine:
    def __init__(self, root="/"):
        self.root = root
        self.is_real = os.path.realpath(root) == "/"

    def path(self, path):
        return path if self.is_real else os.path.join(self.root, path.lstrip("/"))

    def read(self, path):
        """Without the line feed at the end; None if there is no such file."""
        try:
            with open(self.path(path), encoding="utf-8", errors="replace") as file:
                return file.read().strip()
        except OSError:
            return None

    def number(self, path):
        text = self.read(path)
        try:
            return int(text, 0) if text else None
        except ValueError:
            return None

    def names(self, folder):
        try:
            return sorted(os.listdir(self.path(folder)))
        except OSError:
            return []

    def run(self, *words):
        """The standard output; None if the command failed, or is not there."""
        if not self.is_real:
            return self.read("/commands/" + "_".join(words).replace("/", "-"))
        try:
            done = subprocess.run(words, capture_output=True, text=True, timeout=10, check=False, env=ENVIRONMENT)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout if done.returncode == 0 else None

    def json(self, *words):
        text = self.run(*words)
        try:
            return json.loads(text) if text else None
        except ValueError:
            return None

    # --- what several checks ask ---

    def kernel(self):
        """(6, 1): major and minor."""
        parts = (self.read("/proc/sys/kernel/osrelease") or "0.0").split(".")
        return int(parts[0]), int("".join(c for c in parts[1] if c.isdigit()) or 0)

    def capability(self, number):
        for line in (self.read("/proc/self/status") or "").splitlines():
            if line.startswith("CapEff:"):
                return bool(int(line.split()[1], 16) >> number & 1)
        return False

    def xdp_features(self, interface):
        """The flags of NETDEV_A_DEV_XDP_FEATURES; None where the kernel does not tell (before 6.3)."""
        if not self.is_real:
            text = self.read(f"/commands/xdp_features_{interface}")
            return int(text, 0) if text else None
        return netdev_family.xdp_features(interface)

    def napi_of_queues(self, interface):
        """{rx queue: NAPI id or None}; empty where the kernel does not tell (before 6.8)."""
        if not self.is_real:
            return {int(queue): napi for queue, napi in (self.json("napi_of_queues", interface) or {}).items()}
        return netdev_family.napi_of_queues(interface)

    def link(self, interface):
        links = self.json("ip", "-d", "-j", "link", "show", "dev", interface)
        return links[0] if links else None

    def driver(self, interface):
        for line in (self.run("ethtool", "-i", interface) or "").splitlines():
            if line.startswith("driver:"):
                return line.split(":", 1)[1].strip()
        return ""

    def offloads(self, interface):
        """{"generic-receive-offload": True}; what is fixed as well."""
        found = {}
        for line in (self.run("ethtool", "-k", interface) or "").splitlines():
            name, colon, value = line.strip().partition(":")
            if colon and value.strip():
                found[name] = value.split()[0] == "on"
        return found

    def rx_queues(self, interface):
        return len([name for name in self.names(f"/sys/class/net/{interface}/queues") if name.startswith("rx-")])
