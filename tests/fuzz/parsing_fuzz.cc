// SPDX-License-Identifier: Apache-2.0
// The parser of the steering program, in the kernel, against that of the forwarding engines: of one packet they read the same.
#include <algorithm>
#include <cstring>
#include <span>

#include "tests/bpf/parse_probe.h"
#include "tests/fuzz/input.h"
#include "tools/testpmd/engines/packet_headers.h"

namespace {

using pollux::testpmd::NetworkLayer;
using pollux::testpmd::PacketHeaders;

// The engines look behind an authentication header and at the tags that were there before 802.1ad; steering does neither.
bool EnginesReadMore(const uint8_t* data, std::size_t size, const PacketHeaders& headers) {
  constexpr uint8_t kAuthenticationHeader = 51;
  for (std::size_t tag = 0, type = 12; tag <= headers.vlan_tags && type + 2 <= size; ++tag, type += 4) {
    if (data[type] == 0x91 && data[type + 1] == 0) return true;
  }
  if (headers.network != NetworkLayer::kIpv6) return false;
  return std::find(data + headers.network_offset, data + size, kAuthenticationHeader) != data + size;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  constexpr uint8_t kTcp = 6, kUdp = 17;
  if (size < pollux::testpmd::kEthernetBytes) return 0;  // the kernel runs no program on less
  const PacketHeaders headers = pollux::testpmd::ParseHeaders(std::as_bytes(std::span(data, size)));
  if (EnginesReadMore(data, size, headers)) return 0;
  const packet_facts* const read = pollux::bpf::ParseInKernel(std::as_bytes(std::span(data, size)));
  FUZZ_REQUIRE(read != nullptr);
  const packet_facts& facts = *read;
  FUZZ_REQUIRE(facts.ether_known == 1);
  FUZZ_REQUIRE(std::memcmp(facts.ether_destination, data, 6) == 0 && std::memcmp(facts.ether_source, data + 6, 6) == 0);
  FUZZ_REQUIRE(facts.vlan_count == headers.vlan_tags);
  // A tag that is cut off hides what is behind it.
  if (facts.ether_type == 0 && headers.network == NetworkLayer::kNone) return 0;
  FUZZ_REQUIRE(facts.ether_type == headers.ether_type);
  if (headers.network == NetworkLayer::kNone) {
    // Lengths that contradict each other leave the engines nothing, and steering the addresses; ports it does not know.
    FUZZ_REQUIRE(facts.ports_known == 0);
    return 0;
  }
  FUZZ_REQUIRE(facts.family == (headers.network == NetworkLayer::kIpv4 ? 4 : 6));
  const std::size_t addresses = headers.network_offset + (facts.family == 4 ? 12 : 8), width = facts.family == 4 ? 4 : 16;
  FUZZ_REQUIRE(std::memcmp(facts.source, data + addresses, width) == 0);
  FUZZ_REQUIRE(std::memcmp(facts.destination, data + addresses + width, width) == 0);
  FUZZ_REQUIRE(!facts.protocol_known || facts.protocol == headers.protocol);
  FUZZ_REQUIRE(!facts.protocol_known || facts.fragment == headers.fragment);
  const bool has_ports = headers.protocol == kTcp || headers.protocol == kUdp;
  FUZZ_REQUIRE(facts.ports_known == (has_ports && headers.transport_length >= 4));
  if (facts.ports_known == 0) return 0;
  const auto* const transport = reinterpret_cast<const std::byte*>(data) + headers.transport_offset;
  FUZZ_REQUIRE(facts.source_port == pollux::testpmd::LoadBig16(transport));
  FUZZ_REQUIRE(facts.destination_port == pollux::testpmd::LoadBig16(transport + 2));
  return 0;
}
