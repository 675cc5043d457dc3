# SPDX-License-Identifier: Apache-2.0
"""Beside others, and before and after: a port that changes its type, a library that is replaced under the daemon, several daemons on a machine.

    pod q0 (10.6.0.1) --- q0    the other's bridge    q1 --- pod q1 (10.6.0.2)
"""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess

from rig import RIG, Namespace, OtherSwitch, attempt, run, wait_for
from three_ports import ThreePorts

ROUNDS = int(os.environ.get("TYPE_ROUNDS", "2"))


def settled(look):
    """What look() returns five times in a row: a daemon opens and closes files all the time."""
    seen = []

    def stands():
        seen.append(look())
        return len(seen) >= 5 and all(one == seen[-1] for one in seen[-5:])
    wait_for(lambda: f"it does not settle: {seen[-5:]}", stands)
    return seen[-1]


def name_of(program):
    code, said = attempt("bpftool", "-j", "prog", "show", "id", program)
    return json.loads(said).get("name", "") if code == 0 else ""


def program_on(port, namespace=None):
    """The name of the XDP program on an interface, empty without."""
    [link] = json.loads(run("ip", *(("-n", namespace.name) if namespace else ()), "-j", "link", "show", "dev", port))
    return name_of(link["xdp"]["prog"]["id"]) if "xdp" in link else ""


