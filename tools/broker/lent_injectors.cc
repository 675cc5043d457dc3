// SPDX-License-Identifier: Apache-2.0
#include "tools/broker/lent_injectors.h"

#include <utility>

namespace pollux::broker {

LentPort::~LentPort() {
  if (injector_ != nullptr) injector_->RemovePort(number_);
  if (left_) bpf::Injector::RemovePort(left_.get(), number_);
}

absl::StatusOr<LentInjectors::Answer> LentInjectors::Lend(int interface_index, int map, std::size_t bytes, int program) {
  std::erase_if(injectors_, [](const auto& entry) { return entry.second.expired(); });
  std::shared_ptr<bpf::Injector> injector;
  if (program >= 0) {
    const auto id = bpf::Injector::ProgramId(program);
    if (!id.ok()) return id.status();
    // One that a former broker made cannot be given another port.
    if (const auto known = injectors_.find(*id); known != injectors_.end()) injector = known->second.lock();
  }
  const bool is_new = injector == nullptr;
  if (is_new) {
    auto made = bpf::Injector::Make({.base = nullptr, .bytes = bytes, .map = map});
    if (!made.ok()) return made.status();
    injector = *std::move(made);
    const auto id = injector->program_id();
    if (!id.ok()) return id.status();
    injectors_[*id] = injector;
  }
  const auto number = injector->AddPort(interface_index);
  if (!number.ok()) return number.status();
  return Answer{.port = std::make_unique<LentPort>(std::move(injector), *number), .is_new = is_new};
}

}  // namespace pollux::broker
