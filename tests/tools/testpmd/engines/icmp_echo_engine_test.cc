// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/engines/icmp_echo_engine.h"

#include <gtest/gtest.h>

#include "tests/tools/testpmd/engines/engine_fixture.h"
#include "tools/testpmd/engines/packet_headers.h"

namespace pollux::testpmd {
namespace {

using support::ArpFields;
using support::EthernetFields;
using support::IcmpFields;
using support::Ipv4Fields;
using support::Ipv6Fields;

const EthernetFields kBroadcast = {.destination = "ff:ff:ff:ff:ff:ff"};
const EthernetFields kFromPort = {.source = "02:AA:00:00:00:01", .destination = "02:00:00:00:00:01"};

class IcmpEchoTest : public EngineTest {
 protected:
  void ExpectNoAnswer(const Frame& frame) {
    const uint64_t before = stream.stats.not_answered.value();
    EXPECT_TRUE(Forward("icmpecho", frame).empty());
    EXPECT_EQ(stream.stats.not_answered.value(), before + 1);
  }
};

TEST_F(IcmpEchoTest, Arp) {
  const Frame answer = PacketBuilder()
                           .Ethernet(kFromPort)
                           .Arp({.operation = 2,
                                 .sender_hardware = "02:AA:00:00:00:01",
                                 .sender = "10.0.0.2",
                                 .target_hardware = "02:00:00:00:00:01",
                                 .target = "10.0.0.1"})
                           .Build();
  EXPECT_EQ(Forward("icmpecho", PacketBuilder().Ethernet(kBroadcast).Arp().Build()), answer);
}

TEST_F(IcmpEchoTest, ArpOfATaggedAndPaddedFrame) {
  Frame frame = PacketBuilder().Ethernet(kBroadcast).Vlan(12).Arp().Build();
  frame.resize(60);
  const Frame answer = Forward("icmpecho", frame);
  ASSERT_EQ(answer.size(), 60u);
  EXPECT_EQ(LoadBig16(answer.data() + 14), 12);
  EXPECT_EQ(LoadBig16(answer.data() + 18 + 6), 2);
}

TEST_F(IcmpEchoTest, OtherArpIsNotAnswered) {
  ExpectNoAnswer(PacketBuilder().Ethernet().Arp({.operation = 2}).Build());
  ExpectNoAnswer(PacketBuilder().Ethernet().Arp().Truncate(14 + 27).Build());
  for (const std::size_t offset : {0, 2, 4, 5}) {
    Frame frame = PacketBuilder().Ethernet().Arp().Build();
    frame[14 + offset] ^= std::byte{0x10};
    ExpectNoAnswer(frame);
  }
}

TEST_F(IcmpEchoTest, Ping) {
  EXPECT_EQ(Forward("icmpecho", PacketBuilder().Ethernet().Ipv4().Icmp({.identifier = 77, .sequence = 3}).Payload(57).Build()),
            PacketBuilder()
                .Ethernet(kSwapped)
                .Ipv4({.source = "10.0.0.2", .destination = "10.0.0.1"})
                .Icmp({.type = 0, .identifier = 77, .sequence = 3})
                .Payload(57)
                .Build());
}

TEST_F(IcmpEchoTest, PingWithOptionsBehindATag) {
  EXPECT_EQ(Forward("icmpecho", PacketBuilder().Ethernet().Vlan(5).Ipv4({.options_length = 8}).Icmp().Build()),
            PacketBuilder()
                .Ethernet(kSwapped)
                .Vlan(5)
                .Ipv4({.source = "10.0.0.2", .destination = "10.0.0.1", .options_length = 8})
                .Icmp({.type = 0})
                .Build());
}

TEST_F(IcmpEchoTest, PingToAGroupIsAnsweredFromAnotherAddress) {
  const EthernetFields group = {.destination = "01:00:5e:00:00:01"};
  EXPECT_EQ(
      Forward("icmpecho", PacketBuilder().Ethernet(group).Ipv4({.destination = "224.0.0.1"}).Icmp().Payload(8).Build()),
      PacketBuilder().Ethernet(kFromPort).Ipv4({.source = "10.0.0.2", .destination = "10.0.0.1"}).Icmp({.type = 0}).Payload(8).Build());
  EXPECT_EQ(Forward("icmpecho",
                    PacketBuilder().Ethernet(kBroadcast).Ipv4({.source = "10.0.0.6", .destination = "255.255.255.255"}).Icmp().Build()),
            PacketBuilder().Ethernet(kFromPort).Ipv4({.source = "10.0.0.5", .destination = "10.0.0.6"}).Icmp({.type = 0}).Build());
}

TEST_F(IcmpEchoTest, ACorruptedPingIsNotRepaired) {
  Frame frame = PacketBuilder().Ethernet().Ipv4().Icmp().Payload(8).Build();
  frame.back() ^= std::byte{1};
  const Frame answer = Forward("icmpecho", frame);
  ASSERT_FALSE(answer.empty());
  EXPECT_NE(support::InternetChecksum(answer.data() + 34, answer.size() - 34), 0);
}

TEST_F(IcmpEchoTest, OtherIpv4IsNotAnswered) {
  ExpectNoAnswer(PacketBuilder().Ethernet().Ipv4().Udp().Build());
  ExpectNoAnswer(PacketBuilder().Ethernet().Ipv4().Icmp({.type = 0}).Build());
  ExpectNoAnswer(PacketBuilder().Ethernet().Ipv4().Icmp({.type = 8, .code = 1}).Build());
  ExpectNoAnswer(PacketBuilder().Ethernet().Ipv4({.more_fragments = true}).Icmp().Payload(8).Build());
  ExpectNoAnswer(PacketBuilder().Ethernet().Ipv4({.fragment_offset = 1, .protocol = 1}).Payload(8).Build());
  ExpectNoAnswer(PacketBuilder().Ethernet().Ipv4().Icmp().Truncate(14 + 20 + 7).Build());
  ExpectNoAnswer(PacketBuilder().Ethernet().Build());
  ExpectNoAnswer(Frame(3));
  ExpectNoAnswer(Frame());
}

TEST_F(IcmpEchoTest, Ping6) {
  EXPECT_EQ(Forward("icmpecho", PacketBuilder().Ethernet().Ipv6().Icmp6().Payload(57).Build()),
            PacketBuilder()
                .Ethernet(kSwapped)
                .Ipv6({.source = "2001:db8::2", .destination = "2001:db8::1"})
                .Icmp6({.type = 129})
                .Payload(57)
                .Build());
  ExpectNoAnswer(PacketBuilder().Ethernet().Ipv6({.destination = "ff02::1"}).Icmp6().Build());
  ExpectNoAnswer(PacketBuilder().Ethernet().Ipv6().Icmp6({.type = 129}).Build());
}

// fe80::2 asks who has 2001:db8::2: the identifier and sequence of the builder's ICMP header are the reserved field.
PacketBuilder Solicitation(const Ipv6Fields& ipv6) {
  std::string rest("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02", 16);
  return PacketBuilder()
      .Ethernet({.destination = "33:33:ff:00:00:02"})
      .Ipv6(ipv6)
      .Icmp6({.type = 135, .identifier = 0, .sequence = 0})
      .Payload(rest);
}
const Ipv6Fields kAsking = {.source = "fe80::2", .destination = "ff02::1:ff00:2", .hop_limit = 255};

Frame Advertisement() {
  return PacketBuilder()
      .Ethernet(kFromPort)
      .Ipv6({.source = "2001:db8::2", .destination = "fe80::2", .hop_limit = 255})
      .Icmp6({.type = 136, .identifier = 0x6000, .sequence = 0})
      .Payload(std::string("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02", 16) + std::string("\x02\x01\x02\xAA\0\0\0\x01", 8))
      .Build();
}

TEST_F(IcmpEchoTest, NeighbourSolicitation) {
  EXPECT_EQ(Forward("icmpecho", Solicitation(kAsking).Payload(std::string("\x01\x01\x02\0\0\0\0\x01", 8)).Build()), Advertisement());
  EXPECT_EQ(Forward("icmpecho", Solicitation(kAsking).Build()), Advertisement()) << "without an option it grows";
}

TEST_F(IcmpEchoTest, SolicitationsThatMustNotBeAnswered) {
  Ipv6Fields detecting_duplicates = kAsking;
  detecting_duplicates.source = "::";
  ExpectNoAnswer(Solicitation(detecting_duplicates).Build());
  Ipv6Fields from_afar = kAsking;
  from_afar.hop_limit = 254;
  ExpectNoAnswer(Solicitation(from_afar).Build());
  ExpectNoAnswer(Solicitation(kAsking).Truncate(14 + 40 + 23).Build());
}

// A packet that ends with its frame cannot grow.
TEST_F(IcmpEchoTest, NoAnswerWithoutTailroom) {
  const Frame frame = Solicitation(kAsking).Build();
  for (const std::size_t tailroom : {7, 8}) {
    Make("icmpecho");
    Packet packet;
    ASSERT_EQ(pool->Allocate({&packet, 1}), 1u);
    packet.data += pool->maximum_length() - frame.size() - tailroom;
    std::memcpy(packet.data, frame.data(), frame.size());
    packet.length = static_cast<uint32_t>(frame.size());
    rx.waiting.push_back(packet);
    engine->Poll(stream);
    EXPECT_EQ(tx.sent.size(), tailroom == 8 ? 1u : 0u);
  }
}

TEST_F(IcmpEchoTest, AnswersKeepTheirOrderAmongOthers) {
  Make("icmpecho");
  for (uint16_t index = 0; index < 30; ++index) {
    Arrive(index % 3 == 0 ? PacketBuilder().Ethernet().Ipv4().Icmp({.sequence = index}).Build()
                          : PacketBuilder().Ethernet().Ipv4().Udp().Build());
  }
  EXPECT_EQ(engine->Poll(stream), 30u);
  ASSERT_EQ(tx.sent.size(), 10u);
  for (std::size_t index = 0; index < 10; ++index) EXPECT_EQ(LoadBig16(Sent(index).data() + 34 + 6), 3 * index);
  EXPECT_EQ(stream.stats.not_answered.value(), 20u);
}

}  // namespace
}  // namespace pollux::testpmd
