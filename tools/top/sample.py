# SPDX-License-Identifier: Apache-2.0
"""Sample: what all processes say at one moment, and what two samples make: rates."""

import time

import client

REPORT_EVERY_S = 5  # what was asked and what was got changes seldom, and takes the process some system calls


class Watcher:
    """Keeps the connections, and the last sample."""

    def __init__(self, prefix="*"):
        self.prefix = prefix
        self._processes = {}  # by path of the socket
        self._reports = {}  # by path: (time, report)
        self._last = None

    def close(self):
        for process in self._processes.values():
            process.close()
        self._processes.clear()

    def look(self):
        """A view of now: {"seconds": since the last look, or None, "processes": [...]} with rates where there was a last look."""
        now = time.monotonic()
        sample, silent = {}, []
        for path in client.socket_paths(self.prefix):
            try:
                if path not in self._processes:
                    self._processes[path] = client.Process(path)
                sample[path] = self._ask(path, now)
            except TimeoutError:
                silent.append(path)  # a process that is stopped, or busy for long
                self._forget(path)
            except OSError:
                self._forget(path)
        for path in set(self._processes) - set(sample):
            self._forget(path)
        last, self._last = self._last, (now, sample)
        seconds = now - last[0] if last else None
        return {"seconds": seconds, "silent": silent,
                "processes": [view(path, sample[path], last[1].get(path) if last else None, seconds) for path in sorted(sample)]}

    def _forget(self, path):
        if path in self._processes:
            self._processes.pop(path).close()
        self._reports.pop(path, None)

    def _ask(self, path, now):
        process = self._processes[path]
        if path not in self._reports or now - self._reports[path][0] >= REPORT_EVERY_S:
            self._reports[path] = (now, process.ask("/pollux/report") or {})
        report = self._reports[path][1]
        return {
            "pid": process.pid,
            "name": process.name,
            "report": {port["port"]: port for port in report.get("ports", [])},
            "cycles_per_second": report.get("cycles_per_second"),
            "stalls": stalls(process.ask("/pollux/watchdog") or {}),
            "wakes": wakes_of(process.ask("/pollux/wakes") or {}),
            "account": {port["port"]: port for port in (process.ask("/pollux/accounting") or {}).get("ports", [])},
            "ports": {number: process.ask(f"/ethdev/stats,{number}") or {} for number in process.ask("/ethdev/list") or []},
            "lcores": {number: process.ask(f"/eal/lcore/info,{number}") or {} for number in process.ask("/eal/lcore/list") or []},
            "pools": {name: process.ask(f"/mempool/info,{name}") or {} for name in process.ask("/mempool/list") or []},
        }


def stalls(answer):
    """What stands still, a sentence each: of the lcores, then of the queues."""
    told = [f"lcore {stall['lcore']}, no poll for {stall['milliseconds']} ms: {stall['text']}" for stall in answer.get("lcores", [])]
    for stall in answer.get("queues", []):
        told.append(f"port {stall['port']}, {stall['direction']} queue {stall['queue']}, for {stall['milliseconds']} ms: {stall['text']}")
    return told


def wakes_of(answer):
    """By lcore; the bounds of the counts beside each."""
    return {lcore["lcore"]: {**lcore, "bounds_ns": answer["bounds_ns"]} for lcore in answer.get("lcores", [])}


def wakes_view(now, before, seconds):
    """Of the wakes since the last look, where there were any; else of all. None: the lcore has never been woken by a packet."""
    counts, unmeasured = now["counts"], now["unmeasured"]
    if not sum(counts) + unmeasured:
        return None
    recent = [count - earlier for count, earlier in zip(counts, before["counts"])] if before else counts
    begun_anew = before and (min(recent) < 0 or unmeasured < before["unmeasured"])
    per_second = None if not seconds or not before or begun_anew else (sum(recent) + unmeasured - before["unmeasured"]) / seconds
    shown = counts if begun_anew or not any(recent) else recent
    return {"per_second": per_second, "unmeasured": unmeasured,
            **{f"p{share}_us": quantile_us(shown, now["bounds_ns"], share / 100) for share in (50, 99)}}


