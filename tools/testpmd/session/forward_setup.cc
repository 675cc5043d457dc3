// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/session/forward_setup.h"

#include <algorithm>
#include <numeric>

#include <absl/strings/str_cat.h>

namespace pollux::testpmd {
namespace {

absl::Status ChoosePorts(const TestpmdOptions& options, const ForwardResources& resources, ForwardConfig& config) {
  for (std::size_t port : options.forward_ports) {
    if (port >= resources.ports) {
      return absl::InvalidArgumentError(absl::StrCat("--portlist, --portmask: Invalid port ", port, "; there are ", resources.ports));
    }
  }
  config.ports = options.forward_ports;
  if (config.ports.empty()) {
    config.ports.resize(resources.ports);
    std::iota(config.ports.begin(), config.ports.end(), std::size_t{0});
  }
  if (!options.forward_port_count.has_value()) return absl::OkStatus();
  if (*options.forward_port_count > config.ports.size()) {
    return absl::InvalidArgumentError(absl::StrCat("--nb-ports=", *options.forward_port_count, ": there are ", config.ports.size()));
  }
  config.ports.resize(*options.forward_port_count);
  return absl::OkStatus();
}

absl::Status ChooseLcores(const TestpmdOptions& options, const ForwardResources& resources, ForwardConfig& config) {
  for (std::size_t core : options.forward_cores) {
    if (std::find(resources.workers.begin(), resources.workers.end(), core) == resources.workers.end()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--coremask: lcore ", core, core == resources.main_lcore ? " is the main one, which forwards nothing" : " does not exist"));
    }
    config.lcores.push_back(static_cast<unsigned>(core));
  }
  if (config.lcores.empty()) config.lcores = resources.workers;
  config.lcore_count = options.forward_core_count.value_or(options.forward_cores.empty() ? 1 : config.lcores.size());
  if (config.lcore_count <= config.lcores.size()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("--nb-cores=", config.lcore_count, ": there are ", config.lcores.size(), " lcores beside the main one (see -l)"));
}

}  // namespace

absl::StatusOr<ForwardConfig> ForwardConfigFor(const TestpmdOptions& options, const ForwardResources& resources) {
  ForwardConfig config;
  config.mode = options.forward_mode;
  config.topology = options.topology;
  config.rx_queues = options.rx_queues;
  config.tx_queues = options.tx_queues;
  config.burst = options.burst;
  config.peers = options.peers;
  config.engine = options.engine;
  config.flush_rx = options.flush_rx;
  config.record_core_cycles = options.record_core_cycles;
  config.record_burst_stats = options.record_burst_stats;
  config.idle = options.idle;
  if (absl::Status status = ChoosePorts(options, resources, config); !status.ok()) return status;
  if (absl::Status status = ChooseLcores(options, resources, config); !status.ok()) return status;
  return config;
}

}  // namespace pollux::testpmd
