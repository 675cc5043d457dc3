# SPDX-License-Identifier: Apache-2.0
"""pollux exporter: what processes tell by telemetry, as text for Prometheus, over HTTP."""

import argparse
import itertools
import pathlib
import signal
import sys
import threading

try:
    from prometheus_client import CollectorRegistry, start_http_server
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
except ImportError:
    sys.exit("pollux exporter: the client library of Prometheus is missing: apt install python3-prometheus-client")

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "telemetry"))
import client

# (name, key of /ethdev/stats, help)
PORT_COUNTERS = [
    ("pollux_port_received_packets", "ipackets", "Packets handed to the application"),
    ("pollux_port_received_bytes", "ibytes", "Bytes of these, without the frame check sequence"),
    ("pollux_port_sent_packets", "opackets", "Packets given to the wire"),
    ("pollux_port_sent_bytes", "obytes", "Bytes of packets handed to the kernel"),
    ("pollux_port_missed_packets", "imissed", "Packets that reached the port and not the application"),
    ("pollux_port_receive_errors_packets", "ierrors", "Packets in a state that could not be handed on"),
    ("pollux_port_send_dropped_packets", "oerrors", "Packets taken and not sent"),
]
LCORE_COUNTERS = [
    ("pollux_lcore_seconds", "total_cycles", "Time that the lcore has polled or slept"),
    ("pollux_lcore_busy_seconds", "busy_cycles", "Time of polls that moved packets"),
    ("pollux_lcore_asleep_seconds", "sleep_cycles", "Time asleep"),
]
PORT, LCORE, POOL = ["process", "port", "interface"], ["process", "lcore"], ["process", "pool"]


class Telemetry:
    """Asks when Prometheus does. A process is named by its prefix and instance ("rte", "rte:1"), which come again when it is started anew:
    a number of a process would make series without end."""

    def __init__(self, prefix):
        self._prefix = prefix
        self._lock = threading.Lock()

    def collect(self):
        with self._lock:
            families = self._families()
            alive, _ = client.connect_all(self._prefix)
            for process in alive:
                try:
                    self._add(families, process)
                except OSError:
                    families["pollux_process_up"].add_metric([name_of(process)], 0)
                finally:
                    process.close()
        return families.values()

    @staticmethod
    def _families():
        families = [CounterMetricFamily(name, text, labels=PORT) for name, _, text in PORT_COUNTERS]
        families += [CounterMetricFamily(name, text, labels=LCORE) for name, _, text in LCORE_COUNTERS]
        families += [
            GaugeMetricFamily("pollux_process_up", "1: the process answers", labels=["process"]),
            GaugeMetricFamily("pollux_port_link_up", "1: the link is up", labels=PORT),
            GaugeMetricFamily("pollux_port_feature_in_effect", "1: on all queues", labels=[*PORT, "feature"]),
            CounterMetricFamily("pollux_port_lost_packets", "Packets lost, by cause", labels=[*PORT, "cause"]),
            CounterMetricFamily("pollux_lcore_packets", "Packets that the lcore moved", labels=LCORE),
            HistogramMetricFamily("pollux_lcore_wake_seconds", "From a packet's arrival until the lcore, asleep, was awake", labels=LCORE),
            CounterMetricFamily("pollux_lcore_unmeasured_wakes", "Wakes by packets of which nobody knows when they came", labels=LCORE),
            GaugeMetricFamily("pollux_pool_frames", "Frames of the pool", labels=POOL),
            GaugeMetricFamily("pollux_pool_free_frames", "Of these, those that nobody holds", labels=POOL),
        ]
        return {family.name: family for family in families}

    @staticmethod
    def _add(families, process):
        name = name_of(process)
        report = process.ask("/pollux/report") or {}
        ports = {port["port"]: port for port in report.get("ports", [])}
        accounts = {port["port"]: port for port in (process.ask("/pollux/accounting") or {}).get("ports", [])}
        for number in process.ask("/ethdev/list") or []:
            port = ports.get(number, {})
            labels = [name, str(number), port.get("interface") or port.get("name", "")]
            stats = process.ask(f"/ethdev/stats,{number}") or {}
            for metric, key, _ in PORT_COUNTERS:
                if key in stats:
                    families[metric].add_metric(labels, stats[key])
            link = process.ask(f"/ethdev/link_status,{number}") or {}
            families["pollux_port_link_up"].add_metric(labels, link.get("status", "").upper() == "UP")
            for cause, packets in accounts.get(number, {}).get("drops", {}).items():
                families["pollux_port_lost_packets"].add_metric([*labels, cause], packets)
            features = {}
            for state in port.get("features", []):
                features[state["feature"]] = features.get(state["feature"], True) and state["present"]
            for feature, present in features.items():
                families["pollux_port_feature_in_effect"].add_metric([*labels, feature], present)
        hertz = report.get("cycles_per_second")
        for number in process.ask("/eal/lcore/list") or []:
            lcore = process.ask(f"/eal/lcore/info,{number}") or {}
            for metric, key, _ in LCORE_COUNTERS if hertz else []:
                if key in lcore:
                    families[metric].add_metric([name, str(number)], lcore[key] / hertz)
            if "packets" in lcore:
                families["pollux_lcore_packets"].add_metric([name, str(number)], lcore["packets"])
        wakes = process.ask("/pollux/wakes") or {}
        for lcore in wakes.get("lcores", []):
            labels = [name, str(lcore["lcore"])]
            families["pollux_lcore_wake_seconds"].add_metric(labels, buckets(wakes["bounds_ns"], lcore["counts"]), lcore["sum_ns"] / 1e9)
            families["pollux_lcore_unmeasured_wakes"].add_metric(labels, lcore["unmeasured"])
        for pool in process.ask("/mempool/list") or []:
            info = process.ask(f"/mempool/info,{pool}") or {}
            families["pollux_pool_frames"].add_metric([name, pool], info.get("size", 0))
            families["pollux_pool_free_frames"].add_metric([name, pool], info.get("free_count", info.get("common_pool_count", 0)))
        families["pollux_process_up"].add_metric([name], 1)


def buckets(bounds_ns, counts):
    """As Prometheus has them: each with all that are shorter, in seconds."""
    ends = [repr(bound / 1e9) for bound in bounds_ns] + ["+Inf"]
    return list(zip(ends, itertools.accumulate(counts)))


def name_of(process):
    return process.prefix + process.path.rpartition(client.SOCKET_NAME)[2]


def address(text):
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"'{text}': ADDRESS:PORT is expected, as 127.0.0.1:9470")
    return host.strip("[]"), int(port)


def main(arguments):
    parser = argparse.ArgumentParser(prog="pollux exporter", description=__doc__)
    parser.add_argument("--listen", type=address, default=("127.0.0.1", 9470), metavar="ADDRESS:PORT",
                        help="where Prometheus asks (127.0.0.1:9470). There is no password: whoever reaches it reads the counters")
    parser.add_argument("-f", "--file-prefix", default="*", metavar="NAME", help="processes of this prefix only (all)")
    options = parser.parse_args(arguments)
    registry = CollectorRegistry()
    registry.register(Telemetry(options.file_prefix))
    signals = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        start_http_server(options.listen[1], addr=options.listen[0], registry=registry)
    except OSError as error:
        print(f"pollux exporter: listen({options.listen[0]}:{options.listen[1]}): {error.strerror}; another address: --listen", file=sys.stderr)
        return 1
    print(f"http://{options.listen[0]}:{options.listen[1]}/metrics", flush=True)
    signal.sigwait(signals)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
