#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every finding of the doctor, each on a machine that has it: doctor_test.py DOCTOR.PY TESTPMD DOCTOR.MD

What can be made here is real: interfaces in a network namespace, a testpmd on them, sockets of killed processes. What cannot (kernels,
processors, cards) is a folder of files as /proc and /sys have them, given as --root. docs/doctor.md has a row a finding."""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

DOCTOR, TESTPMD, PAGE = map(os.path.abspath, sys.argv[1:4])
del sys.argv[1:]
HEALTHY = {
    "proc/sys/kernel/osrelease": "6.18.1",
    "proc/self/status": "CapEff:\t000001ffffffffff",
    "proc/self/limits": "Max locked memory         8388608              8388608              bytes",
    "proc/sys/net/core/bpf_jit_enable": "1",
    "proc/meminfo": "HugePages_Total:      64\nHugePages_Free:       64",
    "sys/devices/system/cpu/cpu0/online": "1",
    "sys/devices/system/cpu/cpu1/online": "1",
    "sys/devices/system/cpu/cpufreq/policy0/scaling_governor": "performance",
    "sys/devices/system/cpu/cpufreq/policy0/scaling_driver": "acpi-cpufreq",
    "sys/devices/system/cpu/cpu0/cpuidle/state1/latency": "2",
    "sys/devices/system/cpu/cpu0/cpuidle/state1/disable": "0",
    "sys/class/net/card/queues/rx-0/rps_cpus": "0",
    "sys/class/net/card/device/numa_node": "0",
    "sys/devices/system/node/node0/cpulist": "0-3",
    "commands/ip_-d_-j_link_show_dev_card": json.dumps([{"ifname": "card", "flags": ["UP", "LOWER_UP"], "mtu": 1500}]),
    "commands/ethtool_-i_card": "driver: ice",
    "commands/ethtool_-k_card": "large-receive-offload: off [fixed]\nrx-vlan-offload: off",
    "commands/xdp_features_card": "0xf",
    "commands/napi_of_queues_card": '{"0": 12}',
    "commands/ip_-j_route_show_default": "[]",
}
PORT = {"port": 0, "interface": "card", "rx_queues": 1, "features": [], "process": "testpmd (7)",
        "lcores": [{"lcore_id": 0, "main": True, "cpuset": [0], "socket": 0}, {"lcore_id": 1, "cpuset": [1], "socket": 0}]}
seen = set()
os.environ["PATH"] += ":/usr/sbin:/sbin"


def examine(*arguments, namespace=None):
    """(exit code, findings)"""
    words = [sys.executable, "-B", DOCTOR, "--json", *arguments]
    if namespace:
        words = ["ip", "netns", "exec", namespace, *words]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, json.loads(done.stdout)["findings"]


class Case(unittest.TestCase):
    def expect(self, findings, name, level, *, text="", command=""):
        seen.add(name)
        of_name = [finding for finding in findings if finding["name"] == name]
        self.assertEqual([finding["level"] for finding in of_name], [level], findings)
        self.assertIn(text, of_name[0]["text"])
        self.assertIn(command, of_name[0]["command"])

    def scratch(self):
        folder = tempfile.mkdtemp(prefix="plx", dir="/tmp")  # short: a socket's path has at most 107 bytes
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        return folder


class MadeUpMachines(Case):
    def on(self, changes, name, level, *, text="", command=""):
        """A healthy machine with these files instead; None removes one."""
        root = pathlib.Path(self.scratch())
        for path, content in {**HEALTHY, **changes}.items():
            if content is not None:
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(content if isinstance(content, str) else json.dumps(content))
        code, findings = examine("--root", str(root), "card")
        self.assertEqual(code, 1 if level in ("costs", "broken") else 0, findings)
        self.expect(findings, name, level, text=text, command=command)

    def with_port(self, changes, port, name, level, **more):
        self.on({"commands/ports": {"card": [{**PORT, **port}]}, **changes}, name, level, **more)

    def test_a_healthy_machine_has_nothing_to_do(self):
        root = pathlib.Path(self.scratch())
        for path, content in {**HEALTHY, "commands/ports": json.dumps({"card": [PORT]})}.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(content)
        code, findings = examine("--root", str(root), "card")
        self.assertEqual((code, {finding["level"] for finding in findings}), (0, {"right"}), findings)

    def test_rights(self):
        self.on({"proc/self/status": "CapEff:\t0000000000000000", "proc/self/limits": "Max locked memory  unlimited  unlimited  bytes"},
                "rights", "broken", text="CAP_BPF", command="sudo")

    def test_memlock(self):
        # All that is needed but CAP_IPC_LOCK (14).
        self.on({"proc/self/status": f"CapEff:\t{(1 << 41) - 1 - (1 << 14):016x}"}, "memlock", "broken", text="8192 KiB", command="ulimit")

    def test_bad_kernel(self):
        self.on({"proc/sys/kernel/osrelease": "6.16.12+deb13-amd64"}, "bad-kernel", "broken", text="panics")

    def test_old_kernel(self):
        self.on({"proc/sys/kernel/osrelease": "5.15.0"}, "old-kernel", "costs", text="without sk_buffs")
        self.on({"proc/sys/kernel/osrelease": "4.19.0"}, "old-kernel", "broken", text="older than 5.10")

    def test_bpf_jit(self):
        self.on({"proc/sys/net/core/bpf_jit_enable": "0"}, "bpf-jit", "costs", command="sysctl")

    def test_huge_pages(self):
        self.on({"proc/meminfo": "HugePages_Total:       0\nHugePages_Free:        0"}, "huge-pages", "note", command="nr_hugepages")

    def test_one_core(self):
        self.on({"sys/devices/system/cpu/cpu1/online": None}, "one-core", "costs")

    def test_governor(self):
        self.on({"sys/devices/system/cpu/cpufreq/policy0/scaling_governor": "ondemand"}, "governor", "costs", command="cpupower")

    def test_c_states(self):
        self.on({"sys/devices/system/cpu/cpu0/cpuidle/state3/latency": "133", "sys/devices/system/cpu/cpu0/cpuidle/state3/disable": "0"},
                "c-states", "note", text="133 us", command="idle-set")

    def test_native(self):
        self.on({"commands/xdp_features_card": "0", "commands/ethtool_-i_card": "driver: r8169"}, "native", "costs", text="sk_buff")
        self.on({"commands/xdp_features_card": None, "commands/ethtool_-i_card": "driver: r8169"}, "native", "costs", text="not known")

    def test_zero_copy(self):
        self.on({"commands/xdp_features_card": "0x7", "commands/ethtool_-i_card": "driver: ena"}, "zero-copy", "note", text="no zero-copy")

    def test_vlan_tags(self):
        self.on({"commands/ethtool_-k_card": "rx-vlan-offload: on"}, "vlan-tags", "costs", command="rxvlan off")

    def test_merged(self):
        self.on({"commands/ethtool_-k_card": "large-receive-offload: on"}, "merged", "broken", command="lro off")

    def test_busy_poll(self):
        self.on({"commands/napi_of_queues_card": '{"0": null}'}, "busy-poll", "note", text="NAPI")
        state = {"feature": "busy_poll", "asked": "budget 64", "got": "off", "present": False, "reason": "no NAPI instance"}
        self.with_port({}, {"features": [state]}, "busy-poll", "costs", text="no NAPI instance")

    def test_numa(self):
        self.with_port({"sys/class/net/card/device/numa_node": "1", "sys/devices/system/node/node1/cpulist": "4-7"}, {}, "numa", "costs",
                       text="lcore 1", command="-l 4-7")

    def test_irq_affinity(self):
        irqs = {f"sys/class/net/card/device/msi_irqs/{line}": "msix" for line in (30, 31, 32)}
        self.with_port({**irqs, "proc/irq/31/smp_affinity_list": "1"}, {}, "irq-affinity", "costs", text="interrupt 31")
        self.on({**irqs, **{f"proc/irq/{line}/smp_affinity_list": "0" for line in (30, 31, 32)}}, "irq-affinity", "costs", text="CPU 0")

    def test_generic(self):
        link = [{"flags": ["UP"], "mtu": 1500, "xdp": {"mode": 2, "prog": {"id": 1, "name": "pollux_redirect"}}}]
        self.on({"commands/ip_-d_-j_link_show_dev_card": link}, "generic", "costs")

    def test_default_route(self):
        self.on({"commands/ip_-j_route_show_default": [{"dst": "default", "dev": "card"}]}, "default-route", "costs", text="ssh", command="--steer")

    def test_carrier(self):
        self.on({"commands/ip_-d_-j_link_show_dev_card": [{"flags": ["UP", "NO-CARRIER"], "mtu": 1500}]}, "carrier", "broken")

    def test_leftover_demo(self):
        self.on({"run/pollux/demo/plxd7/processes": ""}, "leftover-demo", "note", command="tools/demo --down")

    def test_losses(self):
        sys.path.insert(0, os.path.dirname(DOCTOR))
        sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(DOCTOR)), "telemetry"))
        import process_checks

        class Asked:
            name, pid = "testpmd", 7

            def ask(self, command):
                return {"ports": [{"port": 0, "drops": {"rx_ring_full": 5, "rx_dropped": 0}}], "pools": [{"pool": 0, "frames": 4096, "free": 3}]}

        found = [vars(finding) for finding in process_checks.losses(Asked())]
        self.expect(found, "losses", "costs", text="lost 5 packets (rx_ring_full)", command="--rxq")
        self.expect(found, "pool", "costs", text="3 of 4096")


    def test_stands_still(self):
        sys.path[:0] = [os.path.dirname(DOCTOR), os.path.join(os.path.dirname(os.path.dirname(DOCTOR)), "telemetry")]
        import process_checks

        class Asked:
            name, pid = "testpmd", 7
            lcores, queues = [], []

            def ask(self, command):
                return {"lcores": self.lcores, "queues": self.queues, "reopened": []} if command == "/pollux/watchdog" else None

        self.assertEqual(list(process_checks.stalls(Asked())), [])
        asked = Asked()
        asked.lcores = [{"lcore": 3, "milliseconds": 700, "text": "its thread is stopped (a debugger, or a frozen group)"}]
        self.expect([vars(finding) for finding in process_checks.stalls(asked)], "stands-still", "broken", text="lcore 3 has not polled for 700 ms")
        asked = Asked()
        asked.queues = [{"port": 0, "direction": "rx", "queue": 2, "cause": "no-frames", "milliseconds": 600, "text": "the pool gives none"}]
        self.expect([vars(finding) for finding in process_checks.stalls(asked)], "stands-still", "broken", text="rx queue 2 of port 0", command="port stop")


class Daemon:
    """Answers one question a connection, as Open vSwitch's daemons do, in parts; `answers` by method and first parameter."""

    def __init__(self, path, answers):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(path)
        self._socket.listen()
        self._answers = answers
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                question = json.loads(connection.recv(65536))
                text = json.dumps({"id": question["id"], "result": self._answers(question), "error": None}).encode()
                connection.sendall(b'{"id":"echo","method":"echo","params":[]}')
                connection.sendall(text[:10])
                time.sleep(0.01)
                connection.sendall(text[10:])

    def close(self):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


