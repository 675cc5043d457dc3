// SPDX-License-Identifier: Apache-2.0
#include "pmd/af_xdp/checksum_completion.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/pmd/af_xdp/unfinished_checksum.h"
#include "tests/support/packet_builder.h"

namespace pollux::pmd::af_xdp {
namespace {

using support::PacketBuilder;
using support::Unfinished;
using Frame = PacketBuilder::Frame;

constexpr uint8_t kTcp = 6;
constexpr uint8_t kUdp = 17;
constexpr std::string_view kVxlan("\x08\0\0\0\0\0\x2a\0", 8);
constexpr std::string_view kGeneve("\x02\0\x65\x58\0\0\x2a\0\1\2\x80\1\0\0\0\0", 16);  // with an option of 8 bytes
constexpr std::string_view kGeneveIpv6("\0\0\x86\xdd\0\0\x2a\0", 8);

// Where the headers of the unfinished segment are.
struct Kind {
  const char* name;
  Frame finished;
  std::size_t ip;
  std::size_t transport;
  uint8_t protocol;
};

PacketBuilder Begin() {
  return PacketBuilder().Ethernet();
}

std::vector<Kind> Kinds() {
  return {
      {"TCP over IPv4", Begin().Ipv4().Tcp().Payload(101).Build(), 14, 34, kTcp},
      {"TCP over IPv6", Begin().Ipv6().Tcp({.options_length = 12}).Payload(1400).Build(), 14, 54, kTcp},
      {"UDP over IPv4", Begin().Ipv4().Udp().Payload(1).Build(), 14, 34, kUdp},
      {"UDP over IPv6", Begin().Ipv6().Udp().Build(), 14, 54, kUdp},
      {"a VLAN tag", Begin().Vlan(5).Ipv4().Tcp().Payload(7).Build(), 18, 38, kTcp},
      {"two VLAN tags", Begin().Vlan(5, {.tag_protocol = 0x88a8}).Vlan(6).Ipv6().Udp().Payload(300).Build(), 22, 62, kUdp},
      {"an old service tag", Begin().Vlan(5, {.tag_protocol = 0x9100}).Ipv4().Udp().Payload(300).Build(), 18, 38, kUdp},
      {"IPv4 options", Begin().Ipv4({.options_length = 40}).Tcp().Payload(20).Build(), 14, 74, kTcp},
      {"extension headers", Begin().Ipv6().Ipv6HopByHop(8).Ipv6DestinationOptions(24).Ipv6Routing(16).Udp().Payload(9).Build(), 14, 102,
       kUdp},
      {"VXLAN", Begin().Ipv4().Udp({.destination = 4789}).Payload(kVxlan).Ethernet().Ipv4().Tcp().Payload(64).Build(), 64, 84, kTcp},
      {"VXLAN without outer checksum",
       Begin().Ipv6().Udp({.destination = 8472, .checksum = false}).Payload(kVxlan).Ethernet().Vlan(9).Ipv6().Udp().Payload(64).Build(), 88,
       128, kUdp},
      {"Geneve", Begin().Ipv4().Udp({.destination = 6081}).Payload(kGeneve).Ethernet().Ipv6().Tcp().Payload(64).Build(), 72, 112, kTcp},
      {"Geneve without Ethernet", Begin().Ipv6().Udp({.destination = 6081}).Payload(kGeneveIpv6).Ipv6().Tcp().Payload(6).Build(), 70, 110,
       kTcp},
      {"IPv4 in IPv6", Begin().Ipv6().Ipv4().Tcp().Payload(6).Build(), 54, 74, kTcp},
      {"IPv6 in IPv4", Begin().Ipv4().Ipv6().Udp().Payload(6).Build(), 34, 74, kUdp},
      {"two tunnels", Begin().Ipv4().Ipv6().Udp({.destination = 4789}).Payload(kVxlan).Ethernet().Ipv4().Udp().Payload(5).Build(), 104, 124,
       kUdp},
      {"the datagram of a tunnel", Begin().Ipv4().Udp({.destination = 4789}).Payload(kVxlan).Ethernet().Arp().Build(), 14, 34, kUdp},
  };
}

// `frame` completed, in a block of its own size: AddressSanitizer sees what is read or written beside it.
Frame Completed(Frame frame, bool* changed = nullptr) {
  frame.shrink_to_fit();
  const bool completed = CompleteChecksum(frame);
  if (changed != nullptr) *changed = completed;
  return frame;
}

TEST(ChecksumCompletion, EachKindIsCompleted) {
  for (const Kind& kind : Kinds()) {
    const Frame unfinished = Unfinished(kind.finished, kind.ip, kind.transport, kind.protocol);
    ASSERT_NE(unfinished, kind.finished) << kind.name;
    bool changed = false;
    EXPECT_EQ(Completed(unfinished, &changed), kind.finished) << kind.name;
    EXPECT_TRUE(changed) << kind.name;
  }
}

// In two, three or more frames, cut anywhere; beside a packet of one frame, whose bytes are no packet's in the others.
TEST(ChecksumCompletion, PacketsOfSeveralFrames) {
  std::array<std::byte, 4096> scratch;
  for (const Kind& kind : Kinds()) {
    for (std::size_t piece = 1 + kind.finished.size() / mempool::kMostFramesOfPacket; piece < kind.finished.size(); ++piece) {
      Frame scattered = Unfinished(kind.finished, kind.ip, kind.transport, kind.protocol);
      Frame single = scattered;
      std::vector<mempool::Packet> burst = {{.data = single.data(), .length = static_cast<uint32_t>(single.size())}};
      for (std::size_t at = 0; at < scattered.size(); at += piece) {
        const std::size_t length = std::min(piece, scattered.size() - at);
        const bool last = at + length == scattered.size();
        burst.push_back({.data = scattered.data() + at,
                         .length = static_cast<uint32_t>(length),
                         .flags = last ? uint16_t{0} : mempool::Packet::kContinues});
      }
      ASSERT_EQ(CompleteChecksums(burst, scratch), 2u) << kind.name << " in pieces of " << piece;
      ASSERT_EQ(scattered, kind.finished) << kind.name << " in pieces of " << piece;
      ASSERT_EQ(single, kind.finished) << kind.name;
      ASSERT_EQ(CompleteChecksums(burst, scratch), 0u) << kind.name;
    }
  }
}

TEST(ChecksumCompletion, WhatIsFinishedStaysAsItIs) {
  for (const Kind& kind : Kinds()) {
    bool changed = true;
    EXPECT_EQ(Completed(kind.finished, &changed), kind.finished) << kind.name;
    EXPECT_FALSE(changed) << kind.name;
  }
}

TEST(ChecksumCompletion, TrailingPaddingIsNotSummed) {
  for (const Kind& kind : Kinds()) {
    Frame padded = Unfinished(kind.finished, kind.ip, kind.transport, kind.protocol);
    Frame expected = kind.finished;
    for (Frame* frame : {&padded, &expected}) frame->insert(frame->end(), 11, std::byte{0xA5});
    EXPECT_EQ(Completed(padded), expected) << kind.name;
  }
}

// Only what is there in full is touched.
TEST(ChecksumCompletion, CutPacketsAreLeftAlone) {
  for (const Kind& kind : Kinds()) {
    const Frame unfinished = Unfinished(kind.finished, kind.ip, kind.transport, kind.protocol);
    for (std::size_t length = 0; length < unfinished.size(); ++length) {
      const Frame cut(unfinished.begin(), unfinished.begin() + static_cast<std::ptrdiff_t>(length));
      ASSERT_EQ(Completed(cut), cut) << kind.name << " of " << length << " bytes";
    }
  }
}

TEST(ChecksumCompletion, EveryLengthOfPayload) {
  for (std::size_t length = 0; length <= 1460; ++length) {
    for (const bool ipv6 : {false, true}) {
      for (const uint8_t protocol : {kTcp, kUdp}) {
        PacketBuilder builder = Begin();
        ipv6 ? builder.Ipv6() : builder.Ipv4();
        protocol == kTcp ? builder.Tcp() : builder.Udp();
        const Frame finished = builder.Payload(length).Build();
        ASSERT_EQ(Completed(Unfinished(finished, 14, ipv6 ? 54 : 34, protocol)), finished)
            << length << " bytes, protocol " << int{protocol};
      }
    }
  }
}

// Of all values that a field can have, one is taken for the pseudo header's sum.
TEST(ChecksumCompletion, EveryValueOfTheField) {
  for (const uint8_t protocol : {kTcp, kUdp}) {
    PacketBuilder builder = Begin().Ipv4();
    const Frame finished = (protocol == kTcp ? builder.Tcp() : builder.Udp()).Payload(10).Build();
    const std::size_t field = protocol == kTcp ? 50 : 40;
    int completed = 0;
    for (uint32_t value = 0; value <= 0xFFFF; ++value) {
      Frame frame = finished;
      frame[field] = static_cast<std::byte>(value >> 8);
      frame[field + 1] = static_cast<std::byte>(value);
      const Frame before = frame;
      bool changed;
      const Frame after = Completed(frame, &changed);
      ASSERT_EQ(after, changed ? finished : before) << value;
      ASSERT_EQ(changed, before == Unfinished(finished, 14, 34, protocol)) << value;
      completed += changed;
    }
    EXPECT_EQ(completed, 1);
  }
}

// A finished checksum that is the pseudo header's sum by chance is what is computed for it.
TEST(ChecksumCompletion, AChanceHitKeepsItsValue) {
  int hits = 0;
  for (uint32_t value = 0; value <= 0xFFFF; ++value) {
    const std::array payload = {static_cast<char>(value >> 8), static_cast<char>(value)};
    const Frame finished = Begin().Ipv6().Udp().Payload(std::string_view(payload.data(), payload.size())).Build();
    bool changed;
    ASSERT_EQ(Completed(finished, &changed), finished) << value;
    hits += changed;
  }
  EXPECT_GE(hits, 1);
}

// The sum of a datagram may be such that its checksum would be 0, which means that there is none.
TEST(ChecksumCompletion, ADatagramsChecksumIsNeverZero) {
  int all_ones = 0;
  for (uint32_t value = 0; value <= 0xFFFF; ++value) {
    const std::array payload = {static_cast<char>(value >> 8), static_cast<char>(value)};
    const Frame finished = Begin().Ipv4().Udp().Payload(std::string_view(payload.data(), payload.size())).Build();
    ASSERT_EQ(Completed(Unfinished(finished, 14, 34, kUdp)), finished) << value;
    all_ones += finished[40] == std::byte{0xFF} && finished[41] == std::byte{0xFF};
  }
  EXPECT_EQ(all_ones, 1);
}

struct LeftAlone {
  const char* name;
  Frame frame;
};

Frame With(Frame frame, std::size_t offset, std::initializer_list<uint8_t> bytes) {
  for (const uint8_t byte : bytes) frame.at(offset++) = static_cast<std::byte>(byte);
  return frame;
}

std::vector<LeftAlone> WhatNobodyKnows() {
  const Frame udp = Unfinished(Begin().Ipv4().Udp().Payload(30).Build(), 14, 34, kUdp);
  const Frame tcp6 = Unfinished(Begin().Ipv6().Tcp().Payload(30).Build(), 14, 54, kTcp);
  const Frame options = Unfinished(Begin().Ipv4({.options_length = 12}).Udp().Payload(30).Build(), 14, 46, kUdp);
  const Frame routed = Unfinished(Begin().Ipv6().Ipv6Routing(24).Tcp().Build(), 14, 78, kTcp);
  const Frame from_afar = Unfinished(Begin().Ipv6().Ipv6DestinationOptions(24).Tcp().Build(), 14, 78, kTcp);
  return {
      {"an IPv4 fragment", With(udp, 20, {0x20, 0})},
      {"a later IPv4 fragment", With(udp, 20, {0, 3})},
      {"an IPv6 fragment", Unfinished(Begin().Ipv6().Ipv6Fragment({.more_fragments = true}).Udp().Payload(8).Build(), 14, 62, kUdp)},
      {"IPv6 that ends before its extension header", Begin().Ipv6({.next_header = 0}).Build()},
      {"a third VLAN tag", Unfinished(Begin().Vlan(1).Vlan(2).Vlan(3).Ipv4().Udp().Build(), 26, 46, kUdp)},
      {"IPv4 of version 5", With(udp, 14, {0x55})},
      {"an IPv4 header of 16 bytes", Unfinished(With(With(udp, 14, {0x44}), 34, {0, 42}), 14, 30, kUdp)},
      {"an IPv4 length that ends in the header", With(udp, 16, {0, 19})},
      {"an IPv4 length of 0", With(udp, 16, {0, 0})},
      {"IPv6 of version 5", With(tcp6, 14, {0x50})},
      {"an IPv6 length of 0", With(tcp6, 18, {0, 0})},
      {"a UDP length of 7", With(udp, 38, {0, 7})},
      {"a UDP length of 0", With(udp, 38, {0, 0})},
      {"a UDP length beyond the packet", With(udp, 38, {0, 39})},
      {"a loose source route", With(options, 34, {1, 131, 7, 4, 10, 1, 1, 1, 0})},
      {"a strict source route", With(options, 34, {137, 7, 4, 10, 1, 1, 1, 0})},
      {"a source route without a pointer", With(options, 34, {131, 2, 9})},
      {"a source route with a pointer into an address", With(options, 34, {131, 7, 7})},
      {"an IPv4 option that is cut off", With(options, 34, {7, 13})},
      {"an IPv4 option of one byte", With(options, 34, {7, 1})},
      {"a routing header with a segment left", With(routed, 57, {1})},
      {"a home address", With(from_afar, 56, {0, 1, 0, 201, 16})},
      {"destination options that are cut off", With(from_afar, 56, {1, 30})},
      {"an extension header beyond the packet", With(from_afar, 55, {200})},
      {"an authentication header",
       Unfinished(Begin().Ipv4({.protocol = 51}).Payload(std::string_view("\6\4", 2)).Payload(22).Tcp().Build(), 14, 58, kTcp)},
      {"VXLAN without a network identifier",
       Unfinished(Begin().Ipv4().Udp({.destination = 4789}).Payload(8).Ethernet().Ipv4().Tcp().Build(), 64, 84, kTcp)},
      {"Geneve of version 1",
       Unfinished(
           Begin().Ipv4().Udp({.destination = 6081}).Payload(std::string_view("\x40\0\x65\x58\0\0\0\0", 8)).Ethernet().Ipv4().Tcp().Build(),
           64, 84, kTcp)},
      {"another port", Unfinished(Begin().Ipv4().Udp({.destination = 4790}).Payload(kVxlan).Ethernet().Ipv4().Tcp().Build(), 64, 84, kTcp)},
      {"a third tunnel", Unfinished(Begin().Ipv4().Ipv4().Ipv4().Ipv4().Tcp().Build(), 74, 94, kTcp)},
      {"a third tunnel, of VXLAN",
       Unfinished(Begin().Ipv4().Ipv4().Ipv4().Udp({.destination = 4789}).Payload(kVxlan).Ethernet().Ipv4().Tcp().Build(), 104, 124, kTcp)},
      {"nine extension headers",
       [] {
         PacketBuilder builder = Begin().Ipv6();
         for (int count = 0; count < 9; ++count) builder.Ipv6DestinationOptions();
         return Unfinished(builder.Tcp().Build(), 14, 54 + 72, kTcp);
       }()},
      {"UDP without a checksum", Begin().Ipv4().Udp({.checksum = false}).Payload(30).Build()},
      {"UDP without a checksum over IPv6", Begin().Ipv6().Udp({.checksum = false}).Payload(30).Build()},
      {"SCTP", Unfinished(Begin().Ipv4({.protocol = 132}).Payload(30).Build(), 14, 34, 132)},
      {"ARP", Begin().Arp().Build()},
  };
}

TEST(ChecksumCompletion, WhatCannotBeKnownIsLeftAlone) {
  for (const LeftAlone& kind : WhatNobodyKnows()) {
    bool changed = true;
    EXPECT_EQ(Completed(kind.frame, &changed), kind.frame) << kind.name;
    EXPECT_FALSE(changed) << kind.name;
  }
}

// What looks like the above, and is known.
TEST(ChecksumCompletion, RoutesThatHaveEndedAndOptionsOfOtherKinds) {
  const auto completes = [](const Frame& frame) {
    bool changed;
    Completed(frame, &changed);
    return changed;
  };
  const Frame options = Unfinished(Begin().Ipv4({.options_length = 12}).Udp().Payload(30).Build(), 14, 46, kUdp);
  EXPECT_TRUE(completes(With(options, 34, {1, 131, 7, 8, 10, 1, 1, 1, 0}))) << "a loose source route that has ended";
  EXPECT_TRUE(completes(With(options, 34, {7, 11, 4}))) << "a recorded route";
  EXPECT_TRUE(completes(With(options, 34, {0, 131, 7, 4}))) << "behind the end of the options";
  const Frame from_afar = Unfinished(Begin().Ipv6().Ipv6DestinationOptions(24).Tcp().Build(), 14, 78, kTcp);
  EXPECT_TRUE(completes(With(from_afar, 56, {1, 20, 201, 16}))) << "201 as data of a padding option";
  PacketBuilder eight = Begin().Ipv6();
  for (int count = 0; count < 8; ++count) eight.Ipv6HopByHop();
  EXPECT_TRUE(completes(Unfinished(eight.Tcp().Build(), 14, 54 + 64, kTcp)));
}

TEST(ChecksumCompletion, ABurstIsCompletedAndCounted) {
  std::vector<Frame> frames;
  std::vector<mempool::Packet> packets;
  const std::vector<Kind> kinds = Kinds();
  for (std::size_t index = 0; index < kinds.size(); ++index) {
    const Kind& kind = kinds[index];
    frames.push_back(index % 3 == 0 ? kind.finished : Unfinished(kind.finished, kind.ip, kind.transport, kind.protocol));
  }
  for (Frame& frame : frames) packets.push_back({.data = frame.data(), .length = static_cast<uint32_t>(frame.size())});
  EXPECT_EQ(CompleteChecksums(packets), kinds.size() - (kinds.size() + 2) / 3);
  for (std::size_t index = 0; index < kinds.size(); ++index) EXPECT_EQ(frames[index], kinds[index].finished) << kinds[index].name;
  EXPECT_EQ(CompleteChecksums({}), 0u);
}

TEST(ChecksumCompletion, DevicesThatLeaveChecksumsUnfinished) {
  for (const char* driver : {"veth", "tun", "virtio_net"}) EXPECT_TRUE(LeavesChecksumsUnfinished(driver)) << driver;
  for (const char* driver : {"", "igb", "vet", "mlx5_core"}) EXPECT_FALSE(LeavesChecksumsUnfinished(driver)) << driver;
}

}  // namespace
}  // namespace pollux::pmd::af_xdp
