// SPDX-License-Identifier: Apache-2.0
// A packet that igb would split over two frames is never received as two packets (pmd/af_xdp/receive_room.h). With the tests of
// zero_copy_queues.cc, this is what continuous integration runs on igb.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pmd/drivers.h"
#include "tests/guest/chain.h"
#include "tests/support/pool_fixture.h"

namespace pollux::guest {
namespace {

using ::testing::HasSubstr;

constexpr char kSplit[] =
    "driver igb puts 1024 bytes of a packet into a frame of 2048 bytes with 256 bytes of headroom, and with MTU 1500 packets of 1518 bytes "
    "arrive, each as two or more; use frames of 4096 bytes (testpmd: --mbuf-size=4096)";

class ZeroCopyIgb : public GuestTest {
 protected:
  void UseSmallFrames() { pool_ = support::MakePool({.frame_count = 16384, .frame_size = 2048, .slab_frames = 64}); }
};

TEST_F(ZeroCopyIgb, RecommendsFramesThatHoldAPacket) {
  const auto port = pmd::OpenDevice("net_af_xdp0,iface=port0");
  ASSERT_TRUE(port.ok()) << port.status();
  EXPECT_EQ((*port)->Info().recommended_frame_size, 4096u);
  const auto copying = pmd::OpenDevice("net_af_xdp0,iface=port0,bind_mode=copy");
  ASSERT_TRUE(copying.ok()) << copying.status();
  EXPECT_EQ((*copying)->Info().recommended_frame_size, 2048u);
}

TEST_F(ZeroCopyIgb, ZeroCopyIntoSmallFramesIsRefused) {
  UseSmallFrames();
  const auto port = pmd::OpenDevice("net_af_xdp0,iface=port0,bind_mode=zerocopy");
  ASSERT_TRUE(port.ok()) << port.status();
  ASSERT_TRUE((*port)->Configure({.pool = pool_}).ok());
  const absl::Status status = (*port)->Start();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr(kSplit));
  EXPECT_THAT(status.message(), HasSubstr("bind_mode=copy"));
}

TEST_F(ZeroCopyIgb, AutomaticModeCopiesIntoSmallFrames) {
  UseSmallFrames();
  const std::size_t queues = 2;
  auto source = Port("port0", "", 512, queues), in = Port("port1", "", 512, queues);
  auto out = Port("port2", "", 512, queues), sink = Port("port3", "", 512, queues);
  const absl::Status status = pmd::CheckRequired(in->Features(), {"zerocopy"});
  EXPECT_THAT(status.message(), HasSubstr(kSplit));
  EXPECT_EQ(Chain(*source, *in, *out, *sink, queues).Pass(*pool_, {.packets = 2000}), Whole(2000));
  EXPECT_TRUE(Balance({source.get(), in.get(), out.get(), sink.get()}));
}

TEST_F(ZeroCopyIgb, AnMtuThatWouldSplitPacketsIsRefused) {
  auto port = Port("port0");
  EXPECT_TRUE(pmd::CheckRequired(port->Features(), {"zerocopy"}).ok());
  // Of the 3840 bytes behind the headroom igb counts 3072.
  const absl::Status status = port->SetMtu(3055);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("driver igb puts 3072 bytes of a packet into a frame of 4096 bytes"));
  EXPECT_EQ(port->Info().mtu, 1500u);
}

}  // namespace
}  // namespace pollux::guest
