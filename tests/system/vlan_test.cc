// SPDX-License-Identifier: Apache-2.0
// Tagged frames pass byte for byte: tags are payload to a forwarder.
#include "tests/system/forwarding_test.h"

namespace pollux::system_tests {
namespace {

using VlanTest = ForwardingTest;

TEST_F(VlanTest, TaggedFramesArriveByteForByte) {
  ASSERT_NO_FATAL_FAILURE(StartForwarding());
  for (std::size_t from : {0, 1}) {
    const std::size_t to = 1 - from;
    const auto header = Between(from, to);
    for (const FrameSocket::Frame& frame : {
             PacketBuilder().Ethernet(header).Vlan(1).Ipv4().Udp().FillTo(64).Build(),
             PacketBuilder().Ethernet(header).Vlan(100, {.priority = 7}).Ipv4().Udp().Payload(333).Build(),
             PacketBuilder().Ethernet(header).Vlan(4094).Ipv6().Udp().Payload(17).Build(),
             PacketBuilder().Ethernet(header).Vlan(100).Ipv4().Udp().FillTo(1518).Build(),
             PacketBuilder().Ethernet(header).Vlan(20, {.tag_protocol = 0x88a8}).Vlan(30).Ipv4().Tcp().Payload(99).Build(),
             PacketBuilder().Ethernet(header).Vlan(5).Arp().Build(),
         }) {
      ExpectArrival(from, to, frame, frame);
    }
  }
  StopForwarding();
}

}  // namespace
}  // namespace pollux::system_tests
