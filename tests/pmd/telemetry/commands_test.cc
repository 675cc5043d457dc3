// SPDX-License-Identifier: Apache-2.0
#include "pmd/telemetry/commands.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <absl/strings/str_cat.h>

#include "pmd/telemetry/drop_causes.h"
#include "tests/pmd/telemetry/telemetry_fixture.h"

namespace pollux::pmd::telemetry {
namespace {

using nlohmann::json;

class CommandsTest : public testing::Test {
 protected:
  CommandsTest() {
    AddEthdevCommands(table_, view_);
    AddProcessCommands(table_, view_);
    AddPolluxCommands(table_, view_);
  }
  json Ask(const std::string& request) const { return json::parse(table_.Answer(request)); }
  json Value(const std::string& request) const { return Ask(request).at(request.substr(0, request.find(','))); }

  TwoPorts view_;
  CommandTable table_;
};

TEST_F(CommandsTest, PortsAreListedAndCountedWithDpdksKeys) {
  Packet packets[8];
  ASSERT_EQ(view_.device(1).rx_queue(1).Receive(packets), 8u);
  mempool::Pool::Free(packets);
  EXPECT_EQ(Value("/ethdev/list"), json({0, 1}));
  const json stats = Value("/ethdev/stats,1");
  EXPECT_EQ(stats.at("ipackets"), 8);
  EXPECT_EQ(stats.at("q_ipackets").at(1), 8);
  EXPECT_EQ(stats.at("q_ipackets").size(), 16u);  // as many as DPDK's clients expect
  EXPECT_EQ(Value("/ethdev/xstats,1").at("rx_good_packets"), 8);
  EXPECT_EQ(Value("/ethdev/xstats,1").at("rx_q1_packets"), 8);
  EXPECT_EQ(Value("/ethdev/stats,0").at("ipackets"), 0);
  EXPECT_EQ(Value("/ethdev/info,1").at("nb_rx_queues"), 2);
  EXPECT_EQ(Value("/ethdev/link_status,1").at("status"), "UP");
  EXPECT_EQ(Value("/ethdev/rx_queue,1,1").at("packets"), 8);
  EXPECT_EQ(Value("/ethdev/tx_queue,1,0").at("pending"), 0);
}

TEST_F(CommandsTest, LcoresThatPollHaveCycles) {
  EXPECT_EQ(Value("/eal/lcore/list"), json({0, 3}));
  EXPECT_EQ(Value("/eal/lcore/usage"), json({{"lcore_ids", {3}}, {"busy_cycles", {30}}, {"total_cycles", {100}}}));
  EXPECT_FALSE(Value("/eal/lcore/info,0").contains("busy_cycles"));
  EXPECT_EQ(Value("/eal/lcore/info,3").at("cpuset"), json({1}));
}

TEST_F(CommandsTest, WakesAreCountedByTheirLength) {
  const json wakes = Value("/pollux/wakes");
  EXPECT_EQ(wakes.at("bounds_ns").front(), 1024);
  EXPECT_EQ(wakes.at("bounds_ns").back(), 33'554'432);
  ASSERT_EQ(wakes.at("lcores").size(), 1u) << "lcore 0 does not sleep";
  const json& lcore = wakes.at("lcores").front();
  EXPECT_EQ(lcore.at("lcore"), 3);
  ASSERT_EQ(lcore.at("counts").size(), wakes.at("bounds_ns").size() + 1);
  EXPECT_EQ(lcore.at("counts").at(1), 1) << "1500 ns";
  EXPECT_EQ(lcore.at("counts").back(), 1) << "50 ms";
  EXPECT_EQ(lcore.at("sum_ns"), 50'001'500);
  EXPECT_EQ(lcore.at("unmeasured"), 1);
}

TEST_F(CommandsTest, PoolsHaveTheirFreeFrames) {
  const std::string name = absl::StrCat("mb_pool_", view_.pool().id());
  EXPECT_EQ(Value("/mempool/list"), json({name}));
  const json pool = Value("/mempool/info," + name);
  EXPECT_EQ(pool.at("size"), 4096);
  EXPECT_EQ(pool.at("free_count"), view_.pool().FreeCount());
  EXPECT_EQ(pool.at("common_pool_count").get<std::size_t>() + pool.at("total_cache_count").get<std::size_t>(), view_.pool().FreeCount());
}

TEST_F(CommandsTest, TheReportNamesPortsAndTheClock) {
  const json report = Value("/pollux/report");
  EXPECT_GT(report.at("cycles_per_second"), 0);
  EXPECT_EQ(report.at("ports").at(1).at("name"), "net_null1");
  EXPECT_EQ(Value("/pollux/accounting").at("ports").at(0).at("tx_pending"), 0);
}

TEST_F(CommandsTest, WhatCannotBeAnsweredIsNullWithAReason) {
  for (const char* request : {"/ethdev/stats", "/ethdev/stats,", "/ethdev/stats,7", "/ethdev/stats,x", "/ethdev/stats,0,1",
                              "/ethdev/stats,-1", "/ethdev/rx_queue,0", "/ethdev/rx_queue,0,2", "/eal/lcore/info,9", "/mempool/info,nobody",
                              "/ring/info,r", "/help,/nothing", "/nothing", "ethdev", "", ","}) {
    const json answer = Ask(request);
    const std::string command = std::string(request).substr(0, std::string(request).find(','));
    EXPECT_TRUE(answer.at(command).is_null()) << request;
    EXPECT_FALSE(answer.at("error").get<std::string>().empty()) << request;
  }
}

TEST_F(CommandsTest, APortThatIsNotConfiguredCountsNothing) {
  view_.configured = false;
  EXPECT_TRUE(Value("/ethdev/stats,0").is_null());
  EXPECT_EQ(Value("/ethdev/info,0").at("nb_rx_queues"), 0);
  EXPECT_TRUE(Value("/pollux/accounting").at("ports").empty());
}

TEST_F(CommandsTest, EveryCommandIsListedAndHasHelp) {
  for (const json& name : Value("/")) {
    const json help = Value(absl::StrCat("/help,", name.get<std::string>()));
    EXPECT_FALSE(help.at(name.get<std::string>()).get<std::string>().empty()) << name;
  }
  EXPECT_EQ(Value("/").size(), 20u);
}

TEST_F(CommandsTest, ARequestMayEndWithItsTerminator) {
  EXPECT_TRUE(Ask(std::string("/ethdev/list\0", 13)).contains("/ethdev/list"));
}

TEST(DropCausesTest, QueuesAreAddedUpAndOnlyLossesAreNamed) {
  const std::map<std::string, uint64_t> causes = DropCauses({{"rx_q0_ring_full", 1},
                                                             {"rx_q12_ring_full", 2},
                                                             {"tx_q0_dropped_too_long", 3},
                                                             {"tx_q0_inject_dropped_gone", 4},
                                                             {"tx_q0_ring_full", 50},  // a burst that was not taken is still the caller's
                                                             {"rx_q0_packets", 60},
                                                             {"rx_q0_discarded_at_stop", 0},
                                                             {"tx_quick_dropped_x", 5},  // of no queue
                                                             {"rx_quick_dropped", 0}});
  EXPECT_EQ(causes, (std::map<std::string, uint64_t>{{"rx_ring_full", 3},
                                                     {"tx_dropped_too_long", 3},
                                                     {"tx_inject_dropped_gone", 4},
                                                     {"tx_quick_dropped_x", 5},
                                                     {"rx_discarded_at_stop", 0}}));
}

}  // namespace
}  // namespace pollux::pmd::telemetry
