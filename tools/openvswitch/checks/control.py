# SPDX-License-Identifier: Apache-2.0
"""What a user sets, and what he is told."""

import json
import os
import re
import subprocess
import sys

from rig import PATIENCE, RIG, ROOT, Namespace, attempt, run, start_web_server, wait_for
from three_ports import ThreePorts


class Control(ThreePorts):
    def refuses(self, option, text):
        _, said = attempt("ovs-vsctl", "--timeout=10", "add-port", "br0", "bad", "--", "set", "interface", "bad", "type=pollux",
                          f"options:{option}")
        said += self.switch.errors()
        self.switch.vsctl("del-port", "br0", "bad")
        self.contains(f"what ovs-vsctl says of options:{option}", said, text)
        self.switch.await_log(text)

    def test_bad_values(self):
        """bad values are refused, with a reason"""
        other = Namespace("other")
        other.attach("bad", "10.9.0.1")
        self.refuses("n_rxq=42", "interface bad has 1 receive queue")
        self.refuses("n_rxq=none", "a number from 1 to")
        self.refuses("xdp-mode=fast", "best-effort, native-with-zerocopy, native or generic")
        self.refuses("frame-size=1500", "auto, 2048 or 4096")
        self.refuses("steer=nonsense", "nonsense")
        self.refuses("colour=blue", "no such option")
        self.refuses("rx-metadata=colour", "must be timestamp, hash, vlan")
        self.refuses("require=zerocopy", "zero")
        other.remove()

    def test_failing_change(self):
        """a change that fails leaves the port as it was"""
        self.addCleanup(self.switch.vsctl, "remove", "interface", "p0", "options", "require")
        self.switch.vsctl("set", "interface", "p0", "options:require=zerocopy")
        self.switch.await_polling("p0")
        self.client.ping("10.0.0.2")
        wait_for("status has no error", lambda: "zero" in self.switch.get("p0", "status:error"))
        # A start for another reason keeps to what works.
        self.switch.vsctl("set", "interface", "p0", "mtu_request=3000")
        self.switch.vsctl("set", "interface", "p0", "mtu_request=1500")
        self.equal("the number of times that what cannot be was tried", self.switch.log.count("p0: required feature zerocopy"), 1)
        self.contains("status:error after a start for another reason", self.switch.get("p0", "status:error"), "zero")
        self.switch.vsctl("remove", "interface", "p0", "options", "require")
        self.client.ping("10.0.0.2")

    def test_modes(self):
        """every xdp-mode"""
        for mode in ("native", "generic", "best-effort"):
            self.switch.vsctl("set", "interface", "p1", f"options:xdp-mode={mode}")
            self.switch.await_polling("p1")
            self.client.ping("10.0.0.2")
        self.switch.vsctl("remove", "interface", "p1", "options", "xdp-mode")

    def test_pmd_threads(self):
        """PMD threads come and go, each with a queue to send on; tx-steering"""
        for mask in (1, 3, 2):
            self.switch.vsctl("set", "Open_vSwitch", ".", f"other_config:pmd-cpu-mask={mask}")
            self.switch.await_polling("p0", "p1")
            self.client.ping("10.0.0.2")
        self.switch.vsctl("set", "interface", "p1", "other_config:tx-steering=hash")
        self.client.ping("10.0.0.2")
        self.switch.vsctl("remove", "interface", "p1", "other_config", "tx-steering")
        self.switch.vsctl("remove", "Open_vSwitch", ".", "other_config", "pmd-cpu-mask")
        self.equal("tx_dropped_no_queue of p0", self.switch.get("p0", "statistics:tx_dropped_no_queue"), "0")

    def test_steering(self):
        """steering leaves a port to the kernel"""
        run("ip", "address", "add", "10.8.0.5/24", "dev", "p0")
        self.client.ip("address", "add", "10.8.0.1/24", "dev", "eth0")
        self.switch.vsctl("set", "interface", "p0", "options:steer=not tcp port 22; not arp")
        self.switch.await_polling("p0")
        web = start_web_server("10.8.0.5", 22)
        try:
            wait_for("the kernel does not answer on port 22", lambda: attempt(*self.client.command(
                "curl", "-s", "-o", os.devnull, "--max-time", 2, "-w", "%{http_code}", "http://10.8.0.5:22/")) == (0, "200"))
        finally:
            web.kill()
            web.wait()
        self.switch.vsctl("remove", "interface", "p0", "options", "steer")
        run("ip", "address", "delete", "10.8.0.5/24", "dev", "p0")

    def test_queues_that_nobody_polls(self):
        """a port says which of its queues nobody polls"""
        wide = Namespace("wide")
        wide.attach("w0", "10.9.0.2", queues=4)
        self.switch.add_port("br0", "w0")
        self.contains("status:rx-queues", self.switch.get("w0", "status:rx-queues"), "1 of 4 receive queues are polled")
        self.switch.await_log("w0: 1 of 4 receive queues are polled")
        self.switch.vsctl("set", "interface", "w0", "options:n_rxq=4")
        self.switch.await_polling("w0")
        wait_for("status:rx-queues stays", lambda: not self.switch.get("w0", "status:rx-queues"))
        self.switch.vsctl("del-port", "br0", "w0")
        wide.remove()

    def test_telemetry(self):
        """telemetry clients and pollux top see the ports"""
        sys.path.insert(0, str(ROOT / "tools" / "telemetry"))
        import client  # pylint: disable=import-outside-toplevel
        wait_for("the log names no socket", lambda: "telemetry: /" in self.switch.log)
        process = client.Process(re.findall(r"telemetry: (\S+)", self.switch.log)[-1])
        try:
            self.equal("the process that answers", process.pid, self.switch.pid)
            reports = {port["interface"]: port for port in process.ask("/pollux/report")["ports"]}
            self.equal("the ports of it", {"p0", "p1"} <= set(reports), True)
            before = process.ask(f"/ethdev/stats,{reports['p0']['port']}")["ipackets"]
            self.client.ping("10.0.0.2")
            wait_for("no packet is counted", lambda: process.ask(f"/ethdev/stats,{reports['p0']['port']}")["ipackets"] >= before + 10)
            self.equal("what stands still", process.ask("/pollux/watchdog")["queues"], [])
            self.equal("the lcores of it", process.ask("/eal/lcore/list"), [])
        finally:
            process.close()
        view = run(ROOT / "tools" / "pollux", "top", "--once", "-d", "0.2")
        self.contains("the live view", view, f"ovs-vswit {self.switch.pid}")

    def doctor(self):
        """{name of a finding about the switch: [level, text]}"""
        _, said = attempt(ROOT / "tools" / "pollux", "doctor", "--json")
        subject = f"ovs-vswitchd ({self.switch.pid})"
        return {found["name"]: [found["level"], found["text"]] for found in json.loads(said)["findings"] if found["subject"] == subject}

    def test_doctor(self):
        """the doctor finds the switch, and says what its PMD threads leave alone"""
        found = self.doctor()
        self.equal("what is said of its queues", found.get("ovs-unpolled", [""])[0], "right")
        self.equal("what is said of its sleep", found.get("ovs-sleep", [""])[0], "note")
        self.equal("what is said of offload", "ovs-offload" in found, True)
        self.addCleanup(self.switch.vsctl, "remove", "Open_vSwitch", ".", "other_config", "pmd-sleep-max")
        self.switch.vsctl("set", "Open_vSwitch", ".", "other_config:pmd-sleep-max=50")
        self.contains("what is said of ports without long rings", " ".join(self.doctor()["ovs-sleep"]), "up to 50 us")
        # A PMD thread that has a queue to itself leaves the others alone; where it is the only one, nobody polls them.
        self.addCleanup(self.switch.vsctl, "remove", "interface", "p0", "other_config", "pmd-rxq-affinity")
        self.addCleanup(self.switch.vsctl, "remove", "Open_vSwitch", ".", "other_config", "pmd-cpu-mask")
        self.switch.vsctl("set", "Open_vSwitch", ".", "other_config:pmd-cpu-mask=1")
        self.switch.vsctl("set", "interface", "p0", "other_config:pmd-rxq-affinity=0:0")
        wait_for("a queue that nobody polls is not said", lambda: self.doctor().get("ovs-unpolled", [""])[0] == "broken")

    def test_capture(self):
        """pollux capture sees what a port receives and sends; a port that starts anew ends it"""
        file = RIG / "captured.pcapng"
        capture = subprocess.Popen([os.environ["pollux_capture"], "p0", "-w", file, "icmp"], stderr=subprocess.PIPE, text=True)
        self.addCleanup(lambda: (capture.kill(), capture.wait(), capture.stderr.close()))
        self.contains("what capture says first", capture.stderr.readline(), "p0")

        def pings(*words):
            """Of tcpdump, which reads what is whole by now."""
            return attempt("tcpdump", "-n", "-r", file, "icmp", *words)[1].count("seq ")

        self.client.ping("10.0.0.2")
        wait_for(lambda: f"of ten pings and their answers {pings()} are captured", lambda: pings() >= 20)
        self.equal("requests on their way to p1", pings("and", "src", "10.0.0.1") >= 10, True)
        self.switch.vsctl("set", "interface", "p0", "options:n_rxq_desc=1024")
        self.addCleanup(self.switch.vsctl, "remove", "interface", "p0", "options", "n_rxq_desc")
        said = capture.communicate(timeout=PATIENCE)[1]
        self.equal(f"exit code of the capture, which said {said}", capture.returncode, 0)
        self.contains("what capture says at the end", said, " 0 dropped by the tap")
        self.switch.await_polling("p0")
        self.client.ping("10.0.0.2")

    def test_generic_mode(self):
        """generic mode is warned of, where it was not asked for"""
        # A veth's far end may not send on more queues than this end receives on.
        wide = Namespace("wide")
        wide.attach("w0", "10.9.0.2", far_queues=2)
        self.switch.add_port("br0", "w0")
        self.contains("the warnings", " ".join(self.switch.warnings()), "w0: XDP in generic mode")
        self.switch.vsctl("del-port", "br0", "w0")
        wide.remove()
        for port in ("p0", "p1"):
            if f"{port}: XDP in generic mode" in self.switch.log:
                raise AssertionError(f"{port} is warned of, whose mode is native, or chosen")

    def test_traffic_control(self):
        """policing and QoS are said to have no effect"""
        self.switch.vsctl("set", "interface", "p0", "ingress_policing_rate=1000")
        wait_for("status:ingress-policing is missing", lambda: "meter" in self.switch.get("p0", "status:ingress-policing"))
        self.switch.await_log("p0: ingress_policing_rate has no effect")
        self.switch.vsctl("set", "interface", "p0", "ingress_policing_rate=0")
        wait_for("status:ingress-policing stays", lambda: not self.switch.get("p0", "status:ingress-policing"))
        self.switch.vsctl("set", "port", "p1", "qos=@q", "--", "--id=@q", "create", "qos", "type=linux-htb", "other-config:max-rate=3000000")
        wait_for("status:qos is missing", lambda: "meter" in self.switch.get("p1", "status:qos"))
        self.switch.vsctl("clear", "port", "p1", "qos", "--", "--all", "destroy", "qos")
        wait_for("status:qos stays", lambda: not self.switch.get("p1", "status:qos"))
