#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""tools/ovs test, inside the sandbox: what Open vSwitch's suite does not look at. behaviour.py [WORD]: cases with it in their name or title."""

import os
import sys

import report
from brokered import Brokered
from coexistence import Coexistence
from control import Control
from equality import Equality
from flood import Flood
from interfaces import Interfaces
from offloaded_flows import OffloadedFlows, OffloadedPackets
from offloads import Offloads
from packets import Packets
from run import Run
from three_ports import ThreePorts

if __name__ == "__main__":
    # What is the same for all versions runs with the machine's own: `compare` is false of the others. (A word runs anything.)
    every = os.environ.get("compare") != "false" or len(sys.argv) > 1 and sys.argv[1]
    passed = report.run(Run, Packets, Control, Interfaces, Offloads, Brokered, *([Flood, Coexistence, Equality] if every else []), OffloadedFlows,
                        *([OffloadedPackets] if every else []), word="".join(sys.argv[1:2]))
    if ThreePorts.rig is not None:
        ThreePorts.rig.switch.end_switch()
    sys.exit(0 if passed else 1)
