// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/engines/checksum_rewriter.h"

#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "pmd/tx_metadata.h"
#include "tests/tools/testpmd/engines/engine_fixture.h"
#include "tools/testpmd/engines/checksum.h"

namespace pollux::testpmd {
namespace {

struct Case {
  std::string name;
  std::function<PacketBuilder(const support::EthernetFields&)> packet;
  std::size_t checksum_offset;  // of its transport
};

std::vector<Case> Cases() {
  using support::EthernetFields;
  return {
      {"udp4", [](const EthernetFields& e) { return PacketBuilder().Ethernet(e).Ipv4().Udp().Payload(19); }, 14 + 20 + 6},
      {"tcp4", [](const EthernetFields& e) { return PacketBuilder().Ethernet(e).Ipv4().Tcp({.options_length = 8}).Payload(101); },
       14 + 20 + 16},
      {"icmp4", [](const EthernetFields& e) { return PacketBuilder().Ethernet(e).Ipv4().Icmp().Payload(57); }, 14 + 20 + 2},
      {"udp6", [](const EthernetFields& e) { return PacketBuilder().Ethernet(e).Ipv6().Udp().Payload(2); }, 14 + 40 + 6},
      {"tcp6", [](const EthernetFields& e) { return PacketBuilder().Ethernet(e).Ipv6().Tcp().Payload(1400); }, 14 + 40 + 16},
      {"icmp6", [](const EthernetFields& e) { return PacketBuilder().Ethernet(e).Ipv6().Icmp6().Payload(3); }, 14 + 40 + 2},
      {"udp4 options", [](const EthernetFields& e) { return PacketBuilder().Ethernet(e).Ipv4({.options_length = 40}).Udp().Payload(5); },
       14 + 60 + 6},
      {"tcp4 vlan", [](const EthernetFields& e) { return PacketBuilder().Ethernet(e).Vlan(9).Ipv4().Tcp().Payload(5); }, 18 + 20 + 16},
      {"udp6 two vlans", [](const EthernetFields& e) { return PacketBuilder().Ethernet(e).Vlan(9).Vlan(10).Ipv6().Udp().Payload(5); },
       22 + 40 + 6},
      {"udp6 extensions",
       [](const EthernetFields& e) {
         return PacketBuilder().Ethernet(e).Ipv6().Ipv6HopByHop().Ipv6DestinationOptions(16).Udp().Payload(5);
       },
       14 + 40 + 24 + 6},
  };
}

class ChecksumRewriterTest : public EngineTest {
 protected:
  uint64_t BadIp() const { return stream.stats.rx_bad_ip_checksum.value(); }
  uint64_t BadTransport() const { return stream.stats.rx_bad_l4_checksum.value(); }
  // Sends `frame` through, and expects it unchanged but for the Ethernet addresses.
  void ExpectLeftAlone(Frame frame) {
    const Frame sent = Forward("csum", frame);
    ASSERT_EQ(sent.size(), frame.size());
    EXPECT_EQ(Frame(sent.begin() + 12, sent.end()), Frame(frame.begin() + 12, frame.end()));
  }
};

// The pseudo header wants the final destination, which is the last hop of the route (RFC 791, 1122) and not the address in the header.
TEST_F(ChecksumRewriterTest, ASourceRouteWithHopsToComeIsLeftAlone) {
  for (const uint8_t kind : {131, 137}) {  // loose, strict
    Frame frame = PacketBuilder().Ethernet().Ipv4({.options_length = 8}).Udp().Payload(9).Build();
    std::byte* ip = frame.data() + 14;
    const uint8_t option[8] = {1, kind, 7, 4, 10, 9, 9, 9};
    std::memcpy(ip + 20, option, sizeof(option));
    StoreBig16(ip + 28 + 6, 0x1234);  // right for 10.9.9.9, or so the sender says
    for (const uint8_t pointer : {4, 8}) {
      ip[23] = std::byte{pointer};
      StoreBig16(ip + 10, 0);
      const uint16_t header = FoldChecksum(PartialSum({ip, 28}));
      std::memcpy(ip + 10, &header, sizeof(header));
      const uint64_t before = BadTransport();
      if (pointer == 4) {
        ExpectLeftAlone(frame);
      } else {
        Forward("csum", frame);  // past the last hop the destination is the final one
      }
      EXPECT_EQ(BadTransport() - before, pointer == 4 ? 0u : 1u) << int{kind};
    }
  }
}

TEST_F(ChecksumRewriterTest, RightChecksumsStay) {
  for (const Case& each : Cases()) {
    SCOPED_TRACE(each.name);
    EXPECT_EQ(Forward("csum", each.packet({}).Build()), each.packet(kFromPortToPeer).Build());
  }
  EXPECT_EQ(BadIp(), 0u);
  EXPECT_EQ(BadTransport(), 0u);
}

TEST_F(ChecksumRewriterTest, WrongTransportChecksumsAreCountedAndRepaired) {
  uint64_t expected = 0;
  for (const Case& each : Cases()) {
    SCOPED_TRACE(each.name);
    Frame frame = each.packet({}).Build();
    frame[each.checksum_offset] ^= std::byte{0x5A};
    EXPECT_EQ(Forward("csum", frame), each.packet(kFromPortToPeer).Build());
    EXPECT_EQ(BadTransport(), ++expected);
  }
  EXPECT_EQ(BadIp(), 0u);
}

TEST_F(ChecksumRewriterTest, WrongIpv4HeaderChecksumIsCountedAndRepaired) {
  Frame frame = PacketBuilder().Ethernet().Ipv4({.options_length = 4}).Udp().Payload(10).Build();
  frame[14 + 11] ^= std::byte{1};
  EXPECT_EQ(Forward("csum", frame), PacketBuilder().Ethernet(kFromPortToPeer).Ipv4({.options_length = 4}).Udp().Payload(10).Build());
  EXPECT_EQ(BadIp(), 1u);
  EXPECT_EQ(BadTransport(), 0u);
}

TEST_F(ChecksumRewriterTest, PaddingIsNotSummed) {
  Frame frame = PacketBuilder().Ethernet().Ipv4().Tcp().Payload(1).Build();
  frame.resize(60, std::byte{0xEE});
  ExpectLeftAlone(frame);
  EXPECT_EQ(BadTransport(), 0u);
}

TEST_F(ChecksumRewriterTest, NoUdpChecksumOverIpv4IsLeftAlone) {
  ExpectLeftAlone(PacketBuilder().Ethernet().Ipv4().Udp({.checksum = false}).Payload(10).Build());
  EXPECT_EQ(BadTransport(), 0u);
}

TEST_F(ChecksumRewriterTest, NoUdpChecksumOverIpv6IsWrong) {
  Frame frame = PacketBuilder().Ethernet().Ipv6().Udp().Payload(10).Build();
  StoreBig16(frame.data() + 14 + 40 + 6, 0);
  EXPECT_EQ(Forward("csum", frame), PacketBuilder().Ethernet(kFromPortToPeer).Ipv6().Udp().Payload(10).Build());
  EXPECT_EQ(BadTransport(), 1u);
}

// A UDP checksum that comes out as zero is sent as all ones (RFC 768).
TEST_F(ChecksumRewriterTest, UdpChecksumOfZeroBecomesOnes) {
  for (const bool ipv6 : {false, true}) {
    PacketBuilder builder = PacketBuilder().Ethernet();
    ipv6 ? builder.Ipv6() : builder.Ipv4();
    Frame frame = builder.Udp().Payload(std::string(2, '\0')).Build();
    const std::size_t udp = frame.size() - 10;
    // With the checksum's own value as payload the rest sums to zero.
    const uint16_t checksum = LoadBig16(frame.data() + udp + 6);
    StoreBig16(frame.data() + udp + 8, checksum);
    StoreBig16(frame.data() + udp + 6, 0x1234);
    const Frame sent = Forward("csum", frame);
    EXPECT_EQ(LoadBig16(sent.data() + udp + 6), 0xFFFF) << ipv6;
  }
  EXPECT_EQ(BadTransport(), 2u);
}

TEST_F(ChecksumRewriterTest, FragmentsHaveOnlyTheirHeaderVerified) {
  Frame first = PacketBuilder().Ethernet().Ipv4({.more_fragments = true}).Udp().Payload(16).Build();
  first[14 + 20 + 6] ^= std::byte{1};
  ExpectLeftAlone(first);
  ExpectLeftAlone(PacketBuilder().Ethernet().Ipv4({.fragment_offset = 4, .protocol = 6}).Payload(64).Build());
  ExpectLeftAlone(PacketBuilder().Ethernet().Ipv6().Ipv6Fragment({.offset = 4, .next_header = 6}).Payload(64).Build());
  EXPECT_EQ(BadIp(), 0u);
  EXPECT_EQ(BadTransport(), 0u);
  first[14 + 10] ^= std::byte{1};
  Forward("csum", first);
  EXPECT_EQ(BadIp(), 1u);
}

TEST_F(ChecksumRewriterTest, TruncatedTransportIsLeftAlone) {
  for (const Case& each : Cases()) {
    SCOPED_TRACE(each.name);
    const std::size_t whole = each.packet({}).Build().size();
    for (const std::size_t length : {whole - 1, each.checksum_offset + 1, each.checksum_offset}) {
      ExpectLeftAlone(each.packet({}).Truncate(length).Build());
    }
  }
  EXPECT_EQ(BadTransport(), 0u);
}

TEST_F(ChecksumRewriterTest, ImpossibleUdpLengthIsBadAndStays) {
  for (const uint16_t length : {0, 7, 19, 65535}) {
    Frame frame = PacketBuilder().Ethernet().Ipv4().Udp().Payload(10).Build();
    StoreBig16(frame.data() + 14 + 20 + 4, length);
    ExpectLeftAlone(frame);
  }
  EXPECT_EQ(BadTransport(), 4u);
}

// What the packets ask is done as a device does it (pmd::FinishChecksum): right ones come out, whatever was there.
TEST_F(ChecksumRewriterTest, WhatIsLeftToTheDeviceIsAskedForAndNotVerified) {
  stream.device_checksums = {.udp = true, .tcp = true};
  std::size_t asked = 0;
  for (const Case& each : Cases()) {
    SCOPED_TRACE(each.name);
    Frame frame = each.packet({}).Build();
    const bool icmp = each.name.starts_with("icmp");
    if (!icmp) frame[each.checksum_offset] ^= std::byte{0x5A};
    const Frame sent = Forward("csum", frame);
    Packet& packet = tx.sent.back();
    EXPECT_EQ(packet.has_tx_metadata(), !icmp);
    if (!icmp) {
      const pmd::TxMetadata asks = pmd::MetadataBefore(packet.data);
      EXPECT_EQ(asks.asks, pmd::TxMetadata::kChecksum);
      EXPECT_EQ(std::size_t{asks.checksum_start} + asks.checksum_offset, each.checksum_offset);
      EXPECT_NE(sent, each.packet(kFromPortToPeer).Build()) << "it is unfinished";
      ASSERT_TRUE(pmd::FinishChecksum({&packet, 1}, asks.checksum_start, asks.checksum_offset));
      ++asked;
    }
    EXPECT_EQ(Sent(tx.sent.size() - 1), each.packet(kFromPortToPeer).Build());
  }
  EXPECT_EQ(asked, 8u);
  EXPECT_EQ(BadTransport(), 0u);
}

// A device sums to the packet's end, or has no room for a request.
TEST_F(ChecksumRewriterTest, WhatADeviceWouldNotGetRightIsRepairedHere) {
  stream.device_checksums.tcp = true;
  Frame padded = PacketBuilder().Ethernet().Ipv4().Tcp().Payload(1).Build();
  const Frame right = PacketBuilder().Ethernet(kFromPortToPeer).Ipv4().Tcp().Payload(1).Build();
  padded[14 + 20 + 16] ^= std::byte{1};
  padded.resize(60, std::byte{0xEE});
  const Frame sent = Forward("csum", padded);
  EXPECT_EQ(Frame(sent.begin(), sent.begin() + static_cast<std::ptrdiff_t>(right.size())), right);
  EXPECT_FALSE(tx.sent.back().has_tx_metadata());
  EXPECT_EQ(BadTransport(), 1u);
  Forward("csum", PacketBuilder().Ethernet().Ipv4().Udp().Payload(10).Build());
  EXPECT_FALSE(tx.sent.back().has_tx_metadata()) << "of UDP nothing was said";
  ExpectLeftAlone(PacketBuilder().Ethernet().Ipv4().Udp({.checksum = false}).Payload(10).Build());
}

TEST_F(ChecksumRewriterTest, OthersAreForwardedWithTheirAddresses) {
  EXPECT_EQ(Forward("csum", PacketBuilder().Ethernet().Arp().Build()), PacketBuilder().Ethernet(kFromPortToPeer).Arp().Build());
  EXPECT_EQ(Forward("csum", PacketBuilder().Ethernet().Ipv4({.protocol = 47}).Payload(8).Build()),
            PacketBuilder().Ethernet(kFromPortToPeer).Ipv4({.protocol = 47}).Payload(8).Build());
}

}  // namespace
}  // namespace pollux::testpmd
