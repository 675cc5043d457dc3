// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "tools/testpmd/console/commands.h"
#include "tools/testpmd/options/nearest_name.h"
#include "tools/testpmd/options/option_values.h"

namespace pollux::testpmd {
namespace {

std::vector<std::string> ModeNames() {
  std::vector<std::string> names;
  for (const ForwardMode& mode : ForwardModes()) names.emplace_back(mode.name);
  return names;
}

// Most settings reach the streams when forwarding starts; changing them earlier would show what is not so.
absl::Status NeedsStopped(const Session& session) {
  return session.forwarding() ? absl::FailedPreconditionError("Please stop forwarding first") : absl::OkStatus();
}

absl::Status SetForwardMode(Session& session, const Words& words) {
  const ForwardMode* mode = FindForwardMode(words[2]);
  if (mode == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("Invalid ", words[2], " packet forwarding mode; there are ",
                                                   absl::StrJoin(ModeNames(), "|"), DidYouMean(words[2], ModeNames())));
  }
  session.config().mode = words[2];
  session.config().retry.enabled = words.size() > 3;
  session.Print(absl::StrCat("Set ", words[2], " packet forwarding mode", words.size() > 3 ? " with retry" : "",
                             session.forwarding() ? " (from the next start on)" : "", "\n"));
  return absl::OkStatus();
}

absl::Status SetBurst(Session& session, const Words& words) {
  const absl::StatusOr<uint64_t> burst = ParseNumber(words[2], 1, mempool::kMaximumBurst);
  if (!burst.ok()) return absl::InvalidArgumentError(absl::StrCat("burst ", burst.status().message(), " - ignored"));
  session.config().burst = *burst;
  session.Print(absl::StrCat("Number of packets per burst set to ", *burst, "\n"));
  return absl::OkStatus();
}

absl::Status SetTxDelay(Session& session, const Words& words) {
  const absl::StatusOr<uint64_t> delay_us = ParseNumber(words[4], 0, 1000000);
  if (!delay_us.ok()) return delay_us.status();
  const absl::StatusOr<uint64_t> count = ParseNumber(words[6], 0, 1000000);
  if (!count.ok()) return count.status();
  session.config().retry.delay_us = static_cast<uint32_t>(*delay_us);
  session.config().retry.count = *count;
  return absl::OkStatus();
}

absl::Status SetCoreCount(Session& session, const Words& words) {
  if (absl::Status status = NeedsStopped(session); !status.ok()) return status;
  const std::size_t most = session.config().lcores.size();
  const absl::StatusOr<uint64_t> count = ParseNumber(words[2], 1, most);
  if (!count.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("nb fwd cores ", words[2], ": 1 to ", most, " (max. number of configured lcores) - ignored"));
  }
  session.config().lcore_count = *count;
  session.Print(absl::StrCat("Number of forwarding cores set to ", *count, "\n"));
  return absl::OkStatus();
}

absl::Status SetCores(Session& session, const absl::StatusOr<std::vector<std::size_t>>& cores) {
  if (!cores.ok()) return cores.status();
  if (absl::Status status = NeedsStopped(session); !status.ok()) return status;
  std::vector<unsigned> chosen;
  for (std::size_t core : *cores) {
    if (core == session.main_lcore()) {
      return absl::InvalidArgumentError(
          absl::StrCat("lcore ", core,
                       " cannot be masked on for running packet forwarding, which is the main lcore and reserved "
                       "for command line parsing only"));
    }
    const std::vector<unsigned>& workers = session.worker_lcores();
    if (std::find(workers.begin(), workers.end(), core) == workers.end()) {
      return absl::InvalidArgumentError(absl::StrCat("lcore ", core, " is not one of ", absl::StrJoin(workers, ",")));
    }
    chosen.push_back(static_cast<unsigned>(core));
  }
  const std::size_t before = session.config().lcore_count;
  if (before != chosen.size()) {
    session.Print(
        absl::StrCat("previous number of forwarding cores ", before, " - changed to number of configured cores ", chosen.size(), "\n"));
  }
  session.config().lcores = chosen;
  session.config().lcore_count = chosen.size();
  return absl::OkStatus();
}

