# SPDX-License-Identifier: Apache-2.0
"""pollux doctor: what is right, what costs speed, and what to do, of this machine, its interfaces and the processes that run."""

import argparse
import dataclasses
import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "telemetry"))
import client
import interface_checks
import machine_checks
import process_checks
import switch_checks
from finding import BROKEN, COSTS, LEVELS, NOTE, RIGHT, Finding
from machine import Machine

MARKS = {RIGHT: "ok    ", NOTE: "note  ", COSTS: "costs ", BROKEN: "broken"}
COLOURS = {RIGHT: "32", NOTE: "36", COSTS: "33", BROKEN: "31"}
INDENT = " " * 8


def look(machine, interfaces, paths=None):
    """All findings. `paths`: telemetry sockets; those of this machine if not given."""
    findings = [finding for check in machine_checks.CHECKS for finding in check(machine)]
    alive, dead = client.connect_all() if machine.is_real else ([], [])
    try:
        ports = process_checks.ports_of(alive)
        if not machine.is_real:
            ports = machine.json("ports") or {}
        for interface in interfaces or sorted(name for name in ports if machine.link(name)):
            findings += look_at_interface(machine, interface, ports.get(interface, []))
        for process in alive:
            findings += [*process_checks.shortfalls(process), *process_checks.losses(process), *process_checks.stalls(process)]
        findings += switch_checks.look(machine, alive)
    finally:
        for process in alive:
            process.close()
    findings += process_checks.dead_sockets(dead)
    findings += process_checks.settings_left(machine)
    findings += process_checks.rigs_left(machine, lambda pid: os.path.exists(machine.path(f"/proc/{pid}")))
    return findings


def look_at_interface(machine, interface, ports):
    link = machine.link(interface)
    findings = list(interface_checks.presence(machine, interface, link, ports))
    if link is not None:
        for check in interface_checks.CHECKS:
            findings += check(machine, interface, link, ports)
    return findings


def repair(findings):
    """Removes what killed processes left, and says so; what nobody can be sure about stays."""
    for finding in findings:
        if finding.repair is None:
            continue
        try:
            finding.repair()
            finding.level, finding.text, finding.command = RIGHT, "removed: " + finding.text, ""
        except OSError as error:
            finding.text += f"; it could not be removed: {error}"


def as_text(findings, colour):
    worst_first = sorted(findings, key=lambda finding: -LEVELS.index(finding.level))
    lines = []
    for finding in worst_first:
        mark = MARKS[finding.level]
        if colour:
            mark = f"\033[{COLOURS[finding.level]}m{mark}\033[0m"
        lines.append(f"{mark}  {finding.subject}: {finding.text}")
        if finding.command:
            lines.append(f"{INDENT}-> {finding.command}")
    counts = {level: sum(finding.level == level for finding in findings) for level in LEVELS}
    lines.append(f"{counts[BROKEN]} broken, {counts[COSTS]} that cost speed, {counts[NOTE]} notes, {counts[RIGHT]} right")
    return "\n".join(lines)


def as_json(findings):
    rows = [{key: value for key, value in dataclasses.asdict(finding).items() if key != "repair"} for finding in findings]
    return json.dumps({"findings": rows}, indent=2)


def main(arguments):
    parser = argparse.ArgumentParser(prog="pollux doctor", description=__doc__,
                                     epilog="exit code: 0 nothing to do, 1 something costs speed or is broken, 2 wrong options")
    parser.add_argument("interfaces", nargs="*", metavar="INTERFACE",
                        help="to be looked at, in this network namespace; without any: those of running processes")
    parser.add_argument("--json", action="store_true", help="one object: findings[] of name, level, subject, text, command")
    parser.add_argument("--repair", action="store_true", help="remove what killed processes left, where that is sure")
    parser.add_argument("--root", default="/", metavar="FOLDER", help="look at a copy of /proc and /sys there, and run nothing")
    options = parser.parse_args(arguments)
    if not os.path.isdir(options.root):
        parser.error(f"--root={options.root}: no such folder")
    machine = Machine(options.root)
    if options.repair and not machine.is_real:
        parser.error("--repair: not with --root")
    findings = look(machine, options.interfaces)
    if options.repair:
        repair(findings)
    print(as_json(findings) if options.json else as_text(findings, sys.stdout.isatty()))
    return 1 if any(finding.level in (COSTS, BROKEN) for finding in findings) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
