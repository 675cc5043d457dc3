// SPDX-License-Identifier: Apache-2.0
#include "tools/support/veth_pair.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tools/support/child_process.h"

namespace pollux::support {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class VethPairTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!NetworkNamespace::MayCreate()) GTEST_SKIP() << "network namespaces need root";
    auto left = NetworkNamespace::CreateUnnamed();
    auto right = NetworkNamespace::CreateUnnamed();
    ASSERT_TRUE(left.ok() && right.ok()) << left.status() << right.status();
    left_ = *std::move(left);
    right_ = *std::move(right);
  }

  static std::string Run(const NetworkNamespace& network, const Arguments& command) {
    const auto output = RunSuccessfully(command, &network);
    EXPECT_TRUE(output.ok()) << output.status();
    return output.value_or("");
  }

  std::unique_ptr<NetworkNamespace> left_, right_;
};

TEST_F(VethPairTest, EachEndIsInItsNamespaceWithWhatWasAsked) {
  const absl::Status status = AddVethPair({*left_, "plxleft", "02:00:00:00:00:01"}, {*right_, "plxright", "", /*up=*/false},
                                          {.queues = 3, .mtu = 1400, .arp = false, .gro = true});
  ASSERT_TRUE(status.ok()) << status;
  const std::string left = Run(*left_, {"ip", "-details", "link", "show", "plxleft"});
  EXPECT_THAT(left, AllOf(HasSubstr("02:00:00:00:00:01"), HasSubstr("mtu 1400"), HasSubstr("NOARP"), HasSubstr(",UP"),
                          HasSubstr("numrxqueues 3"), HasSubstr("numtxqueues 3")));
  const std::string right = Run(*right_, {"ip", "-details", "link", "show", "plxright"});
  EXPECT_THAT(right, AllOf(HasSubstr("mtu 1400"), HasSubstr("NOARP"), Not(HasSubstr(",UP")), HasSubstr("numrxqueues 3")));
  EXPECT_THAT(Run(*right_, {"ethtool", "-k", "plxright"}), HasSubstr("generic-receive-offload: on"));
}

TEST_F(VethPairTest, BothEndsInOneNamespaceAndTheKernelsDefaults) {
  const absl::Status status = AddVethPair({*left_, "plx0"}, {*left_, "plx1"});
  ASSERT_TRUE(status.ok()) << status;
  const std::string links = Run(*left_, {"ip", "link", "show"});
  EXPECT_THAT(links, AllOf(HasSubstr("plx0@plx1"), HasSubstr("plx1@plx0"), Not(HasSubstr("NOARP"))));
  EXPECT_THAT(Run(*left_, {"ethtool", "-k", "plx0"}), HasSubstr("generic-receive-offload: off"));
}

TEST_F(VethPairTest, AnErrorIsThatOfIp) {
  ASSERT_TRUE(AddVethPair({*left_, "plx0"}, {*right_, "plx0"}).ok());
  EXPECT_THAT(std::string(AddVethPair({*left_, "plx0"}, {*right_, "plx1"}).message()), HasSubstr("File exists"));
}

// An unnamed namespace has no name in /run/netns, and is gone with its object.
TEST_F(VethPairTest, TheNamespacesEndEndsThePair) {
  ASSERT_TRUE(AddVethPair({*left_, "plx0"}, {*right_, "plx1"}).ok());
  right_.reset();
  for (int i = 0; i < 2000 && Run(*left_, {"ip", "link", "show"}).find("plx0") != std::string::npos; ++i) continue;
  EXPECT_THAT(Run(*left_, {"ip", "link", "show"}), Not(HasSubstr("plx0")));
}

}  // namespace
}  // namespace pollux::support
