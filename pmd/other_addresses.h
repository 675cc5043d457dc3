// SPDX-License-Identifier: Apache-2.0
// Packets whose checksum is of other addresses than those in the IP header.
//
// TCP, UDP and ICMPv6 sum a pseudo header with the addresses of the two ends. On a source route the header's destination is the next stop,
// and a mobile node away from home sends from an address that is not its own. (An IPv6 routing header with segments left is the third
// case.)
#ifndef PMD_OTHER_ADDRESSES_H_
#define PMD_OTHER_ADDRESSES_H_

#include <cstddef>
#include <span>

namespace pollux::pmd {

// Whether the options of an IPv4 header say that its destination is not the last one, or cannot be read.
bool HasOtherDestination(std::span<const std::byte> options);

// Whether options of IPv6, what is behind the first two bytes of a destination options header, say that the sender has another address
// (RFC 6275), or cannot be read.
bool HasOtherSource(std::span<const std::byte> options);

}  // namespace pollux::pmd

#endif  // PMD_OTHER_ADDRESSES_H_
