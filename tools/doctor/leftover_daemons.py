# SPDX-License-Identifier: Apache-2.0
"""The daemons that a killed tools/ovs run left in its folder, and their end: as tools/openvswitch/daemons.bash ends them."""

import json
import os
import shutil
import signal
import socket
import stat
import time

DAEMONS = ("ovs-vswitchd", "ovsdb-server")  # in the order in which they end
PATIENCE_S = 10


def running(folder):
    """{name: process number} of those whose pid file names a process that is one, and works in this folder."""
    found = {}
    for name in DAEMONS:
        try:
            with open(f"{folder}/{name}.pid", encoding="utf-8") as file:
                pid = int(file.read())
            with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
                is_one = file.read().strip() == name[:15]
            with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as file:
                is_one = is_one and folder + "/" in file.read()
        except (OSError, ValueError):
            continue
        if is_one:
            found[name] = pid
    return found


def end(folder):
    """OSError where it is not ours to remove, or a daemon does not end."""
    entry = os.lstat(folder)
    if not stat.S_ISDIR(entry.st_mode) or entry.st_uid != os.geteuid():
        raise PermissionError(f"{folder} belongs to user {entry.st_uid}")
    for name, pid in running(folder).items():
        # Asked to clean up, ovs-vswitchd removes the interfaces of its bridges, which a signal leaves.
        if name == "ovs-vswitchd" and _ask_to_exit(f"{folder}/{name}.{pid}.ctl") and _has_ended(pid):
            continue
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                break
            if _has_ended(pid):
                break
        else:
            raise TimeoutError(f"{name} ({pid}) does not end")
    shutil.rmtree(folder)


def _ask_to_exit(path):
    """ovs-appctl exit --cleanup, which is one line of JSON-RPC."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(PATIENCE_S)
            connection.connect(path)
            connection.sendall(json.dumps({"method": "exit", "params": ["--cleanup"], "id": 0}).encode())
            return bool(connection.recv(4096))
    except OSError:
        return False


def _has_ended(pid):
    """Within the time; a zombie has."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
                if file.read().rpartition(")")[2].split()[0] == "Z":
                    return True
        except OSError:
            return True
        time.sleep(0.05)
    return False