absl::Status SetPorts(Session& session, const absl::StatusOr<std::vector<std::size_t>>& ports) {
  if (!ports.ok()) return ports.status();
  if (absl::Status status = NeedsStopped(session); !status.ok()) return status;
  for (std::size_t port : *ports) {
    const absl::StatusOr<std::vector<std::size_t>> known = session.SelectPorts(absl::StrCat(port));
    if (!known.ok()) return known.status();
  }
  const std::size_t before = session.config().ports.size();
  if (before != ports->size()) {
    session.Print(
        absl::StrCat("previous number of forwarding ports ", before, " - changed to number of configured ports ", ports->size(), "\n"));
  }
  session.config().ports = *ports;
  session.Print(TopologyWarning(session.config().topology, ports->size()));
  return absl::OkStatus();
}

absl::Status SetPeer(Session& session, const Words& words) {
  if (absl::Status status = NeedsStopped(session); !status.ok()) return status;
  if (words[2] == "all") return absl::InvalidArgumentError("Invalid port all");
  const absl::StatusOr<std::vector<std::size_t>> port = session.SelectPorts(words[2]);
  if (!port.ok()) return port.status();
  const std::optional<pmd::MacAddress> mac = pmd::MacAddress::Parse(words[3]);
  if (!mac.has_value()) return absl::InvalidArgumentError(absl::StrCat("Error: Invalid ethernet address: ", words[3]));
  session.config().peers[port->front()] = *mac;
  return absl::OkStatus();
}

absl::Status SetSegments(Session& session, const Words& words) {
  if (absl::Status status = NeedsStopped(session); !status.ok()) return status;
  const absl::StatusOr<std::vector<std::size_t>> segments = ParseSegments(words[2]);
  if (!segments.ok()) return segments.status();
  session.config().engine.tx_segments = *segments;
  return absl::OkStatus();
}

absl::Status SetFlag(bool& flag, const std::string& word) {
  const absl::StatusOr<bool> on = ParseOnOff(word);
  if (on.ok()) flag = *on;
  return on.status();
}

absl::Status SetPortCount(Session& session, const Words& words) {
  if (absl::Status status = NeedsStopped(session); !status.ok()) return status;
  const std::vector<std::size_t> open = session.OpenPortNumbers();
  const absl::StatusOr<uint64_t> count = ParseNumber(words[2], 1, open.size());
  if (!count.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("nb fwd ports ", words[2], ": 1 to ", open.size(), " (number of ports) - ignored"));
  }
  session.config().ports.assign(open.begin(), open.begin() + static_cast<std::ptrdiff_t>(*count));
  session.Print(absl::StrCat("Number of forwarding ports set to ", *count, "\n"));
  return absl::OkStatus();
}

absl::Status ForInterfaces(Session& session, const std::string& word, const std::function<absl::Status(InterfaceSettings&)>& act) {
  const absl::StatusOr<std::vector<std::size_t>> ports = session.SelectPorts(word);
  if (!ports.ok()) return ports.status();
  absl::Status first_fault;
  for (std::size_t port : *ports) {
    const absl::StatusOr<InterfaceSettings*> settings = session.ports()[port]->interface_settings();
    first_fault.Update(settings.ok() ? act(**settings) : settings.status());
  }
  return first_fault;
}

// Null: one that no device is asked for.
bool* DeviceChecksum(ChecksumSet& set, const std::string& protocol) {
  return protocol == "udp" ? &set.udp : protocol == "tcp" ? &set.tcp : nullptr;
}

absl::Status SetDeviceChecksum(Session& session, const std::string& protocol, bool on, std::size_t port) {
  if (on && !session.ports()[port]->device().tx_offloads().checksum) {
    return absl::FailedPreconditionError(absl::StrCat(
        "csum set ", protocol, " hw: port ", port, " (", session.ports()[port]->Info().name, ") ",
        session.ports()[port]->started() ? "asks no device for checksums: open it with tx_metadata=checksum (net_af_xdp, docs/packets.md)"
                                         : "is stopped, and nobody can tell what it has: port start it first"));
  }
  *DeviceChecksum(session.config().device_checksums[port], protocol) = on;
  session.Print(absl::StrCat(
      "Port ", port, ": ", protocol,
      on ? " checksums are left to the device that sends, and not verified\n" : " checksums are verified and repaired in software\n"));
  return absl::OkStatus();
}

