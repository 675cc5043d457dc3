// SPDX-License-Identifier: Apache-2.0
// Processes that share an interface's program: who comes, who goes, who is killed, and what they must agree on.
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/bpf/attachment_fixture.h"
#include "tests/bpf/holder_process.h"
#include "tests/bpf/unbound_socket.h"

namespace pollux::bpf {
namespace {

using testing::AllOf;
using testing::HasSubstr;

using AttachedLinkTest = AttachmentTest;

TEST_F(AttachedLinkTest, KilledProcessLeavesNothing) {
  HolderProcess holder("p0", {}, {0, 1});
  ASSERT_EQ(holder.Report().code, 0) << holder.Report().message;
  ASSERT_EQ(Attached().size(), 1u);
  holder.Kill();
  EXPECT_TRUE(NothingAttachedSoon());
}

TEST_F(AttachedLinkTest, TheSecondProcessSharesAndEitherMayDieFirst) {
  for (bool first_dies : {true, false}) {
    HolderProcess first("p0", {}, {0});
    ASSERT_EQ(first.Report().code, 0) << first.Report().message;
    HolderProcess second("p0", {}, {1});
    ASSERT_EQ(second.Report().code, 0) << second.Report().message;
    EXPECT_FALSE(first.Report().joined);
    EXPECT_TRUE(second.Report().joined);
    EXPECT_EQ(second.Report().program_id, first.Report().program_id);
    EXPECT_TRUE(second.Report().native);

    (first_dies ? first : second).Kill();
    // The queue of the dead one is free again, which the kernel sees to shortly after; the other one's is not.
    auto third = XdpProgram::Attach("p0", {});
    ASSERT_TRUE(third.ok()) << third.status();
    EXPECT_TRUE((*third)->joined());
    EXPECT_EQ((*third)->program_id(), first.Report().program_id);
    UnboundSocket socket;
    absl::Status added;
    for (int i = 0; i < 1000; ++i) {
      added = (*third)->AddSocket(first_dies ? 0 : 1, socket.fd());
      if (added.ok()) break;
      std::this_thread::sleep_for(milliseconds(5));
    }
    EXPECT_TRUE(added.ok()) << added;
    UnboundSocket another;
    added = (*third)->AddSocket(first_dies ? 1 : 0, another.fd());
    EXPECT_EQ(added.code(), absl::StatusCode::kAlreadyExists) << added;
    third->reset();
    EXPECT_EQ(Attached().size(), 1u);
    (first_dies ? second : first).Kill();
    EXPECT_TRUE(NothingAttachedSoon());
  }
}

TEST_F(AttachedLinkTest, ProcessesThatShareAgreeOnSteeringAndMode) {
  HolderProcess first("p0", Steering({"udp dst 4789", "arp"}));
  ASSERT_EQ(first.Report().code, 0) << first.Report().message;
  auto same = XdpProgram::Attach("p0", Steering({"arp", "udp dst port 4789"}));
  EXPECT_TRUE(same.ok()) << same.status();
  for (const ProgramOptions& options : {ProgramOptions(), Steering({"arp"}), Steering({"arp", "udp dst 4788"})}) {
    auto other = XdpProgram::Attach("p0", options);
    EXPECT_EQ(other.status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(Message(other.status()), AllOf(HasSubstr("pollux_steer"), HasSubstr("other steering"), HasSubstr("2 rules")));
  }
  ProgramOptions generic = Steering({"arp", "udp dst 4789"});
  generic.mode = AttachMode::kGeneric;
  auto other_mode = XdpProgram::Attach("p0", generic);
  EXPECT_EQ(other_mode.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Message(other_mode.status()), HasSubstr("asks for generic mode"));
}

// Steering meets a redirect-only program as well.
TEST_F(AttachedLinkTest, RulesAreNotSharedWithAProcessThatHasNone) {
  HolderProcess first("p0", {});
  ASSERT_EQ(first.Report().code, 0) << first.Report().message;
  auto other = XdpProgram::Attach("p0", Steering({"arp"}));
  EXPECT_EQ(other.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Message(other.status()), AllOf(HasSubstr("pollux_redirect"), HasSubstr("0 rules, here 1")));
}

// What another version of Pollux left running: its rules cannot be compared, and a larger value must not be read into ours.
TEST_F(AttachedLinkTest, RulesOfAnotherLayoutAreNotRead) {
  for (const uint32_t bytes : {64u, 1u << 20}) {
    const int program = LoadWithMap("pollux_steer", "pollux.rodata", bytes);
    ASSERT_GE(program, 0) << strerror(errno);
    const int link = bpf_link_create(program, static_cast<int>(if_nametoindex("p0")), BPF_XDP, nullptr);
    ASSERT_GE(link, 0) << strerror(errno);
    auto joined = XdpProgram::Attach("p0", Steering({"arp"}));
    EXPECT_EQ(joined.status().code(), absl::StatusCode::kFailedPrecondition) << bytes;
    EXPECT_THAT(Message(joined.status()), AllOf(HasSubstr("pollux_steer"), HasSubstr("another version"))) << bytes;
    close(link);
    close(program);
    EXPECT_TRUE(NothingAttachedSoon());
  }
}

TEST_F(AttachedLinkTest, ManyProcessesStartAtOnce) {
  for (int round = 0; round < 5; ++round) {
    std::vector<std::unique_ptr<HolderProcess>> holders;
    for (uint32_t queue = 0; queue < 4; ++queue) {
      holders.push_back(std::make_unique<HolderProcess>("p0", ProgramOptions(), std::vector<uint32_t>{queue}));
    }
    int attached = 0;
    for (auto& holder : holders) {
      EXPECT_EQ(holder->Report().code, 0) << holder->Report().message;
      EXPECT_EQ(holder->Report().program_id, holders[0]->Report().program_id);
      attached += !holder->Report().joined;
    }
    EXPECT_EQ(attached, 1);
    // Some are leaving while the next ones start.
    for (auto& holder : holders) holder->Kill();
  }
  EXPECT_TRUE(NothingAttachedSoon());
}

TEST_F(AttachedLinkTest, OneComesWhileTheOtherGoes) {
  for (int round = 0; round < 30; ++round) {
    auto leaving = std::make_unique<HolderProcess>("p0", ProgramOptions(), std::vector<uint32_t>{0});
    ASSERT_EQ(leaving->Report().code, 0) << leaving->Report().message;
    HolderProcess coming("p0", {}, {1});
    round % 2 == 0 ? leaving->Kill() : leaving->Leave();
    ASSERT_EQ(coming.Report().code, 0) << coming.Report().message;
    ASSERT_EQ(Attached().size(), 1u);
    EXPECT_EQ(Attached()[0].id, coming.Report().program_id);
    coming.Leave();
  }
}

}  // namespace
}  // namespace pollux::bpf
