// SPDX-License-Identifier: Apache-2.0
// Zero-copy ports with four queues. The wire is two taps, which choose the receiver's queue by a hash of the flow.
#include <gtest/gtest.h>

#include "tests/guest/chain.h"
#include "tests/support/pool_fixture.h"

namespace pollux::guest {
namespace {

constexpr std::size_t kQueues = 4;

class ZeroCopyQueues : public GuestTest {
 protected:
  void SetUp() override {
    pool_ = support::MakePool({.frame_count = 65536, .slab_frames = 64});
    ASSERT_NE(pool_, nullptr);
  }
};

TEST_F(ZeroCopyQueues, AllFourForward) {
  const std::string zero_copy = ",bind_mode=zerocopy";
  auto source = Port("port0", zero_copy, 512, kQueues), in = Port("port1", zero_copy, 512, kQueues);
  auto out = Port("port2", zero_copy, 512, kQueues), sink = Port("port3", zero_copy, 512, kQueues);
  EXPECT_TRUE(pmd::CheckRequired(in->Features(), {"zerocopy", "native"}).ok());
  EXPECT_EQ(Chain(*source, *in, *out, *sink, kQueues).Pass(*pool_, {.packets = 20000, .flows = 32}), Whole(20000));
  std::size_t used = 0;
  for (std::size_t queue = 0; queue < kQueues; ++queue) used += in->Stats(queue).rx_packets > 0;
  EXPECT_GT(used, 1u) << "the flows took one queue";
  EXPECT_EQ(CounterSum(*out, "tx_copied"), 0u);
  EXPECT_TRUE(Balance({source.get(), in.get(), out.get(), sink.get()}));
}

TEST_F(ZeroCopyQueues, RestartWithOtherCounts) {
  auto port = Port("port1", ",bind_mode=zerocopy", 512, kQueues);
  for (const std::size_t queues : {1, 4, 2, 3, 4}) {
    SCOPED_TRACE(queues);
    ASSERT_TRUE(port->Stop().ok());
    pmd::DeviceConfig config;
    config.rx_queues = config.tx_queues = queues;
    config.rx_ring = config.tx_ring = 512;
    config.pool = pool_;
    ASSERT_TRUE(port->Configure(config).ok());
    const absl::Status status = port->Start();
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_TRUE(pmd::CheckRequired(port->Features(), {"zerocopy"}).ok());
  }
  EXPECT_TRUE(Balance({port.get()}));
}

}  // namespace
}  // namespace pollux::guest
