#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""tools/ovs flood, inside the sandbox: how long small requests and their answers take beside a flood on other ports of the bridge, with
type=pollux and stock type=afxdp in turns, in one ovs-vswitchd (checks/flood.py has the picture).

The PMD thread has the last processor for itself; whoever sends shares the others. ping takes the times: of an answer the kernel's, when it came in.
The environment has `rounds`, `requests` (of one kind, a round and type), `flooded` (true, false) and `json`, a file or nothing.
"""

import json
import os
import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "checks"))

from flood import GROUP, FourPorts
from rig import Switch
from steps import run_steps, told

TYPES = ("pollux", "afxdp")
ROUNDS, REQUESTS = int(os.environ["rounds"]), int(os.environ["requests"])
FLOODED = os.environ["flooded"] == "true"
PERCENTILES = (50, 90, 99)


def percentile(values, which):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * which // 100)]


def summary(answers, asked):
    """In microseconds."""
    times = [milliseconds * 1000 for _, milliseconds in answers]
    shown = {f"p{which}_us": round(percentile(times, which)) if times else None for which in PERCENTILES}
    return {**shown, "max_us": round(max(times)) if times else None, "asked": asked, "lost": asked - len(times)}


class Turns:
    def __init__(self):
        self.results = []
        processors = sorted(os.sched_getaffinity(0))
        self.switch = Switch(f"other_config:pmd-cpu-mask={1 << processors[-1]:x}")
        if len(processors) > 1:
            os.sched_setaffinity(0, processors[:-1])
        self.four = FourPorts(self.switch)

    def turn(self, number, kind):
        self.four.set_type(kind)
        self.four.sink.ping("10.5.0.1")
        self.four.asker.ping("10.5.0.4")
        if FLOODED:
            self.four.start_flood()
        packets, began = self.four.arrived(), time.monotonic()
        alone = self.four.ask_alone(REQUESTS)
        groups = [answer for _ in range(REQUESTS // GROUP) for answer in self.four.ask_in_group()]
        rate = (self.four.arrived() - packets) / (time.monotonic() - began)
        self.four.end_flood()
        result = {"round": number, "type": kind, "flood_pps": round(rate) if FLOODED else 0, "alone": summary(alone, REQUESTS),
                  "groups": summary(groups, REQUESTS // GROUP * GROUP)}
        self.results.append(result)
        told("", line(f"{number}  {kind}", result))

    def run(self):
        print(f"\n{'':29}{'one at a time, us':>35}{f'{GROUP} at once, us':>35}{'flood, Mpps':>14}")
        print(f"{'':17}{'round, type':12}" + 2 * "".join(f"{what:>7}" for what in ("p50", "p90", "p99", "max", "lost")), flush=True)
        for number in range(ROUNDS):
            # Each is first in turn.
            for kind in TYPES if number % 2 == 0 else reversed(TYPES):
                self.turn(number + 1, kind)

    def report(self):
        print(f"\n  medians of {ROUNDS} round(s); lost: of all")
        medians = {kind: self.median_of(kind) for kind in TYPES}
        for kind in TYPES:
            told("", line(kind, medians[kind]))
        ratios = {way: {f"p{which}": ratio(medians, way, f"p{which}_us") for which in PERCENTILES} for way in ("alone", "groups")}
        told("", "pollux / afxdp: " + "; ".join(f"{name} " + ", ".join(f"{key} {value}" for key, value in ratios[way].items())
                                                for way, name in (("alone", "one at a time"), ("groups", f"{GROUP} at once"))))
        if os.environ.get("json"):
            pathlib.Path(os.environ["json"]).write_text(json.dumps({
                "command": "tools/ovs flood", "kernel": os.uname().release, "processors": os.cpu_count(), "requests": REQUESTS,
                "turns": self.results, "medians": medians, "pollux_to_afxdp": ratios}, indent=1) + "\n", encoding="utf-8")

    def median_of(self, kind):
        turns = [result for result in self.results if result["type"] == kind]

        def over(way):
            keys = [key for key in turns[0][way] if key.endswith("_us")]
            known = {key: [turn[way][key] for turn in turns if turn[way][key] is not None] for key in keys}
            return {**{key: round(statistics.median(values)) if values else None for key, values in known.items()},
                    "asked": sum(turn[way]["asked"] for turn in turns), "lost": sum(turn[way]["lost"] for turn in turns)}
        return {"flood_pps": round(statistics.median(turn["flood_pps"] for turn in turns)), "alone": over("alone"), "groups": over("groups")}


def line(name, result):
    cells = [result[way][key] for way in ("alone", "groups") for key in ("p50_us", "p90_us", "p99_us", "max_us", "lost")]
    return f"{name:12}" + "".join(f"{'-' if cell is None else cell:>7}" for cell in cells) + f"{result['flood_pps'] / 1e6:>14.2f}"


def ratio(medians, way, key):
    ours, theirs = (medians[kind][way][key] for kind in TYPES)
    return round(ours / theirs, 2) if ours and theirs else None


if __name__ == "__main__":
    turns = Turns()
    code = run_steps([turns.run, turns.report], turns.switch.warnings)
    turns.four.remove()
    turns.switch.end_switch()
    sys.exit(code)