class OpenVSwitch(Case):
    """An ovs-vswitchd by what it answers: telemetry, its control socket, its database."""
    POLLED = "pmd thread numa_id 0 core_id 1:\n  isolated : false\n  port: p0                queue-id:  0 (enabled)   pmd usage:  0 %\n"

    def findings(self, *, polled=POLLED, settings=None, options=None, queues=1, tables=()):
        sys.path[:0] = [os.path.dirname(DOCTOR)]
        import switch_checks
        folder = self.scratch()

        def database(question):
            operation = question["params"][1]
            if operation["table"] == "Open_vSwitch":
                return [{"rows": [{"other_config": ["map", [list(pair) for pair in (settings or {}).items()]]}]}]
            self.assertEqual(operation["where"], [["type", "==", "pollux"]])
            return [{"rows": [{"name": "p0", "options": ["map", [list(pair) for pair in (options or {}).items()]]}]}]

        for path, answers in ((f"{folder}/db.sock", database), (f"{folder}/ctl", lambda question: polled)):
            self.addCleanup(Daemon(path, answers).close)

        class Files:
            def read(self, path):
                return f"ovs-vswitchd\0unix:{folder}/db.sock\0--unixctl={folder}/ctl" if path == "/proc/7/cmdline" else None

        class Asked:
            name, pid = "ovs-vswitchd", 7

            def ask(self, command):
                ports = [{"interface": "p0", "rx_queues": queues, "started": True}, {"interface": "p1", "rx_queues": 1, "started": False}]
                return {"/pollux/report": {"ports": ports}, "/pollux/flows": {"tables": list(tables)}}[command]

        class Other(Asked):
            name = "testpmd"

        return [vars(finding) for finding in switch_checks.look(Files(), [Other(), Asked()])]

    def test_unpolled(self):
        self.expect(self.findings(), "ovs-unpolled", "right", text="all 1 rx queue")
        self.expect(self.findings(queues=2), "ovs-unpolled", "broken", text="queue 1 of p0", command="pmd-cpu-mask")
        self.expect(self.findings(polled=""), "ovs-unpolled", "broken", text="queue 0 of p0")

    def test_offload(self):
        self.expect(self.findings(), "ovs-offload", "note", command="hw-offload=true")
        self.expect(self.findings(settings={"hw-offload": "true"}), "ovs-offload", "costs", text="no port has a flow table", command="anew")
        table = {"flows": 3, "most_flows": 65536}
        self.expect(self.findings(settings={"hw-offload": "true"}, tables=[table]), "ovs-offload", "right", text="3 of 65536")

    def test_sleep(self):
        self.expect(self.findings(), "ovs-sleep", "note", command="pmd-sleep-max")
        self.expect(self.findings(settings={"pmd-sleep-max": "0"}), "ovs-sleep", "note")
        for name in ("pmd-sleep-max", "pmd-maxsleep"):
            self.expect(self.findings(settings={name: "50"}), "ovs-sleep", "costs", text="up to 50 us", command="p0 options:n_rxq_desc")
        self.expect(self.findings(settings={"pmd-sleep-max": "50"}, options={"n_rxq_desc": "8192"}), "ovs-sleep", "right")

    def test_what_does_not_answer_is_no_finding(self):
        sys.path[:0] = [os.path.dirname(DOCTOR)]
        import switch_checks

        class Files:
            def read(self, path):
                return "ovs-vswitchd\0unix:/nowhere/db.sock" if path.endswith("cmdline") else "OVS_RUNDIR=/nowhere"

        class Asked:
            name, pid = "ovs-vswitchd", 7

            def ask(self, command):
                return {}

        self.assertEqual(list(switch_checks.look(Files(), [Asked()])), [])


