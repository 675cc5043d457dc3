// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/report/forward_display.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>

namespace pollux::testpmd {
namespace {

constexpr const char* kDashes = "----------------------";
constexpr const char* kPluses = "+++++++++++++++";

std::string FormatStream(const ForwardReport& report, const StreamTotals& stream) {
  const uint64_t received = stream.Value("rx_packets");
  const uint64_t sent = stream.Value("tx_packets");
  const uint64_t dropped = stream.Value("forward_dropped");
  if (received == 0 && sent == 0 && dropped == 0) return "";
  std::string text = absl::StrFormat("\n  ------- Forward Stats for RX Port=%2u/Queue=%2u -> TX Port=%2u/Queue=%2u -------\n",
                                     stream.ends.rx_port, stream.ends.rx_queue, stream.ends.tx_port, stream.ends.tx_queue);
  absl::StrAppend(&text, absl::StrFormat("  RX-packets: %-14u TX-packets: %-14u TX-dropped: %-14u\n", received, sent, dropped));
  if (report.mode == "csum") {
    absl::StrAppend(&text, absl::StrFormat("  RX- bad IP checksum: %-14u  Rx- bad L4 checksum: %-14u\n", stream.Value("rx_bad_ip_checksum"),
                                           stream.Value("rx_bad_l4_checksum")));
  }
  if (report.record_burst_stats) absl::StrAppend(&text, FormatBursts("RX", stream.rx_bursts), FormatBursts("TX", stream.tx_bursts));
  return text;
}

// The streams that start or end at one port, as far as DPDK's port block shows them.
struct PortStreams {
  uint64_t dropped = 0;
  uint64_t bad_ip = 0;
  uint64_t bad_l4 = 0;
  uint64_t tx_timestamps = 0;
  uint64_t tx_delay_ns = 0;
  const StreamTotals* rx = nullptr;
  const StreamTotals* tx = nullptr;
};

PortStreams StreamsOf(const ForwardReport& report, std::size_t port) {
  PortStreams found;
  for (const StreamTotals& stream : report.streams) {
    if (stream.ends.rx_port == port) {
      found.rx = &stream;
      found.bad_ip += stream.Value("rx_bad_ip_checksum");
      found.bad_l4 += stream.Value("rx_bad_l4_checksum");
    }
    if (stream.ends.tx_port == port) {
      found.tx = &stream;
      found.dropped += stream.Value("forward_dropped");
      found.tx_timestamps += stream.Value("tx_timestamps");
      found.tx_delay_ns += stream.Value("tx_delay_ns");
    }
  }
  return found;
}

std::string FormatPort(const ForwardReport& report, std::size_t port, const pmd::QueueStats& stats, const PortStreams& streams,
                       bool several) {
  const uint64_t tx_dropped = streams.dropped + stats.tx_dropped;
  std::string text = absl::StrFormat("\n  %s Forward statistics for port %-2u %s\n", kDashes, port, kDashes);
  absl::StrAppend(&text, absl::StrFormat("  RX-packets: %-14u RX-dropped: %-14uRX-total: %u\n", stats.rx_packets, stats.rx_missed,
                                         stats.rx_packets + stats.rx_missed));
  if (report.mode == "csum") {
    absl::StrAppend(&text, absl::StrFormat("  Bad-ipcsum: %-14u Bad-l4csum: %-14u\n", streams.bad_ip, streams.bad_l4));
  }
  if (stats.rx_errors + stats.rx_nombuf > 0) {
    absl::StrAppend(&text, absl::StrFormat("  RX-error: %u\n  RX-nombufs: %-14u\n", stats.rx_errors, stats.rx_nombuf));
  }
  absl::StrAppend(&text, absl::StrFormat("  TX-packets: %-14u TX-dropped: %-14uTX-total: %u\n", stats.tx_packets, tx_dropped,
                                         stats.tx_packets + tx_dropped));
  if (streams.tx_timestamps > 0) {
    absl::StrAppend(&text, absl::StrFormat("  TX-timestamps: %-11u mean delay: %.3f us\n", streams.tx_timestamps,
                                           static_cast<double>(streams.tx_delay_ns) / static_cast<double>(streams.tx_timestamps) / 1000));
  }
  if (report.record_burst_stats && !several) {
    if (streams.rx != nullptr) absl::StrAppend(&text, FormatBursts("RX", streams.rx->rx_bursts));
    if (streams.tx != nullptr) absl::StrAppend(&text, FormatBursts("TX", streams.tx->tx_bursts));
  }
  return absl::StrCat(text, "  ", kDashes, "--------------------------------", kDashes, "\n");
}

std::string FormatCycles(const ForwardReport& report, uint64_t received, uint64_t sent) {
  uint64_t cycles = 0, receiving = 0, sending = 0;
  for (const StreamTotals& stream : report.streams) {
    cycles += stream.busy_cycles;
    receiving += stream.receive_cycles;
    sending += stream.send_cycles;
  }
  const uint64_t packets = FindForwardMode(report.mode)->receives && report.mode != "flowgen" ? received : sent;
  if (packets == 0) return "";
  const auto a_packet = [packets](uint64_t part) { return static_cast<double>(part) / static_cast<double>(packets); };
  return absl::StrFormat(
      "\n  CPU cycles/packet=%.2f (total cycles=%u / total %s packets=%u) at %u MHz Clock\n"
      "    of these: receive=%.2f, mode=%.2f, send=%.2f (with system calls)\n",
      a_packet(cycles), cycles, report.mode, packets, report.clock_mhz, a_packet(receiving), a_packet(cycles - receiving - sending),
      a_packet(sending));
}

std::string DescribeMode(const ForwardConfig& config) {
  return absl::StrCat(config.mode, " packet forwarding", config.retry.enabled ? " with retry" : "");
}

}  // namespace

std::string FormatForwardStats(const ForwardReport& report) {
  const bool several = report.streams.size() > report.ports.size();
  std::string text;
  if (several) {
    for (const StreamTotals& stream : report.streams) absl::StrAppend(&text, FormatStream(report, stream));
  }
  pmd::QueueStats total;
  uint64_t dropped = 0;
  for (const auto& [port, stats] : report.ports) {
    const PortStreams streams = StreamsOf(report, port);
    absl::StrAppend(&text, FormatPort(report, port, stats, streams, several));
    total += stats;
    dropped += streams.dropped + stats.tx_dropped;
  }
  absl::StrAppend(&text, "\n  ", kPluses, " Accumulated forward statistics for all ports", kPluses, "\n");
  absl::StrAppend(&text, absl::StrFormat("  RX-packets: %-14u RX-dropped: %-14uRX-total: %u\n", total.rx_packets, total.rx_missed,
                                         total.rx_packets + total.rx_missed));
  absl::StrAppend(
      &text, absl::StrFormat("  TX-packets: %-14u TX-dropped: %-14uTX-total: %u\n", total.tx_packets, dropped, total.tx_packets + dropped));
  if (total.rx_nombuf > 0) absl::StrAppend(&text, absl::StrFormat("  RX-nombufs: %-14u\n", total.rx_nombuf));
  absl::StrAppend(&text, "  ", kPluses, "++++++++++++++++++++++++++++++++++++++++++++++", kPluses, "\n");
  if (report.record_core_cycles) absl::StrAppend(&text, FormatCycles(report, total.rx_packets, total.tx_packets));
  return text;
}

std::string FormatWakes(unsigned lcore, const lcore::WakeHistogram& wakes) {
  using lcore::WakeHistogram;
  std::string rows;
  uint64_t measured = 0;
  for (std::size_t bucket = 0; bucket < WakeHistogram::kBuckets; ++bucket) {
    const uint64_t count = wakes.count(bucket);
    if (count == 0) continue;
    measured += count;
    const uint64_t longest = WakeHistogram::LongestOf(bucket);
    const std::string length =
        longest == WakeHistogram::kEndless ? "longer" : absl::StrFormat("up to %7.1f us", static_cast<double>(longest) / 1000);
    absl::StrAppend(&rows, absl::StrFormat("  %-16s %12u\n", length, count));
  }
  std::string text =
      absl::StrFormat("Lcore %u: %u wakes by packets, from the arrival of the first until the lcore was awake\n", lcore, measured);
  absl::StrAppend(&text, rows);
  if (measured > 0) {
    const double average_us = static_cast<double>(wakes.sum_ns()) / 1000 / static_cast<double>(measured);
    absl::StrAppend(&text, absl::StrFormat("  %-16s %12.1f us\n", "on average", average_us));
  }
  if (wakes.unmeasured() > 0) {
    absl::StrAppend(&text,
                    absl::StrFormat("  %-16s %12u (wake_latency in the report at start says why)\n", "not measured", wakes.unmeasured()));
  }
  return text;
}

std::string FormatForwardConfig(const ForwardConfig& config, const NodeName& lcore_node, const NodeName& port_node) {
  const std::vector<StreamEnds> streams = config.Streams();
  const std::vector<LcoreStreams> assignment = config.Assignment();
  std::string text = absl::StrFormat("%s - ports=%u - cores=%u - streams=%u - NUMA support enabled, MP allocation mode: native\n",
                                     DescribeMode(config), config.ports.size(), assignment.size(), streams.size());
  if (config.retry.enabled) {
    absl::StrAppend(&text,
                    absl::StrFormat("TX retry num: %u, delay between TX retries: %uus\n", config.retry.count, config.retry.delay_us));
  }
  for (const LcoreStreams& lcore : assignment) {
    absl::StrAppend(&text, absl::StrFormat("Logical Core %u (socket %s) forwards packets on %u streams:\n", lcore.lcore,
                                           lcore_node(lcore.lcore), lcore.streams.size()));
    for (std::size_t index : lcore.streams) {
      const StreamEnds& ends = streams[index];
      absl::StrAppend(&text, absl::StrFormat("  RX P=%u/Q=%u (socket %s) -> TX P=%u/Q=%u (socket %s) peer=%s\n", ends.rx_port,
                                             ends.rx_queue, port_node(ends.rx_port), ends.tx_port, ends.tx_queue, port_node(ends.tx_port),
                                             config.PeerOf(ends.tx_port).ToString()));
    }
  }
  return text + "\n";
}

std::string FormatCores(const ForwardConfig& config) {
  return absl::StrCat("List of forwarding lcores:  ", absl::StrJoin(config.lcores, " "), "\n");
}

std::string FormatRxTx(const ForwardConfig& config, std::size_t lcores_in_use,
                       const std::function<std::size_t(std::size_t port, bool rx)>& ring) {
  std::string text = absl::StrFormat("  %s packets/burst=%u\n", DescribeMode(config), config.burst);
  absl::StrAppend(&text, absl::StrFormat("  nb forwarding cores=%u - nb forwarding ports=%u\n", lcores_in_use, config.ports.size()));
  for (std::size_t port : config.ports) {
    absl::StrAppend(&text,
                    absl::StrFormat("  port %u: RX queue number: %u Tx queue number: %u\n", port, config.rx_queues, config.tx_queues));
    absl::StrAppend(&text, absl::StrFormat("    RX desc=%u - TX desc=%u\n", ring(port, true), ring(port, false)));
  }
  return text;
}

}  // namespace pollux::testpmd
