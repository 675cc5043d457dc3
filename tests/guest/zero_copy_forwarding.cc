// SPDX-License-Identifier: Apache-2.0
// Forwarding between zero-copy ports, and between one and a veth in copy mode. port0 and port1, port2 and port3 are joined.
#include <gtest/gtest.h>

#include "pmd/drivers.h"
#include "tests/guest/chain.h"
#include "tests/support/pool_fixture.h"

namespace pollux::guest {
namespace {

using pmd::Device;

using ZeroCopyForwarding = GuestTest;

TEST_F(ZeroCopyForwarding, BetweenTwoZeroCopyPorts) {
  auto source = Port("port0"), in = Port("port1"), out = Port("port2"), sink = Port("port3");
  for (const Device* device : {in.get(), out.get()}) {
    EXPECT_TRUE(pmd::CheckRequired(device->Features(), {"zerocopy", "native"}).ok());
  }
  EXPECT_EQ(Chain(*source, *in, *out, *sink).Pass(*pool_, {}), Whole(5000));
  EXPECT_EQ(CounterSum(*out, "tx_copied"), 0u);
  EXPECT_EQ(Chain(*sink, *out, *in, *source).Pass(*pool_, {}), Whole(5000));
  EXPECT_EQ(CounterSum(*in, "tx_copied"), 0u);
  EXPECT_TRUE(Balance({source.get(), in.get(), out.get(), sink.get()}));
}

TEST_F(ZeroCopyForwarding, WithoutWakeups) {
  const std::string arguments = ",bind_mode=zerocopy,need_wakeup=0";
  auto source = Port("port0", arguments), in = Port("port1", arguments), out = Port("port2", arguments), sink = Port("port3", arguments);
  EXPECT_EQ(Chain(*source, *in, *out, *sink).Pass(*pool_, {}), Whole(5000));
}

TEST_F(ZeroCopyForwarding, RingsAtTheirLimits) {
  // The largest rings fill with 65536 frames a port, which is four fifths of this pool.
  pool_ = MakePool(81920, 256);
  for (const std::size_t ring : {std::size_t{64}, std::size_t{32768}}) {
    SCOPED_TRACE(ring);
    auto source = Port("port0", ",bind_mode=zerocopy", 64), in = Port("port1", ",bind_mode=zerocopy", ring);
    auto out = Port("port2", ",bind_mode=zerocopy", 64), sink = Port("port3", ",bind_mode=zerocopy", 64);
    EXPECT_EQ(Chain(*source, *in, *out, *sink).Pass(*pool_, {.packets = 3000, .window = 64}), Whole(3000));
    EXPECT_TRUE(Balance({source.get(), in.get(), out.get(), sink.get()}));
  }
}

TEST_F(ZeroCopyForwarding, ZeroCopyPortAndVethShareTheirFrames) {
  RunTool({"ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1"});
  for (const char* name : {"v0", "v1"}) RunTool({"ip", "link", "set", name, "up"});
  {
    auto source = Port("port0"), in = Port("port1"), out = Port("v0", ""), sink = Port("v1", "");
    EXPECT_TRUE(pmd::CheckRequired(in->Features(), {"zerocopy"}).ok());
    EXPECT_FALSE(pmd::CheckRequired(out->Features(), {"zerocopy"}).ok());
    EXPECT_EQ(Chain(*source, *in, *out, *sink).Pass(*pool_, {}), Whole(5000));
    EXPECT_EQ(Chain(*sink, *out, *in, *source).Pass(*pool_, {}), Whole(5000));
    EXPECT_EQ(CounterSum(*out, "tx_copied"), 0u) << "from the zero-copy port to the veth";
    EXPECT_EQ(CounterSum(*in, "tx_copied"), 0u) << "from the veth to the zero-copy port";
    EXPECT_TRUE(Balance({source.get(), in.get(), out.get(), sink.get()}));
  }
  RunTool({"ip", "link", "del", "v0"});
}

TEST_F(ZeroCopyForwarding, AGenericProgramIsCopyModeWhateverTheSocketSays) {
  auto source = Port("port0"), in = Port("port1", ",mode=skb"), out = Port("port2"), sink = Port("port3");
  const absl::Status status = pmd::CheckRequired(in->Features(), {"zerocopy"});
  EXPECT_NE(status.message().find("the XDP program is not attached natively"), std::string::npos) << status;
  EXPECT_EQ(Chain(*source, *in, *out, *sink).Pass(*pool_, {.packets = 1000}), Whole(1000));
}

TEST_F(ZeroCopyForwarding, BusyPollingIsLeftOffWhereItWouldStallSends) {
  const std::string arguments = ",bind_mode=zerocopy,busy_budget=64";
  auto source = Port("port0", arguments), in = Port("port1", arguments), out = Port("port2", arguments), sink = Port("port3", arguments);
  const absl::Status status = pmd::CheckRequired(in->Features(), {"busy_poll"});
  EXPECT_FALSE(status.ok());
  EXPECT_NE(status.message().find("NAPI"), std::string::npos) << status;
  EXPECT_EQ(Chain(*source, *in, *out, *sink).Pass(*pool_, {.packets = 1000}), Whole(1000));
}

TEST_F(ZeroCopyForwarding, AMillionPacketsAreAllThereInOrderAndUnchanged) {
  auto source = Port("port0"), in = Port("port1"), out = Port("port2"), sink = Port("port3");
  // igb's ring holds 255.
  EXPECT_EQ(Chain(*source, *in, *out, *sink).Pass(*pool_, {.packets = 1'000'000, .longest = 300, .window = 224}), Whole(1'000'000));
  EXPECT_EQ(CounterSum(*out, "tx_copied"), 0u);
  EXPECT_EQ(out->Stats().tx_dropped, 0u);
  EXPECT_TRUE(Balance({source.get(), in.get(), out.get(), sink.get()}));
}

}  // namespace
}  // namespace pollux::guest