absl::Status SetChecksum(Session& session, const Words& words) {
  const absl::StatusOr<std::vector<std::size_t>> ports = session.SelectPorts(words[4]);
  if (!ports.ok()) return ports.status();
  ChecksumSet known;
  if (DeviceChecksum(known, words[2]) != nullptr) {
    if (absl::Status status = NeedsStopped(session); !status.ok()) return status;
    for (std::size_t port : *ports) {
      if (absl::Status status = SetDeviceChecksum(session, words[2], words[3] == "hw", port); !status.ok()) return status;
    }
    return absl::OkStatus();
  }
  if (words[3] == "hw")
    return absl::UnimplementedError(
        absl::StrCat("csum set ", words[2], " hw: a device is asked for udp and tcp checksums; sw is what there is"));
  session.Print(words[2] == "ip"
                    ? "ip checksums are computed in software by mode csum, on every port: nothing changes\n"
                    : absl::StrCat(words[2], " checksums are not looked at, neither in software nor in hardware: nothing changes\n"));
  return absl::OkStatus();
}

absl::Status SetTxTimestamps(Session& session, bool on) {
  if (absl::Status status = NeedsStopped(session); !status.ok()) return status;
  for (std::size_t port : session.config().ports) {
    if (!on || session.ports()[port]->device().tx_offloads().timestamp) continue;
    return absl::FailedPreconditionError(
        absl::StrCat("set tx-timestamps on: port ", port, " (", session.ports()[port]->Info().name,
                     ") tells no times: open it with tx_metadata=timestamp (net_af_xdp, docs/packets.md), ", "and start it"));
  }
  session.config().tx_timestamps = on;
  return absl::OkStatus();
}

absl::Status ShowChecksums(Session& session, const std::string& word) {
  const absl::StatusOr<std::vector<std::size_t>> ports = session.SelectPorts(word);
  if (!ports.ok()) return ports.status();
  for (std::size_t port : *ports) {
    const ChecksumSet set = session.config().device_checksums[port];
    session.Print(absl::StrCat("Port ", port, ": IP, ", set.udp ? "" : "UDP, ", set.tcp ? "" : "TCP, ", "ICMP checksum: sw\n"));
    if (set.udp || set.tcp)
      session.Print(
          absl::StrCat("Port ", port, ": ", set.udp ? "UDP" : "", set.udp && set.tcp ? ", " : "", set.tcp ? "TCP" : "", " checksum: hw\n"));
  }
  session.Print("SCTP, outer IP, outer UDP checksum: none\nParse tunnel: off\n");
  return absl::OkStatus();
}

