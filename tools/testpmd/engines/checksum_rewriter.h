// SPDX-License-Identifier: Apache-2.0
// ChecksumRewriter: verifies and repairs checksums (csum).
#ifndef TOOLS_TESTPMD_ENGINES_CHECKSUM_REWRITER_H_
#define TOOLS_TESTPMD_ENGINES_CHECKSUM_REWRITER_H_

#include <span>

#include "tools/testpmd/engines/burst_rewriter.h"

namespace pollux::testpmd {

// Writes the Ethernet addresses as mac does; counts wrong checksums (IPv4 header; UDP, TCP, ICMP, ICMPv6) and replaces them by right
// ones. Behind up to two VLAN tags, not inside tunnels.
//
// Left alone: a UDP checksum of zero over IPv4, which means none; the transport of fragments and of packets that end before
// IP says, as the first frame of several does; anything behind a malformed header. A UDP length that is not possible counts as bad and
// stays.
//
// Where Stream::device_checksums says so, UDP and TCP are neither summed nor counted: the packet asks the device that sends it for its
// checksum, but for packets with padding, which a device would sum too.
class ChecksumRewriter : public BurstRewriter {
 public:
  std::span<Packet> Rewrite(Stream& stream, std::span<Packet> packets) override;
};

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_ENGINES_CHECKSUM_REWRITER_H_
