// SPDX-License-Identifier: Apache-2.0
#include "pmd/tap/packet_filter.h"

#include <cstring>
#include <utility>

#include <absl/strings/str_cat.h>

namespace pollux::pmd {

absl::StatusOr<PacketFilter> PacketFilter::Of(std::span<const std::byte> program) {
  const std::size_t count = program.size() / sizeof(bpf_insn);
  if (count == 0 || count > kMostInstructions || program.size() % sizeof(bpf_insn) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("a filter of ", program.size(), " bytes: 1 to ", kMostInstructions, " instructions of ", sizeof(bpf_insn), " bytes"));
  }
  std::vector<bpf_insn> instructions(count);
  std::memcpy(instructions.data(), program.data(), program.size());
  if (bpf_validate(instructions.data(), static_cast<int>(count)) == 0)
    return absl::InvalidArgumentError("the filter is no sound BPF program");
  return PacketFilter(std::move(instructions));
}

bool PacketFilter::Takes(std::span<const std::byte> beginning, std::size_t length) const {
  return bpf_filter(program_.data(), reinterpret_cast<const u_char*>(beginning.data()), static_cast<u_int>(length),
                    static_cast<u_int>(beginning.size())) != 0;
}

}  // namespace pollux::pmd
