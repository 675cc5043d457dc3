// SPDX-License-Identifier: Apache-2.0
// Attachments of one process: ours, other people's in the way, and what this process may not do.
#include <linux/capability.h>
#include <linux/if_link.h>
#include <sys/syscall.h>

#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpf/xdp_shared.h"
#include "tests/bpf/attachment_fixture.h"
#include "tests/bpf/holder_process.h"
#include "tests/bpf/unbound_socket.h"
#include "tests/support/frame_socket.h"
#include "tests/support/packet_builder.h"

namespace pollux::bpf {
namespace {

using support::PacketBuilder;
using testing::AllOf;
using testing::HasSubstr;

using XdpProgramTest = AttachmentTest;

void GiveUp(std::vector<int> capabilities) {
  __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  syscall(SYS_capget, &header, data);
  for (int capability : capabilities) data[capability / 32].effective &= ~(1u << capability % 32);
  syscall(SYS_capset, &header, data);
}

TEST_F(XdpProgramTest, NativeAndGoneWithTheObject) {
  for (AttachMode mode : {AttachMode::kAutomatic, AttachMode::kNative, AttachMode::kGeneric}) {
    auto program = XdpProgram::Attach("p0", {.mode = mode, .steer = {}, .dispatcher = false, .object_file = {}});
    ASSERT_TRUE(program.ok()) << program.status();
    EXPECT_EQ((*program)->native(), mode != AttachMode::kGeneric);
    EXPECT_FALSE((*program)->joined());
    EXPECT_EQ((*program)->fallback_reason(), "");
    ASSERT_EQ(Attached().size(), 1u);
    EXPECT_EQ(Attached()[0].name, "pollux_redirect");
    EXPECT_EQ(Attached()[0].id, (*program)->program_id());
    EXPECT_EQ(Attached()[0].native, mode != AttachMode::kGeneric);
    program->reset();
    EXPECT_TRUE(Attached().empty());
  }
}

TEST_F(XdpProgramTest, GenericWhereTheDriverHasNoNativeMode) {
  auto refused = XdpProgram::Attach("lo", {.mode = AttachMode::kNative, .steer = {}, .dispatcher = false, .object_file = {}});
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Message(refused.status()), AllOf(HasSubstr("lo"), HasSubstr("native"), HasSubstr("generic mode works")));
  auto program = XdpProgram::Attach("lo", {});
  ASSERT_TRUE(program.ok()) << program.status();
  EXPECT_FALSE((*program)->native());
  EXPECT_THAT((*program)->fallback_reason(), HasSubstr("no native XDP"));
}

// One frame of a veth's native mode is a page.
TEST_F(XdpProgramTest, GenericWhereTheMtuIsTooLargeForNativeMode) {
  scope_.reset();
  rig_.reset();
  auto rig = VethRig::Create({.ports = 1, .mtu = 9000, .ipv6 = false});
  ASSERT_TRUE(rig.ok()) << rig.status();
  auto scope = NamespaceScope::Enter((*rig)->switch_namespace());
  ASSERT_TRUE(scope.ok()) << scope.status();
  auto refused = XdpProgram::Attach("p0", {.mode = AttachMode::kNative, .steer = {}, .dispatcher = false, .object_file = {}});
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition) << refused.status();
  EXPECT_THAT(Message(refused.status()), HasSubstr("MTU"));
  auto program = XdpProgram::Attach("p0", {});
  ASSERT_TRUE(program.ok()) << program.status();
  EXPECT_FALSE((*program)->native());
  EXPECT_THAT((*program)->fallback_reason(), HasSubstr("MTU"));
}

