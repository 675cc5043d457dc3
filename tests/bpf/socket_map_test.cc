// SPDX-License-Identifier: Apache-2.0
// Sockets of several owners in one map.
#include <gtest/gtest.h>

#include "tests/bpf/attachment_fixture.h"
#include "tests/bpf/unbound_socket.h"

namespace pollux::bpf {
namespace {

using SocketMapTest = AttachmentTest;

TEST_F(SocketMapTest, SocketsOfOthersStay) {
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

}  // namespace
}  // namespace pollux::bpf