class RealMachines(Case):
    def setUp(self):
        self.namespace = f"plxdoctor{os.getpid()}"
        self.addCleanup(subprocess.run, ["ip", "netns", "delete", self.namespace], check=False)
        self.run_command("ip", "netns", "add", self.namespace)
        self.run_command("ip", "link", "add", "near", "netns", self.namespace, "numrxqueues", "4", "numtxqueues", "4", "type", "veth", "peer", "name",
                         "far", "netns", self.namespace)
        for name in ("near", "far"):
            self.inside("ip", "link", "set", name, "up")
        run_folder = self.scratch()
        os.environ["RUNTIME_DIRECTORY"] = run_folder
        os.environ["POLLUX_STATE_FOLDER"] = os.path.join(run_folder, "state")

    def run_command(self, *words):
        return subprocess.run(words, capture_output=True, text=True, timeout=60, check=True).stdout

    def inside(self, *words):
        return self.run_command("ip", "netns", "exec", self.namespace, *words)

    def examine(self, *arguments):
        return examine(*arguments, namespace=self.namespace)[1]

    def testpmd(self, *options):
        """Forwards on `near`; ended at the end of the test."""
        words = ["ip", "netns", "exec", self.namespace, TESTPMD, "--lcores", "0@0,1@0", "--vdev", "net_af_xdp0,iface=near", "--vdev", "net_null0",
                 "--", "--json", "--total-num-mbufs=16384", "--auto-start", "-i", *options]
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

        def end():
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)

        self.addCleanup(end)
        while json.loads(process.stdout.readline())["event"] != "forwarding":
            pass
        return process

    def test_no_interface(self):
        self.expect(self.examine("naer"), "no-interface", "broken", text="did you mean near")

    def test_down(self):
        self.inside("ip", "link", "set", "near", "down")
        self.expect(self.examine("near"), "down", "broken", command="ip link set near up")

    def test_mtu(self):
        self.inside("ip", "link", "set", "near", "mtu", "9000")
        self.expect(self.examine("near"), "mtu", "broken", text="9000")
        self.inside("ip", "link", "set", "near", "mtu", "3000")
        self.expect(self.examine("near"), "mtu", "note", command="--mbuf-size=4096")

    def test_master(self):
        self.inside("ip", "link", "add", "bridge", "type", "bridge")
        self.inside("ip", "link", "set", "near", "master", "bridge")
        self.expect(self.examine("near"), "master", "costs", text="the bridge bridge", command="nomaster")

    def test_far_end(self):
        self.inside("ethtool", "-K", "far", "gro", "off")
        self.expect(self.examine("near"), "far-end", "costs", command="ethtool -K far gro on")
        self.inside("ethtool", "-K", "far", "gro", "on")
        self.assertNotIn("far-end", [finding["name"] for finding in self.examine("near")])

    def test_queues(self):
        self.inside("ethtool", "-L", "near", "rx", "4", "tx", "4")
        self.expect(self.examine("near"), "queues", "note", text="4 queues")
        self.testpmd()
        # The interface is found by the process that has it.
        self.expect(self.examine(), "queues", "broken", text="75 %", command="--rxq=4")

    def test_all_queues_served(self):
        self.inside("ethtool", "-L", "near", "rx", "4", "tx", "4")
        self.testpmd("--rxq=4", "--txq=4")
        findings = self.examine()
        self.expect(findings, "queues", "right")
        self.expect(findings, "losses", "right")

    def test_other_program(self):
        program = os.path.join(self.scratch(), "other.o")
        source = '__attribute__((section("xdp"), used)) int other(void* c) { return 2; }\nchar l[] __attribute__((section("license"), used)) = "GPL";\n'
        subprocess.run(["clang", "-target", "bpf", "-O2", "-c", "-x", "c", "-", "-o", program], input=source, text=True, check=True, timeout=60)
        # In a bpf file system of its own: ip takes the first that it finds mounted, and makes folders in it.
        self.inside("sh", "-c", f"mount -t bpf bpf /sys/fs/bpf && ip link set near xdp obj {program} sec xdp")
        self.expect(self.examine("near"), "other-program", "broken", command="xdp off")

    def test_not_in_effect(self):
        # What injection needs and does not find: a far end that takes XDP frames.
        self.inside("ethtool", "-K", "far", "gro", "off")
        self.testpmd()
        self.expect(self.examine(), "not-in-effect", "costs", text="inject was asked for", command="--require=inject")

    def test_leftovers_of_a_killed_process(self):
        process = self.testpmd()
        process.stdin.write("port config mtu 0 1400\n")
        process.stdin.flush()
        state = os.environ["POLLUX_STATE_FOLDER"]
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not (os.path.isdir(state) and os.listdir(state)):
            time.sleep(0.05)
        process.kill()
        process.wait()
        findings = self.examine()
        self.expect(findings, "leftover-socket", "note", command="rm ")
        self.expect(findings, "leftover-settings", "costs", text="1400")
        self.expect(self.examine("--repair"), "leftover-socket", "right", text="removed")
        self.assertNotIn("leftover-socket", [finding["name"] for finding in self.examine()])

    def test_leftover_ovs(self):
        gone = subprocess.Popen(["true"])
        gone.wait()
        folder = f"/tmp/plxo{gone.pid}.test"
        os.mkdir(folder)
        self.addCleanup(os.rmdir, folder)
        found = [finding for finding in self.examine() if finding["subject"] == folder]
        self.expect(found, "leftover-ovs", "note", command="tools/ovs")

    def test_daemons_of_a_killed_ovs_run_end_in_order_and_the_folder_goes(self):
        sys.path.insert(0, os.path.dirname(DOCTOR))
        import leftover_daemons
        folder = tempfile.mkdtemp(prefix="plxo1.", dir="/tmp")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        # Python by the daemons' names, which waits for its end: the one for a signal, the other to be asked.
        asked = """import os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.bind(f"{sys.argv[1]}/ovs-vswitchd.{os.getpid()}.ctl"); server.listen(); print(flush=True)
    client, _ = server.accept(); sys.exit(1) if b'"--cleanup"' not in client.recv(4096) else client.sendall(b'{"id":0,"result":"","error":null}')"""
        daemons = {}
        for name, program in (("ovs-vswitchd", asked), ("ovsdb-server", "import signal; print(flush=True); signal.pause()")):
            os.symlink(os.path.realpath(sys.executable), f"{folder}/{name}")
            daemons[name] = subprocess.Popen([f"{folder}/{name}", "-c", program, f"{folder}/"], stdout=subprocess.PIPE)
            self.addCleanup(daemons[name].kill)
            daemons[name].stdout.readline()
            pathlib.Path(f"{folder}/{name}.pid").write_text(str(daemons[name].pid), encoding="utf-8")
        self.assertEqual(leftover_daemons.running(folder), {name: process.pid for name, process in daemons.items()})
        # Another process of that number is not theirs.
        pathlib.Path(f"{folder}/ovsdb-server.pid").write_text(str(os.getpid()), encoding="utf-8")
        self.assertEqual(list(leftover_daemons.running(folder)), ["ovs-vswitchd"])
        pathlib.Path(f"{folder}/ovsdb-server.pid").write_text(str(daemons["ovsdb-server"].pid), encoding="utf-8")
        leftover_daemons.end(folder)
        self.assertFalse(os.path.exists(folder))
        self.assertEqual(daemons["ovs-vswitchd"].wait(timeout=60), 0, "it was asked to clean up")
        self.assertEqual(daemons["ovsdb-server"].wait(timeout=60), -signal.SIGTERM)


