// SPDX-License-Identifier: Apache-2.0
#include "lcore/placement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pollux::lcore {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class PlacementTest : public testing::Test {
 protected:
  const Topology machine_ = Topology::FromSynthetic("node:2 core:4 pu:1").value();
};

TEST_F(PlacementTest, TogetherIsFine) {
  const Placement placement{.lcore = 2, .lcore_node = 1, .port = "port 0 (eth0)", .port_node = 1, .memory_node = 1};
  EXPECT_THAT(PlacementWarnings(placement, &machine_), IsEmpty());
}

TEST_F(PlacementTest, AnLcoreAwayFromItsPort) {
  const Placement placement{.lcore = 5, .lcore_node = machine_.NodeOf({5}), .port = "port 0 (eth0)", .port_node = 0, .memory_node = 0};
  EXPECT_THAT(PlacementWarnings(placement, &machine_),
              ElementsAre("lcore 5 is on NUMA node 1, but port 0 (eth0) which it polls is on node 0: give the port an lcore of node 0 "
                          "(CPUs 0-3)"));
}

TEST_F(PlacementTest, MemoryAwayFromThePort) {
  const Placement placement{.lcore = 1, .lcore_node = 0, .port = "port 1 (eth1)", .port_node = 0, .memory_node = 1};
  EXPECT_THAT(
      PlacementWarnings(placement, &machine_),
      ElementsAre("the frames of port 1 (eth1) are in memory of NUMA node 1, but the port is on node 0: put its mempool on node 0"));
}

TEST_F(PlacementTest, BothAwayFromThePortAreTwoThingsToMove) {
  const Placement placement{.lcore = 1, .lcore_node = 0, .port = "port 1 (eth1)", .port_node = 1, .memory_node = 0};
  EXPECT_EQ(PlacementWarnings(placement).size(), 2u);
}

TEST_F(PlacementTest, AnLcoreAwayFromItsMemoryWhenThePortIsAnywhere) {
  const Placement placement{.lcore = 1, .lcore_node = 0, .port = "port 1 (veth1)", .port_node = std::nullopt, .memory_node = 1};
  EXPECT_THAT(
      PlacementWarnings(placement),
      ElementsAre("lcore 1 is on NUMA node 0, but the frames of port 1 (veth1) which it polls are in memory of node 1: put the mempool "
                  "on node 0, or poll with an lcore of node 1"));
}

TEST_F(PlacementTest, UnknownNodesGiveNone) {
  EXPECT_THAT(PlacementWarnings({.lcore = 1, .port = "port 0"}), IsEmpty());
  EXPECT_THAT(PlacementWarnings({.lcore = 1, .lcore_node = 1, .port = "port 0"}), IsEmpty());
  EXPECT_THAT(PlacementWarnings({.lcore = 1, .port = "port 0", .port_node = 1}), IsEmpty());
  EXPECT_THAT(PlacementWarnings({.lcore = 1, .port = "port 0", .memory_node = 1}), IsEmpty());
}

}  // namespace
}  // namespace pollux::lcore
