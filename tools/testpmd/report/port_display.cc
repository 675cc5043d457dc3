// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/report/port_display.h"

#include <utility>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include "lcore/node_name.h"
#include "mempool/pool.h"

namespace pollux::testpmd {
namespace {

constexpr const char* kBorder = "########################";

std::string RingText(std::size_t asked, std::size_t recommended) {
  return absl::StrCat(asked != 0 ? asked : recommended);
}

}  // namespace

std::string FormatSpeed(uint64_t mbps) {
  if (mbps == 0) return "Unknown";
  return mbps % 1000 == 0 ? absl::StrCat(mbps / 1000, " Gbps") : absl::StrCat(mbps, " Mbps");
}

std::string FormatPortStats(std::size_t port, const pmd::QueueStats& stats, const Port::Rates& rates,
                            const std::vector<ShownCounter>& shown) {
  std::string text = absl::StrFormat("\n  %s NIC statistics for port %-2u %s\n", kBorder, port, kBorder);
  absl::StrAppend(
      &text, absl::StrFormat("  RX-packets: %-10u RX-missed: %-10u RX-bytes:  %u\n", stats.rx_packets, stats.rx_missed, stats.rx_bytes));
  absl::StrAppend(&text, absl::StrFormat("  RX-errors: %u\n  RX-nombuf:  %-10u\n", stats.rx_errors, stats.rx_nombuf));
  absl::StrAppend(
      &text, absl::StrFormat("  TX-packets: %-10u TX-errors: %-10u TX-bytes:  %u\n", stats.tx_packets, stats.tx_dropped, stats.tx_bytes));
  absl::StrAppend(&text, "\n  Throughput (since last show)\n");
  absl::StrAppend(&text, absl::StrFormat("  Rx-pps: %12u          Rx-bps: %12u\n", rates.rx_packets, rates.rx_bits));
  absl::StrAppend(&text, absl::StrFormat("  Tx-pps: %12u          Tx-bps: %12u\n", rates.tx_packets, rates.tx_bits));
  if (!shown.empty()) absl::StrAppend(&text, absl::StrFormat("\n%-31s%-17s%s\n", " ", "Value", "Rate (since last show)"));
  for (const ShownCounter& counter : shown) {
    absl::StrAppend(&text, absl::StrFormat("  %-25s%12u %15u\n", counter.name, counter.value, counter.rate));
  }
  return absl::StrCat(text, "  ", kBorder, "############################", kBorder, "\n");
}

std::string FormatExtendedStats(std::size_t port, const std::vector<pmd::NamedCounter>& counters) {
  std::string text = absl::StrCat("###### NIC extended statistics for port ", port, " \n");
  for (const pmd::NamedCounter& counter : counters) absl::StrAppend(&text, counter.name, ": ", counter.value, "\n");
  return text;
}

std::string FormatPortInfo(const Port& port, const absl::StatusOr<pmd::LinkState>& link) {
  const pmd::DeviceInfo info = port.Info();
  const auto& pool = port.config().pool;
  std::string text = absl::StrFormat("\n********************* Infos for port %-2u *********************\n", port.number());
  const auto line = [&text](absl::string_view name, const auto& value) { absl::StrAppend(&text, name, ": ", value, "\n"); };
  line("MAC address", info.mac.ToString());
  line("Device name", info.name);
  line("Driver name", info.driver);
  if (!info.interface.empty()) line("Interface", info.interface);
  const std::size_t comma = port.text().find(',');
  line("Devargs", comma == std::string::npos ? "" : port.text().substr(comma + 1));
  line("Connect to socket", lcore::NodeName(info.numa_node));
  if (pool != nullptr) {
    line("memory allocation on the socket", lcore::NodeName(pool->region().report().node));
  }
  line("Link status", link.ok() ? (link->up ? "up" : "down") : std::string(link.status().message()));
  if (link.ok()) {
    line("Link speed", FormatSpeed(link->speed_mbps));
    line("Link duplex", link->full_duplex ? "full-duplex" : "half-duplex");
  }
  line("MTU", info.mtu);
  line("Promiscuous mode", port.promiscuous ? "enabled" : "disabled");
  if (pool != nullptr) line("Maximum length of packet in a frame", pool->maximum_length());
  line("Current number of RX queues", port.config().rx_queues);
  line("Max possible RX queues", info.maximum_rx_queues);
  line("Number of RXDs per queue", RingText(port.config().rx_ring, info.recommended_rx_ring));
  line("Current number of TX queues", port.config().tx_queues);
  line("Max possible TX queues", info.maximum_tx_queues);
  line("Number of TXDs per queue", RingText(port.config().tx_ring, info.recommended_ring));
  return text;
}

std::string FormatSummaryHeading(std::size_t ports) {
  return absl::StrCat("Number of available ports: ", ports, "\nPort MAC Address       Name         Driver         Status   Link\n");
}

std::string FormatSummaryLine(std::size_t port, const pmd::DeviceInfo& info, const absl::StatusOr<pmd::LinkState>& link) {
  return absl::StrFormat("%-4u %-17s %-12s %-14s %-8s %s\n", port, info.mac.ToString(), info.name, info.driver,
                         !link.ok() ? "gone"
                         : link->up ? "up"
                                    : "down",
                         link.ok() ? FormatSpeed(link->speed_mbps) : "Unknown");
}

std::string FormatQueueInfo(const Port& port, std::size_t queue, bool rx) {
  const char* direction = rx ? "RX" : "TX";
  std::string text =
      absl::StrFormat("\n********************* Infos for port %-2u, %s queue %-2u *********************", port.number(), direction, queue);
  if (const auto& pool = port.config().pool; rx && pool != nullptr) {
    absl::StrAppend(&text, "\nMempool: mb_pool_", pool->id(), "\n", direction, " buffer size: ", pool->maximum_length());
  }
  absl::StrAppend(&text, "\nNumber of ", direction, "Ds: ",
                  rx ? RingText(port.config().rx_ring, port.Info().recommended_rx_ring)
                     : RingText(port.config().tx_ring, port.Info().recommended_ring));
  const pmd::QueueStats stats = port.device_or_null() != nullptr ? port.device().Stats(queue) : pmd::QueueStats{};
  if (rx) {
    absl::StrAppend(&text, "\nPackets: ", stats.rx_packets, "\nBytes: ", stats.rx_bytes, "\nMissed: ", stats.rx_missed);
  } else {
    absl::StrAppend(&text, "\nPackets: ", stats.tx_packets, "\nBytes: ", stats.tx_bytes, "\nDropped: ", stats.tx_dropped,
                    "\nPending: ", stats.tx_pending);
  }
  return absl::StrCat(text, "\n");
}

}  // namespace pollux::testpmd
