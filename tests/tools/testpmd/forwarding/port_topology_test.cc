// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/forwarding/port_topology.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pollux::testpmd {
namespace {

using ::testing::ElementsAre;

TEST(TxPositions, Paired) {
  EXPECT_THAT(TxPositions(PortTopology::kPaired, 4), ElementsAre(1, 0, 3, 2));
  EXPECT_THAT(TxPositions(PortTopology::kPaired, 3), ElementsAre(1, 0, 2));
  EXPECT_THAT(TxPositions(PortTopology::kPaired, 1), ElementsAre(0));
}

TEST(TxPositions, Chained) {
  EXPECT_THAT(TxPositions(PortTopology::kChained, 3), ElementsAre(1, 2, 0));
  EXPECT_THAT(TxPositions(PortTopology::kChained, 1), ElementsAre(0));
}

TEST(TxPositions, Loop) {
  EXPECT_THAT(TxPositions(PortTopology::kLoop, 3), ElementsAre(0, 1, 2));
  EXPECT_THAT(TxPositions(PortTopology::kLoop, 0), ElementsAre());
}

TEST(TopologyWarning, OnlyForAnOddPair) {
  EXPECT_NE(TopologyWarning(PortTopology::kPaired, 3), "");
  EXPECT_EQ(TopologyWarning(PortTopology::kPaired, 2), "");
  EXPECT_EQ(TopologyWarning(PortTopology::kChained, 3), "");
}

TEST(ParsePortTopology, NamesTheThree) {
  EXPECT_EQ(*ParsePortTopology("chained"), PortTopology::kChained);
  EXPECT_EQ(ParsePortTopology("ring").status().message(), "'ring': paired, chained or loop is expected");
}

}  // namespace
}  // namespace pollux::testpmd
