// SPDX-License-Identifier: Apache-2.0
// The program's key of a packet is the reference's, for packets of every kind, whole and cut off at every byte. A key is compared by a flow
// that matches exactly the reference's: only a packet with that very key is dropped.
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/bpf/flow_fixture.h"

namespace pollux::bpf {
namespace {

constexpr std::size_t kShortestRun = 14;  // BPF_PROG_TEST_RUN wants an Ethernet header

class FlowParsingTest : public FlowTest {
 protected:
  // "" if program and reference agree.
  std::string Disagreement(const Frame& frame) {
    const ReferenceKey reference = ReferenceParse(frame, {.port = 0, .unfinished = unfinished_});
    if (!reference.refused.empty()) {
      // A flow for everything: it would take the packet if it had a key.
      const auto everything = Add(Everything(), {Drop()});
      const uint64_t before = Counters()[reference.refused];
      const RunResult run = Run(frame);
      std::string wrong;
      if (run.verdict != XDP_PASS)
        wrong = "refused by the reference as " + reference.refused + ", verdict " + std::to_string(run.verdict);
      else if (Counters()[reference.refused] != before + 1)
        wrong = "not counted as " + reference.refused;
      else if (run.frame != frame)
        wrong = "went up changed";
      EXPECT_TRUE(table_->Remove(everything).ok());
      return wrong;
    }
    const auto exact = table_->Add({.match = Exactly(reference.key), .actions = {Drop()}});
    // Not every key can be asked for (a UDP port of a protocol 17 that is no IP's): none is left out here.
    if (!exact.ok()) return std::string(exact.status().message());
    const int verdict = Run(frame).verdict;
    const int again = Run(frame).verdict;  // by the cache
    EXPECT_TRUE(table_->Remove(*exact).ok());
    if (verdict != XDP_DROP) return "the key is another than the reference's, verdict " + std::to_string(verdict);
    return again == XDP_DROP ? "" : "the second time it was not found";
  }

  static std::string Hex(const Frame& frame) {
    std::string text;
    for (const std::byte one : frame) {
      char digits[3];
      std::snprintf(digits, sizeof(digits), "%02x", static_cast<unsigned>(one));
      text += digits;
    }
    return text;
  }

  void ExpectSame(const Frame& frame) {
    const std::string wrong = Disagreement(frame);
    EXPECT_EQ(wrong, "") << Hex(frame);
  }

