// SPDX-License-Identifier: Apache-2.0
// PacketFilter: a classic BPF program, as tcpdump and libpcap make them, on packets in user space.
#ifndef PMD_TAP_PACKET_FILTER_H_
#define PMD_TAP_PACKET_FILTER_H_

#include <pcap/pcap.h>

#include <cstddef>
#include <span>
#include <vector>

#include <absl/status/statusor.h>

namespace pollux::pmd {

// Immutable; any number of threads may ask. Programs have no loops, so that a packet costs as many steps as the program is long, at most.
class PacketFilter {
 public:
  static constexpr std::size_t kMostInstructions = 4096;  // as the kernel has it

  // `program`: struct bpf_insn after struct bpf_insn. INVALID_ARGUMENT for what is no sound program.
  static absl::StatusOr<PacketFilter> Of(std::span<const std::byte> program);

  // Of a packet of `length` bytes, the first of which are there.
  bool Takes(std::span<const std::byte> beginning, std::size_t length) const;

 private:
  explicit PacketFilter(std::vector<bpf_insn> program) : program_(std::move(program)) {}

  std::vector<bpf_insn> program_;
};

}  // namespace pollux::pmd

#endif  // PMD_TAP_PACKET_FILTER_H_
