// SPDX-License-Identifier: Apache-2.0
#include "pmd/pcap/pcapng.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/pmd/pcap/pcapng_builder.h"

namespace pollux::pmd {
namespace {

using ::testing::HasSubstr;

class PcapngTest : public testing::TestWithParam<bool> {
 protected:
  PcapngBuilder Begin() const { return PcapngBuilder(GetParam()); }

  // The packets as texts; `status_` is how it ended.
  std::vector<std::string> Parse(const std::string& file) {
    std::vector<CapturedPacket> packets;
    status_ = ParsePcapng(std::as_bytes(std::span(file)), packets);
    std::vector<std::string> texts;
    for (const CapturedPacket& packet : packets) {
      EXPECT_LE(packet.offset + packet.length, file.size());
      texts.push_back(file.substr(packet.offset, packet.length));
      wire_lengths_.push_back(packet.wire_length);
    }
    return texts;
  }

  using Texts = std::vector<std::string>;
  absl::Status status_;
  std::vector<uint32_t> wire_lengths_;
};
INSTANTIATE_TEST_SUITE_P(ByteOrders, PcapngTest, testing::Bool(),
                         [](const testing::TestParamInfo<bool>& order) { return order.param ? "Swapped" : "Own"; });

TEST_P(PcapngTest, SeveralInterfacesWithTheirOwnSnapLengths) {
  const std::string file = Begin().Section().Interface(1, 65535).Interface(1, 96).Enhanced(1, "one").Enhanced(0, "two!").Text();
  EXPECT_EQ(Parse(file), Texts({"one", "two!"}));
  EXPECT_TRUE(status_.ok()) << status_;
}

TEST_P(PcapngTest, SeveralSectionsEachWithInterfacesOfItsOwn) {
  const std::string file = Begin().Section().Interface(1, 0).Enhanced(0, "a").Text() +
                           PcapngBuilder(!GetParam()).Section().Interface(113, 0).Interface(1, 0).Enhanced(1, "b").Text();
  EXPECT_EQ(Parse(file), Texts({"a", "b"})) << "in the other byte order, too";
  EXPECT_TRUE(status_.ok()) << status_;
  EXPECT_EQ(Parse(Begin().Section().Interface(1, 0).Section().Enhanced(0, "a").Text()), Texts()) << "a section ends its interfaces";
  EXPECT_THAT(status_.message(), HasSubstr("interface 0, which the section lacks"));
}

TEST_P(PcapngTest, EveryKindOfPacketBlock) {
  const std::string file =
      Begin().Section().Interface(1, 4).Simple("four, and more").Simple("all").Old(0, "old", 90).Enhanced(0, "new", 91).Text();
  EXPECT_EQ(Parse(file), Texts({"four", "all", "old", "new"}));
  EXPECT_EQ(wire_lengths_, std::vector<uint32_t>({14, 3, 90, 91}));
}

TEST_P(PcapngTest, OtherBlocksAreSkipped) {
  const std::string file = Begin().Section().Block(4, "name resolution").Interface(1, 0).Enhanced(0, "x").Block(0x80000BAD, "").Text();
  EXPECT_EQ(Parse(file), Texts({"x"}));
  EXPECT_TRUE(status_.ok()) << status_;
}

TEST_P(PcapngTest, AnInterfaceThatIsNotEthernetMayHaveNoPackets) {
  const PcapngBuilder begin = Begin().Section().Interface(1, 0).Interface(113, 0);
  EXPECT_EQ(Parse(PcapngBuilder(begin).Enhanced(0, "x").Text()), Texts({"x"}));
  EXPECT_TRUE(status_.ok()) << status_;
  Parse(PcapngBuilder(begin).Enhanced(0, "x").Enhanced(1, "y").Text());
  EXPECT_THAT(status_.message(), HasSubstr("packet 2 is of interface 1, whose link type is 113, must be 1"));
}

TEST_P(PcapngTest, WhatIsCutOffIsDataLoss) {
  const std::string whole = Begin().Section().Interface(1, 0).Enhanced(0, "one").Text();
  const std::string file = whole + Begin().Enhanced(0, "two").Text();
  for (std::size_t length = whole.size() + 1; length < file.size(); ++length) {
    EXPECT_EQ(Parse(file.substr(0, length)), Texts({"one"}));
    EXPECT_EQ(status_.code(), absl::StatusCode::kDataLoss) << length;
  }
}

TEST_P(PcapngTest, DamageIsNamed) {
  const PcapngBuilder begin = Begin().Section().Interface(1, 0);
  const std::string section = Begin().Section().Text();
  const auto with = [](std::string text, std::size_t at, char byte) {
    text.at(at) = byte;
    return text;
  };
  const std::string packet = PcapngBuilder(begin).Enhanced(0, "x").Text();
  const std::size_t at = begin.Text().size();
  const std::size_t low = GetParam() ? 3 : 0;  // of four bytes
  const struct {
    std::string text;
    const char* message;
  } cases[] = {
      {with(section, 8, 'x'), "a section of an unknown byte order"},
      {with(section, 12 + low / 3, 2), "a section of version 2"},
      {PcapngBuilder(begin).Block(6, "short").Text(), "a short packet block"},
      {PcapngBuilder(begin).Block(3, "").Text(), "a short packet block"},
      {PcapngBuilder(begin).Block(1, "1234").Text(), "a short interface description"},
      {PcapngBuilder(begin).Block(0x0A0D0D0A, GetParam() ? std::string("\x1a\x2b\x3c\x4d", 4) : std::string("\x4d\x3c\x2b\x1a", 4)).Text(),
       "a short section header"},
      {with(packet, at + 4 + low, 37), "a block of 37 bytes"},
      {with(packet, at + 4 + low, 8), "a block of 8 bytes"},
      {with(packet, at + 4 + 3 - low, 2), "a block of 33554"},
      {with(packet, packet.size() - 4 + low, 40), "a block with two lengths"},
      {with(packet, at + 20 + low, 5), "a packet of 5 bytes in a block for 4"}};
  for (const auto& bad : cases) {
    Parse(bad.text);
    EXPECT_EQ(status_.code(), absl::StatusCode::kInvalidArgument) << bad.message;
    EXPECT_THAT(status_.message(), HasSubstr(bad.message));
  }
}

TEST(Pcapng, IsKnownByItsFirstBlock) {
  const auto is = [](const std::string& file) { return IsPcapng(std::as_bytes(std::span(file))); };
  EXPECT_TRUE(is(PcapngBuilder(false).Section().Text()));
  EXPECT_TRUE(is("\x0A\x0D\x0D\x0A"));
  EXPECT_FALSE(is("\x0A\x0D\x0D"));
  EXPECT_FALSE(is(""));
  EXPECT_FALSE(is("\xD4\xC3\xB2\xA1"));
}

}  // namespace
}  // namespace pollux::pmd
