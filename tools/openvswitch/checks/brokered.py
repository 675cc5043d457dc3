# SPDX-License-Identifier: Apache-2.0
"""Ports that pollux-broker opens (docs/broker.md).

    guest (10.8.0.1) --- q0    br1    q1 --- host (10.8.0.2)
"""

import json
import os
import shutil
import subprocess
import tempfile

from rig import RIG, Namespace, run, start_web_server, wait_for
from three_ports import ThreePorts

FRAMES = 8192
FILE_BYTES = 4 << 20


class Brokered(ThreePorts):
    def start_broker(self):
        log = open(RIG / "broker.log", "a", encoding="utf-8")  # pylint: disable=consider-using-with
        self.addCleanup(log.close)
        before = (RIG / "broker.log").read_text().count("serving at")
        broker = subprocess.Popen([os.environ["pollux_broker"], f"--config={RIG}/broker.json"], stdout=log, stderr=log)
        self.addCleanup(broker.wait)
        self.addCleanup(broker.terminate)
        wait_for(lambda: f"pollux-broker does not serve: {(RIG / 'broker.log').read_text()[-500:]}",
                 lambda: (RIG / "broker.log").read_text().count("serving at") > before)
        return broker

    def make_rig(self):
        # A socket's path has at most 107 bytes; the rig's folder may be deep.
        folder = tempfile.mkdtemp(prefix="plx", dir="/tmp")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        self.socket = f"{folder}/broker.sock"
        self.guest, self.host = Namespace("guest"), Namespace("host")
        for namespace, port, address in ((self.guest, "q0", "10.8.0.1"), (self.host, "q1", "10.8.0.2")):
            self.addCleanup(namespace.remove)
            namespace.attach(port, address)
        grant = {"memory_mib": 2 * FRAMES * 2048 >> 20, "allow": ["inject", "mtu", "promiscuous"]}
        (RIG / "broker.json").write_text(json.dumps({
            "socket": self.socket,
            "clients": [{"users": ["root"], "ports": [{"interface": port, **grant} for port in ("q0", "q1")]}]}))
        self.addCleanup(self.switch.vsctl, "--if-exists", "del-br", "br1")

    def download(self, client, address):
        (RIG / "www").mkdir(exist_ok=True)
        contents = os.urandom(FILE_BYTES)
        (RIG / "www/brokered").write_bytes(contents)
        server = start_web_server(address, 8008, self.host.command())
        try:
            fetched = RIG / "brokered"
            client.run("curl", "-sS", "--retry", 20, "--retry-connrefused", "--retry-delay", 1, "--max-time", 50, "-o", fetched,
                       f"http://{address}:8008/brokered")
            if fetched.read_bytes() != contents:
                raise AssertionError("the file arrived changed")
        finally:
            server.kill()
            server.wait()

    def test_brokered(self):
        """ports of pollux-broker: ping and HTTP, also while the broker is killed and started again"""
        self.make_rig()
        broker = self.start_broker()
        self.switch.add_bridge("br1")
        for port in ("q0", "q1"):
            self.switch.add_port("br1", port, f"options:broker={self.socket}", f"options:frames={FRAMES}")
        self.switch.await_polling("q0", "q1")
        self.guest.ping("10.8.0.2")
        self.download(self.guest, "10.8.0.2")
        broker.kill()
        broker.wait()
        self.guest.ping("10.8.0.2")
        self.start_broker()
        self.host.ping("10.8.0.1")
        for port in ("q0", "q1"):
            self.contains("the next broker's log", (RIG / "broker.log").read_text(), f"{port} of user 0")
            self.equal(f"status:error of {port}", self.switch.get(port, "status:error"), "")
            self.switch.await_statistic(port, "rx_packets", lambda value: value >= 40)
        # With the ports goes what the broker did for them.
        self.switch.vsctl("del-br", "br1")
        wait_for("a program is left on q0", lambda: "xdp" not in run("ip", "link", "show", "q0"))
