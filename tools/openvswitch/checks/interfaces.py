# SPDX-License-Identifier: Apache-2.0
"""Interfaces that change under a port: made again, moved away, renamed, with another MTU (docs/ports.md)."""

import os

from rig import Namespace, attempt, run, wait_for
from three_ports import ThreePorts

ROUNDS = int(os.environ.get("INTERFACE_ROUNDS", "3"))


class Interfaces(ThreePorts):
    def await_error(self, port, text):
        wait_for(lambda: f"status:error of {port} is '{self.switch.get(port, 'status:error')}', without '{text}'",
                 lambda: text in self.switch.get(port, "status:error"))

    def await_good(self, port):
        wait_for(lambda: f"status:error of {port} stays '{self.switch.get(port, 'status:error')}'",
                 lambda: not self.switch.get(port, "status:error"))
        self.switch.await_polling(port)

    def make_p1(self):
        self.server.attach("p1", "10.0.0.2", "02:00:00:00:00:02")

    def number(self, port):
        return self.switch.get(port, "ofport")

    def test_replaced(self):
        """an interface that is made again: status:error meanwhile, and the port goes on"""
        number = self.number("p1")
        for _ in range(ROUNDS):
            run("ip", "link", "delete", "p1")
            self.await_error("p1", "p1 was deleted")
            self.make_p1()
            self.await_good("p1")
            self.client.ping("10.0.0.2")
            self.server.ping("10.0.0.3")
        self.equal("the port's number", self.number("p1"), number)
        self.switch.await_log("p1: goes on with the interface that is there now")

    def test_sent_while_gone(self):
        """what is sent while the interface is gone is counted"""
        run("ip", "link", "delete", "p1")
        self.await_error("p1", "p1 was deleted")
        self.client.ip("neighbor", "replace", "10.0.0.2", "lladdr", "02:00:00:00:00:02", "dev", "eth0")
        self.switch.set_flow("priority=100,icmp,nw_dst=10.0.0.2,actions=output:p1")
        attempt(*self.client.command("ping", "-q", "-n", "-c", 5, "-i", "0.05", "-W", 1, "10.0.0.2"))
        self.switch.await_statistic("p1", "tx_dropped_no_interface", lambda value: value >= 5)
        self.switch.await_statistic("p1", "tx_dropped", lambda value: value >= 5)
        # Settings of now hold for the one to come.
        self.switch.vsctl("set", "interface", "p1", "mtu_request=1400")
        self.make_p1()
        self.await_good("p1")
        wait_for("the new interface has not the MTU that was asked for", lambda: "mtu 1400" in run("ip", "link", "show", "p1"))
        self.switch.vsctl("set", "interface", "p1", "mtu_request=1500")
        self.client.ping("10.0.0.2")
        self.switch.delete_flow("priority=100,icmp,nw_dst=10.0.0.2")
        self.client.ip("neighbor", "delete", "10.0.0.2", "dev", "eth0")

    def test_moved(self):
        """an interface that is moved away is let go of, and taken again when it returns"""
        pod = Namespace("pod")
        run("ip", "link", "set", "p1", "netns", "pod")
        self.await_error("p1", "p1 was moved to another network namespace")
        pod.ip("address", "add", "10.0.0.9/24", "dev", "p1")
        pod.ip("link", "set", "dev", "p1", "up")
        self.server.ping("10.0.0.9")
        pod.ip("address", "flush", "dev", "p1")
        pod.ip("link", "set", "p1", "netns", os.getpid())
        run("ip", "link", "set", "dev", "p1", "up")
        self.await_good("p1")
        self.client.ping("10.0.0.2")
        pod.remove()

    def test_unusable(self):
        """an interface on which nothing starts as it is: status:error says what to do, and the port goes on once that is done"""
        number = self.number("p0")
        self.addCleanup(self.switch.await_polling, "p0")
        self.addCleanup(self.switch.vsctl, "remove", "interface", "p0", "options", "frame-size", "--",
                        "remove", "interface", "p0", "options", "n_txq_desc")
        self.addCleanup(run, "ip", "link", "set", "dev", "p0", "mtu", 1500, "up")
        self.switch.vsctl("clear", "interface", "p0", "mtu_request")
        self.switch.vsctl("set", "interface", "p0", "options:frame-size=2048")
        self.switch.await_polling("p0")
        # More than its frames hold: for an older kernel any packet of several frames is.
        run("ip", "link", "set", "dev", "p0", "mtu", 40000)
        self.switch.vsctl("set", "interface", "p0", "options:n_txq_desc=1024")
        self.await_error("p0", "has MTU 40000")
        self.await_error("p0", "mtu_request=1774, or ip link set p0 mtu 1774")
        self.third.ping("10.0.0.2")
        run("ip", "link", "set", "dev", "p0", "mtu", 1500)
        self.await_good("p0")
        self.client.ping("10.0.0.2")
        run("ip", "link", "set", "dev", "p0", "down")
        self.switch.vsctl("set", "interface", "p0", "options:n_txq_desc=512")
        self.await_error("p0", "p0 is down")
        # Other options are tried, in vain.
        self.switch.vsctl("set", "interface", "p0", "options:n_txq_desc=256")
        self.await_error("p0", "p0 is down")
        run("ip", "link", "set", "dev", "p0", "up")
        self.await_good("p0")
        self.client.ping("10.0.0.2")
        self.equal("the port's number", self.number("p0"), number)

    def test_renamed(self):
        """a renamed interface is the same port"""
        run("ip", "link", "set", "p1", "name", "q1")
        wait_for("status:interface is missing", lambda: "called q1 now" in self.switch.get("p1", "status:interface"))
        self.client.ping("10.0.0.2")
        self.equal("status:error", self.switch.get("p1", "status:error"), "")
        run("ip", "link", "set", "q1", "name", "p1")
        wait_for("status:interface stays", lambda: not self.switch.get("p1", "status:interface"))
        self.client.ping("10.0.0.2")

    def test_mtu(self):
        """longer packets pass as soon as the MTU is larger, by mtu_request and by ip link"""
        far = {"p0": self.client, "p1": self.server}

        def check(mtu):
            for namespace in far.values():
                namespace.ip("link", "set", "dev", "eth0", "mtu", mtu)
            wait_for(f"no packet of MTU {mtu} passes", lambda: " 3 received" in attempt(*self.client.command(
                "ping", "-q", "-n", "-c", 3, "-i", "0.05", "-W", 1, "-M", "do", "-s", mtu - 28, "10.0.0.2"))[1], seconds=5)

        for mtu in (1700, 3000, 3400):
            for port in far:
                self.switch.vsctl("set", "interface", port, f"mtu_request={mtu}")
            check(mtu)
        for port in far:
            self.switch.vsctl("remove", "interface", port, "mtu_request", 3400)
        for mtu in (1500, 1700, 3000):
            for port in far:
                run("ip", "link", "set", "dev", port, "mtu", mtu)
            check(mtu)
        for port, namespace in far.items():
            run("ip", "link", "set", "dev", port, "mtu", 1500)
            namespace.ip("link", "set", "dev", "eth0", "mtu", 1500)
            # Short packets are in small frames again.
            wait_for(f"{port} keeps its large frames", lambda port=port: "of 2048 bytes" in self.switch.get(port, "status:memory"))
        self.switch.await_polling("p0", "p1")
        self.client.ping("10.0.0.2")
