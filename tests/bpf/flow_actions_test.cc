// SPDX-License-Identifier: Apache-2.0
// What flows do to packets: byte for byte what the reference makes of them, with checksums computed anew; and what goes up instead, as it
// came.
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>

#include "tests/bpf/flow_fixture.h"

namespace pollux::bpf {
namespace {

using Kind = FlowAction::Kind;
using Actions = std::vector<FlowAction>;

PacketBuilder Ethernet() {
  return PacketBuilder().Ethernet();
}

FlowAction PushVlan(uint16_t tag, uint16_t type = 0x8100) {
  return {.kind = Kind::kPushVlan, .tag_type = type, .tag = tag};
}
FlowAction PopVlan() {
  return {.kind = Kind::kPopVlan};
}
FlowAction SetVlan(uint16_t tag, uint16_t mask) {
  return {.kind = Kind::kSetVlan, .tag = tag, .tag_mask = mask};
}

FlowAction SetMacs() {
  return SetFields([](FlowKey& value, FlowKey& mask) {
    const uint8_t mac[6] = {0x02, 0xaa, 0xbb, 0xcc, 0xdd, 0xee};
    std::memcpy(value.destination_mac, mac, 6);
    std::memset(mask.destination_mac, 0xff, 6);
    value.source_mac[5] = 0x77;
    mask.source_mac[5] = 0xff;  // one byte of it
  });
}
FlowAction SetAddress(bool ipv6) {
  return SetFields([&](FlowKey& value, FlowKey& mask) {
    for (int word = 0; word < (ipv6 ? 4 : 1); ++word) {
      value.source[word] = 0x01020304u * static_cast<uint32_t>(word + 1);
      mask.source[word] = ~0u;
    }
    value.destination[0] = 0x00550000;
    mask.destination[0] = 0x00ff0000;
  });
}
FlowAction SetHeader() {
  return SetFields([](FlowKey& value, FlowKey& mask) {
    value.type_of_service = 0x54;
    mask.type_of_service = 0xfc;  // as OpenFlow: not the congestion bits
    value.time_to_live = 3;
    mask.time_to_live = 0xff;
  });
}
FlowAction SetPorts() {
  return SetFields([](FlowKey& value, FlowKey& mask) {
    value.source_port = Wire16(4000);
    mask.source_port = 0xffff;
    value.destination_port = Wire16(0x0080);
    mask.destination_port = Wire16(0x00ff);
  });
}

class FlowActionsTest : public FlowTest {
 protected:
  // A flow for the packet's own key.
  RunResult RunWith(const Frame& frame, Actions actions) {
    const ReferenceKey key = ReferenceParse(frame, {});
    EXPECT_EQ(key.refused, "");
    const auto id = Add(Exactly(key.key), actions);
    RunResult result = Run(frame);
    EXPECT_TRUE(table_->Remove(id).ok());
    return result;
  }

