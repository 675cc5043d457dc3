// SPDX-License-Identifier: Apache-2.0
#include "pmd/c/registry.h"

#include <algorithm>

namespace pollux::pmd::c {

Registry& Registry::OfProcess() {
  static Registry& registry = *new Registry;  // never destroyed: devices may be closed at the exit
  return registry;
}

std::size_t Registry::Add(const Device& device, PortTaps& taps) {
  std::size_t number = 0;
  while (Knows(number)) ++number;
  ports_[number] = {.number = number, .device = &device, .config = {}, .taps = &taps};
  return number;
}

std::vector<PortView> Registry::Ports() const {
  std::vector<PortView> ports;
  for (const auto& [number, port] : ports_) ports.push_back(port);
  return ports;
}

std::vector<std::shared_ptr<const mempool::Pool>> Registry::Pools() const {
  std::vector<std::shared_ptr<const mempool::Pool>> pools;
  for (const auto& [number, port] : ports_) {
    if (port.configured && std::find(pools.begin(), pools.end(), port.config.pool) == pools.end()) pools.push_back(port.config.pool);
  }
  return pools;
}

}  // namespace pollux::pmd::c
