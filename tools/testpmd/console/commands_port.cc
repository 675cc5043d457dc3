// SPDX-License-Identifier: Apache-2.0
#include <absl/strings/str_cat.h>

#include "tools/testpmd/console/commands.h"
#include "tools/testpmd/options/option_values.h"

namespace pollux::testpmd {
namespace {

absl::Status ForPorts(Session& session, const std::string& word, const std::function<absl::Status(std::size_t)>& act) {
  const absl::StatusOr<std::vector<std::size_t>> numbers = session.SelectPorts(word);
  if (!numbers.ok()) return numbers.status();
  absl::Status first_fault;
  for (std::size_t number : *numbers) first_fault.Update(act(number));
  return first_fault;
}

absl::Status ActOnPort(Session& session, const Words& words) {
  return ForPorts(session, words[2], [&](std::size_t port) -> absl::Status {
    if (words[1] == "stop") return session.StopPort(port);
    if (words[1] == "close") return session.ClosePort(port);
    if (words[1] == "reset") return session.ResetPort(port);
    if (words[2] == "all" && session.ports()[port]->started()) return absl::OkStatus();
    return session.StartPort(port);
  });
}

absl::Status SetMtu(Session& session, const Words& words) {
  const absl::StatusOr<uint64_t> mtu = ParseNumber(words[4], 68, 65535);
  if (!mtu.ok()) return mtu.status();
  return ForPorts(session, words[3], [&](std::size_t port) { return session.ports()[port]->device().SetMtu(*mtu); });
}

absl::Status SetMac(Session& session, const Words& words) {
  const std::optional<pmd::MacAddress> mac = pmd::MacAddress::Parse(words[3]);
  if (!mac.has_value()) return absl::InvalidArgumentError(absl::StrCat("'", words[3], "' is no MAC address"));
  return ForPorts(session, words[2], [&](std::size_t port) { return session.SetMac(port, *mac); });
}

absl::Status SetQueues(Session& session, const Words& words) {
  if (session.forwarding()) return absl::FailedPreconditionError("Please stop forwarding first");
  const bool is_ring = words[3] == "rxd" || words[3] == "txd";
  const absl::StatusOr<uint64_t> value = ParseNumber(words[4], is_ring ? 1 : 0, is_ring ? 32768 : 1024);
  if (!value.ok()) return value.status();
  for (std::size_t port : session.OpenPortNumbers()) {
    const pmd::DeviceConfig& now = session.ports()[port]->config();
    const auto pick = [&](const char* name, std::size_t kept) { return words[3] == name ? static_cast<std::size_t>(*value) : kept; };
    const absl::Status status = session.ReconfigurePort(port, pick("rxq", now.rx_queues), pick("txq", now.tx_queues),
                                                        pick("rxd", now.rx_ring), pick("txd", now.tx_ring));
    if (!status.ok()) return status;
  }
  // Of ports that are attached later, too.
  pmd::DeviceConfig& defaults = session.port_defaults();
  if (words[3] == "rxq") session.config().rx_queues = defaults.rx_queues = *value;
  if (words[3] == "txq") session.config().tx_queues = defaults.tx_queues = *value;
  if (words[3] == "rxd") defaults.rx_ring = *value;
  if (words[3] == "txd") defaults.tx_ring = *value;
  return absl::OkStatus();
}

absl::Status SetForAll(Session& session, const Words& words) {
  if (words[3] == "burst") {
    const absl::StatusOr<uint64_t> burst = ParseNumber(words[4], 1, mempool::kMaximumBurst);
    if (burst.ok()) session.config().burst = *burst;
    return burst.status();
  }
  constexpr std::size_t kEthernetOverhead = 18;  // header and checksum, as in --max-pkt-len
  const absl::StatusOr<uint64_t> length = ParseNumber(words[4], 68 + kEthernetOverhead, 65535);
  if (!length.ok()) return length.status();
  return ForPorts(session, "all", [&](std::size_t port) { return session.ports()[port]->device().SetMtu(*length - kEthernetOverhead); });
}

absl::Status Attach(Session& session, const Words& words) {
  session.Print("Attaching a new port...\n");
  const absl::StatusOr<std::size_t> port = session.AttachPort(words[2]);
  if (!port.ok()) return port.status();
  if (!session.forwarding()) session.config().ports.push_back(*port);
  session.Print(absl::StrCat("Port ", *port, " is attached. Now total ports is ", session.OpenPortNumbers().size(), "\nDone\n"));
  return absl::OkStatus();
}

}  // namespace

void AddPortCommands(CommandTable& table, Session& session) {
  const auto add = [&table](const char* pattern, const char* help, std::function<absl::Status(const Words&)> run) {
    table.Add({pattern, "ports", help, std::move(run)});
  };
  add("port start|stop|close|reset PORT|all",
      "Start, stop or close a port, or all. A closed port is gone for good; reset lets a stopped one go and opens it anew.",
      [&](const Words& words) { return ActOnPort(session, words); });
  add("port config mtu PORT|all N", "Set the MTU.", [&](const Words& words) { return SetMtu(session, words); });
  add("mac_addr set PORT MAC", "Set the MAC address.", [&](const Words& words) { return SetMac(session, words); });
  add("port config all rxq|txq|rxd|txd N", "Number of queues or of descriptors, of all ports; they must be stopped.",
      [&](const Words& words) { return SetQueues(session, words); });
  add("port config all burst|max-pkt-len N", "Packets a burst; longest packet, which sets the MTU of all ports.",
      [&](const Words& words) { return SetForAll(session, words); });
  add("port attach DEVICE", "Add a port: DRIVER-AND-SUFFIX[,KEY=VALUE]... Then: port start.",
      [&](const Words& words) { return Attach(session, words); });
  add("port detach PORT", "The same as port close.",
      [&](const Words& words) { return ForPorts(session, words[2], [&](std::size_t port) { return session.ClosePort(port); }); });
}

}  // namespace pollux::testpmd
