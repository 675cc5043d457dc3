// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/session/start_notes.h"

#include <algorithm>

#include <absl/strings/str_cat.h>

#include "tools/testpmd/options/nearest_name.h"

namespace pollux::testpmd {
namespace {

std::vector<std::string> CounterNames(const std::vector<std::unique_ptr<Port>>& ports) {
  std::vector<std::string> names;
  for (const auto& port : ports) {
    for (const pmd::NamedCounter& counter : AllExtendedStats({}, port->ExtendedStats())) names.push_back(counter.name);
  }
  return names;
}

}  // namespace

std::string QueueNote(const std::string& port, const pmd::DeviceInfo& info, std::size_t rx_queues) {
  if (info.interface_rx_queues <= rx_queues || rx_queues == 0) return "";
  std::string text = absl::StrCat(port, ": its interface receives by ", info.interface_rx_queues, " queues, and ", rx_queues,
                                  rx_queues == 1 ? " is" : " are", " served: what comes in by the others goes to the kernel. ");
  if (info.maximum_rx_queues == info.interface_rx_queues) {
    return absl::StrCat(text, "All: --rxq=", info.interface_rx_queues, "; fewer queues: ethtool -L ", info.interface);
  }
  return absl::StrCat(text, "start_queue= and queue_count= leave this port ", info.maximum_rx_queues, "; fewer queues: ethtool -L ",
                      info.interface);
}

std::vector<std::string> StartNotes(const TestpmdOptions& options, const ForwardConfig& config,
                                    const std::vector<std::unique_ptr<Port>>& ports) {
  std::vector<std::string> notes = options.notes;
  for (const auto& port : ports) {
    if (std::string note = QueueNote(port->FullName(), port->Info(), port->config().rx_queues); !note.empty()) notes.push_back(note);
  }
  for (const auto& [port, mac] : options.peers) {
    if (port >= ports.size()) notes.push_back(absl::StrCat("--eth-peer=", port, ",", mac.ToString(), ": there is no port ", port));
  }
  const auto is_steered = [](const auto& port) { return port->Info().driver == "net_af_xdp"; };
  if (!options.steer.empty() && std::none_of(ports.begin(), ports.end(), is_steered)) {
    notes.push_back("--steer: no port is a net_af_xdp, and only these can leave packets to a kernel");
  }
  const std::vector<std::string> counters = CounterNames(ports);
  for (const std::string& name : options.display_xstats) {
    if (ports.empty() || std::find(counters.begin(), counters.end(), name) != counters.end()) continue;
    notes.push_back(absl::StrCat("--display-xstats: no port has a counter '", name, "'", DidYouMean(name, counters)));
  }
  if (!config.ports.empty()) {
    const std::size_t lcores = config.Assignment().size();
    if (options.forward_core_count.has_value() && lcores < config.lcore_count) {
      notes.push_back(absl::StrCat("--nb-cores=", config.lcore_count, ": ", config.Streams().size(), " stream(s) keep ", lcores,
                                   " lcore(s) busy; more queues (--rxq, --txq) make more streams"));
    }
  }
  return notes;
}

}  // namespace pollux::testpmd
