// SPDX-License-Identifier: Apache-2.0
#include "lcore/capabilities.h"

#include <linux/capability.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <string>
#include <thread>

#include <gtest/gtest.h>

namespace pollux::lcore {
namespace {

constexpr Capability kTwo[] = {{CAP_NET_RAW, "CAP_NET_RAW"}, {CAP_NET_ADMIN, "CAP_NET_ADMIN"}};

// The lines of /proc/thread-self/status by their names.
std::map<std::string, std::string> StatusOfThisThread() {
  std::map<std::string, std::string> status;
  std::ifstream file("/proc/thread-self/status");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(":\t");
    if (colon != std::string::npos) status[line.substr(0, colon)] = line.substr(colon + 2);
  }
  return status;
}

// What is given away is gone for good, so each test has a thread of its own.
template <typename Action>
void InAThread(Action action) {
  std::thread(action).join();
}

TEST(CapabilitiesTest, NothingIsLeft) {
  InAThread([] {
    ASSERT_TRUE(KeepCapabilities({}).ok());
    const auto status = StatusOfThisThread();
    for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapAmb"}) EXPECT_EQ(status.at(set), "0000000000000000") << set;
    if (geteuid() == 0) {
      EXPECT_EQ(status.at("CapBnd"), "0000000000000000");
    }
    EXPECT_EQ(status.at("NoNewPrivs"), "1");
    EXPECT_EQ(MissingCapabilities(kTwo).size(), 2u);
  });
}

TEST(CapabilitiesTest, WhatIsKeptStaysAndCanBeGivenAwayLater) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  InAThread([] {
    ASSERT_TRUE(KeepCapabilities({CAP_NET_RAW, CAP_BPF}).ok());
    EXPECT_EQ(StatusOfThisThread().at("CapEff"), "0000008000002000");
    EXPECT_EQ(MissingCapabilities(kTwo), std::vector<std::string>{"CAP_NET_ADMIN"});
    // One that is gone does not come back.
    ASSERT_TRUE(KeepCapabilities({CAP_NET_RAW, CAP_NET_ADMIN}).ok());
    EXPECT_EQ(StatusOfThisThread().at("CapPrm"), "0000000000002000");
  });
}

TEST(CapabilitiesTest, OtherThreadsKeepTheirs) {
  const auto before = StatusOfThisThread();
  InAThread([] { EXPECT_TRUE(KeepCapabilities({}).ok()); });
  const auto after = StatusOfThisThread();
  for (const char* set : {"CapPrm", "CapEff", "CapBnd", "NoNewPrivs"}) EXPECT_EQ(after.at(set), before.at(set)) << set;
}

}  // namespace
}  // namespace pollux::lcore
