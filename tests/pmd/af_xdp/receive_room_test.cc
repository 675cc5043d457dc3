// SPDX-License-Identifier: Apache-2.0
#include "pmd/af_xdp/receive_room.h"

#include <gtest/gtest.h>

namespace pollux::pmd::af_xdp {
namespace {

TEST(ZeroCopyRoom, DriversThatCountBuffersInSteps) {
  for (const char* driver : {"igb", "igc"}) {
    EXPECT_EQ(ZeroCopyRoom(driver, 2048 - 256), 1024u) << driver;
    EXPECT_EQ(ZeroCopyRoom(driver, 4096 - 256), 3072u) << driver;
    EXPECT_EQ(ZeroCopyRoom(driver, 2048), 2048u) << driver;
    EXPECT_EQ(ZeroCopyRoom(driver, 1023), 0u) << driver;
  }
}

TEST(ZeroCopyRoom, OthersGiveAllOfTheFrame) {
  for (const char* driver : {"virtio_net", "ice", "igbvf", "ig", ""}) EXPECT_EQ(ZeroCopyRoom(driver, 1792), 1792u) << driver;
}

}  // namespace
}  // namespace pollux::pmd::af_xdp