  void ExpectSameAtEveryLength(const PacketBuilder& packet) {
    Frame frame = packet.Build();
    for (; frame.size() >= kShortestRun; frame.pop_back()) ExpectSame(frame);
  }
};

PacketBuilder Ethernet() {
  return PacketBuilder().Ethernet();
}

// An SCTP header: ports, tag, checksum.
std::string Sctp(const char* checksum = "abcd") {
  return std::string("\x10\x01\x20\x02TTTT", 8) + std::string(checksum, 4);
}

std::vector<PacketBuilder> Packets() {
  const uint8_t ttl = 17, tos = 0xb9;
  return {
      Ethernet().Ipv4({.type_of_service = tos, .time_to_live = ttl}).Udp({.source = 53, .destination = 5353}).Payload(5),
      Ethernet().Ipv4().Tcp({.flags = 0x1ff & 0xff}).Payload(3),
      Ethernet().Ipv4().Tcp({.options_length = 12}).Payload(1),
      Ethernet().Ipv4({.options_length = 8}).Tcp(),
      Ethernet().Ipv4({.options_length = 40}).Udp(),
      Ethernet().Ipv4({.protocol = 132}).Payload(Sctp()),
      Ethernet().Ipv4().Icmp({.type = 3, .code = 4}).Payload(8),
      Ethernet().Ipv4({.protocol = 47}).Payload(12),
      Ethernet().Ipv4({.protocol = 58}).Payload(12),
      Ethernet().Ipv4({.more_fragments = true}).Udp().Payload(8),
      Ethernet().Ipv4({.fragment_offset = 100, .protocol = 17}).Payload(24),
      Ethernet().Ipv4({.fragment_offset = 100, .more_fragments = true, .protocol = 6}).Payload(24),
      Ethernet().Ipv4({.do_not_fragment = true}).Udp(),
      Ethernet().Ipv6({.traffic_class = tos, .flow_label = 0xabcde, .hop_limit = ttl}).Tcp().Payload(2),
      Ethernet().Ipv6().Udp().Payload(2),
      Ethernet().Ipv6().Icmp6({.type = 135}).Payload(16),
      Ethernet().Ipv6({.next_header = 132}).Payload(Sctp()),
      Ethernet().Ipv6().Ipv6HopByHop().Ipv6DestinationOptions(16).Udp(),
      Ethernet().Ipv6().Ipv6Routing(24).Tcp(),
      Ethernet().Ipv6().Ipv6Fragment({.more_fragments = true}).Udp().Payload(8),
      Ethernet().Ipv6().Ipv6Fragment({.offset = 5, .next_header = 17}).Payload(16),
      Ethernet().Ipv6().Ipv6Fragment().Udp(),
      Ethernet().Ipv6({.next_header = 51}).Payload(24),
      Ethernet().Ipv6({.next_header = 59}),
      Ethernet().Vlan(100, {.priority = 5}).Ipv4().Udp(),
      Ethernet().Vlan(0).Ipv6().Udp(),
      Ethernet().Vlan(10, {.tag_protocol = 0x88a8}).Vlan(20).Ipv4().Tcp(),
      Ethernet().Vlan(1).Vlan(2).Vlan(3).Ipv4().Tcp(),
      Ethernet().Arp({.operation = 2}),
      Ethernet().Vlan(7).Arp(),
      PacketBuilder().Ethernet({.ether_type = 0x8847}).Payload(30),
      PacketBuilder().Ethernet({.ether_type = 0x0040}).Payload(64),
  };
}

TEST_F(FlowParsingTest, EveryKindAtEveryLength) {
  for (const PacketBuilder& packet : Packets()) ExpectSameAtEveryLength(packet);
}

TEST_F(FlowParsingTest, PaddingIsNotPartOfThePacket) {
  for (const PacketBuilder& packet : Packets()) {
    Frame frame = packet.Build();
    frame.resize(frame.size() + 20, std::byte{0xee});
    ExpectSame(frame);
  }
}

// With some other parsers a fragment header makes a fragment whatever bits it has.
TEST_F(FlowParsingTest, ReservedBitsOfFragmentHeaders) {
  for (const PacketBuilder& packet :
       {Ethernet().Ipv6().Ipv6Fragment().Udp(), Ethernet().Ipv6().Ipv6Fragment({.more_fragments = true}).Udp(),
        Ethernet().Ipv6().Ipv6Fragment({.offset = 5}).Udp()}) {
    Frame frame = packet.Build();
    frame[14 + 40 + 3] |= std::byte{2};
    ExpectSame(frame);
  }
}

TEST_F(FlowParsingTest, NineExtensionHeadersAndTen) {
  for (int count : {8, 9, 10}) {
    PacketBuilder packet = Ethernet().Ipv6();
    for (int i = 0; i < count; ++i) packet.Ipv6DestinationOptions();
    ExpectSameAtEveryLength(packet.Udp());
  }
}

TEST_F(FlowParsingTest, WhereChecksumsMayBeUnfinished) {
  Load(/*unfinished=*/true);
  for (const PacketBuilder& packet : Packets()) ExpectSame(packet.Build());
  for (PacketBuilder packet :
       {Ethernet().Ipv4().Udp(), Ethernet().Ipv6().Udp(), Ethernet().Ipv4().Tcp(), Ethernet().Vlan(4).Ipv6().Tcp()}) {
    packet.Payload(9);
    Frame frame = packet.Build();
    const ReferenceKey key = ReferenceParse(frame, {});
    // The pseudo header's sum: one's complement arithmetic over what the reference takes for it.
    const bool tcp = key.key.protocol == 6;
    const std::size_t tail = (tcp ? 20u : 8u) + 9u;
    const std::size_t transport = frame.size() - tail;
    const bool ipv4 = key.key.ether_type == Wire16(0x0800);
    const std::size_t addresses = transport - (ipv4 ? 8 : 32);
    const uint16_t rest =
        support::InternetChecksum(frame.data() + addresses, ipv4 ? 8 : 32, static_cast<uint32_t>(tail + key.key.protocol));
    const auto pseudo = static_cast<uint16_t>(~rest);
    frame[transport + (tcp ? 16 : 6)] = static_cast<std::byte>(pseudo >> 8);
    frame[transport + (tcp ? 17 : 7)] = static_cast<std::byte>(pseudo);
    EXPECT_EQ(ReferenceParse(frame, {.unfinished = true}).refused, "flow_unfinished_checksum");
    ExpectSame(frame);
    Load(/*unfinished=*/false);
    ExpectSame(frame);
    Load(/*unfinished=*/true);
  }
  ExpectSame(Ethernet().Ipv4().Udp({.destination = 4789}).Payload(40).Build());
  ExpectSame(Ethernet().Ipv4({.protocol = 4}).Payload(40).Build());
  ExpectSame(Ethernet().Ipv4({.protocol = 132}).Payload(Sctp("\0\0\0\0")).Build());
}

// Bytes flipped at random: in headers mostly, where they have a meaning.
TEST_F(FlowParsingTest, MutatedPackets) {
  std::mt19937 random(20);
  const std::vector<PacketBuilder> packets = Packets();
  constexpr int kRounds = 20000;
  int wrong = 0;
  for (int round = 0; round < kRounds && wrong < 5; ++round) {
    if (round % 5000 == 0) Load(round % 10000 == 0);
    Frame frame = packets[random() % packets.size()].Build();
    for (unsigned changes = 1 + random() % 4; changes > 0; --changes) {
      std::byte& one = frame[random() % frame.size()];
      one = random() % 2 == 0 ? static_cast<std::byte>(random()) : one ^ static_cast<std::byte>(1u << random() % 8);
    }
    if (random() % 3 == 0) frame.resize(kShortestRun + random() % (frame.size() - kShortestRun + 1));
    const std::string what = Disagreement(frame);
    if (what.empty()) continue;
    ++wrong;
    ADD_FAILURE() << "round " << round << ": " << what << "\n" << Hex(frame);
  }
}

}  // namespace
}  // namespace pollux::bpf
