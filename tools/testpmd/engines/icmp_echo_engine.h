// SPDX-License-Identifier: Apache-2.0
// IcmpEchoEngine: answers pings, and the questions that precede them (icmpecho).
#ifndef TOOLS_TESTPMD_ENGINES_ICMP_ECHO_ENGINE_H_
#define TOOLS_TESTPMD_ENGINES_ICMP_ECHO_ENGINE_H_

#include "tools/testpmd/engines/burst.h"
#include "tools/testpmd/engines/forward_engine.h"

namespace pollux::testpmd {

// Turns requests into their answers, in place; frees all else as not_answered. Every address is taken for the port's own.
//
// - ARP request: the tx port's MAC address. Also for announcements and probes, as DPDK.
// - ICMP echo request: the reply goes back to its sender. One to a multicast or broadcast address is answered from another
//   address of the sender's subnet, as DPDK.
// - ICMPv6 neighbour solicitation: as ARP, but for duplicate address detection, which an answer would make fail.
// - ICMPv6 echo request, unless to a multicast address.
//
// Behind up to two VLAN tags, which stay. Checksums of echo requests are adapted, not verified: what was corrupted stays corrupted.
// Fragments are not answered.
class IcmpEchoEngine : public ForwardEngine {
 public:
  std::size_t Poll(Stream& stream) override;

 private:
  BurstBuffer buffer_;
  BurstBuffer others_;  // of one burst, not answered
};

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_ENGINES_ICMP_ECHO_ENGINE_H_
