// SPDX-License-Identifier: Apache-2.0
// Attachments on a veth pair in namespaces of the test's own: ours, other people's, and shared ones.
#include "bpf/xdp_program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/bpf/holder_process.h"
#include "tests/bpf/program_runner.h"
#include "tests/bpf/unbound_socket.h"
#include "tests/support/frame_socket.h"
#include "tests/support/packet_builder.h"
#include "tests/support/veth_rig.h"

namespace pollux::bpf {
namespace {

using std::chrono::milliseconds;
using support::NamespaceScope;
using support::NetworkNamespace;
using support::PacketBuilder;
using support::VethRig;
using testing::AllOf;
using testing::HasSubstr;

std::string Message(const absl::Status& status) {
  return std::string(status.message());
}

ProgramOptions Steering(const std::vector<std::string>& texts) {
  ProgramOptions options;
  for (const std::string& text : texts) options.steer.push_back(ParseSteerRule(text).value());
  return options;
}

void GiveUp(std::vector<int> capabilities) {
  __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  syscall(SYS_capget, &header, data);
  for (int capability : capabilities) data[capability / 32].effective &= ~(1u << capability % 32);
  syscall(SYS_capset, &header, data);
}

// A program that lets everything pass, which somebody else attached through netlink.
int LoadForeign(const char* name) {
  bpf_insn instructions[2] = {};
  instructions[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
  instructions[0].imm = XDP_PASS;
  instructions[1].code = BPF_JMP | BPF_EXIT;
  return bpf_prog_load(BPF_PROG_TYPE_XDP, name, "GPL", instructions, 2, nullptr);
}

class XdpProgramTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!NetworkNamespace::MayCreate() || !MayLoadPrograms()) GTEST_SKIP() << "network namespaces and XDP programs take root";
    auto rig = VethRig::Create({.ports = 1, .queues = 4, .ipv6 = false, .static_neighbours = true});
    ASSERT_TRUE(rig.ok()) << rig.status();
    rig_ = std::move(*rig);
    auto scope = NamespaceScope::Enter(rig_->switch_namespace());
    ASSERT_TRUE(scope.ok()) << scope.status();
    scope_ = std::move(*scope);
  }

  std::vector<AttachedProgram> Attached(const std::string& interface = "p0") { return AttachedPrograms(interface).value(); }

  // A dead process's link is detached by the kernel shortly after.
  bool NothingAttachedSoon() {
    auto deadline = std::chrono::steady_clock::now() + milliseconds(5000);
    while (!Attached().empty()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(milliseconds(5));
    }
    return true;
  }

  void AttachForeign(const char* name, uint32_t flags) {
    foreign_ = LoadForeign(name);
    ASSERT_GE(foreign_, 0);
    ASSERT_EQ(bpf_xdp_attach(static_cast<int>(if_nametoindex("p0")), foreign_, flags, nullptr), 0);
  }

  void TearDown() override {
    if (foreign_ >= 0) close(foreign_);
  }

  std::unique_ptr<VethRig> rig_;
  std::unique_ptr<NamespaceScope> scope_;
  int foreign_ = -1;
};

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

TEST_F(XdpProgramTest, KilledProcessLeavesNothing) {
  HolderProcess holder("p0", {}, {0, 1});
  ASSERT_EQ(holder.Report().code, 0) << holder.Report().message;
  ASSERT_EQ(Attached().size(), 1u);
  holder.Kill();
  EXPECT_TRUE(NothingAttachedSoon());
}

