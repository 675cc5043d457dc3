// SPDX-License-Identifier: Apache-2.0
#include "lcore/wake_limit.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

namespace pollux::lcore {
namespace {

// A file in place of the kernel's.
TEST(WakeLimitTest, WritesTheNumberAsItLiesInMemoryAndKeepsItOpen) {
  std::string path = testing::TempDir() + "/limitXXXXXX";
  const int file = mkstemp(path.data());
  ASSERT_GE(file, 0);
  {
    const auto limit = WakeLimit::Hold(25, path);
    ASSERT_TRUE(limit.ok()) << limit.status();
    int32_t value = 0;
    ASSERT_EQ(pread(file, &value, sizeof(value), 0), static_cast<ssize_t>(sizeof(value)));
    EXPECT_EQ(value, 25);
    // A file with a writer takes no read lease; without one it does: whether the limit's descriptor is open.
    const int reader = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    close(file);
    EXPECT_EQ(fcntl(reader, F_SETLEASE, F_RDLCK), -1) << "somebody has it open for writing";
    close(reader);
  }
  const int reader = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  EXPECT_EQ(fcntl(reader, F_SETLEASE, F_RDLCK), 0) << "nobody has";
  close(reader);
  unlink(path.c_str());
}

TEST(WakeLimitTest, WhereThereIsNoSuchThingTheErrorSaysWhatToDo) {
  const auto limit = WakeLimit::Hold(25, "/nowhere/cpu_dma_latency");
  ASSERT_FALSE(limit.ok());
  EXPECT_NE(limit.status().message().find("open(/nowhere/cpu_dma_latency)"), std::string::npos) << limit.status();
  EXPECT_NE(limit.status().message().find("leave the limit out"), std::string::npos) << limit.status();
}

TEST(WakeLimitTest, AnAbsurdNumberIsRefused) {
  EXPECT_EQ(WakeLimit::Hold(WakeLimit::kMostUs + 1).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace pollux::lcore