  void ExpectSame(const Frame& frame, Actions actions, const std::string& what) {
    const ReferenceResult reference = ReferenceApply(frame, actions);
    actions.push_back(Output());
    const uint64_t before = Counters()[reference.refused];
    const RunResult run = RunWith(frame, actions);
    if (reference.refused.empty()) {
      EXPECT_EQ(run.verdict, XDP_REDIRECT) << what;
      EXPECT_TRUE(run.frame == reference.frame) << what;
    } else {
      EXPECT_EQ(run.verdict, XDP_PASS) << what;
      EXPECT_TRUE(run.frame == frame) << what << ": goes up as it came";
      EXPECT_EQ(Counters()[reference.refused], before + 1) << what;
    }
  }
};

// The same at XDP and, with true, at TC.
class FlowActionsAtHookTest : public FlowActionsTest, public testing::WithParamInterface<bool> {
 protected:
  void SetUp() override {
    at_tc_ = GetParam();
    FlowActionsTest::SetUp();
  }
};
INSTANTIATE_TEST_SUITE_P(Hooks, FlowActionsAtHookTest, testing::Bool(),
                         [](const testing::TestParamInfo<bool>& hook) { return hook.param ? "Tc" : "Xdp"; });

struct NamedPacket {
  const char* name;
  Frame frame;
};

std::vector<NamedPacket> IpPackets() {
  const std::string sctp("\x10\x01\x20\x02TTTTabcd", 12);
  return {
      {"UDP", Ethernet().Ipv4({.type_of_service = 3}).Udp().Payload(11).Build()},
      {"UDP without checksum", Ethernet().Ipv4().Udp({.checksum = false}).Payload(11).Build()},
      {"TCP", Ethernet().Ipv4().Tcp().Payload(100).Build()},
      {"TCP with options", Ethernet().Ipv4().Tcp({.options_length = 12}).Payload(1).Build()},
      {"IPv4 options", Ethernet().Ipv4({.options_length = 8}).Udp().Payload(3).Build()},
      {"ICMP", Ethernet().Ipv4().Icmp().Payload(20).Build()},
      {"SCTP", Ethernet().Ipv4({.protocol = 132}).Payload(sctp).Build()},
      {"an unknown protocol", Ethernet().Ipv4({.protocol = 136}).Payload(20).Build()},
      {"first fragment", Ethernet().Ipv4({.more_fragments = true}).Udp().Payload(16).Build()},
      {"later fragment", Ethernet().Ipv4({.fragment_offset = 9, .protocol = 17}).Payload(16).Build()},
      {"padding", Ethernet().Ipv4().Udp().Payload(2).FillTo(46).Build()},
      {"UDP over IPv6", Ethernet().Ipv6({.traffic_class = 0xff, .flow_label = 0x54321}).Udp().Payload(7).Build()},
      {"TCP over IPv6", Ethernet().Ipv6().Tcp().Payload(1400).Build()},
      {"ICMPv6", Ethernet().Ipv6().Icmp6().Payload(8).Build()},
      {"hop-by-hop", Ethernet().Ipv6().Ipv6HopByHop(16).Tcp().Payload(3).Build()},
      {"routing header", Ethernet().Ipv6().Ipv6Routing(24).Udp().Payload(3).Build()},
      {"first fragment of IPv6", Ethernet().Ipv6().Ipv6Fragment({.more_fragments = true}).Tcp().Payload(8).Build()},
      {"later fragment of IPv6", Ethernet().Ipv6().Ipv6Fragment({.offset = 3, .next_header = 6}).Payload(8).Build()},
  };
}

TEST_P(FlowActionsAtHookTest, OutputAsItIs) {
  for (const NamedPacket& packet : IpPackets()) ExpectSame(packet.frame, {}, packet.name);
  ExpectSame(Ethernet().Arp().Build(), {}, "ARP");
  ExpectSame(PacketBuilder().Ethernet({.ether_type = 0x88cc}).Build(), {}, "14 bytes");
}

TEST_P(FlowActionsAtHookTest, SetsFieldsAndKeepsChecksumsRight) {
  for (const NamedPacket& packet : IpPackets()) {
    const ReferenceKey key = ReferenceParse(packet.frame, {});
    const bool ipv6 = key.key.ether_type == Wire16(0x86dd);
    ExpectSame(packet.frame, {SetMacs()}, packet.name);
    ExpectSame(packet.frame, {SetHeader()}, packet.name);
    ExpectSame(packet.frame, {SetAddress(ipv6)}, packet.name);
    ExpectSame(packet.frame, {SetMacs(), SetHeader(), SetAddress(ipv6)}, packet.name);
    if (key.key.protocol != 6 && key.key.protocol != 17) continue;
    ExpectSame(packet.frame, {SetPorts()}, packet.name);
    ExpectSame(packet.frame, {SetPorts(), SetAddress(ipv6), SetHeader(), SetMacs()}, packet.name);
  }
}

TEST_P(FlowActionsAtHookTest, ExchangesAddressesBeforeAndAfterOthersAreSet) {
  const FlowAction exchange = {.kind = Kind::kExchangeMacs};
  const std::vector<NamedPacket> packets = {
      {"UDP", Ethernet().Ipv4().Udp().Payload(9).Build()},
      {"ARP", Ethernet().Arp().Build()},
      {"a tag", Ethernet().Vlan(100).Ipv6().Tcp().Payload(9).Build()},
  };
  for (const auto& [name, frame] : packets) {
    ExpectSame(frame, {exchange}, name);
    ExpectSame(frame, {exchange, exchange}, name);
    ExpectSame(frame, {SetMacs(), exchange}, name);
    ExpectSame(frame, {exchange, SetMacs()}, name);
  }
}

TEST_F(FlowActionsTest, PushesAndPopsTags) {
  const std::vector<NamedPacket> packets = {
      {"untagged", Ethernet().Ipv4().Udp().Payload(9).Build()},
      {"one tag", Ethernet().Vlan(100, {.priority = 3}).Ipv4().Udp().Payload(9).Build()},
      {"two tags", Ethernet().Vlan(10, {.tag_protocol = 0x88a8}).Vlan(20).Ipv6().Tcp().Payload(9).Build()},
  };
  const bool ipv6[] = {false, false, true};
  for (std::size_t tags = 0; tags < packets.size(); ++tags) {
    const auto& [name, frame] = packets[tags];
    ExpectSame(frame, {PushVlan(7)}, name);
    ExpectSame(frame, {PushVlan(7), PushVlan(0xe123, 0x88a8)}, name);
    ExpectSame(frame, {PushVlan(7), SetAddress(ipv6[tags]), SetPorts()}, name);
    ExpectSame(frame, {PushVlan(7), PopVlan(), PushVlan(8)}, name);
    ExpectSame(frame, {PushVlan(0x7007), SetVlan(9, 0xfff)}, name);
    if (tags == 0) continue;
    ExpectSame(frame, {PopVlan()}, name);
    ExpectSame(frame, {PopVlan(), SetMacs(), SetHeader()}, name);
    ExpectSame(frame, {PopVlan(), PushVlan(5), PushVlan(6)}, name);
    ExpectSame(frame, {SetVlan(0x0333, 0x0fff)}, name);
    ExpectSame(frame, {SetVlan(0x0333, 0x0fff), SetVlan(0x4000, 0xe000), PushVlan(1)}, name);
    ExpectSame(frame, {SetVlan(0x0333, 0x0fff), PushVlan(1), PushVlan(2)}, name);
    ExpectSame(frame, {SetVlan(0x0333, 0x0fff), PopVlan(), SetAddress(ipv6[tags])}, name);
    if (tags == 1) continue;
    ExpectSame(frame, {PopVlan(), PopVlan()}, name);
    ExpectSame(frame, {PopVlan(), SetVlan(0x0444, 0x0fff), PushVlan(3)}, name);
    ExpectSame(frame, {PopVlan(), PopVlan(), SetPorts(), SetAddress(true)}, name);
  }
}

TEST_P(FlowActionsAtHookTest, UdpChecksumThatBecomesZeroIsAllOnes) {
  // One of 65536 source addresses gives it.
  std::mt19937 random(3);
  const Frame frame = Ethernet().Ipv4().Udp().Payload(4).Build();
  int seen = 0;
  for (uint32_t address = 0; address < 70000 && seen == 0; ++address) {
    const FlowAction set = SetFields([&](FlowKey& value, FlowKey& mask) {
      value.source[0] = address;
      mask.source[0] = ~0u;
    });
    const ReferenceResult reference = ReferenceApply(frame, {set});
    const std::size_t field = 14 + 20 + 6;
    if (reference.frame[field] != std::byte{0xff} || reference.frame[field + 1] != std::byte{0xff}) continue;
    ++seen;
    ExpectSame(frame, {set}, "checksum 0xffff");
  }
  EXPECT_EQ(seen, 1);
}

// Random sequences of what can stand before an output, over all packets.
TEST_F(FlowActionsTest, AnySequence) {
  std::mt19937 random(4);
  const std::vector<NamedPacket> packets = IpPackets();
  for (int round = 0; round < 3000; ++round) {
    const NamedPacket& packet = packets[random() % packets.size()];
    Frame frame = packet.frame;
    std::size_t tags = random() % 3;
    for (std::size_t tag = 0; tag < tags; ++tag) {
      frame.insert(frame.begin() + 12,
                   {std::byte{0x81}, std::byte{0}, static_cast<std::byte>(random() & 0xef), static_cast<std::byte>(random())});
    }
    const FlowKey key = ReferenceParse(frame, {}).key;
    const bool ipv6 = key.ether_type == Wire16(0x86dd);
    const bool ports = key.protocol == 6 || key.protocol == 17;
    Actions actions;
    std::size_t pushed = 0;
    for (unsigned count = random() % 6; count > 0; --count) {
      switch (random() % 8) {
        case 0:
          actions.push_back(SetMacs());
          break;
        case 1:
          actions.push_back(SetAddress(ipv6));
          break;
        case 2:
          actions.push_back(SetHeader());
          break;
        case 3:
          if (ports) actions.push_back(SetPorts());
          break;
        case 4:
          actions.push_back({.kind = Kind::kExchangeMacs});
          break;
        case 5:
          if (pushed == 2) break;
          ++pushed;
          actions.push_back(PushVlan(static_cast<uint16_t>(random())));
          break;
        case 6:
          if (pushed + tags == 0) break;
          --(pushed > 0 ? pushed : tags);
          actions.push_back(PopVlan());
          break;
        default:
          if (pushed + tags > 0) actions.push_back(SetVlan(static_cast<uint16_t>(random()), static_cast<uint16_t>(random())));
      }
    }
    std::string what = absl::StrCat(packet.name, ", round ", round, ":");
    for (const FlowAction& action : actions) {
      absl::StrAppend(&what, " ", static_cast<int>(action.kind), "/", action.tag, "/", action.tag_mask);
    }
    ExpectSame(frame, actions, what);
    if (HasFailure()) return;
  }
}

class FlowActionsAtTcTest : public FlowActionsTest {
 protected:
  void SetUp() override {
    at_tc_ = true;
    FlowActionsTest::SetUp();
  }
};

// Segments that are joined count as the frames that they are on a wire, and are measured against the output one by one.
TEST_F(FlowActionsAtTcTest, JoinedSegments) {
  constexpr std::size_t kHeaders = 14 + 20 + 20, kSegment = 500;
  const Frame frame = Ethernet().Ipv4().Tcp().Payload(3 * kSegment + 1).Build();
  const auto id = Add(Exactly(ReferenceParse(frame, {}).key), {Output()});
  EXPECT_EQ(Run(frame, kSegment).verdict, XDP_REDIRECT);
  const auto statistics = table_->Statistics(id);
  ASSERT_TRUE(statistics.ok());
  EXPECT_EQ(statistics->packets, 4u);
  EXPECT_EQ(statistics->bytes, 3 * kSegment + 1 + 4 * kHeaders);

  EXPECT_EQ(Run(frame).verdict, XDP_PASS) << "one frame";
  EXPECT_EQ(Run(frame, kOutputLength - kHeaders + 1).verdict, XDP_PASS);
  EXPECT_EQ(Counters()["flow_too_long"], 2u);
  EXPECT_EQ(Run(frame, kOutputLength - kHeaders).verdict, XDP_REDIRECT);
}

TEST_F(FlowActionsTest, GoesUpWhereTheOutputCannotTakeIt) {
  const Frame frame = Ethernet().Ipv4().Udp().FillTo(kOutputLength).Build();
  EXPECT_EQ(RunWith(frame, {Output()}).verdict, XDP_REDIRECT);
  EXPECT_EQ(Counters()["flow_too_long"], 0u);
  RunResult run = RunWith(frame, {PushVlan(1), Output()});
  EXPECT_EQ(run.verdict, XDP_PASS);
  EXPECT_TRUE(run.frame == frame);
  EXPECT_EQ(Counters()["flow_too_long"], 1u);

  ASSERT_TRUE(table_->SetPort(1, kLoopbackIndex, 0).ok());
  run = RunWith(frame, {SetMacs(), Output()});
  EXPECT_EQ(run.verdict, XDP_PASS);
  EXPECT_TRUE(run.frame == frame);
  EXPECT_EQ(Counters()["flow_output_not_ready"], 1u);

  ASSERT_TRUE(table_->SetPort(1, kLoopbackIndex, kOutputLength).ok());
  EXPECT_EQ(RunWith(frame, {Output()}).verdict, XDP_REDIRECT);
  table_->ClearPort(1);
  EXPECT_EQ(RunWith(frame, {SetMacs(), Output()}).verdict, XDP_PASS);
  EXPECT_EQ(RunWith(frame, {Output(77)}).verdict, XDP_PASS) << "a port that there never was";
}

TEST_F(FlowActionsTest, DropsAndUserSpace) {
  const Frame frame = Ethernet().Ipv4().Udp().Build();
  EXPECT_EQ(RunWith(frame, {Drop()}).verdict, XDP_DROP);
  EXPECT_EQ(RunWith(frame, {{.kind = Kind::kUserSpace}}).verdict, XDP_PASS);
}

}  // namespace
}  // namespace pollux::bpf
