// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/engines/checksum.h"

#include <array>

namespace pollux::testpmd {
namespace {

constexpr std::size_t kIpv4ChecksumOffset = 10;

}  // namespace

uint64_t PseudoHeaderSum(NetworkLayer layer, const std::byte* network, uint8_t protocol, uint32_t transport_length) {
  std::array<std::byte, 8> tail{};  // length in 32 bits, three zeros, protocol: adds up to the same for IPv4
  StoreBig32(tail.data(), transport_length);
  tail[7] = std::byte{protocol};
  const std::span<const std::byte> addresses =
      layer == NetworkLayer::kIpv4 ? std::span(network + 12, std::size_t{8}) : std::span(network + 8, std::size_t{32});
  return PartialSum(addresses) + PartialSum(tail);
}

void StoreIpv4Checksum(std::byte* network, std::size_t header_length) {
  std::byte* field = network + kIpv4ChecksumOffset;
  std::memset(field, 0, 2);
  const uint16_t checksum = FoldChecksum(PartialSum({network, header_length}));
  std::memcpy(field, &checksum, sizeof(checksum));
}

}  // namespace pollux::testpmd
