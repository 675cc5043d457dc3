// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/forwarding/stream_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pollux::testpmd {

// For messages of gtest.
void PrintTo(const StreamEnds& ends, std::ostream* out) {
  *out << ends.rx_port << "/" << ends.rx_queue << "->" << ends.tx_port << "/" << ends.tx_queue;
}

namespace {

using ::testing::ElementsAre;

std::vector<StreamEnds> Plan(const char* mode, PortTopology topology, std::vector<std::size_t> ports, std::size_t rx_queues,
                             std::size_t tx_queues) {
  return PlanStreams(*FindForwardMode(mode), {topology, std::move(ports), rx_queues, tx_queues});
}

std::vector<std::vector<std::size_t>> Shares(const std::vector<StreamEnds>& plan, std::vector<unsigned> lcores, bool sends = true) {
  std::vector<std::vector<std::size_t>> shares;
  for (const LcoreStreams& lcore : AssignStreams(plan, lcores, sends)) shares.push_back(lcore.streams);
  return shares;
}

TEST(PlanStreams, GoesByQueueThenByPort) {
  EXPECT_THAT(Plan("io", PortTopology::kPaired, {0, 1}, 2, 2),
              ElementsAre(StreamEnds{0, 0, 1, 0}, StreamEnds{1, 0, 0, 0}, StreamEnds{0, 1, 1, 1}, StreamEnds{1, 1, 0, 1}));
}

TEST(PlanStreams, NeedsNoQueuesOfTheSideThatTheModeDoesNotUse) {
  EXPECT_THAT(Plan("rxonly", PortTopology::kLoop, {0}, 1, 0), ElementsAre(StreamEnds{0, 0, 0, 0}));
  EXPECT_THAT(Plan("txonly", PortTopology::kLoop, {0}, 0, 1), ElementsAre(StreamEnds{0, 0, 0, 0}));
}

TEST(PlanStreams, FollowsTheOrderOfThePortList) {
  EXPECT_THAT(Plan("io", PortTopology::kChained, {2, 0, 1}, 1, 1),
              ElementsAre(StreamEnds{2, 0, 0, 0}, StreamEnds{0, 0, 1, 0}, StreamEnds{1, 0, 2, 0}));
}

TEST(PlanStreams, ServesEveryRxQueueWithFewerTxQueues) {
  EXPECT_THAT(Plan("io", PortTopology::kLoop, {0}, 3, 2),
              ElementsAre(StreamEnds{0, 0, 0, 0}, StreamEnds{0, 1, 0, 1}, StreamEnds{0, 2, 0, 0}));
}

TEST(PlanStreams, ModesThatReplyStayOnTheirPort) {
  EXPECT_THAT(Plan("icmpecho", PortTopology::kPaired, {0, 1}, 1, 1), ElementsAre(StreamEnds{0, 0, 0, 0}, StreamEnds{1, 0, 1, 0}));
}

TEST(PlanStreams, ModesThatOnlySendUseEveryTxQueue) {
  EXPECT_EQ(Plan("txonly", PortTopology::kPaired, {0, 1}, 1, 4).size(), 8u);
}

TEST(AssignStreams, DealsContiguousRunsAndTheLastTakeMore) {
  const std::vector<StreamEnds> plan = Plan("io", PortTopology::kPaired, {0, 1}, 4, 4);
  EXPECT_THAT(Shares(plan, {1, 2}), ElementsAre(ElementsAre(0, 1, 2, 3), ElementsAre(4, 5, 6, 7)));
  EXPECT_THAT(Shares(plan, {1, 2, 3}), ElementsAre(ElementsAre(0, 1), ElementsAre(2, 3, 4), ElementsAre(5, 6, 7)));
}

TEST(AssignStreams, LeavesOutLcoresWithoutStreams) {
  EXPECT_THAT(Shares(Plan("io", PortTopology::kPaired, {0, 1}, 1, 1), {1, 2, 3}), ElementsAre(ElementsAre(0), ElementsAre(1)));
  EXPECT_TRUE(Shares({}, {1}).empty());
}

TEST(AssignStreams, KeepsATxQueueOnOneLcore) {
  const std::vector<StreamEnds> plan = Plan("io", PortTopology::kPaired, {0, 1}, 4, 1);
  EXPECT_THAT(Shares(plan, {1, 2, 3}), ElementsAre(ElementsAre(0, 2, 4, 6), ElementsAre(1, 3, 5, 7)));
  EXPECT_EQ(Shares(plan, {1, 2, 3, 4}, /*sends=*/false).size(), 4u);
}

}  // namespace
}  // namespace pollux::testpmd
