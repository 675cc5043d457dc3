// SPDX-License-Identifier: Apache-2.0
#include "mempool/frame_audit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace pollux::mempool {
namespace {

using testing::HasSubstr;

class FrameAuditTest : public testing::Test {
 protected:
  void SetUp() override {
    auto region = Region::Create({.bytes = 16 * 2048, .pages = PageKind::kOrdinary});
    ASSERT_TRUE(region.ok());
    // Double frees are for the audit to find.
    auto pool = Pool::Create(std::move(*region), {.frame_count = 16, .slab_frames = 4, .checks_frees = false});
    ASSERT_TRUE(pool.ok());
    pool_ = *pool;
  }
  std::string Message(const FrameAudit& audit) { return std::string(audit.Balance().message()); }

  std::shared_ptr<Pool> pool_;
};

TEST_F(FrameAuditTest, FreeAndHeldFramesAddUp) {
  std::array<Packet, 5> packets;
  ASSERT_EQ(pool_->Allocate(packets), 5u);
  FrameAudit audit(*pool_);
  EXPECT_EQ(audit.missing(), 5u);
  FrameSet fill(16);
  for (int index = 0; index < 3; ++index) fill.Insert(pool_->FrameOf(packets[index]));
  audit.Add("p0 queue 0: fill", fill);
  audit.Add("application", packets[3]);
  audit.Add("application", packets[4]);
  EXPECT_TRUE(audit.Balance().ok()) << audit.Balance();
  EXPECT_EQ(audit.holders(), (std::vector<std::pair<std::string, std::size_t>>{{"free", 11}, {"p0 queue 0: fill", 3}, {"application", 2}}));
  Pool::Free(packets);
}

TEST_F(FrameAuditTest, ALeakIsNamed) {
  std::array<Packet, 2> packets;
  ASSERT_EQ(pool_->Allocate(packets), 2u);
  const FrameAudit audit(*pool_);
  EXPECT_THAT(Message(audit), HasSubstr("missing 2"));
  EXPECT_EQ(audit.Balance().code(), absl::StatusCode::kDataLoss);
  Pool::Free(packets);
}

TEST_F(FrameAuditTest, ADoubleFreeIsNamed) {
  std::array<Packet, 1> packet;
  ASSERT_EQ(pool_->Allocate(packet), 1u);
  const FrameNumber frame = pool_->FrameOf(packet[0]);
  Pool::Free(packet);
  Pool::Free(packet);
  const FrameAudit audit(*pool_);
  EXPECT_THAT(audit.duplicates(), testing::ElementsAre(frame));
  EXPECT_THAT(Message(audit), HasSubstr("twice 1"));
}

TEST_F(FrameAuditTest, AFrameThatIsFreeAndHeldIsNamed) {
  FrameAudit audit(*pool_);
  FrameSet held(16);
  held.Insert(3);
  audit.Add("p1 queue 0: tx", held);
  EXPECT_THAT(Message(audit), HasSubstr("twice 1 (3)"));
}

}  // namespace
}  // namespace pollux::mempool
