// SPDX-License-Identifier: Apache-2.0
#include "bpf/feature_probe.h"

#include <memory>

#include <gtest/gtest.h>

#include "bpf/uapi.h"
#include "tests/support/veth_rig.h"

namespace pollux::bpf {
namespace {

using support::NamespaceScope;
using support::NetworkNamespace;
using support::VethRig;

class FeatureProbeTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!NetworkNamespace::MayCreate()) GTEST_SKIP() << "making network namespaces takes root";
    auto rig = VethRig::Create({.ports = 1, .queues = 2});
    ASSERT_TRUE(rig.ok()) << rig.status();
    rig_ = std::move(*rig);
    auto scope = NamespaceScope::Enter(rig_->switch_namespace());
    ASSERT_TRUE(scope.ok()) << scope.status();
    scope_ = std::move(*scope);
  }

  std::unique_ptr<VethRig> rig_;
  std::unique_ptr<NamespaceScope> scope_;
};

TEST_F(FeatureProbeTest, AVethHasNativeXdpAndNoZeroCopy) {
  absl::StatusOr<DeviceFeatures> features = ProbeDevice("p0");
  ASSERT_TRUE(features.ok()) << features.status();
  if (!features->known) GTEST_SKIP() << "no netdev netlink family in this kernel (before 6.3)";
  EXPECT_TRUE(features->xdp_actions & kXdpActionBasic);
  EXPECT_TRUE(features->xdp_actions & kXdpActionRedirect);
  EXPECT_FALSE(features->xdp_actions & kXdpActionZeroCopy);
  EXPECT_NE(DescribeFeatures(*features).find("native XDP, redirect"), std::string::npos) << DescribeFeatures(*features);
}

TEST_F(FeatureProbeTest, LoopbackHasNoXdpOfItsOwn) {
  absl::StatusOr<DeviceFeatures> features = ProbeDevice("lo");
  ASSERT_TRUE(features.ok()) << features.status();
  if (!features->known) GTEST_SKIP() << "no netdev netlink family in this kernel (before 6.3)";
  EXPECT_EQ(features->xdp_actions, 0u);
  EXPECT_EQ(DescribeFeatures(*features), "none");
}

TEST_F(FeatureProbeTest, MissingInterface) {
  EXPECT_EQ(ProbeDevice("nowhere0").status().code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(QueueNapiId("nowhere0", 0, QueueDirection::kRx));
}

// A veth links no NAPI instances; a queue that does not exist has none anyway.
TEST_F(FeatureProbeTest, QueuesWithoutNapi) {
  EXPECT_FALSE(QueueNapiId("p0", 0, QueueDirection::kTx));
  EXPECT_FALSE(QueueNapiId("p0", 99, QueueDirection::kRx));
}

TEST(DescribeFeaturesTest, Words) {
  EXPECT_EQ(DescribeFeatures({}), "unknown (the kernel does not tell)");
  DeviceFeatures features;
  features.known = true;
  features.xdp_actions = kXdpActionBasic | kXdpActionZeroCopy | kXdpActionTransmit;
  features.zero_copy_segments = 8;
  EXPECT_EQ(DescribeFeatures(features), "native XDP, transmit, zero-copy, 8 segments in zero-copy");
}

}  // namespace
}  // namespace pollux::bpf
