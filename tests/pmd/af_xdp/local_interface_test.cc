// SPDX-License-Identifier: Apache-2.0
#include "pmd/af_xdp/local_interface.h"

#include <gtest/gtest.h>

namespace pollux::pmd::af_xdp {
namespace {

TEST(SendsHaveTheirOwnNapi, UnlessBothAreTheSameOrUnknown) {
  EXPECT_FALSE(SendsHaveTheirOwnNapi(513, 513)) << "one vector for both, as ice has";
  EXPECT_TRUE(SendsHaveTheirOwnNapi(513, 514)) << "as virtio-net has";
  EXPECT_TRUE(SendsHaveTheirOwnNapi(513, std::nullopt)) << "the driver links its receive queues only";
  EXPECT_FALSE(SendsHaveTheirOwnNapi(std::nullopt, std::nullopt)) << "a kernel that cannot tell";
}

}  // namespace
}  // namespace pollux::pmd::af_xdp
