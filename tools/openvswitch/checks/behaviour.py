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
    # What becomes of offloaded packets is the same for all versions: `compare` is false of those that are not the machine's own.
    offload = [OffloadedFlows] if os.environ.get("compare") == "false" else [Equality, OffloadedFlows, OffloadedPackets]
    passed = report.run(Run, Packets, Control, Interfaces, Offloads, Brokered, Flood, Coexistence, *offload, word="".join(sys.argv[1:2]))
    if ThreePorts.rig is not None:
        ThreePorts.rig.switch.end_switch()
    sys.exit(0 if passed else 1)
