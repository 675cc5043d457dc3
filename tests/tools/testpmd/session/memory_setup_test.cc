// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/session/memory_setup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pollux::testpmd {
namespace {

using ::testing::HasSubstr;

TEST(PoolOptionsFor, SufficesForRingsAndCaches) {
  const auto small = PoolOptionsFor({}, {.ring_descriptors = 100, .lcores = 2});
  ASSERT_TRUE(small.ok());
  EXPECT_EQ(small->frame_count, 16384u);
  EXPECT_EQ(small->frame_size, 2048u);
  const auto large = PoolOptionsFor({}, {.ring_descriptors = 100000, .lcores = 2});
  EXPECT_GT(large->frame_count, 150000u);
  const auto quiet = PoolOptionsFor({}, {.ring_descriptors = 100 * 1024, .following_queues = 100, .busy_descriptors = 9000, .lcores = 2});
  EXPECT_GT(quiet->frame_count, 150000u + 4 * 9000);
  EXPECT_LT(quiet->frame_count, 250000u) << "not all ports are busy at once";
}

TEST(PoolOptionsFor, TakesLargerFramesForLongerPackets) {
  TestpmdOptions options;
  options.maximum_packet = 1792;
  EXPECT_EQ(PoolOptionsFor(options, {})->frame_size, 2048u);
  options.maximum_packet = 1793;
  EXPECT_EQ(PoolOptionsFor(options, {})->frame_size, 4096u);
  options.maximum_packet = 9018;
  EXPECT_EQ(PoolOptionsFor(options, {})->frame_size, 4096u) << "and several of them";
  options.maximum_packet = 69121;
  EXPECT_EQ(PoolOptionsFor(options, {}).status().message(),
            "--max-pkt-len=69121: 18 frames of 4096 bytes with a headroom of 256 hold 69120 bytes at most");
}

TEST(PoolOptionsFor, TakesFramesAsThePortsRecommend) {
  EXPECT_EQ(PoolOptionsFor({}, {.frame_size = 4096})->frame_size, 4096u);
  TestpmdOptions options;
  options.maximum_packet = 1000;
  EXPECT_EQ(PoolOptionsFor(options, {.frame_size = 4096})->frame_size, 4096u);
  options.frame_size = 2048;
  EXPECT_EQ(PoolOptionsFor(options, {.frame_size = 4096})->frame_size, 2048u) << "the command line's choice";
}

TEST(MemorySetup, PortsOfANodeShareAPool) {
  EalOptions eal;
  eal.no_huge = true;
  TestpmdOptions options;
  options.frame_count = 1024;
  auto memory = MemorySetup::Create(eal, options, {{mempool::kAnyNode, {}}});
  ASSERT_TRUE(memory.ok()) << memory.status();
  ASSERT_NE(memory->PoolOf(mempool::kAnyNode), nullptr);
  EXPECT_EQ(memory->PoolOf(mempool::kAnyNode)->frame_count(), 1024u);
  EXPECT_EQ(memory->PoolOf(7), nullptr);
  EXPECT_THAT(DescribePool(*memory->PoolOf(mempool::kAnyNode)), HasSubstr(">: n=1024, size=2048, headroom=256, socket="));
}

TEST(MemorySetup, KeepsToTheLimitOfTheCommandLine) {
  EalOptions eal;
  eal.no_huge = true;
  eal.memory_limit_mib = 1;
  TestpmdOptions options;
  options.frame_count = 1024;
  EXPECT_THAT(std::string(MemorySetup::Create(eal, options, {{0, {}}}).status().message()), HasSubstr("need 2 MiB, and -m allows 1"));
  eal.memory_limit_mib = 0;
  options.pages = mempool::PageKind::kHuge2M;
  EXPECT_EQ(MemorySetup::Create(eal, options, {{0, {}}}).status().message(), "--no-huge and --pages=2M or 1G exclude each other");
}

}  // namespace
}  // namespace pollux::testpmd
