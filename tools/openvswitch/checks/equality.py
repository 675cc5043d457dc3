# SPDX-License-Identifier: Apache-2.0
"""Whether the kernel's flow program sees and does what Open vSwitch would, packet by packet: equality.c."""

import os
import pathlib
import re

from rig import RIG, ROOT, Namespace, attempt, run
from three_ports import ThreePorts

ROUNDS = int(os.environ.get("EQUALITY_ROUNDS", "10000"))
SEED = int(os.environ.get("EQUALITY_SEED", "1"))


class Equality(ThreePorts):
    @staticmethod
    def compile():
        """With the tree's own objects, of which link.sh knows the options."""
        tree, programs = pathlib.Path(os.environ["ovs_tree"]), os.environ["ovs_programs"]
        build, source = tree / "build", tree / "source"
        options = {name: words.split() for name, words in re.findall(r"^(CFLAGS|LIBS|SSL_LIBS|CAPNG_LDADD) = (.*)$", (build / "Makefile").read_text(),
                                                                      re.MULTILINE)}
        provider = ROOT / "tools/openvswitch/provider"
        archives = sorted((build / "lib/.libs").glob("libopenvswitch*.a"))
        run("gcc", *options["CFLAGS"], "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter", "-Wno-sign-compare", "-DHAVE_CONFIG_H",
            "-include", build / "config.h", f"-I{os.environ['pollux_prefix']}/include/pollux", f"-I{provider}", *(word for folder in (
                build, build / "include", build / "lib", source / "include", source / "lib") for word in ("-isystem", folder)),
            "-o", RIG / "equality", ROOT / "tools/openvswitch/checks/equality.c", provider / "offload_flow.c", *archives, f"-L{programs}", "-lpollux",
            f"-Wl,-rpath,{programs}", *options["LIBS"], *options.get("SSL_LIBS", []), *options.get("CAPNG_LDADD", []), "-lpthread")

    def test_equality(self):
        """matches and actions of the kernel's program are Open vSwitch's own, over random packets and flows"""
        self.compile()
        left, right = Namespace("left"), Namespace("right")
        for namespace, port, address in ((left, "e0", "10.6.0.1"), (right, "e1", "10.6.0.2")):
            self.addCleanup(namespace.remove)
            namespace.attach(port, address)
            namespace.run("ethtool", "-K", "eth0", "gro", "on", "tx", "off")
        code, told = attempt(RIG / "equality", "e0", "e1", ROUNDS, SEED, timeout=3600)
        if code != 0:
            raise AssertionError(told)
        sent = int(re.search(r"(\d+) sent", told).group(1))
        if sent < ROUNDS // 10:
            raise AssertionError(f"few packets were sent by flows: {told}")
