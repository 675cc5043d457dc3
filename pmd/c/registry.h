// SPDX-License-Identifier: Apache-2.0
// Registry: the devices and pools of a program in C, for those who look from outside.
#ifndef PMD_C_REGISTRY_H_
#define PMD_C_REGISTRY_H_

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "pmd/process_view.h"

namespace pollux::pmd::c {

// Devices get the lowest free number when they are opened. The lock is held while telemetry answers, and by what opens, configures, starts,
// stops and closes a device: nothing of the data path has a use for it.
class Registry final : public ProcessView {
 public:
  static Registry& OfProcess();

  // To be held by whoever calls anything here, and while a device that is known here changes.
  std::mutex& lock() { return lock_; }

  // Returns its number. Both are there until Remove.
  std::size_t Add(const Device& device, PortTaps& taps);
  void Remove(std::size_t number) { ports_.erase(number); }
  PortView& port(std::size_t number) { return ports_[number]; }
  bool Knows(std::size_t number) const { return ports_.count(number) != 0; }

  std::vector<PortView> Ports() const override;
  // Those that a configured device has.
  std::vector<std::shared_ptr<const mempool::Pool>> Pools() const override;

 private:
  std::mutex lock_;
  std::map<std::size_t, PortView> ports_;
};

}  // namespace pollux::pmd::c

#endif  // PMD_C_REGISTRY_H_
