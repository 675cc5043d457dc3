// SPDX-License-Identifier: Apache-2.0
#include "pmd/tap/packet_filter.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <absl/strings/str_cat.h>

namespace pollux::pmd {
namespace {

// libpcap's bpf_validate() looks at an instruction's kind, and its bpf_filter() ends the process with abort() at one of a known kind that
// it does not have: a return of X, an index register loaded from the packet.
bool CanBeRun(const bpf_insn& instruction) {
  switch (instruction.code) {
    case BPF_RET | BPF_K:
    case BPF_RET | BPF_A:
    case BPF_LD | BPF_W | BPF_ABS:
    case BPF_LD | BPF_H | BPF_ABS:
    case BPF_LD | BPF_B | BPF_ABS:
    case BPF_LD | BPF_W | BPF_IND:
    case BPF_LD | BPF_H | BPF_IND:
    case BPF_LD | BPF_B | BPF_IND:
    case BPF_LD | BPF_W | BPF_LEN:
    case BPF_LD | BPF_IMM:
    case BPF_LD | BPF_MEM:
    case BPF_LDX | BPF_W | BPF_LEN:
    case BPF_LDX | BPF_B | BPF_MSH:
    case BPF_LDX | BPF_IMM:
    case BPF_LDX | BPF_MEM:
    case BPF_ST:
    case BPF_STX:
    case BPF_JMP | BPF_JA:
    case BPF_ALU | BPF_NEG:
    case BPF_MISC | BPF_TAX:
    case BPF_MISC | BPF_TXA:
      return true;
    default:
      break;
  }
  // With a constant or with X.
  switch (instruction.code & ~BPF_X) {
    case BPF_JMP | BPF_JEQ:
    case BPF_JMP | BPF_JGT:
    case BPF_JMP | BPF_JGE:
    case BPF_JMP | BPF_JSET:
    case BPF_ALU | BPF_ADD:
    case BPF_ALU | BPF_SUB:
    case BPF_ALU | BPF_MUL:
    case BPF_ALU | BPF_DIV:
    case BPF_ALU | BPF_MOD:
    case BPF_ALU | BPF_AND:
    case BPF_ALU | BPF_OR:
    case BPF_ALU | BPF_XOR:
    case BPF_ALU | BPF_LSH:
    case BPF_ALU | BPF_RSH:
      return true;
    default:
      return false;
  }
}

}  // namespace

absl::StatusOr<PacketFilter> PacketFilter::Of(std::span<const std::byte> program) {
  const std::size_t count = program.size() / sizeof(bpf_insn);
  if (count == 0 || count > kMostInstructions || program.size() % sizeof(bpf_insn) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("a filter of ", program.size(), " bytes: 1 to ", kMostInstructions, " instructions of ", sizeof(bpf_insn), " bytes"));
  }
  std::vector<bpf_insn> instructions(count);
  std::memcpy(instructions.data(), program.data(), program.size());
  if (bpf_validate(instructions.data(), static_cast<int>(count)) == 0 || !std::all_of(instructions.begin(), instructions.end(), CanBeRun))
    return absl::InvalidArgumentError("the filter is no sound BPF program");
  // libpcap takes jumps backwards, which it makes of `protochain`: a thread that polls could stay in one for good.
  for (std::size_t index = 0; index < count; ++index) {
    if (instructions[index].code == (BPF_JMP | BPF_JA) && instructions[index].k >= count - index)
      return absl::InvalidArgumentError(absl::StrCat("instruction ", index, " of the filter jumps backwards (`protochain` does)"));
  }
  return PacketFilter(std::move(instructions));
}

bool PacketFilter::Takes(std::span<const std::byte> beginning, std::size_t length) const {
  return bpf_filter(program_.data(), reinterpret_cast<const u_char*>(beginning.data()), static_cast<u_int>(length),
                    static_cast<u_int>(beginning.size())) != 0;
}

}  // namespace pollux::pmd
