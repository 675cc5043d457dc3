// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/options/option_values.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <absl/strings/str_cat.h>

namespace pollux::testpmd {
namespace {

using ::testing::ElementsAre;

TEST(ParsePortList, KeepsOrderAndRefusesRepetition) {
  EXPECT_THAT(*ParsePortList("3,0-2"), ElementsAre(3, 0, 1, 2));
  for (const char* bad : {"", "1,", "1,1", "2-1", "1-", "64", "0-64", "a"}) EXPECT_FALSE(ParsePortList(bad).ok()) << bad;
}

TEST(ParsePortMask, NumbersTheBits) {
  EXPECT_THAT(*ParsePortMask("0x15"), ElementsAre(0, 2, 4));
  EXPECT_THAT(*ParsePortMask("6"), ElementsAre(1, 2));
  for (const char* bad : {"", "0", "0x", "g", "1ffffffffffffffff"}) EXPECT_FALSE(ParsePortMask(bad).ok()) << bad;
}

TEST(ParseLcores, GoAsFarAsMinusL) {
  EXPECT_THAT(*ParseLcoreMask("1" + std::string(25, '0')), ElementsAre(100));
  EXPECT_THAT(*ParseLcoreList("100,3"), ElementsAre(3, 100));
}

TEST(ParsePeer, WantsPortAndAddress) {
  EXPECT_EQ(ParsePeer("63,02:00:5e:10:00:0a")->first, 63u);
  EXPECT_EQ(ParsePeer("1,02:00:5e:10:00:0a")->second.ToString(), "02:00:5E:10:00:0A");
  for (const char* bad : {"", "1", "1,", "x,02:00:5e:10:00:0a", "1,02:00:5e:10:00", "64,02:00:5e:10:00:0a"})
    EXPECT_FALSE(ParsePeer(bad).ok()) << bad;
}

TEST(ParseAddressPair, IsInHostByteOrder) {
  EXPECT_EQ(ParseAddressPair("198.18.0.1,10.0.0.2")->first, 0xC6120001u);
  EXPECT_EQ(ParseAddressPair("198.18.0.1,10.0.0.2")->second, 0x0A000002u);
  for (const char* bad : {"", "1.2.3.4", "1.2.3.4,", "1.2.3,1.2.3.4", "1.2.3.4,x"}) EXPECT_FALSE(ParseAddressPair(bad).ok()) << bad;
}

TEST(ParseSegments, TakesUpTo255) {
  EXPECT_THAT(*ParseSegments("64,128"), ElementsAre(64, 128));
  for (const char* bad : {"", "0", "64,", "70000"}) EXPECT_FALSE(ParseSegments(bad).ok()) << bad;
  std::string many = "64";
  for (int index = 1; index < 256; ++index) many += ",64";
  EXPECT_EQ(ParseSegments(many).status().message(), "256 segments; at most 255 are allowed");
}

TEST(ParseOnOff, TakesNothingElse) {
  EXPECT_TRUE(*ParseOnOff("on"));
  EXPECT_FALSE(*ParseOnOff("off"));
  EXPECT_FALSE(ParseOnOff("yes").ok());
}

}  // namespace
}  // namespace pollux::testpmd
