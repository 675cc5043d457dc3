# SPDX-License-Identifier: Apache-2.0
"""What ovs-vswitchd is told when it starts: offloads, and the classes of --enable-dummy. Each case starts it anew, twice."""

import filecmp
import os

from rig import RIG, Namespace, run, start_web_server
from three_ports import ThreePorts

BYTES = 8 << 20


class Offloads(ThreePorts):
    def enable(self, setting):
        self.addCleanup(self.switch.restart_switch)
        self.addCleanup(self.switch.vsctl, "remove", "Open_vSwitch", ".", "other_config", setting)
        self.switch.vsctl("set", "Open_vSwitch", ".", f"other_config:{setting}=true")
        self.switch.restart_switch(ports=("p0", "p1", "p2"))

    def test_registered_once(self):
        """the class is registered once, with --enable-dummy too"""
        self.switch.restart_switch("--enable-dummy", ports=("p0", "p1"))
        if "duplicate netdev provider" in self.switch.log:
            raise AssertionError("registered twice")
        self.client.ping("10.0.0.2")
        self.switch.restart_switch(ports=("p0", "p1", "p2"))

    def download(self, what, address, client, server):
        """`client` and `server`: what starts a command there."""
        web = start_web_server(address, 8000, server)
        try:
            run(*client, "curl", "-s", "-S", "--retry", 20, "--retry-delay", 0, "--retry-connrefused", "--max-time", 60, "-o", RIG / "received",
                f"http://{address}:8000/file", timeout=90)
        except AssertionError as error:
            raise AssertionError(f"{what}: {error}") from error
        finally:
            web.kill()
            web.wait()
        if not filecmp.cmp(RIG / "www/file", RIG / "received", shallow=False):
            raise AssertionError(f"{what}: what arrived is not what was sent")

    def test_unfinished(self):
        """userspace TSO: checksums and segments that a sender left out are made, between every kind of port"""
        self.enable("userspace-tso-enable")
        (RIG / "www").mkdir(exist_ok=True)
        (RIG / "www/file").write_bytes(os.urandom(BYTES))
        plain = Namespace("plain")
        plain.attach("s0", "10.0.0.4")
        self.addCleanup(plain.remove)
        self.switch.vsctl("add-port", "br0", "s0")
        self.addCleanup(self.switch.vsctl, "del-port", "br0", "s0")
        run("ip", "link", "set", "dev", "br0", "mtu", "1500", "up")
        run("ip", "address", "add", "10.0.0.9/24", "dev", "br0")
        self.addCleanup(run, "ip", "address", "delete", "10.0.0.9/24", "dev", "br0")
        tap, system, port, other = [], plain.command(), self.client.command(), self.server.command()
        self.download("port to port", "10.0.0.2", port, other)
        self.download("tap to port", "10.0.0.9", port, tap)
        self.download("port to tap", "10.0.0.1", tap, port)
        self.download("system to port", "10.0.0.4", port, system)
        self.download("port to system", "10.0.0.1", system, port)
        self.download("system to tap", "10.0.0.4", tap, system)
        self.switch.await_statistic("p0", "tx_packets", lambda sent: sent > 3 * BYTES // 1500)
        for counter in ("tx_dropped_unfinished", "tx_dropped_longer_than_frame"):
            self.equal(f"{counter} of p0", self.switch.get("p0", f"statistics:{counter}"), "0")
        if "Packet dropped" in self.switch.log:
            raise AssertionError([line for line in self.switch.log.splitlines() if "Packet dropped" in line][0])