def quantile_us(counts, bounds_ns, share):
    """The end of the bucket that it is in. None: nothing was measured, or it is in the last one, which has no end."""
    left = share * sum(counts)
    for count, bound in zip(counts, bounds_ns):
        left -= count
        if count and left <= 0:
            return bound / 1000
    return None


def rate(now, before, key, seconds):
    """A second; None without a sample before, or where the counter began anew."""
    if not seconds or before is None or key not in before or now.get(key, 0) < before[key]:
        return None
    return (now.get(key, 0) - before[key]) / seconds


def view(path, now, before, seconds):
    before = before if before and before["pid"] == now["pid"] else {"ports": {}, "account": {}, "lcores": {}, "wakes": {}}
    ports = []
    for number, stats in now["ports"].items():
        report = now["report"].get(number, {})
        drops, earlier = now["account"].get(number, {}).get("drops", {}), before["account"].get(number, {}).get("drops")
        then = before["ports"].get(number)
        bits = {side: rate(stats, then, key, seconds) for side, key in (("rx", "ibytes"), ("tx", "obytes"))}
        ports.append({
            "port": number,
            "name": report.get("interface") or report.get("name") or f"port {number}",
            "started": report.get("started", True),
            "engine": engine(report),
            "features": report.get("features", []),
            "rx_queues": report.get("rx_queues"), "interface_rx_queues": report.get("interface_rx_queues"),
            "rx_packets_per_second": rate(stats, then, "ipackets", seconds), "tx_packets_per_second": rate(stats, then, "opackets", seconds),
            "rx_bits_per_second": bits["rx"] and 8 * bits["rx"], "tx_bits_per_second": bits["tx"] and 8 * bits["tx"],
            "rx_packets": stats.get("ipackets", 0), "tx_packets": stats.get("opackets", 0),
            "drops": {cause: {"packets": packets, "per_second": rate(drops, earlier, cause, seconds)} for cause, packets in drops.items()},
            "queue_rx_packets": stats.get("q_ipackets", []),
        })
    return {"process": now["name"], "pid": now["pid"], "socket": path, "ports": ports, "stalls": now.get("stalls", []),
            "lcores": [{**lcore_view(lcore, before["lcores"].get(number), seconds, now["cycles_per_second"]),
                        "wakes": wakes_view(now["wakes"][number], before.get("wakes", {}).get(number), seconds) if number in now.get("wakes", {}) else None}
                       for number, lcore in now["lcores"].items() if "total_cycles" in lcore],
            "pools": [{"pool": name, "frames": pool.get("size", 0), "free": pool.get("free_count", pool.get("common_pool_count", 0))}
                      for name, pool in now["pools"].items()]}


def lcore_view(now, before, seconds, hertz):
    total, busy = (rate(now, before, key, seconds) for key in ("total_cycles", "busy_cycles"))
    packets, asleep = rate(now, before, "packets", seconds), rate(now, before, "sleep_cycles", seconds)
    return {"lcore": now.get("lcore_id"), "cpus": now.get("cpuset", []),
            "busy_share": busy / total if total else None, "asleep_share": asleep / total if total and asleep is not None else None,
            "packets_per_second": packets, "cycles_per_packet": busy / packets if packets else None,
            "runs": bool(total) and (not hertz or total > hertz / 10)}


def engine(report):
    """ "zero-copy", "copy+inject": how packets come in, and how they go out where that is another way."""
    got = {state["feature"]: state for state in report.get("features", [])}
    words = []
    if "zerocopy" in got:
        words.append("zero-copy" if got["zerocopy"]["present"] else "copy")
    if "native" in got and not got["native"]["present"]:
        words.append("generic")
    if "inject" in got and got["inject"]["present"]:
        words.append("inject")
    return "+".join(words) or report.get("driver", "").removeprefix("net_")
