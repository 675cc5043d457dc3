// SPDX-License-Identifier: Apache-2.0
#include "pmd/af_xdp/xsk_ring.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/support/fake_kernel.h"

namespace pollux::pmd::af_xdp {
namespace {

using support::FakeRing;

TEST(ProducerRing, EmptyByDefault) {
  ProducerRing<uint64_t> ring;
  EXPECT_EQ(ring.Room(1), 0u);
  EXPECT_EQ(ring.Waiting(), 0u);
  EXPECT_FALSE(ring.NeedsWakeup());
}

TEST(ConsumerRing, EmptyByDefault) {
  EXPECT_EQ(ConsumerRing<uint64_t>().Available(1), 0u);
}

// From 2^32 - 3 on, both indices wrap after three entries.
class RingAcrossTheWrap : public testing::TestWithParam<uint32_t> {};
INSTANTIATE_TEST_SUITE_P(Starts, RingAcrossTheWrap, testing::Values(0u, 0xFFFFFFFDu, 0x7FFFFFFEu));

TEST_P(RingAcrossTheWrap, ProducesUntilFullAndGoesOn) {
  FakeRing<uint64_t> kernel(8, GetParam());
  ProducerRing<uint64_t> ring(kernel.memory());
  EXPECT_EQ(ring.Room(100), 8u);
  for (uint32_t index = 0; index < 8; ++index) ring.At(index) = 10 + index;
  EXPECT_EQ(kernel.waiting(), 0u) << "not submitted yet";
  ring.Submit(8);
  EXPECT_EQ(ring.Room(1), 0u);
  EXPECT_EQ(ring.Waiting(), 8u);
  for (uint32_t index = 0; index < 5; ++index) EXPECT_EQ(kernel.Take(), 10 + index);
  EXPECT_EQ(ring.Room(100), 5u);
  ring.At(0) = 99;
  ring.Submit(1);
  for (uint32_t index = 5; index < 8; ++index) EXPECT_EQ(kernel.Take(), 10 + index);
  EXPECT_EQ(kernel.Take(), 99u);
}

TEST_P(RingAcrossTheWrap, ConsumesWhatThereIs) {
  FakeRing<uint64_t> kernel(8, GetParam());
  ConsumerRing<uint64_t> ring(kernel.memory());
  EXPECT_EQ(ring.Available(4), 0u);
  for (uint64_t value = 0; value < 6; ++value) kernel.Put(value);
  EXPECT_EQ(ring.Available(4), 4u);
  for (uint32_t index = 0; index < 4; ++index) EXPECT_EQ(ring.At(index), index);
  ring.Release(4);
  EXPECT_EQ(kernel.room(), 6u);
  EXPECT_EQ(ring.Available(4), 2u);
  EXPECT_EQ(ring.At(1), 5u);
  ring.Release(2);
  EXPECT_EQ(ring.Available(4), 0u);
}

TEST(ProducerRing, AStaleCopyShowsLessRoomNotMore) {
  FakeRing<uint64_t> kernel(4, 0);
  ProducerRing<uint64_t> ring(kernel.memory());
  ring.Submit(3);
  for (int index = 0; index < 3; ++index) kernel.Take();
  EXPECT_EQ(ring.Room(1), 1u) << "known without a look";
  EXPECT_EQ(ring.Room(4), 4u) << "and all of it after one";
}

TEST(ConsumerRing, AStaleCopyThatSufficesIsUsedWithoutALook) {
  FakeRing<uint64_t> kernel(8, 0);
  ConsumerRing<uint64_t> ring(kernel.memory());
  kernel.Put(1);
  EXPECT_EQ(ring.Available(8), 1u);
  kernel.Put(2);
  EXPECT_EQ(ring.Available(1), 1u);
  EXPECT_EQ(ring.Available(8), 2u) << "a burst that is not full means that nothing is left";
  EXPECT_EQ(ring.At(1), 2u);
}

TEST_P(RingAcrossTheWrap, TellsHowFarTheKernelHasCome) {
  FakeRing<uint64_t> kernel(8, GetParam());
  ProducerRing<uint64_t> ring(kernel.memory());
  ASSERT_EQ(ring.Room(5), 5u);
  ring.Submit(5);
  EXPECT_EQ(ring.submitted(), GetParam() + 5);
  for (uint32_t index = 0; index < 5; ++index) {
    EXPECT_TRUE(ring.HasPassed(GetParam() + index));
    EXPECT_FALSE(ring.HasPassed(GetParam() + index + 1));
    kernel.Take();
  }
  EXPECT_TRUE(ring.HasPassed(GetParam() + 5));
}

// Two threads over one ring's memory: entries arrive whole and in order. Under TSan also the proof of the release and acquire pairs.
TEST(Rings, TwoThreads) {
  constexpr uint64_t kCount = 200'000;
  std::vector<uint64_t> entries(16);
  uint32_t producer = 0xFFFFFF00u, consumer = producer, flags = 0;
  const RingMemory memory{.producer = &producer, .consumer = &consumer, .flags = &flags, .entries = entries.data(), .size = 16};
  ProducerRing<uint64_t> in(memory);
  ConsumerRing<uint64_t> out(memory);
  std::thread writer([&] {
    for (uint64_t next = 0; next < kCount;) {
      const uint32_t room = in.Room(static_cast<uint32_t>(std::min<uint64_t>(7, kCount - next)));
      for (uint32_t index = 0; index < room; ++index) in.At(index) = next++;
      if (room > 0) in.Submit(room);
      if (room == 0) std::this_thread::yield();
    }
  });
  for (uint64_t next = 0; next < kCount;) {
    const uint32_t count = out.Available(5);
    for (uint32_t index = 0; index < count; ++index) ASSERT_EQ(out.At(index), next++);
    if (count > 0) out.Release(count);
    if (count == 0) std::this_thread::yield();
  }
  writer.join();
}

}  // namespace
}  // namespace pollux::pmd::af_xdp