TEST_F(XdpProgramTest, MissingInterface) {
  auto program = XdpProgram::Attach("nowhere0", {});
  EXPECT_EQ(program.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(Message(program.status()), HasSubstr("nowhere0"));
  EXPECT_EQ(AttachedPrograms("nowhere0").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(XdpProgramTest, AForeignProgramIsNamedAndLeftAlone) {
  for (uint32_t flags : {XDP_FLAGS_DRV_MODE, XDP_FLAGS_SKB_MODE}) {
    AttachForeign("firewall", flags);
    uint32_t id = Attached().at(0).id;
    for (AttachMode mode : {AttachMode::kAutomatic, AttachMode::kNative, AttachMode::kGeneric}) {
      auto program = XdpProgram::Attach("p0", {.mode = mode, .steer = {}, .dispatcher = false, .object_file = {}});
      EXPECT_EQ(program.status().code(), absl::StatusCode::kAlreadyExists);
      EXPECT_THAT(Message(program.status()), AllOf(HasSubstr("'firewall'"), HasSubstr("id " + std::to_string(id)),
                                                   HasSubstr(flags == XDP_FLAGS_DRV_MODE ? "native" : "generic"), HasSubstr("p0")));
      EXPECT_EQ(Attached().at(0).id, id);
    }
    ASSERT_EQ(bpf_xdp_detach(static_cast<int>(if_nametoindex("p0")), flags, nullptr), 0);
    close(foreign_);
    foreign_ = -1;
  }
}

TEST_F(XdpProgramTest, OurNameAloneDoesNotMakeAProgramOurs) {
  AttachForeign("pollux_redirect", XDP_FLAGS_DRV_MODE);
  auto program = XdpProgram::Attach("p0", {});
  EXPECT_EQ(program.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(Message(program.status()), AllOf(HasSubstr("pollux_redirect"), HasSubstr("no bpf_link")));
}

TEST_F(XdpProgramTest, WhatIsSteeredToTheKernelIsCounted) {
  auto program = XdpProgram::Attach("p0", Steering({"udp dst 4789"}));
  ASSERT_TRUE(program.ok()) << program.status();
  auto wire = support::FrameSocket::Open(rig_->client(0), VethRig::ClientInterface(0));
  ASSERT_TRUE(wire.ok()) << wire.status();
  uint64_t before = (*program)->passed_packets();
  for (int i = 0; i < 10; ++i) ASSERT_TRUE((*wire)->Send(PacketBuilder().Ethernet().Ipv4().Tcp().FillTo(60).Build()).ok());
  for (int i = 0; i < 1000 && (*program)->passed_packets() < before + 10; ++i) std::this_thread::sleep_for(milliseconds(5));
  EXPECT_GE((*program)->passed_packets(), before + 10);
}

TEST_F(XdpProgramTest, TheMissingCapabilityIsNamed) {
  HolderProcess unprivileged("p0", {}, {}, [] { GiveUp({CAP_BPF, CAP_NET_ADMIN, CAP_SYS_ADMIN}); });
  EXPECT_EQ(unprivileged.Report().code, static_cast<int>(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(std::string(unprivileged.Report().message), AllOf(HasSubstr("CAP_BPF"), HasSubstr("CAP_NET_ADMIN")));
  HolderProcess half("p0", {}, {}, [] { GiveUp({CAP_NET_ADMIN, CAP_SYS_ADMIN}); });
  EXPECT_EQ(half.Report().code, static_cast<int>(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(std::string(half.Report().message), AllOf(HasSubstr("CAP_NET_ADMIN"), testing::Not(HasSubstr("CAP_BPF"))));
  // These two are enough to be the first, not to share.
  HolderProcess first("p0", {}, {}, [] { GiveUp({CAP_SYS_ADMIN}); });
  EXPECT_EQ(first.Report().code, 0) << first.Report().message;
  HolderProcess second("p0", {}, {}, [] { GiveUp({CAP_SYS_ADMIN}); });
  EXPECT_EQ(second.Report().code, static_cast<int>(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(std::string(second.Report().message), HasSubstr("CAP_SYS_ADMIN"));
}

TEST_F(XdpProgramTest, StampsAreSharedWithTheProgram) {
  auto first = XdpProgram::Attach("p0", {});
  ASSERT_TRUE(first.ok()) << first.status();
  auto second = XdpProgram::Attach("p0", {});
  ASSERT_TRUE(second.ok()) << second.status();
  ASSERT_TRUE((*second)->joined());
  volatile uint64_t* const stamp = (*first)->wake_stamp(3);
  ASSERT_NE(stamp, nullptr);
  ASSERT_NE((*second)->wake_stamp(3), nullptr);
  *stamp = 77;
  EXPECT_EQ(*static_cast<volatile uint64_t*>((*second)->wake_stamp(3)), 77u);
  EXPECT_EQ((*first)->wake_stamp(POLLUX_MAXIMUM_QUEUES), nullptr);
}

TEST_F(XdpProgramTest, TheDispatcherOrAClearRefusal) {
  ProgramOptions options;
  options.dispatcher = true;
  auto program = XdpProgram::Attach("p0", options);
  if (program.ok()) {
    EXPECT_EQ(Attached().at(0).name, "xdp_dispatcher");
    return;
  }
  EXPECT_EQ(program.status().code(), absl::StatusCode::kUnimplemented) << program.status();
  EXPECT_THAT(Message(program.status()), HasSubstr("BPF_PROG_TYPE_EXT"));
  EXPECT_TRUE(Attached().empty());
}

TEST_F(XdpProgramTest, TwoProgramsInTheDispatcher) {
  ProgramOptions options;
  options.dispatcher = true;
  auto first = XdpProgram::Attach("p0", options);
  if (absl::IsUnimplemented(first.status())) GTEST_SKIP() << "this kernel cannot replace functions (BPF_PROG_TYPE_EXT)";
  ASSERT_TRUE(first.ok()) << first.status();
  auto second = XdpProgram::Attach("p0", options);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_NE((*first)->program_id(), (*second)->program_id());
  UnboundSocket socket;
  EXPECT_TRUE((*second)->AddSocket(0, socket.fd()).ok());
  first->reset();
  EXPECT_EQ(Attached().size(), 1u);
  second->reset();
  EXPECT_TRUE(Attached().empty());
}

}  // namespace
}  // namespace pollux::bpf
