// SPDX-License-Identifier: Apache-2.0
// Programs from object files.
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/bpf/attachment_fixture.h"
#include "tests/bpf/unbound_socket.h"

namespace pollux::bpf {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class ProgramObjectTest : public AttachmentTest {
 protected:
  static ProgramOptions File(const std::string& name) {
    ProgramOptions options;
    options.object_file = "tests/bpf/" + name;
    return options;
  }
};

TEST_F(ProgramObjectTest, AttachesAndIsSharedByItsCode) {
  auto program = XdpProgram::Attach("p0", File("custom_redirect.bpf.o"));
  ASSERT_TRUE(program.ok()) << program.status();
  EXPECT_EQ(Attached().at(0).name, "custom_redirect");
  EXPECT_EQ((*program)->wake_stamp(0), nullptr) << "its maps are its own business";
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

TEST_F(ProgramObjectTest, WhatIsWrongWithAFileIsSaidAndNothingPrinted) {
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