class Coexistence(ThreePorts):
    def figures(self, port):
        """What Open vSwitch counts of a port now; the database has it of five seconds ago."""
        shown = self.switch.run("ovs-appctl", "dpctl/show", "-s")
        words = re.search(rf"port \d+: {port} (.*?)(?=\n *port \d+:|$)", shown, re.DOTALL).group(1)
        received, sent = words.index("RX packets:"), words.index("TX packets:")

        def numbers(text):
            return {name: int(value) for name, value in re.findall(r"(\w+):(\d+)", text)}
        return {**{f"rx {name}": value for name, value in numbers(words[received:sent]).items()},
                **{f"tx {name}": value for name, value in numbers(words[sent:]).items()}}

    def check_figures(self, port, before):
        now = self.figures(port)
        for name, value in now.items():
            if value >= 1 << 48:
                raise AssertionError(f"{name} of {port} is {value}")
        if now["rx packets"] < before.get("rx packets", 0):
            raise AssertionError(f"rx packets of {port} fell from {before['rx packets']} to {now['rx packets']}")
        return now

    def held(self):
        """Without what stock afxdp never closes: a program and its map, each time that a port of that type goes."""
        everything, foreign = self.switch.held(), 0
        for information in pathlib.Path(f"/proc/{self.switch.pid}/fdinfo").iterdir():
            try:
                program = re.search(r"\nprog_id:\s+(\d+)", information.read_text())
            except OSError:
                continue
            foreign += program is not None and name_of(program.group(1)) == "xsk_def_prog"
        return {"programs": everything["programs"] - foreign, "files": everything["files"] - 2 * foreign}

    def test_type_changes(self):
        """from type=pollux to type=afxdp and back on a live bridge, under ping"""
        ping = self.client.start("ping", "-q", "-i", "0.02", "10.0.0.2", stdout=subprocess.DEVNULL)
        self.addCleanup(lambda: (ping.kill(), ping.wait()))
        self.addCleanup(self.switch.await_polling, "p1")
        self.addCleanup(self.switch.vsctl, "set", "interface", "p1", "type=pollux")
        held, figures = settled(self.held), {}
        for _ in range(ROUNDS):
            for kind in ("afxdp", "pollux"):
                self.switch.vsctl("set", "interface", "p1", f"type={kind}")
                self.switch.await_polling("p1")
                self.client.ping("10.0.0.2")
                self.server.ping("10.0.0.3")
                program = program_on("p1")
                if not program or program.startswith("pollux") != (kind == "pollux"):
                    raise AssertionError(f"with type={kind} the program on p1 is '{program}'")
                figures = self.check_figures("p1", figures)
                self.equal(f"error of p1 with type={kind}", self.switch.get("p1", "error"), "[]")
            wait_for(lambda: f"held before: {held}; afterwards: {self.held()}", lambda: self.held() == held)

    def test_upgrade_of_the_library(self):
        """the library is replaced under a running daemon, which goes on, and has the new one when it is started again"""
        # A copy, in the place of what other runs use too; nobody outside sees it there.
        programs = RIG / "programs"
        shutil.copytree(os.environ["ovs_programs"], programs, symlinks=True)
        run("mount", "--bind", programs, os.environ["ovs_programs"])
        self.addCleanup(self.switch.restart_switch, ports=("p0", "p1", "p2"))
        self.addCleanup(run, "umount", "--lazy", os.environ["ovs_programs"])
        self.switch.restart_switch(ports=("p0", "p1", "p2"))
        [library] = programs.glob("libpollux.so.*.*.*")

        def loaded():
            with open(f"/proc/{self.switch.pid}/maps", encoding="utf-8") as maps:
                return {(int(line.split()[4]), line.strip().endswith(" (deleted)")) for line in maps if library.name in line}
        before = library.stat().st_ino
        self.equal("the library of the daemon", loaded(), {(before, False)})
        # As dpkg and `install` do: another file by that name.
        shutil.copy2(library, programs / "new")
        (programs / "new").rename(library)
        after = library.stat().st_ino
        self.equal("the library of the running daemon", loaded(), {(before, True)})
        self.client.ping("10.0.0.2")
        self.switch.vsctl("del-port", "p2")
        self.switch.add_port("br0", "p2", "options:n_txq_desc=1024")
        self.switch.await_polling("p2")
        self.third.ping("10.0.0.2")
        self.switch.vsctl("remove", "interface", "p2", "options", "n_txq_desc")
        self.switch.restart_switch(ports=("p0", "p1", "p2"))
        self.equal("the library of the daemon that was started then", loaded(), {(after, False)})
        self.third.ping("10.0.0.2")

    def check_holds(self, who, switch, before):
        wait_for(lambda: f"{who} has {switch.held()}, and had {before} before the other was killed", lambda: switch.held() == before)

    def check_two_daemons(self, bridge, namespace=None):
        pods = [Namespace("podq0"), Namespace("podq1")]
        for number, pod in enumerate(pods):
            self.addCleanup(pod.remove)
            pod.attach(f"q{number}", f"10.6.0.{number + 1}")
            if namespace:
                run("ip", "link", "set", "dev", f"q{number}", "netns", namespace.name)
                namespace.ip("link", "set", "dev", f"q{number}", "up")
        # A PMD thread of each on one processor would wait for the other's time slices.
        other = OtherSwitch(f"other-{bridge}", f"other_config:pmd-cpu-mask={1 << (os.cpu_count() - 1):x}", namespace=namespace)
        self.addCleanup(other.end)
        other.add_bridge(bridge)
        for port in ("q0", "q1"):
            other.add_port(bridge, port)
        other.await_polling("q0", "q1")
        pods[0].ping("10.6.0.2")
        self.client.ping("10.0.0.2")

        held = settled(self.switch.held)
        os.kill(other.pid, signal.SIGKILL)
        for port in ("q0", "q1"):
            wait_for(f"a program is left on {port}", lambda port=port: not program_on(port, namespace))
        self.client.ping("10.0.0.2")
        self.check_holds("the one", self.switch, held)
        other.start_switch()
        other.await_polling("q0", "q1")
        pods[0].ping("10.6.0.2")

        held = settled(other.held)
        os.kill(self.switch.pid, signal.SIGKILL)
        for port in ("p0", "p1", "p2"):
            wait_for(f"a program is left on {port}", lambda port=port: not program_on(port))
        pods[1].ping("10.6.0.1")
        self.check_holds("the other", other, held)
        self.switch.start_switch()
        self.switch.await_polling("p0", "p1", "p2")
        self.client.ping("10.0.0.2")
        pods[0].ping("10.6.0.2")

    def test_two_daemons(self):
        """another ovs-vswitchd in a network namespace of its own: neither minds what a killed one leaves"""
        host = Namespace("host")
        self.addCleanup(host.remove)
        self.check_two_daemons("br0", host)
