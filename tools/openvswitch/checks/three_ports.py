# SPDX-License-Identifier: Apache-2.0
"""The rig of the behaviour's cases: made once, and left by each case as it was.

    client (10.0.0.1) --- p0    br0    p1 --- server (10.0.0.2)
                                br0    p2 --- third  (10.0.0.3)
"""

import unittest

from rig import Namespace, Switch


def make():
    rig = type("Rig", (), {})
    rig.client, rig.server, rig.third = Namespace("client"), Namespace("server"), Namespace("third")
    rig.client.attach("p0", "10.0.0.1", "02:00:00:00:00:01")
    rig.server.attach("p1", "10.0.0.2", "02:00:00:00:00:02")
    rig.third.attach("p2", "10.0.0.3")
    rig.switch = Switch()
    rig.switch.add_bridge("br0")
    for port in ("p0", "p1", "p2"):
        rig.switch.add_port("br0", port)
    rig.switch.await_polling("p0", "p1", "p2")
    return rig


class ThreePorts(unittest.TestCase):
    rig = None

    @classmethod
    def setUpClass(cls):
        if ThreePorts.rig is None:
            ThreePorts.rig = make()
        cls.client, cls.server, cls.third, cls.switch = cls.rig.client, cls.rig.server, cls.rig.third, cls.rig.switch

    def equal(self, what, actual, expected):
        if actual != expected:
            raise AssertionError(f"{what} is '{actual}', not '{expected}'")

    def contains(self, what, actual, expected):
        if expected not in actual:
            raise AssertionError(f"{what} is '{actual}', without '{expected}'")
