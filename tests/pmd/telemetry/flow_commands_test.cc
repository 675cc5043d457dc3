// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <absl/strings/str_cat.h>

#include "pmd/flow_table.h"
#include "pmd/telemetry.h"
#include "pmd/telemetry/commands.h"
#include "tests/pmd/telemetry/telemetry_fixture.h"

namespace pollux::pmd::telemetry {
namespace {

using nlohmann::json;

class FlowCommandsTest : public testing::Test {
 protected:
  FlowCommandsTest() { AddFlowCommands(commands_, view_); }

  void SetUp() override {
    auto table = FlowTable::Create({.flows = 1000});
    if (absl::IsPermissionDenied(table.status())) GTEST_SKIP() << "flow tables take CAP_BPF and CAP_NET_ADMIN";
    ASSERT_TRUE(table.ok()) << table.status();
    table_ = *std::move(table);
    view_.flows = table_;
  }
  json Ask(const std::string& request) const { return json::parse(commands_.Answer(request)); }

  void Add(uint32_t port, uint16_t ether_type) {
    Flow flow{.priority = 7, .match = {}, .actions = {{.kind = FlowAction::Kind::kDrop}}};
    flow.match.value.port = port;
    flow.match.mask.port = ~0u;
    flow.match.value.ether_type = ether_type;
    flow.match.mask.ether_type = 0xffff;
    ASSERT_TRUE(table_->Add(flow).ok());
  }

  TwoPorts view_;
  CommandTable commands_;
  std::shared_ptr<FlowTable> table_;
};

TEST_F(FlowCommandsTest, PortsThatShareATableStandAtOne) {
  Add(10, 1);
  const json tables = Ask("/pollux/flows").at("/pollux/flows").at("tables");
  ASSERT_EQ(tables.size(), 1u);
  const json& table = tables.front();
  EXPECT_EQ(table.at("flows"), 1);
  EXPECT_EQ(table.at("most_flows"), 1000);
  EXPECT_EQ(table.at("masks"), 1);
  EXPECT_EQ(table.at("counters").at("flow_hits"), 0);
  EXPECT_TRUE(table.at("counters").contains("flow_output_not_ready"));
  ASSERT_EQ(table.at("ports").size(), 2u);
  EXPECT_EQ(table.at("ports").at(1).at("port"), 1);
  EXPECT_EQ(table.at("ports").at(1).at("number"), 11);
  EXPECT_EQ(table.at("ports").at(1).at("looked_up"), true);
  EXPECT_EQ(table.at("ports").at(0).at("looked_up"), false);
}

TEST_F(FlowCommandsTest, FlowsOfAPortComeByPages) {
  for (uint16_t flow = 1; flow <= 200; ++flow) Add(11, flow);
  Add(10, 1);
  const json first = Ask("/pollux/flows,1").at("/pollux/flows");
  ASSERT_EQ(first.at("flows").size(), 128u);
  EXPECT_EQ(first.at("flows").at(0).at("match"), "port=11 ether_type=0x0100");
  EXPECT_EQ(first.at("flows").at(0).at("priority"), 7);
  EXPECT_EQ(first.at("flows").at(0).at("packets"), 0);
  EXPECT_TRUE(first.at("flows").at(0).at("idle_ms").is_null());
  const json rest = Ask(absl::StrCat("/pollux/flows,1,", first.at("next").get<int>())).at("/pollux/flows");
  EXPECT_EQ(rest.at("flows").size(), 72u);
  EXPECT_TRUE(rest.at("next").is_null());
  EXPECT_EQ(Ask("/pollux/flows,0").at("/pollux/flows").at("flows").size(), 1u);
  EXPECT_TRUE(Ask("/pollux/flows,1,4000000000").at("/pollux/flows").at("flows").empty());
}

TEST_F(FlowCommandsTest, APageFitsIntoAnAnswerWhateverItMatches) {
  for (uint32_t flow = 1; flow <= 200; ++flow) {
    Flow long_match{.match = {}, .actions = {{.kind = FlowAction::Kind::kDrop}}};
    long_match.match.mask.port = ~0u;
    long_match.match.value.port = 11;
    long_match.match.mask.ether_type = 0xffff;
    long_match.match.value.ether_type = 0xdd86;
    long_match.match.mask.protocol = 0xff;
    long_match.match.value.protocol = 6;
    for (int word = 0; word < 4; ++word) {
      long_match.match.mask.source[word] = long_match.match.mask.destination[word] = 0xfffffffe;
      long_match.match.value.source[word] = long_match.match.value.destination[word] = 0xfedcba98 & ~1u;
    }
    for (int index = 0; index < 6; ++index) {
      long_match.match.mask.source_mac[index] = long_match.match.mask.destination_mac[index] = 0xfe;
    }
    long_match.match.mask.source_port = long_match.match.mask.destination_port = 0xfeff;
    long_match.match.value.source_port = static_cast<uint16_t>(flow << 1 & 0xfe);
    long_match.match.value.destination_port = static_cast<uint16_t>((flow >> 7) << 1);
    const auto added = table_->Add(long_match);
    ASSERT_TRUE(added.ok()) << added.status();
  }
  const std::string answer = commands_.Answer("/pollux/flows,1");
  EXPECT_EQ(json::parse(answer).at("/pollux/flows").at("flows").size(), 128u);
  EXPECT_LT(answer.size(), Telemetry::kLongestAnswer);
}

TEST_F(FlowCommandsTest, WhatCannotBeAnsweredIsSaid) {
  for (const char* request : {"/pollux/flows,7", "/pollux/flows,x", "/pollux/flows,0,1,2", "/pollux/flows,0,"}) {
    const json answer = Ask(request);
    EXPECT_TRUE(answer.at("/pollux/flows").is_null()) << request;
    EXPECT_FALSE(answer.at("error").get<std::string>().empty()) << request;
  }
  view_.flows = nullptr;
  EXPECT_TRUE(Ask("/pollux/flows").at("/pollux/flows").at("tables").empty());
  EXPECT_EQ(Ask("/pollux/flows,0").at("error"), "port 0 uses no flow table");
}

}  // namespace
}  // namespace pollux::pmd::telemetry