absl::Status SetPromiscuous(Session& session, const Words& words) {
  const absl::StatusOr<std::vector<std::size_t>> ports = session.SelectPorts(words[2]);
  if (!ports.ok()) return ports.status();
  for (std::size_t port : *ports) {
    if (absl::Status status = session.SetPromiscuous(port, words[3] == "on"); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

void AddConfigCommands(CommandTable& table, Session& session) {
  const auto add = [&table](const char* pattern, const char* help, std::function<absl::Status(const Words&)> run) {
    table.Add({pattern, "config", help, std::move(run)});
  };
  ForwardConfig& config = session.config();
  add("set fwd MODE [retry]",
      "io, mac, macswap, 5tswap, rxonly, txonly, flowgen, icmpecho, csum, noisy; retry: offer again what was not sent.",
      [&](const Words& words) { return SetForwardMode(session, words); });
  add("set burst N", "Packets a burst, 1 to 512.", [&](const Words& words) { return SetBurst(session, words); });
  add("set burst tx delay US retry N", "How long to wait and how often to try, with retry.",
      [&](const Words& words) { return SetTxDelay(session, words); });
  add("set nbcore N", "Number of forwarding lcores.", [&](const Words& words) { return SetCoreCount(session, words); });
  add("set corelist LCORES", "Forwarding lcores, such as 1,2.",
      [&](const Words& words) { return SetCores(session, ParseLcoreList(words[2])); });
  add("set coremask MASK", "The same as a hexadecimal mask.",
      [&](const Words& words) { return SetCores(session, ParseLcoreMask(words[2])); });
  add("set portlist PORTS", "Forwarding ports in the order of the topology, such as 0,2.",
      [&](const Words& words) { return SetPorts(session, ParsePortList(words[2])); });
  add("set portmask MASK", "The same as a hexadecimal mask.",
      [&](const Words& words) { return SetPorts(session, ParsePortMask(words[2])); });
  add("set port-topology paired|chained|loop", "Which port sends what another receives.", [&](const Words& words) {
    if (absl::Status status = NeedsStopped(session); !status.ok()) return status;
    session.config().topology = *ParsePortTopology(words[2]);
    return absl::OkStatus();
  });
  add("set verbose LEVEL", "0: silent, 1: print received packets, 2: sent, 3: both.", [&](const Words& words) {
    const absl::StatusOr<uint64_t> level = ParseNumber(words[2], 0, 3);
    return level.ok() ? session.SetVerbose(static_cast<uint32_t>(*level)) : level.status();
  });
  add("set nbport N", "Number of forwarding ports, from the lowest on.", [&](const Words& words) { return SetPortCount(session, words); });
  add("set default", "Forward between all ports, with the lcores and peers of the start.",
      [&](const Words&) { return session.SetDefaultConfig(); });
  add("set eth-peer PORT MAC", "Destination of what mac, csum, txonly and flowgen send on a port.",
      [&](const Words& words) { return SetPeer(session, words); });
  add("set txpkts LENGTHS", "Length of what txonly sends: the sum, such as 64,128.",
      [&](const Words& words) { return SetSegments(session, words); });
  add("set promisc PORT|all on|off", "Promiscuous mode.", [&](const Words& words) { return SetPromiscuous(session, words); });
  add("set allmulti PORT|all on|off", "Receive all multicast (promiscuous mode does too).", [&](const Words& words) {
    return ForInterfaces(session, words[2], [&](InterfaceSettings& settings) { return settings.SetAllMulticast(words[3] == "on"); });
  });
  add("set link-up port PORT|all", "The interface up, as ip link does. What it was comes back at the end.", [&](const Words& words) {
    return ForInterfaces(session, words[3], [](InterfaceSettings& settings) { return settings.SetUp(true); });
  });
  add("set link-down port PORT|all", "The interface down.", [&](const Words& words) {
    return ForInterfaces(session, words[3], [](InterfaceSettings& settings) { return settings.SetUp(false); });
  });
  add("set tx-timestamps on|off", "txonly asks when packets went out, of ports with tx_metadata=timestamp.",
      [&](const Words& words) { return SetTxTimestamps(session, words[2] == "on"); });
  add("csum set ip|udp|tcp|sctp|outer-ip|outer-udp hw|sw PORT|all",
      "Who computes a checksum in mode csum: software, or for udp and tcp the device of a port with tx_metadata=checksum.",
      [&](const Words& words) { return SetChecksum(session, words); });
  add("csum parse-tunnel on|off PORT|all", "Off: mode csum does not look into tunnels.", [&](const Words& words) -> absl::Status {
    if (words[2] == "on") return absl::UnimplementedError("csum parse-tunnel on: mode csum does not look into tunnels");
    return session.SelectPorts(words[3]).status();
  });
  add("csum show PORT|all", "Who computes which checksum.", [&](const Words& words) { return ShowChecksums(session, words[2]); });
  add("set flush_rx on|off", "Throw away what waits in the rx queues at the start (default: on).",
      [&](const Words& words) { return SetFlag(config.flush_rx, words[2]); });
  add("set record-core-cycles on|off", "Cycles a packet, when forwarding stops.",
      [&](const Words& words) { return SetFlag(config.record_core_cycles, words[2]); });
  add("set record-burst-stats on|off", "How full bursts were, when forwarding stops.",
      [&](const Words& words) { return SetFlag(config.record_burst_stats, words[2]); });
}

}  // namespace pollux::testpmd