class Page(unittest.TestCase):
    def test_has_a_row_for_every_finding_and_no_other(self):
        rows = re.findall(r"^\| `([a-z-]+)` \|", pathlib.Path(PAGE).read_text(encoding="utf-8"), re.MULTILINE)
        self.assertEqual(len(rows), len(set(rows)))
        self.assertEqual(sorted(seen), sorted(rows))


class Words(unittest.TestCase):
    def test_wrong_options_are_2(self):
        for words in (["--nonsense"], ["--root", "/nowhere"], ["--root", "/tmp", "--repair"]):
            done = subprocess.run([sys.executable, "-B", DOCTOR, *words], capture_output=True, text=True, check=False, timeout=60)
            self.assertEqual(done.returncode, 2, words)

    def test_text_has_the_worst_first_and_a_command_behind_it(self):
        done = subprocess.run([sys.executable, "-B", DOCTOR, "nowhere"], capture_output=True, text=True, check=False, timeout=60)
        lines = done.stdout.splitlines()
        self.assertRegex(lines[0], "^broken  nowhere: there is no interface nowhere")
        self.assertRegex(lines[1], "^ +-> ")
        self.assertRegex(lines[-1], "^1 broken, ")


if __name__ == "__main__":
    # The page last: by then every finding was seen.
    suite = unittest.TestSuite(unittest.defaultTestLoader.loadTestsFromTestCase(case) for case in (MadeUpMachines, OpenVSwitch, RealMachines, Words, Page))
    sys.exit(not unittest.TextTestRunner(verbosity=1).run(suite).wasSuccessful())
