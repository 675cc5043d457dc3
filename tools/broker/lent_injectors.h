// SPDX-License-Identifier: Apache-2.0
// LentInjectors: the injectors that clients use (docs/inject.md), and their ports in them.
//
// Whoever has an injector can write to its blocks, send through all its ports, and send what is in its region. So it is for one process:
// a client gets a new one, unless he shows that he has one already, by its program's descriptor.
#ifndef TOOLS_BROKER_LENT_INJECTORS_H_
#define TOOLS_BROKER_LENT_INJECTORS_H_

#include <cstdint>
#include <map>
#include <memory>

#include <absl/status/statusor.h>

#include "bpf/injector.h"
#include "bpf/unique_fd.h"

namespace pollux::broker {

// A client's port in an injector; it goes with this object, however the client ends.
class LentPort {
 public:
  LentPort(std::shared_ptr<bpf::Injector> injector, uint32_t number) : injector_(std::move(injector)), number_(number) {}
  // What a former broker left.
  LentPort(bpf::UniqueFd ports_map, uint32_t number) : left_(std::move(ports_map)), number_(number) {}
  ~LentPort();
  LentPort(const LentPort&) = delete;
  LentPort& operator=(const LentPort&) = delete;

  uint32_t number() const { return number_; }
  const std::shared_ptr<bpf::Injector>& injector() const { return injector_; }

 private:
  const std::shared_ptr<bpf::Injector> injector_;  // null: left by a former broker
  const bpf::UniqueFd left_;                       // the map of its ports
  const uint32_t number_;
};

// Single-threaded.
class LentInjectors {
 public:
  struct Answer {
    std::unique_ptr<LentPort> port;
    bool is_new = false;  // the client needs the injector's descriptors
  };

  // The interface as a port of an injector for frames in the memory `map`, of `bytes`: of that whose program the client has, or of a new
  // one. Errors: those of bpf::Injector.
  absl::StatusOr<Answer> Lend(int interface_index, int map, std::size_t bytes, int program);

 private:
  std::map<uint32_t, std::weak_ptr<bpf::Injector>> injectors_;  // by the program's number
};

}  // namespace pollux::broker

#endif  // TOOLS_BROKER_LENT_INJECTORS_H_
