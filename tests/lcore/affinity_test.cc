// SPDX-License-Identifier: Apache-2.0
#include "lcore/affinity.h"

#include <sched.h>

#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pollux::lcore {
namespace {

using ::testing::HasSubstr;

// Each test runs in a thread of its own, so that none inherits another's mask.
template <typename Body>
void InAnotherThread(Body body) {
  std::thread(body).join();
}

TEST(AffinityTest, PinsAndReadsBack) {
  InAnotherThread([] {
    const CoreSet available = ThreadAffinity().value();
    for (const unsigned cpu : available.cpus()) {
      const absl::Status status = PinThisThread({cpu});
      ASSERT_TRUE(status.ok()) << status;
      EXPECT_EQ(ThreadAffinity().value(), CoreSet{cpu});
      EXPECT_EQ(sched_getcpu(), static_cast<int>(cpu));
    }
    EXPECT_TRUE(PinThisThread(available).ok());
    EXPECT_EQ(ThreadAffinity().value(), available);
  });
}

TEST(AffinityTest, WhatCanBeGrantedDoesNotDependOnTheMaskOfNow) {
  InAnotherThread([] {
    const CoreSet grantable = GrantableCpus().value();
    const CoreSet former = ThreadAffinity().value();
    EXPECT_TRUE(grantable.ContainsAll(former));
    const CoreSet one{former.cpus().front()};
    ASSERT_TRUE(PinThisThread(one).ok());
    EXPECT_EQ(GrantableCpus().value(), grantable);
    EXPECT_EQ(ThreadAffinity().value(), one) << "the former mask is back";
  });
}

TEST(AffinityTest, ACpuThatIsNotThereIsNamedBesideThoseThatAre) {
  InAnotherThread([] {
    const CoreSet former = ThreadAffinity().value();
    const std::string available = GrantableCpus()->ToString();
    const absl::Status status = PinThisThread({1023});
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(std::string(status.message()),
              "sched_setaffinity(this thread, CPUs 1023): the kernel does not grant 1023 (offline, or outside the cgroup's cpuset); "
              "available here: " +
                  available);
    EXPECT_EQ(ThreadAffinity().value(), former);
  });
}

TEST(AffinityTest, LessThanAskedIsAnErrorToo) {
  InAnotherThread([] {
    const CoreSet former = ThreadAffinity().value();
    const CoreSet one{former.cpus().front()};
    const absl::Status status = PinThisThread(one | CoreSet{1000, 1001});
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(status.message()), HasSubstr("does not grant 1000-1001 ("));
    EXPECT_EQ(ThreadAffinity().value(), former) << "the kernel had narrowed the mask: it must be undone";
  });
}

TEST(AffinityTest, NoCpuIsRefused) {
  EXPECT_EQ(PinThisThread({}).code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace pollux::lcore
