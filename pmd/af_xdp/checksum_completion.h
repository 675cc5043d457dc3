// SPDX-License-Identifier: Apache-2.0
// Finishes checksums that a sender left to a device, and that no device computed.
//
// A network stack whose interface offers checksum offload (a veth's does, and a tap's, and virtio-net's) stores the sum of the pseudo
// header in the field of TCP and UDP, and leaves the rest to the interface. A veth passes the packet on as it is, trusting that the other
// end is a network stack too. Whoever takes the bytes from there has half of a checksum (the kernel's CHECKSUM_PARTIAL without its mark).
//
// Such a packet is known by its field: it holds what the pseudo header sums up to. A finished checksum does so by chance, once in 65536
// packets; what is computed for it then is the checksum that it has. (One that was damaged on its way, too, would be hidden.)
//
// Looks at IPv4 and IPv6, behind two VLAN tags at most, IPv4 options, IPv6 extension headers; then at what VXLAN (ports 4789 and 8472),
// Geneve (6081) and IP in IP carry, so deep. Left alone: UDP without a checksum, fragments, what was cut off or contradicts itself, what
// an authentication header covers, and packets whose pseudo header has other addresses than the IP header, which nobody could verify
// without knowing more: on a source route that has not ended, or sent from a mobile node's care-of address.
#ifndef PMD_AF_XDP_CHECKSUM_COMPLETION_H_
#define PMD_AF_XDP_CHECKSUM_COMPLETION_H_

#include <cstddef>
#include <span>
#include <string_view>

#include "mempool/packet.h"

namespace pollux::pmd::af_xdp {

// Whether packets may come out of such a device with checksums that are not finished. `driver` as ethtool -i has it: "veth", "tun".
bool LeavesChecksumsUnfinished(std::string_view driver);

// True if a checksum was unfinished and is right now. Reads and writes nothing outside of `packet`, whatever is in it.
bool CompleteChecksum(std::span<std::byte> packet);

// The same for a burst, which comes from another core's cache; returns how many packets there were.
std::size_t CompleteChecksums(std::span<const mempool::Packet> packets);

// The same where packets may have several frames (pmd/queue.h). Such a one is looked at as a copy in one piece, in `scratch`; one that does
// not fit is left alone.
std::size_t CompleteChecksums(std::span<const mempool::Packet> packets, std::span<std::byte> scratch);

}  // namespace pollux::pmd::af_xdp

#endif  // PMD_AF_XDP_CHECKSUM_COMPLETION_H_
