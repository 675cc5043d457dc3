# SPDX-License-Identifier: Apache-2.0
"""What running processes say of themselves by telemetry, and what killed ones left."""

import fcntl
import os
import re
import stat

import leftover_daemons
from finding import BROKEN, COSTS, NOTE, RIGHT, Finding

STATE_FOLDER = "/run/pollux"
RECORD = re.compile(r"[^/ ]+-[0-9]+")  # NAMESPACE-INDEX: pmd/af_xdp/saved_settings.h
# Features whose absence is told elsewhere, or costs nothing.
TOLD_ELSEWHERE = {"zerocopy", "native", "busy_poll", "hugepages", "rx_checksum", "need_wakeup", "wake_latency"}
LOSSES = {
    "rx_ring_full": ("the lcore did not come back in time: its rx ring was full", "more lcores or queues (--nb-cores, --rxq), or a longer ring (--rxd)"),
    "rx_dropped": ("the kernel found no frame to put packets into", "more frames: --total-num-mbufs"),
    "tx_dropped_busy": ("the far end did not take them in time: its queue was full", "ethtool -g, ethtool -l of the far end; or it is the slower machine"),
    "tx_dropped_too_long": ("packets longer than the interface's MTU", "ip link set INTERFACE mtu N, on both sides"),
}


class PortOfProcess(dict):
    """/pollux/report of one port, with "process" and "lcores" beside it."""


def ports_of(processes):
    """Of all processes that answer: {interface: [port]}."""
    found = {}
    for process in processes:
        report = process.ask("/pollux/report") or {}
        lcores = [process.ask(f"/eal/lcore/info,{number}") or {} for number in process.ask("/eal/lcore/list") or []]
        for port in report.get("ports", []):
            if port.get("interface"):
                port = PortOfProcess(port, process=f"{process.name} ({process.pid})", lcores=lcores)
                found.setdefault(port["interface"], []).append(port)
    return found


def shortfalls(process):
    subject = f"{process.name} ({process.pid})"
    for port in (process.ask("/pollux/report") or {}).get("ports", []):
        seen = set()
        for state in port["features"]:
            if state["present"] or state["feature"] in TOLD_ELSEWHERE | seen or state["asked"] == "off":
                continue
            seen.add(state["feature"])
            yield Finding("not-in-effect", COSTS, subject,
                          f"port {port['port']} ({port['interface'] or port['name']}): {state['feature']} was asked for ({state['asked']}), "
                          f"and is {state['got']}: {state['reason'] or 'nobody knows why'}",
                          f"--require={state['feature']} makes that an error at the start")


def losses(process):
    subject = f"{process.name} ({process.pid})"
    account = process.ask("/pollux/accounting") or {}
    lost = False
    for port in account.get("ports", []):
        for cause, packets in port["drops"].items():
            if packets and cause in LOSSES:
                lost = True
                why, cure = LOSSES[cause]
                yield Finding("losses", COSTS, subject, f"port {port['port']} lost {packets} packets ({cause}): {why}", cure)
    for pool in account.get("pools", []):
        if pool["frames"] and pool["free"] * 50 < pool["frames"]:
            lost = True
            yield Finding("pool", COSTS, subject, f"pool {pool['pool']}: {pool['free']} of {pool['frames']} frames are free: packets find no place",
                          "more frames: --total-num-mbufs (Open vSwitch: other_config:pollux-frames)")
    if account.get("ports") and not lost:
        yield Finding("losses", RIGHT, subject, "no packet was lost for a cause that has a cure")


def stalls(process):
    """What its watchdog has noticed (docs/watchdog.md)."""
    subject = f"{process.name} ({process.pid})"
    answer = process.ask("/pollux/watchdog") or {}
    for stall in answer.get("lcores", []):
        yield Finding("stands-still", BROKEN, subject, f"lcore {stall['lcore']} has not polled for {stall['milliseconds']} ms: {stall['text']}",
                      "docs/watchdog.md has the causes; a debugger or a frozen control group lets it go on, other work on its CPU has to leave")
    for stall in answer.get("queues", []):
        yield Finding("stands-still", BROKEN, subject,
                      f"{stall['direction']} queue {stall['queue']} of port {stall['port']} has not moved for {stall['milliseconds']} ms "
                      f"({stall['cause']}): {stall['text']}", "docs/watchdog.md has the causes; testpmd: port stop N, port start N")


def dead_sockets(paths):
    for path in paths:
        yield Finding("leftover-socket", NOTE, path, "the telemetry socket of a process that was killed; the next of its prefix replaces it",
                      f"rm '{path}'", repair=lambda path=path: os.unlink(path))


def settings_left(machine):
    """Records of MTU and MAC address whose process is gone: nobody has the lock (pmd/af_xdp/settings_file.h)."""
    folder = os.environ.get("POLLUX_STATE_FOLDER", machine.path(STATE_FOLDER))
    for name in machine.names(folder) if machine.is_real else machine.names(STATE_FOLDER):
        path = os.path.join(folder, name)
        try:
            file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            continue
        try:
            text = os.read(file, 512).decode(errors="replace").strip("\0\n ")
            if not stat.S_ISREG(os.fstat(file).st_mode) or not RECORD.fullmatch(name) or not text:
                continue
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            continue  # its process lives
        finally:
            os.close(file)
        yield Finding("leftover-settings", COSTS, path,
                      "a killed process left settings of an interface as it had them: " + ", ".join(text.splitlines()[1:-1])[:200],
                      "the next port that is opened on that interface puts them back, and says so")


def rigs_left(machine, alive):
    """What a killed tools/ovs run or tools/demo left."""
    for name in machine.names("/tmp"):
        if not name.startswith("plxo") or "." not in name:
            continue
        owner = name[4:].split(".")[0]
        if owner.isdigit() and not alive(int(owner)):
            folder = f"/tmp/{name}"
            daemons = leftover_daemons.running(folder) if machine.is_real else {}
            still = " and ".join(f"{daemon} ({pid})" for daemon, pid in daemons.items())
            yield Finding("leftover-ovs", NOTE, folder,
                          "what a killed tools/ovs run left: its folder" + (f", and {still}, with the bridge's interfaces" if still else ""),
                          f"tools/pollux doctor --repair; tools/ovs run does it at its next start",
                          repair=(lambda folder=folder: leftover_daemons.end(folder)) if machine.is_real else None)
    for name in machine.names(STATE_FOLDER + "/demo"):
        yield Finding("leftover-demo", NOTE, name, "a demonstration that was kept, or killed: namespaces and processes of it are left",
                      "tools/demo --down")