TEST_F(XdpProgramTest, TheSecondProcessSharesAndEitherMayDieFirst) {
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

TEST_F(XdpProgramTest, ProcessesThatShareAgreeOnSteeringAndMode) {
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
TEST_F(XdpProgramTest, RulesAreNotSharedWithAProcessThatHasNone) {
  HolderProcess first("p0", {});
  ASSERT_EQ(first.Report().code, 0) << first.Report().message;
  auto other = XdpProgram::Attach("p0", Steering({"arp"}));
  EXPECT_EQ(other.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Message(other.status()), AllOf(HasSubstr("pollux_redirect"), HasSubstr("0 rules, here 1")));
}

TEST_F(XdpProgramTest, ManyProcessesStartAtOnce) {
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

TEST_F(XdpProgramTest, OneComesWhileTheOtherGoes) {
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

TEST_F(XdpProgramTest, SocketsOfOthersStay) {
  auto program = XdpProgram::Attach("p0", {});
  auto other = XdpProgram::Attach("p0", {});
  ASSERT_TRUE(program.ok() && other.ok()) << program.status() << other.status();
  EXPECT_TRUE((*other)->joined());
  UnboundSocket first;
  UnboundSocket second;
  ASSERT_TRUE(first.ok() && second.ok());
  ASSERT_TRUE((*program)->AddSocket(0, first.fd()).ok());
  EXPECT_EQ((*program)->AddSocket(0, second.fd()).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ((*other)->RemoveSocket(0).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ((*program)->AddSocket(1u << 20, second.fd()).code(), absl::StatusCode::kOutOfRange);
  EXPECT_FALSE((*program)->AddSocket(1, -1).ok());
  EXPECT_EQ((*other)->AddSocket(0, second.fd()).code(), absl::StatusCode::kAlreadyExists) << "the first socket is still there";

  // The first socket was closed behind our back, and somebody else took its queue.
  first.Close();
  ASSERT_TRUE((*other)->AddSocket(0, second.fd()).ok());
  EXPECT_TRUE((*program)->RemoveSocket(0).ok());
  UnboundSocket third;
  EXPECT_EQ((*program)->AddSocket(0, third.fd()).code(), absl::StatusCode::kAlreadyExists) << "the second socket is still there";
  EXPECT_TRUE((*other)->RemoveSocket(0).ok());
  EXPECT_TRUE((*program)->AddSocket(0, third.fd()).ok());
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

class ObjectFileTest : public XdpProgramTest {
 protected:
  static ProgramOptions File(const std::string& name) {
    ProgramOptions options;
    options.object_file = "tests/bpf/" + name;
    return options;
  }
};

TEST_F(ObjectFileTest, AttachesAndIsSharedByItsCode) {
  auto program = XdpProgram::Attach("p0", File("custom_redirect.bpf.o"));
  ASSERT_TRUE(program.ok()) << program.status();
  EXPECT_EQ(Attached().at(0).name, "custom_redirect");
  auto second = XdpProgram::Attach("p0", File("custom_redirect.bpf.o"));
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_TRUE((*second)->joined());
  UnboundSocket socket;
  EXPECT_TRUE((*second)->AddSocket(3, socket.fd()).ok());
  EXPECT_EQ((*second)->AddSocket(8, socket.fd()).code(), absl::StatusCode::kOutOfRange) << "its map has 8 entries";
  auto ours = XdpProgram::Attach("p0", {});
  EXPECT_EQ(ours.status().code(), absl::StatusCode::kAlreadyExists) << ours.status();
  auto other_code = XdpProgram::Attach("p0", File("other_redirect.bpf.o"));
  EXPECT_EQ(other_code.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(Message(other_code.status()), HasSubstr("not the code"));
}

TEST_F(ObjectFileTest, WhatIsWrongWithAFileIsSaidAndNothingPrinted) {
  testing::internal::CaptureStderr();
  auto missing = XdpProgram::Attach("p0", File("missing.bpf.o"));
  auto no_map = XdpProgram::Attach("p0", File("no_socket_map.bpf.o"));
  auto refused = XdpProgram::Attach("p0", File("out_of_bounds.bpf.o"));
  ProgramOptions with_rules = File("custom_redirect.bpf.o");
  with_rules.steer = Steering({"arp"}).steer;
  auto rules = XdpProgram::Attach("p0", with_rules);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(missing.status()), AllOf(HasSubstr("missing.bpf.o"), HasSubstr("No such file")));
  EXPECT_EQ(no_map.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(no_map.status()), AllOf(HasSubstr("no_socket_map.bpf.o"), HasSubstr("xsks_map")));
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kInternal);
  EXPECT_THAT(Message(refused.status()), AllOf(HasSubstr("out_of_bounds"), HasSubstr("invalid access to packet")));
  EXPECT_EQ(rules.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(Attached().empty());
}

}  // namespace
}  // namespace pollux::bpf
