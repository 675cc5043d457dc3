// SPDX-License-Identifier: Apache-2.0
#include "tests/support/veth_rig.h"

#include <poll.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>

#include <absl/strings/str_cat.h>
#include <nlohmann/json.hpp>

#include "tools/support/child_process.h"
#include "tools/support/patience.h"
#include "tools/support/veth_pair.h"

namespace pollux::support {
namespace {

// /proc/sys/net shows the namespace of whoever opens the file.
absl::Status WriteSetting(const NetworkNamespace& network, const std::string& setting, const std::string& value) {
  const auto scope = NamespaceScope::Enter(network);
  if (!scope.ok()) return scope.status();
  std::ofstream file("/proc/sys/net/" + setting);
  file << value << std::flush;
  if (!file) return absl::InternalError(absl::StrCat("cannot write '", value, "' to /proc/sys/net/", setting, " in ", network.name()));
  return absl::OkStatus();
}

absl::Status Ip(const NetworkNamespace& network, Arguments words) {
  Arguments command = {"ip", "-n", network.name()};
  command.insert(command.end(), words.begin(), words.end());
  return RunSuccessfully(command).status();
}

absl::StatusOr<nlohmann::json> Link(const NetworkNamespace& network, const std::string& interface) {
  const auto output = RunSuccessfully({"ip", "-n", network.name(), "-json", "-s", "link", "show", "dev", interface});
  if (!output.ok()) return output.status();
  const auto json = nlohmann::json::parse(*output, nullptr, false);
  if (json.is_discarded() || !json.is_array() || json.empty()) return absl::InternalError("no JSON from ip: " + *output);
  return json[0];
}

// Until the kernel's link watch has seen the carrier, at most a second or so after "up", what a client sends is dropped by the
// queueing discipline that an inactive device has.
absl::Status AwaitUp(const NetworkNamespace& network, const std::string& interface) {
  const auto patience = Patience(kDefaultDeadline);
  const auto end = std::chrono::steady_clock::now() + patience;
  while (std::chrono::steady_clock::now() < end) {
    const auto link = Link(network, interface);
    if (!link.ok()) return link.status();
    if ((*link)["operstate"] == "UP") return absl::OkStatus();
    poll(nullptr, 0, 10);
  }
  return absl::DeadlineExceededError(absl::StrCat(interface, " in ", network.name(), " did not come up in ", patience.count(), " ms"));
}

absl::StatusOr<InterfaceCounters> Counters(const NetworkNamespace& network, const std::string& interface) {
  const auto link = Link(network, interface);
  if (!link.ok()) return link.status();
  const auto& counters = (*link)["stats64"];
  return InterfaceCounters{counters["rx"]["packets"], counters["rx"]["dropped"], counters["tx"]["packets"], counters["tx"]["dropped"]};
}

}  // namespace

std::string VethRig::PortInterface(std::size_t port) {
  return absl::StrCat("p", port);
}
std::string VethRig::ClientInterface(std::size_t port) {
  return absl::StrCat("c", port);
}
std::string VethRig::PortMac(std::size_t port) {
  return absl::StrCat("02:00:00:00:02:0", port);
}
std::string VethRig::ClientMac(std::size_t port) {
  return absl::StrCat("02:00:00:00:01:0", port);
}
std::string VethRig::ClientIpv4(std::size_t port) {
  return absl::StrCat("10.77.0.", port + 1);
}
std::string VethRig::ClientIpv6(std::size_t port) {
  return absl::StrCat("fd77::", port + 1);
}

absl::StatusOr<std::unique_ptr<VethRig>> VethRig::Create(const VethRigOptions& options) {
  std::unique_ptr<VethRig> rig(new VethRig);
  rig->options_ = options;
  auto created = NetworkNamespace::Create("switch");
  if (!created.ok()) return created.status();
  rig->switch_ = std::move(*created);
  // The switch's own kernel stays silent: no router solicitations and the like among the frames that are counted.
  absl::Status status = WriteSetting(*rig->switch_, "ipv6/conf/default/disable_ipv6", "1");
  for (std::size_t port = 0; port < options.ports && status.ok(); ++port) {
    auto client = NetworkNamespace::Create(absl::StrCat("client", port));
    if (!client.ok()) return client.status();
    rig->clients_.push_back(std::move(*client));
    status = rig->AddPort(port);
  }
  for (std::size_t port = 0; port < options.ports && status.ok(); ++port) status = rig->ConfigureClient(port);
  for (std::size_t port = 0; port < options.ports && status.ok(); ++port) {
    status = AwaitUp(*rig->switch_, PortInterface(port));
    if (status.ok()) status = AwaitUp(rig->client(port), ClientInterface(port));
  }
  if (!status.ok()) return status;
  return rig;
}

absl::Status VethRig::AddPort(std::size_t port) {
  return AddVethPair({*switch_, PortInterface(port), PortMac(port)}, {client(port), ClientInterface(port), ClientMac(port), /*up=*/false},
                     {.queues = options_.queues, .mtu = options_.mtu});
}

absl::Status VethRig::ConfigureClient(std::size_t port) {
  const NetworkNamespace& network = client(port);
  const std::string interface = ClientInterface(port);
  absl::Status status = WriteSetting(network, "ipv6/conf/" + interface + "/disable_ipv6", options_.ipv6 ? "0" : "1");
  if (status.ok()) status = WriteSetting(network, "ipv6/conf/" + interface + "/router_solicitations", "0");
  if (status.ok() && !options_.segments) status = RunSuccessfully({"ethtool", "-K", interface, "tso", "off"}, &network).status();
  if (status.ok()) status = WriteSetting(network, "ipv6/conf/" + interface + "/accept_dad", "0");
  // Echo replies of all namespaces share one socket a CPU. Those that wait for a neighbour which a test took away would fill its send
  // buffer for seconds, and other tests' echoes would be lost.
  for (const char* family : {"ipv4", "ipv6"}) {
    if (status.ok()) status = WriteSetting(network, absl::StrCat(family, "/neigh/", interface, "/unres_qlen_bytes"), "40000");
  }
  if (status.ok()) status = Ip(network, {"link", "set", "lo", "up"});
  if (status.ok()) status = Ip(network, {"address", "add", ClientIpv4(port) + "/24", "dev", interface});
  if (status.ok()) status = Ip(network, {"link", "set", interface, "up"});
  if (status.ok() && options_.ipv6) status = Ip(network, {"address", "add", ClientIpv6(port) + "/64", "dev", interface, "nodad"});
  for (std::size_t other = 0; other < options_.ports && options_.static_neighbours && status.ok(); ++other) {
    if (other == port) continue;
    status = Ip(network, {"neighbour", "add", ClientIpv4(other), "lladdr", ClientMac(other), "dev", interface});
    if (!status.ok() || !options_.ipv6) continue;
    status = Ip(network, {"neighbour", "add", ClientIpv6(other), "lladdr", ClientMac(other), "dev", interface});
  }
  return status;
}

absl::Status VethRig::SetPortUp(std::size_t port, bool up) {
  return Ip(*switch_, {"link", "set", PortInterface(port), up ? "up" : "down"});
}

absl::Status VethRig::DeletePort(std::size_t port) {
  return Ip(*switch_, {"link", "delete", PortInterface(port)});
}

absl::Status VethRig::MakePort(std::size_t port) {
  absl::Status status = AddPort(port);
  if (status.ok()) status = ConfigureClient(port);
  return status.ok() ? AwaitUp(*switch_, PortInterface(port)) : status;
}

absl::StatusOr<InterfaceCounters> VethRig::ClientCounters(std::size_t port) const {
  return Counters(client(port), ClientInterface(port));
}
absl::StatusOr<InterfaceCounters> VethRig::PortCounters(std::size_t port) const {
  return Counters(*switch_, PortInterface(port));
}

absl::StatusOr<std::string> VethRig::SwitchState() const {
  const auto links = RunSuccessfully({"ip", "-n", switch_->name(), "-d", "link"});
  if (!links.ok()) return links.status();
  const auto programs = RunSuccessfully({"bpftool", "net"}, switch_.get());
  if (!programs.ok()) return programs.status();
  std::string state = absl::StrCat(*links, *programs);
  std::vector<std::string> pins;
  std::error_code error;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(switch_->bpf_file_system(), error)) pins.push_back(entry.path());
  std::sort(pins.begin(), pins.end());
  for (const std::string& pin : pins) absl::StrAppend(&state, "pin ", pin, "\n");
  for (const pid_t pid : switch_->Processes()) absl::StrAppend(&state, "process ", pid, "\n");
  return state;
}

}  // namespace pollux::support
