// SPDX-License-Identifier: Apache-2.0
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "tools/testpmd/console/commands.h"
#include "tools/testpmd/options/option_values.h"
#include "tools/testpmd/report/port_display.h"

namespace pollux::testpmd {
namespace {

absl::Status ForPorts(Session& session, const std::string& word, const std::function<void(Port&)>& show) {
  const absl::StatusOr<std::vector<std::size_t>> numbers = session.SelectPorts(word);
  if (!numbers.ok()) return numbers.status();
  for (std::size_t number : *numbers) show(*session.ports()[number]);
  return absl::OkStatus();
}

absl::Status ShowPort(Session& session, const Words& words) {
  if (words[2] == "summary") session.Print(FormatSummaryHeading(session.OpenPortNumbers().size()));
  if (words[2] == "stats") {
    const absl::StatusOr<std::vector<std::size_t>> numbers = session.SelectPorts(words[3]);
    if (numbers.ok()) session.Print(session.PortStats(*numbers));
    return numbers.status();
  }
  return ForPorts(session, words[3], [&](Port& port) {
    if (words[2] == "xstats") {
      session.Print(FormatExtendedStats(port.number(), AllExtendedStats(port.ShownStats(), port.ShownExtendedStats())));
    } else if (words[2] == "info") {
      session.Print(FormatPortInfo(port, port.device().Link()));
    } else {
      session.Print(FormatSummaryLine(port.number(), port.Info(), port.device().Link()));
    }
  });
}

absl::Status ClearPort(Session& session, const Words& words) {
  return ForPorts(session, words[3], [&](Port& port) {
    if (words[2] == "info") {
      session.Print(absl::StrCat("Port ", port.number(), ": its information is no count; there is nothing to clear (clear port stats)\n"));
    } else if (words[2] == "xstats") {
      port.ClearExtendedStats();
    } else {
      port.ClearStats();
      session.Print(absl::StrCat("\n  NIC statistics for port ", port.number(), " cleared\n"));
    }
  });
}

absl::Status CheckQueue(const Port& port, const std::string& word, bool rx, std::size_t& queue) {
  const std::size_t count = rx ? port.config().rx_queues : port.config().tx_queues;
  const absl::StatusOr<uint64_t> number = ParseNumber(word, 0, UINT32_MAX);
  if (!number.ok() || *number >= count)
    return absl::InvalidArgumentError(absl::StrCat("Invalid queueid = ", word, "; port ", port.number(), " has ", count));
  queue = *number;
  return absl::OkStatus();
}

// words: ... PORT, QUEUE at the given positions.
absl::Status ShowQueue(Session& session, const std::string& port_word, const std::string& queue_word, bool rx) {
  if (port_word == "all") return absl::InvalidArgumentError("Invalid port all");
  const absl::StatusOr<std::vector<std::size_t>> numbers = session.SelectPorts(port_word);
  if (!numbers.ok()) return numbers.status();
  const Port& port = *session.ports()[numbers->front()];
  std::size_t queue = 0;
  if (absl::Status status = CheckQueue(port, queue_word, rx, queue); !status.ok()) return status;
  session.Print(FormatQueueInfo(port, queue, rx));
  return absl::OkStatus();
}

absl::Status ShowMacs(Session& session, const Words& words) {
  if (words[3] == "mcast_macs") {
    session.Print("Number of Multicast MAC address added: 0\n");
    return session.SelectPorts(words[2]).status();
  }
  return ForPorts(session, words[2],
                  [&](Port& port) { session.Print(absl::StrCat("Number of MAC address added: 1\n  ", port.Info().mac.ToString(), "\n")); });
}

std::string Devices(Session& session) {
  std::string text;
  for (std::size_t number : session.OpenPortNumbers()) {
    const Port& port = *session.ports()[number];
    absl::StrAppend(&text, "port ", number, ": ", port.text(), "\n");
  }
  return text;
}

std::string Segments(const EngineOptions& engine) {
  return absl::StrCat("Number of segments: ", engine.tx_segments.size(), "\nSegment sizes: ", absl::StrJoin(engine.tx_segments, ","), "\n");
}

absl::Status ShowConfig(Session& session, const Words& words) {
  if (words[2] == "fwd") session.Print(session.ForwardConfigText());
  if (words[2] == "rxtx") session.Print(session.RxTxText());
  if (words[2] == "cores") session.Print(FormatCores(session.config()));
  if (words[2] == "txpkts") session.Print(Segments(session.config().engine));
  return absl::OkStatus();
}

std::string PoolCounts(Session& session) {
  if (session.forwarding()) {
    return session.PoolsText() + "(stop forwarding to see where every frame is)\n";
  }
  return session.PoolsText() + session.AuditText();
}

}  // namespace

void AddDisplayCommands(CommandTable& table, Session& session) {
  const auto add = [&table](const char* pattern, const char* help, std::function<absl::Status(const Words&)> run) {
    table.Add({pattern, "display", help, std::move(run)});
  };
  add("show port info|stats|summary|xstats PORT|all", "Display information for a port, or all.",
      [&](const Words& words) { return ShowPort(session, words); });
  add("clear port stats|xstats|info PORT|all", "Count from here on for a port, or all. The closing account keeps the whole.",
      [&](const Words& words) { return ClearPort(session, words); });
  add("show port PORT|all macs|mcast_macs", "Display the MAC address; there are no filters to list.",
      [&](const Words& words) { return ShowMacs(session, words); });
  for (const char* pattern : {"show device info all", "dump_devargs"}) {
    add(pattern, "Display what each port was opened with.", [&](const Words&) {
      session.Print(Devices(session));
      return absl::OkStatus();
    });
  }
  add("show rxq|txq info PORT QUEUE", "Display the ring and the counts of a queue.",
      [&](const Words& words) { return ShowQueue(session, words[3], words[4], words[1] == "rxq"); });
  add("show port PORT rxq|txq QUEUE", "The same.",
      [&](const Words& words) { return ShowQueue(session, words[2], words[4], words[3] == "rxq"); });
  add("show fwd stats all", "Display statistics of forwarding, since it started or was cleared.", [&](const Words&) {
    session.Print(absl::StrCat(FormatForwardStats(session.Report()), session.OffloadText()));
    return absl::OkStatus();
  });
  add("show fwd wakes", "Display how long packets waited for lcores that slept (--idle), since forwarding started.", [&](const Words&) {
    session.Print(session.WakesText());
    return absl::OkStatus();
  });
  add("clear fwd stats all", "Count them from here on.", [&](const Words&) {
    session.ClearForwardStats();
    return absl::OkStatus();
  });
  add("show config fwd|rxtx|cores|txpkts", "Display which lcore forwards from where to where, rings and bursts, lcores, lengths of txonly.",
      [&](const Words& words) { return ShowConfig(session, words); });
  add("dump mempool", "Display the pools of frames, and who holds how many.", [&](const Words&) {
    session.Print(PoolCounts(session));
    return absl::OkStatus();
  });
  add("dump_mempool", "The same.", [&](const Words&) {
    session.Print(PoolCounts(session));
    return absl::OkStatus();
  });
}

}  // namespace pollux::testpmd
