# SPDX-License-Identifier: Apache-2.0
"""A view (sample.py) as lines of text. Readable on a terminal of 80 columns and 24 lines."""

import textwrap

SORTS = {"n": "port", "p": "packets", "b": "bits", "d": "drops"}
BAR = 20
WIDTH = 79


def amount(value):
    """Five places: "1.23M"; "-" where there is none."""
    if value is None:
        return "-"
    for unit in ("", "k", "M", "G"):
        if value < 999.5:
            return f"{value:.0f}" if unit == "" else f"{value:.3g}{unit}"
        value /= 1000
    return f"{value:.3g}T"


def share(value):
    return "  -" if value is None else f"{100 * value:3.0f}"


def within(microseconds):
    return "-" if microseconds is None else f"{microseconds:.0f} us" if microseconds < 10000 else f"{microseconds / 1000:.0f} ms"


def drops_per_second(port):
    """None before there is a second look."""
    if port["rx_packets_per_second"] is None:
        return None
    return sum(drop["per_second"] or 0 for drop in port["drops"].values())


def rows(view, sort):
    """[(process, port)], as they are to stand."""
    keys = {
        "packets": lambda port: (port["rx_packets_per_second"] or 0) + (port["tx_packets_per_second"] or 0),
        "bits": lambda port: (port["rx_bits_per_second"] or 0) + (port["tx_bits_per_second"] or 0),
        "drops": lambda port: drops_per_second(port) or 0,
    }
    found = [(process, port) for process in view["processes"] for port in process["ports"]]
    return sorted(found, key=lambda row: -keys[sort](row[1])) if sort in keys else found


def name_of(process):
    return f"{process['process'][:9]} {process['pid']}"


def overview(view, sort="port"):
    processes = view["processes"]
    silent = [line for path in view.get("silent", []) for line in textwrap.wrap(f"DOES NOT ANSWER  {path}: stopped (SIGSTOP), or busy", WIDTH)]
    if silent and not processes:
        return [*silent, ""]
    if not processes:
        return ["No process answers. testpmd does by itself; its telemetry sockets are below /run/dpdk for root.", ""]
    lines = [f"{'PROCESS':<16} {'PORT':<12} {'RX/s':>6} {'RXbit/s':>7} {'TX/s':>6} {'TXbit/s':>7} {'DROP/s':>6} ENGINE"]
    for process, port in rows(view, sort):
        lines.append(f"{name_of(process):<16} {port['name'][:12]:<12} {amount(port['rx_packets_per_second']):>6} {amount(port['rx_bits_per_second']):>7} "
                     f"{amount(port['tx_packets_per_second']):>6} {amount(port['tx_bits_per_second']):>7} {amount(drops_per_second(port)):>6} "
                     f"{port['engine'] if port['started'] else 'stopped'}")
    lines += silent
    lines += ["", f"{'PROCESS':<16} {'LCORE':>5} {'CPU':<6} {'BUSY %':>6} {'IDLE %':>6} {'ASLEEP %':>8} {'PACKET/s':>8} {'CYCLES/PACKET':>13}"]
    for process in processes:
        for lcore in process["lcores"]:
            idle = None if lcore["busy_share"] is None else 1 - lcore["busy_share"] - (lcore["asleep_share"] or 0)
            lines.append(f"{name_of(process):<16} {lcore['lcore']:>5} {','.join(map(str, lcore['cpus']))[:6]:<6} "
                         f"{share(lcore['busy_share']):>6} {share(idle):>6} {share(lcore['asleep_share']):>8} "
                         f"{amount(lcore['packets_per_second']):>8} {amount(lcore['cycles_per_packet']):>13}")
    slept = [(process, lcore) for process in processes for lcore in process["lcores"] if lcore.get("wakes")]
    if slept:
        lines += ["", f"{'PROCESS':<16} {'LCORE':>5} {'WAKE/s':>6} {'50% WITHIN':>11} {'99% WITHIN':>11} {'NOT MEASURED':>12}"]
    for process, lcore in slept:
        wakes = lcore["wakes"]
        lines.append(f"{name_of(process):<16} {lcore['lcore']:>5} {amount(wakes['per_second']):>6} {within(wakes['p50_us']):>11} "
                     f"{within(wakes['p99_us']):>11} {amount(wakes['unmeasured']):>12}")
    lines += ["", f"{'PROCESS':<16} {'POOL':>5} {'FREE FRAMES':<12}"]
    for process in processes:
        for pool in process["pools"]:
            free = pool["free"] / pool["frames"] if pool["frames"] else 0
            bar = "#" * round(free * BAR)
            lines.append(f"{name_of(process):<16} {pool['pool'].removeprefix('mb_pool_')[:5]:>5} [{bar:<{BAR}}] {share(free)} % of {pool['frames']}")
    for process in processes:
        for stall in process.get("stalls", []):
            lines += [""] + textwrap.wrap(f"STANDS STILL  {process['process'][:9]} {process['pid']}, {stall}", WIDTH, subsequent_indent="  ")
    lost = [(process, port, cause, drop) for process, port in rows(view, sort) for cause, drop in port["drops"].items() if drop["packets"]]
    if lost:
        lines += ["", f"{'PROCESS':<16} {'PORT':<12} {'LOST/s':>6} {'IN ALL':>7} CAUSE"]
    for process, port, cause, drop in sorted(lost, key=lambda row: -(row[3]["per_second"] or 0)):
        lines.append(f"{name_of(process):<16} {port['name'][:12]:<12} {amount(drop['per_second']):>6} "
                     f"{amount(drop['packets']):>7} {cause}")
    return lines


def of_port(process, port):
    """One port: its queues, its losses, and what is in effect, and why not."""
    lines = [f"{process['process']} ({process['pid']}), port {port['port']}: {port['name']}",
             f"received {port['rx_packets']}, sent {port['tx_packets']} packets; "
             f"{amount(port['rx_packets_per_second'])} and {amount(port['tx_packets_per_second'])} a second"]
    served, there = port["rx_queues"], port["interface_rx_queues"]
    if served and there and served < there:
        lines.append(f"NOTE: {served} of the interface's {there} queues served: the kernel gets the rest")
    if served:
        lines += ["", "QUEUE   RECEIVED"] + [f"{number:>5} {packets:>10}" for number, packets in enumerate(port["queue_rx_packets"][:served])]
    lost = {cause: drop for cause, drop in port["drops"].items() if drop["packets"]}
    lines += ["", f"{'LOST':>10} {'/s':>6} CAUSE" if lost else "Nothing is lost."]
    lines += [f"{drop['packets']:>10} {amount(drop['per_second']):>6} {cause}" for cause, drop in sorted(lost.items())]
    if port["features"]:
        lines += ["", "FEATURE      QUEUE ASKED      GOT"]
    for state in port["features"]:
        queue = "all" if state["queue"] is None else state["queue"]
        lines.append(f"{state['feature'][:12]:<12} {queue:>5} {state['asked'][:10]:<10} {state['got']}")
        if state["reason"] and not state["present"]:
            lines += textwrap.wrap(f"why: {state['reason']}", WIDTH, initial_indent=" " * 19, subsequent_indent=" " * 24)
    return lines
