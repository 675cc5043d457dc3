// SPDX-License-Identifier: Apache-2.0
#include "tools/performance/campaign/campaign_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pollux::performance {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(OptionsTest, RowsAreTheProductOfTheLists) {
  auto options = ParseCampaignOptions({"--work=io,macswap", "--receivers=xdp,stack", "--sizes=64,1500", "--flows=1,1000", "--rate=1e5"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->works.size(), 16u);
  const Work first = {.kind = WorkKind::kIo, .receiver = Receiver::kXdp, .frame_bytes = 64, .flow_count = 1, .offered_pps = 1e5};
  EXPECT_EQ(options->works.front(), first);
  const Work last = {.kind = WorkKind::kMacswap, .receiver = Receiver::kStack, .frame_bytes = 1500, .flow_count = 1000, .offered_pps = 1e5};
  EXPECT_EQ(options->works.back(), last);
}

TEST(OptionsTest, WhatMakesNoDifferenceIsMeasuredOnce) {
  EXPECT_EQ(ParseCampaignOptions({"--work=rxonly", "--receivers=xdp,stack", "--sizes=64"})->works.size(), 1u);
  EXPECT_EQ(ParseCampaignOptions({"--work=txonly", "--receivers=xdp", "--sizes=64", "--flows=1,1000"})->works.size(), 1u);
}

TEST(OptionsTest, QueuesAreADimensionAndEachHasAFlow) {
  auto options = ParseCampaignOptions({"--work=io,txonly", "--receivers=xdp", "--sizes=64", "--flows=1,1000", "--queues=1,2"});
  ASSERT_TRUE(options.ok()) << options.status();
  std::vector<std::string> names;
  for (const Work& work : options->works) names.push_back(WorkName(work));
  EXPECT_THAT(names, ElementsAre("64 bytes, io, 1 flow, 1 queue, receiver xdp", "64 bytes, io, 2 flows, 2 queues, receiver xdp",
                                 "64 bytes, io, 1000 flows, 1 queue, receiver xdp", "64 bytes, io, 1000 flows, 2 queues, receiver xdp",
                                 "64 bytes, txonly, receiver xdp"));
}

TEST(OptionsTest, TcpHasStreamsAndEndsAndContendersOfItsOwn) {
  auto options = ParseCampaignOptions({"--work=tcp", "--ends=1,2"});
  ASSERT_TRUE(options.ok()) << options.status();
  std::vector<std::string> names;
  for (const Work& work : options->works) names.push_back(WorkName(work));
  EXPECT_THAT(names, ElementsAre("tcp, 1 stream, ends on one CPU", "tcp, 1 stream, ends on two CPUs", "tcp, 8 streams, ends on one CPU",
                                 "tcp, 8 streams, ends on two CPUs"));
  EXPECT_EQ(options->contenders.names.front(), "bridge");
  EXPECT_EQ(ParseCampaignOptions({"--work=io,tcp"})->contenders.names.front(), "dpdk");
  EXPECT_THAT(ParseCampaignOptions({"--work=tcp", "--contenders=straight"})->contenders.names, ElementsAre("straight"));
}

TEST(OptionsTest, AValueMayFollowAsAWordOfItsOwn) {
  auto options = ParseCampaignOptions({"--rounds", "7", "--contenders", "dpdk,bridge", "--json", "-"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->rounds, 7);
  EXPECT_THAT(options->contenders.names, ElementsAre("dpdk", "bridge"));
  EXPECT_EQ(options->json_file, "-");
}

TEST(OptionsTest, QuickIsShort) {
  auto options = ParseCampaignOptions({"--quick"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_TRUE(options->latency && options->cost);
  EXPECT_EQ(options->works.size(), 2u);
  // Whatever the machine, nothing begins so late that it would not end within three minutes.
  EXPECT_GT(options->deadline_s, 0);
  EXPECT_LE(options->deadline_s, 170);
}

TEST(OptionsTest, IdleIsOnRequest) {
  EXPECT_TRUE(ParseCampaignOptions({"--idle", "--contenders=testpmd,testpmd-adaptive"})->idle);
  EXPECT_FALSE(ParseCampaignOptions({})->idle);
}

TEST(OptionsTest, ATrialLastsAsLongAsAMeasurement) {
  EXPECT_EQ(ParseCampaignOptions({"--seconds=2.5"})->conditions.trial_s, 2.5);
}

TEST(OptionsTest, EveryRefusalNamesTheOptionAndWhatItTakes) {
  const struct {
    std::vector<std::string> arguments;
    const char* words;
  } cases[] = {
      {{"--bogus"}, "no option --bogus"},
      {{"--sizes=63"}, "64 to 1514"},
      {{"--sizes=64,"}, "64 to 1514"},
      {{"--flows=0"}, "1 to 65536"},
      {{"--queues=1,0"}, "1 to 4"},
      {{"--queues=5"}, "1 to 4"},
      {{"--streams=0"}, "1 to 128"},
      {{"--ends=3"}, "1 to 2"},
      {{"--work=io,fly"}, "io,macswap,pushvlan,rxonly,tcp,twoports,txonly"},
      {{"--receivers=tcp"}, "stack,xdp"},
      {{"--rate=-1"}, "--rate=-1"},
      {{"--rounds=0"}, "--rounds=0"},
      {{"--rounds"}, "needs a value"},
      {{"--source-cpu=0", "--forwarder-cpu=0"}, "the same"},
  };
  for (const auto& [arguments, words] : cases) {
    auto options = ParseCampaignOptions(arguments);
    ASSERT_FALSE(options.ok()) << arguments.front();
    EXPECT_THAT(std::string(options.status().message()), HasSubstr(words));
  }
}

}  // namespace
}  // namespace pollux::performance
