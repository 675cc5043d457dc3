# SPDX-License-Identifier: Apache-2.0
"""docs/kernels.md, made of the results of each kernel."""

# Not run, by program: (cases, as GoogleTest filters them; why).
LEFT_OUT = {
    "iperf_test": (
        "IperfTest.UdpAtTwentyMegabitsASecond",
        "sender and receiver are too slow for its rate, though every frame is accounted for",
    ),
}

HEAD = """# Kernels

Made by `tools/guest --kernel-table` on {date}. It boots each kernel in an emulated machine ([guest.md](guest.md)) with two processors,
asks for everything as a user would, and runs there the tests that need a kernel: of the XDP programs and of net_af_xdp, the contract
suite of all drivers on veth, and testpmd between network namespaces (`tests/system`). What a kernel lacks is no failure: Pollux finds out
at run time. The emulated machine is slow; the tests get six times their usual deadlines there. "(host)" is the kernel of the machine that
made the table: only the tests ran there, with their usual deadlines. 5.10 (`--kernels=5.10`) is older than what Pollux is written for: the
programs of steering and of injection do not load there.

## What works

"falls back": Pollux goes on another way, and says so in its report.

"""

# What was learnt from guests that died.
FAULTS = """Where "the guest died" on 6.16.12, the kernel panicked: a NULL pointer in `xsk_destruct_skb`, called by `ip_rcv_core`, when a packet
that testpmd sent in copy mode comes to the IP stack of the client behind the veth. Packets that end in AF_XDP or packet sockets, as in the
contract suite and `vlan_test`, do no harm. That kernel keeps what the completion of a packet needs in the sk_buff's control block (`XSKCB`,
net/xdp/xsk.c), which the IP stack writes to for its own ends; later ones keep it elsewhere. 6.1, 6.12, 6.18.15 and 7.3 have not got it. Do not
send in copy mode to a network stack of the same machine on such a kernel, whichever program does it.
IperfTest.TcpBothWays asks for 1 MB in 2 s; on 6.1 one run of three, on a busy machine, came to 618 kB.
"""


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"


def features_of(result):
    """[feature, verdict, why], from whichever program tells them."""
    return [line for program in result.programs.values() for line in program["features"]]


def feature_part(results):
    rows, notes = {}, []
    for index, result in enumerate(results):
        for feature, verdict, why in features_of(result):
            rows.setdefault(feature, ["" if not features_of(other) else "absent" for other in results])[index] = verdict
            if verdict != "works":
                notes.append(f"- {result.release}, {feature}: {why}\n")
    return table(["", *(result.release for result in results)], [[name, *row] for name, row in rows.items()]) + "\n" + "".join(notes)


def counts(program):
    verdicts = [verdict for verdict, _ in program["cases"].values()]
    text = ", ".join(f"{verdicts.count(kind)} {kind}" for kind in ("passed", "failed", "skipped"))
    return text + (f"; {program['end']}" if program["end"] else "")


def test_part(results, names):
    rows, notes = [], []
    for name in names:
        ran = [result.programs.get(name) for result in results]
        rows.append([f"`{name}`", *(counts(program) if program else "not run" for program in ran)])
    for result in results:
        for name in names:
            program = result.programs.get(name, {"cases": {}, "kernel": []})
            for case, (verdict, reason) in program["cases"].items():
                if verdict != "passed":
                    notes.append(f"- {result.release}, {name}: {case} {verdict}: {reason}\n")
            notes += [f"- {result.release}, {name}: the kernel said: {line}\n" for line in program["kernel"]]
    return table(["", *(result.release for result in results)], rows) + ("\n" + "".join(notes) if notes else "")


def report(results, test_names, date):
    left_out = "".join(f"Left out in the emulated machine: {cases} of {name}: {why}.\n" for name, (cases, why) in LEFT_OUT.items())
    return HEAD.format(date=date) + feature_part(results) + f"\n## Tests\n\n{left_out}\n{FAULTS}\n" + test_part(results, test_names)
