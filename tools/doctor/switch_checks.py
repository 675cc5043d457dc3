# SPDX-License-Identifier: Apache-2.0
"""What holds for an ovs-vswitchd with ports of type=pollux, beside what its telemetry tells: queues that no PMD thread polls, offload, sleep."""

import re

import json_rpc
from finding import BROKEN, COSTS, NOTE, RIGHT, Finding

PROGRAM = "ovs-vswitchd"
RUN_FOLDER = "/var/run/openvswitch"
POLLED = re.compile(r"^ +port: (\S+) +queue-id: +(\d+)")
OFF = ("", "0", "false")


class Switch:
    """Of a process that answers telemetry, its control socket and its database. Each answer is None where there is none: it is busy, or not
    ours to ask."""

    def __init__(self, machine, process):
        self.pid = process.pid
        self._telemetry = process
        words = (machine.read(f"/proc/{self.pid}/cmdline") or "").split("\0")
        variables = dict(word.partition("=")[::2] for word in (machine.read(f"/proc/{self.pid}/environ") or "").split("\0"))
        folder = variables.get("OVS_RUNDIR") or RUN_FOLDER
        self._database = next((word.removeprefix("unix:") for word in words if word.startswith("unix:")), f"{folder}/db.sock")
        self._control = next((word.partition("=")[2] for word in words if word.startswith("--unixctl=")), f"{folder}/{PROGRAM}.{self.pid}.ctl")

    @staticmethod
    def _ask(path, method, *parameters):
        try:
            return json_rpc.ask(path, method, *parameters)
        except OSError:
            return None

    def _rows(self, table, columns, where=()):
        answer = self._ask(self._database, "transact", "Open_vSwitch", {"op": "select", "table": table, "where": list(where), "columns": columns})
        return answer[0].get("rows") if answer else None

    def ports(self):
        """{interface: rx queues}, of those that are started."""
        report = self._telemetry.ask("/pollux/report") or {}
        return {port["interface"]: port["rx_queues"] for port in report.get("ports", []) if port["started"]}

    def flow_tables(self):
        return (self._telemetry.ask("/pollux/flows") or {}).get("tables", [])

    def polled(self):
        """{(interface, queue)}"""
        text = self._ask(self._control, "dpif-netdev/pmd-rxq-show")
        if text is None:
            return None
        return {(found[1], int(found[2])) for found in map(POLLED.match, text.splitlines()) if found}

    def settings(self):
        """other_config of Open_vSwitch."""
        rows = self._rows("Open_vSwitch", ["other_config"])
        return dict(rows[0]["other_config"][1]) if rows else None

    def options(self):
        """{interface: options}, of type=pollux."""
        rows = self._rows("Interface", ["name", "options"], [["type", "==", "pollux"]])
        return None if rows is None else {row["name"]: dict(row["options"][1]) for row in rows}


def polling(switch, subject):
    polled, ports = switch.polled(), switch.ports()
    if polled is None or not ports:
        return
    missing = sorted((name, queue) for name, count in ports.items() for queue in range(count) if (name, queue) not in polled)
    if missing:
        names = ", ".join(f"queue {queue} of {name}" for name, queue in missing[:4]) + (", ..." if len(missing) > 4 else "")
        yield Finding("ovs-unpolled", BROKEN, subject, f"no PMD thread polls {names}: what comes in there is lost",
                      "ovs-appctl dpif-netdev/pmd-rxq-show; CPUs for PMD threads: ovs-vsctl set Open_vSwitch . other_config:pmd-cpu-mask=MASK; "
                      "pmd-rxq-affinity keeps a thread from all other queues (pmd-rxq-isolate)")
    else:
        yield Finding("ovs-unpolled", RIGHT, subject, f"PMD threads poll all {sum(ports.values())} rx queue(s) of its ports")


def offload(switch, subject):
    settings = switch.settings()
    if settings is None:
        return
    on = settings.get("hw-offload", "") not in OFF
    tables = switch.flow_tables()
    if on and tables:
        yield Finding("ovs-offload", RIGHT, subject, f"flows stay in the kernel: {tables[0]['flows']} of {tables[0]['most_flows']} are there now")
    elif on:
        yield Finding("ovs-offload", COSTS, subject, "hw-offload is set, and no port has a flow table: it was set after the start, or the log says why",
                      "start ovs-vswitchd anew; docs/openvswitch.md")
    else:
        yield Finding("ovs-offload", NOTE, subject, "each packet goes by a PMD thread; simple flows between ports could stay in the kernel",
                      "ovs-vsctl set Open_vSwitch . other_config:hw-offload=true, then start ovs-vswitchd anew")


def sleep(switch, subject):
    settings, options = switch.settings(), switch.options()
    if settings is None or options is None:
        return
    # Open vSwitch 3.1 knows the second name alone.
    microseconds = next((settings[name] for name in ("pmd-sleep-max", "pmd-maxsleep") if settings.get(name, "") not in OFF), None)
    if microseconds is None:
        yield Finding("ovs-sleep", NOTE, subject, "its PMD threads poll without a pause, also where nothing comes",
                      "ovs-vsctl set Open_vSwitch . other_config:pmd-sleep-max=MICROSECONDS, with options:n_rxq_desc=N on the ports (docs/idle.md)")
        return
    short = sorted(name for name, values in options.items() if "n_rxq_desc" not in values)
    if short:
        yield Finding("ovs-sleep", COSTS, subject,
                      f"its PMD threads sleep for up to {microseconds} us, and a quiet queue of {short[0]} holds few frames: a burst that comes meanwhile "
                      "loses packets (rx_dropped)", f"ovs-vsctl set interface {short[0]} options:n_rxq_desc=8192")
    else:
        yield Finding("ovs-sleep", RIGHT, subject, f"its PMD threads sleep for up to {microseconds} us, and the ports keep their rings full")


CHECKS = [polling, offload, sleep]


def look(machine, processes):
    for process in processes:
        if process.name != PROGRAM[:15]:
            continue
        switch = Switch(machine, process)
        for check in CHECKS:
            yield from check(switch, f"{process.name} ({process.pid})")
