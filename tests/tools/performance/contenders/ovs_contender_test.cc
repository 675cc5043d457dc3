// SPDX-License-Identifier: Apache-2.0
#include "tools/performance/contenders/ovs_contender.h"

#include <absl/strings/str_join.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pollux::performance {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;

std::string Command(WorkKind kind, uint32_t queue_count = 1) {
  return absl::StrJoin(OvsCommand({.name = "ovs-pollux", .script = "tools/ovs", .programs = "/programs", .type = "pollux"},
                                  {.kind = kind, .queue_count = queue_count, .forwarder_cpu = 3, .other_cpu = 2}),
                       " ");
}

TEST(OvsCommandTest, ForwardingIsWhatTheScriptDoesByItself) {
  EXPECT_THAT(Command(WorkKind::kIo), EndsWith("taskset -c 2 tools/ovs run --type=pollux --pmd-cpu=3 --programs=/programs plxin plxout"));
}

TEST(OvsCommandTest, TheOtherWorksAreRules) {
  EXPECT_THAT(Command(WorkKind::kPushVlan), HasSubstr(" --flow=in_port=plxin,actions=mod_vlan_vid:5,output:plxout "));
  EXPECT_THAT(Command(WorkKind::kTwoPorts), HasSubstr(" --flow=in_port=plxin,actions=output:plxout,in_port "));
}

TEST(OvsCommandTest, QueuesAreAnOptionOfTheScript) {
  EXPECT_THAT(Command(WorkKind::kIo, 2), EndsWith(" --queues=2 plxin plxout"));
}

TEST(OvsCommandTest, OffloadIsAnOptionOfTheScriptAndOfPodsPorts) {
  const auto command = [](WorkKind kind) {
    return absl::StrJoin(OvsCommand({.script = "tools/ovs", .programs = "/p", .type = "pollux", .offload = true}, {.kind = kind}), " ");
  };
  EXPECT_THAT(command(WorkKind::kIo), EndsWith(" --programs=/p --offload plxin plxout"));
  EXPECT_THAT(command(WorkKind::kTcp), EndsWith(" --programs=/p --offload --option=attach=tc plxin plxout"));
}

TEST(OvsCommandTest, AnOptionOfPortsIsOneOfTheScript) {
  const auto command =
      OvsCommand({.script = "tools/ovs", .programs = "/p", .type = "pollux", .port_option = "rx-metadata=hash"}, {.kind = WorkKind::kTcp});
  EXPECT_THAT(absl::StrJoin(command, " "), EndsWith(" --programs=/p --option=rx-metadata=hash plxin plxout"));
}

TEST(OvsContenderTest, WhatIsMissingIsNamed) {
  const auto without_package = MakeOvsContender(
      {.name = "x", .script = "/bin/sh", .programs = "/bin", .type = "dpdk", .daemon = "/none/daemon", .package = "its-package"});
  EXPECT_THAT(std::string(without_package->Available().message()), AllOf(HasSubstr("/none/daemon"), HasSubstr("its-package")));
  EXPECT_THAT(std::string(MakeOvsContender({.name = "x", .script = "/bin/sh"})->Available().message()), HasSubstr("tools/ovs build"));
  EXPECT_THAT(std::string(MakeOvsContender({.name = "x", .script = "/bin/sh", .programs = "/none"})->Available().message()),
              HasSubstr("/none/ovs-vswitchd"));
}

}  // namespace
}  // namespace pollux::performance
