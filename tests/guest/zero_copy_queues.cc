// SPDX-License-Identifier: Apache-2.0
// Zero-copy ports with several queues. Who chooses the receiver's queue by a hash of the flow: the taps that are the wire, or the device.
#include <gtest/gtest.h>

#include "pmd/drivers.h"
#include "tests/guest/chain.h"
#include "tests/support/pool_fixture.h"

namespace pollux::guest {
namespace {

class ZeroCopyQueues : public GuestTest {
 protected:
  void SetUp() override {
    pool_ = MakePool(65536);
    ASSERT_NE(pool_, nullptr);
    const auto port = pmd::OpenDevice("net_af_xdp0,iface=port0");
    ASSERT_TRUE(port.ok()) << port.status();
    queues_ = (*port)->Info().maximum_rx_queues;
    ASSERT_GT(queues_, 1u) << "this is for a machine with --queues";
  }

  std::size_t queues_ = 0;
};

TEST_F(ZeroCopyQueues, AllForward) {
  const std::string zero_copy = ",bind_mode=zerocopy";
  auto source = Port("port0", zero_copy, 512, queues_), in = Port("port1", zero_copy, 512, queues_);
  auto out = Port("port2", zero_copy, 512, queues_), sink = Port("port3", zero_copy, 512, queues_);
  EXPECT_TRUE(pmd::CheckRequired(in->Features(), {"zerocopy", "native"}).ok());
  EXPECT_EQ(Chain(*source, *in, *out, *sink, queues_).Pass(*pool_, {.packets = 20000, .flows = 32}), Whole(20000));
  std::size_t used = 0;
  for (std::size_t queue = 0; queue < queues_; ++queue) used += in->Stats(queue).rx_packets > 0;
  EXPECT_GT(used, 1u) << "the flows took one queue";
  EXPECT_EQ(CounterSum(*out, "tx_copied"), 0u);
  EXPECT_TRUE(Balance({source.get(), in.get(), out.get(), sink.get()}));
}

TEST_F(ZeroCopyQueues, RestartWithOtherCounts) {
  auto port = Port("port1", ",bind_mode=zerocopy", 512, queues_);
  for (const std::size_t queues : {std::size_t{1}, queues_, queues_ / 2, queues_ - 1, queues_}) {
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
