# SPDX-License-Identifier: Apache-2.0
"""Finding: one thing that the doctor saw."""

import dataclasses

# From best to worst. A note costs nothing by itself; what costs, costs speed; what is broken does not work.
RIGHT, NOTE, COSTS, BROKEN = "right", "note", "costs", "broken"
LEVELS = (RIGHT, NOTE, COSTS, BROKEN)


@dataclasses.dataclass
class Finding:
    name: str  # "queues": a row of docs/doctor.md
    level: str
    subject: str  # "eth0", "testpmd (7)", "machine"
    text: str  # what is, and what follows from it
    command: str = ""  # what to do; empty where there is nothing
    repair: object = None  # a function without parameters that --repair calls, for what a killed process left
