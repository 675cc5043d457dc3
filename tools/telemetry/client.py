# SPDX-License-Identifier: Apache-2.0
"""A client of the telemetry sockets of this machine's processes (pmd/telemetry.h): Pollux's, and DPDK's as far as they answer."""

import glob
import json
import os
import socket

SOCKET_NAME = "dpdk_telemetry.v2"
PATIENCE_S = 2.0


def runtime_folder():
    """RUN/dpdk, by DPDK's rule."""
    run = os.environ.get("RUNTIME_DIRECTORY")
    if not run:
        run = "/var/run" if os.geteuid() == 0 else os.environ.get("XDG_RUNTIME_DIR") or "/tmp"
    return os.path.join(run, "dpdk")


def socket_paths(prefix="*"):
    return sorted(glob.glob(os.path.join(runtime_folder(), prefix, SOCKET_NAME + "*")))


class Process:
    """A connection. OSError: nobody answers, or no more."""

    def __init__(self, path):
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
        self._socket.settimeout(PATIENCE_S)
        try:
            self._socket.connect(path)
            greeting = self._receive(4096)
        except OSError:
            self._socket.close()
            raise
        self.pid = greeting.get("pid")
        self.version = greeting.get("version", "")
        self._room = int(greeting.get("max_output_len", 16384))

    def close(self):
        self._socket.close()

    def ask(self, command):
        """The value of the answer; None where there is none."""
        self._socket.send(command.encode())
        return self._receive(self._room).get(command.split(",")[0])

    @property
    def prefix(self):
        return os.path.basename(os.path.dirname(self.path))

    @property
    def name(self):
        """Of the program, as ps has it."""
        try:
            with open(f"/proc/{self.pid}/comm", encoding="utf-8", errors="replace") as comm:
                return comm.read().strip()
        except OSError:
            return self.prefix

    def _receive(self, room):
        data = self._socket.recv(room)
        if not data:
            raise ConnectionError(f"{self.path}: closed")
        try:
            answer = json.loads(data)
        except ValueError as error:
            raise ConnectionError(f"{self.path}: {error}") from error
        return answer if isinstance(answer, dict) else {}


def connect_all(prefix="*"):
    """Those that answer, and the paths of those whose process is gone."""
    alive, dead = [], []
    for path in socket_paths(prefix):
        try:
            alive.append(Process(path))
        except ConnectionRefusedError:
            dead.append(path)
        except OSError:
            continue  # too many clients, another user's, or busy: nothing is known
    return alive, dead
