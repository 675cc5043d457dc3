// SPDX-License-Identifier: Apache-2.0
// Injection: sending through one port by way of an injector. How it works: docs/inject.md.
#ifndef BPF_INJECTION_H_
#define BPF_INJECTION_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include <absl/status/statusor.h>

#include "bpf/inject_blocks.h"
#include "bpf/inject_shared.h"
#include "bpf/injector.h"

namespace pollux::bpf {

// Data path, any thread: take a block, describe up to INJECT_BLOCK_FRAMES packets in it, Emit, read what became of each, return it.
class Injection {
 public:
  // Frames leave through `interface_index`, of the calling thread's network namespace. `region`: the one that the injector was asked
  // for, which outlives this. Errors: those of Injector::AddPort.
  static absl::StatusOr<std::unique_ptr<Injection>> Open(std::shared_ptr<Injector> injector, int interface_index,
                                                         const InjectRegion& region);
  // Through the port that the maker of the injector has added. `region`: the one that he made it for, mapped here, or none.
  static std::unique_ptr<Injection> Join(std::shared_ptr<Injector> injector, uint32_t port, const InjectRegion& region = {});
  virtual ~Injection();
  Injection(const Injection&) = delete;
  Injection& operator=(const Injection&) = delete;

  // Null if as many threads inject as there are blocks.
  inject_block* TakeBlock(unsigned preferred) { return blocks_.Take(preferred); }
  void ReturnBlock(inject_block& block) {
    block.count = 0;
    blocks_.Return(block);
  }
  unsigned NumberOf(const inject_block& block) const { return blocks_.NumberOf(block); }

  // The descriptor of a packet, which stays where it is until Emit has returned.
  uint64_t Describe(const std::byte* data, uint32_t length) const {
    const auto offset = static_cast<uint64_t>(data - region_base_);
    const uint64_t length_bits = uint64_t{length} << INJECT_ADDRESS_BITS;
    return offset < region_bytes_ ? INJECT_IN_REGION | length_bits | offset : length_bits | reinterpret_cast<uint64_t>(data);
  }

  // Page pools on this machine that outlived the call that made them. Each makes every call dearer, and each ends a second after the
  // last of its frames was given back, at the earliest.
  uint32_t pools() const { return __atomic_load_n(&state_.pools, __ATOMIC_RELAXED); }

  // Emits block.count descriptors, none of them longer than `longest`, which is at most INJECT_LONGEST_FRAME. When it returns, the
  // block tells what became of each. Returns 0, or the errno with which the run ended early (EINTR: a signal): then the descriptors
  // from `emitted` on were not looked at.
  virtual int Emit(inject_block& block, uint32_t longest);

 protected:
  Injection(InjectBlocks& blocks, const inject_state& state, const std::byte* region_base, std::size_t region_bytes)
      : blocks_(blocks), state_(state), region_base_(region_base), region_bytes_(region_bytes) {}
  void Prepare(inject_block& block) const;

 private:
  Injection(std::shared_ptr<Injector> injector, uint32_t port, bool added, const InjectRegion& region);

  InjectBlocks& blocks_;
  const inject_state& state_;
  const std::byte* const region_base_;
  const std::size_t region_bytes_;
  const uint32_t port_ = 0;
  const bool added_ = false;  // by Open
  const std::shared_ptr<Injector> injector_;
};

}  // namespace pollux::bpf

#endif  // BPF_INJECTION_H_
