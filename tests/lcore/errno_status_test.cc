// SPDX-License-Identifier: Apache-2.0
#include "lcore/errno_status.h"

#include <cerrno>

#include <gtest/gtest.h>

namespace pollux::lcore {
namespace {

TEST(ErrnoStatusTest, NamesTheCallTheErrorAndWhatToDo) {
  const absl::Status status = ErrnoStatus(ENODEV, "bind(AF_XDP, eth0, queue 3)", "see ip link");
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(status.message(), "bind(AF_XDP, eth0, queue 3): No such device; see ip link");
}

TEST(ErrnoStatusTest, LeavesAnEmptyHintOut) {
  EXPECT_EQ(ErrnoStatus(EPERM, "bpf()").message(), "bpf(): Operation not permitted");
}

TEST(ErrnoStatusTest, TheCodeFitsTheErrno) {
  EXPECT_EQ(ErrnoStatus(EPERM, "x").code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(ErrnoStatus(EINVAL, "x").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ErrnoStatus(EBUSY, "x").code(), absl::StatusCode::kFailedPrecondition);
}

TEST(AnnotateTest, PutsTheContextBefore) {
  const absl::Status status = Annotate(absl::NotFoundError("no such port"), "port 3");
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(status.message(), "port 3: no such port");
}

TEST(AnnotateTest, OkStaysOk) {
  EXPECT_TRUE(Annotate(absl::OkStatus(), "port 3").ok());
}

}  // namespace
}  // namespace pollux::lcore
