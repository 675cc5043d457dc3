// SPDX-License-Identifier: Apache-2.0
// Filters of captures: what is accepted ends, and reads nothing behind the packet's bytes.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <span>

#include "pmd/tap/packet_filter.h"
#include "tests/fuzz/input.h"

namespace {

// Where bytes end at a page that may not be read: libpcap is not compiled with a sanitizer.
std::byte* EndOfReadable() {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  void* const pages = mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  FUZZ_REQUIRE(pages != MAP_FAILED);
  std::byte* const end = static_cast<std::byte*>(pages) + page;
  FUZZ_REQUIRE(mprotect(end, page, PROT_NONE) == 0);
  return end;
}

}  // namespace

// A number of instructions, the packet's length on the wire, the instructions, and the packet.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  static std::byte* const end = EndOfReadable();
  pollux::fuzz::Input input(data, size);
  const std::size_t instructions = input.Byte() * sizeof(bpf_insn);
  const std::size_t more = input.Byte();
  const std::string text = input.Text();
  const std::span<const std::byte> all = std::as_bytes(std::span(text));
  const std::span<const std::byte> program = all.first(std::min(instructions, all.size()));
  const auto filter = pollux::pmd::PacketFilter::Of(program);
  if (!filter.ok()) {
    FUZZ_REQUIRE(filter.status().code() == absl::StatusCode::kInvalidArgument);
    return 0;
  }
  const std::span<const std::byte> packet = all.subspan(program.size());
  if (!packet.empty()) std::memcpy(end - packet.size(), packet.data(), packet.size());
  const std::span<const std::byte> there(end - packet.size(), packet.size());
  // What a filter makes of the memory that it reads before it wrote it is not said.
  (void)filter->Takes(there, packet.size() + more);
  return 0;
}
