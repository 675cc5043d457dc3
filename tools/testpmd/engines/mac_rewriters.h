// SPDX-License-Identifier: Apache-2.0
// The rewriters of mac, macswap and 5tswap: addresses and ports.
#ifndef TOOLS_TESTPMD_ENGINES_MAC_REWRITERS_H_
#define TOOLS_TESTPMD_ENGINES_MAC_REWRITERS_H_

#include <span>

#include "tools/testpmd/engines/burst_rewriter.h"

namespace pollux::testpmd {

// Writes the Ethernet addresses of what leaves through the stream's tx port: to its peer, from its own address.
void StoreTxAddresses(const Stream& stream, std::byte* ethernet);

class MacRewriter : public BurstRewriter {
 public:
  std::span<Packet> Rewrite(Stream& stream, std::span<Packet> packets) override;
};

// Exchanges source and destination of Ethernet.
class MacSwapRewriter : public BurstRewriter {
 public:
  std::span<Packet> Rewrite(Stream& stream, std::span<Packet> packets) override;
};

// Exchanges source and destination of Ethernet, IPv4 and IPv6, TCP and UDP, behind up to two VLAN tags. No checksum changes by it.
// A later fragment has no ports, and keeps the bytes at their place.
class FiveTupleSwapRewriter : public BurstRewriter {
 public:
  std::span<Packet> Rewrite(Stream& stream, std::span<Packet> packets) override;
};

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_ENGINES_MAC_REWRITERS_H_
