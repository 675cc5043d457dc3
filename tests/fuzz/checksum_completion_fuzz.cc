// SPDX-License-Identifier: Apache-2.0
// Received packets whose checksum may be unfinished: a packet is finished once, and nothing beside its checksum changes.
#include <cstring>
#include <span>

#include "pmd/af_xdp/checksum_completion.h"
#include "tests/fuzz/input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  // Of exactly this size, so that a sanitizer sees what lies beside it.
  std::vector<std::byte> packet(size);
  if (size != 0) std::memcpy(packet.data(), data, size);
  const std::vector<std::byte> before = packet;
  const bool completed = pollux::pmd::af_xdp::CompleteChecksum(packet);
  std::size_t changed = 0;
  for (std::size_t at = 0; at < size; ++at) changed += packet[at] != before[at] ? 1 : 0;
  // In a tunnel the outer checksum may be finished too.
  FUZZ_REQUIRE(completed ? changed <= 8 : changed == 0);
  return 0;
}
