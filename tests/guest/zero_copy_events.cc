// SPDX-License-Identifier: Apache-2.0
// What happens to zero-copy ports while they forward: settings, links, restarts, and ports that are pulled out.
#include <gtest/gtest.h>

#include <fstream>

#include "tests/guest/chain.h"
#include "tests/support/pool_fixture.h"
#include "tools/support/patience.h"

namespace pollux::guest {
namespace {

using pmd::Device;

class ZeroCopyEvents : public GuestTest {
 protected:
  void SetUp() override {
    GuestTest::SetUp();
    if (HasFatalFailure()) return;
    source_ = Port("port0"), in_ = Port("port1"), out_ = Port("port2"), sink_ = Port("port3");
  }
  void TearDown() override {
    for (auto* device : {&source_, &in_, &out_, &sink_}) device->reset();
    GuestTest::TearDown();
  }

  Passage Pass(const PassOptions& options = {.packets = 3000}) { return Chain(*source_, *in_, *out_, *sink_).Pass(*pool_, options); }
  // With something that loses packets on the way: none is doubled, late or changed.
  void PassThrough(const std::function<void()>& event) {
    const Passage passage = Pass({.packets = 3000, .halfway = event, .patience_ms = 500});
    EXPECT_EQ(passage.sent, 3000u);
    EXPECT_EQ(passage.doubled + passage.late + passage.corrupted, 0u) << passage;
    EXPECT_GE(passage.received, 1000u) << passage;
  }
  testing::AssertionResult AllBalance() { return Balance({source_.get(), in_.get(), out_.get(), sink_.get()}); }

  std::unique_ptr<Device> source_, in_, out_, sink_;
};

TEST_F(ZeroCopyEvents, MtuChange) {
  ASSERT_TRUE(in_->SetMtu(1400).ok());
  ASSERT_TRUE(out_->SetMtu(1400).ok());
  EXPECT_EQ(out_->Info().mtu, 1400u);
  EXPECT_EQ(Pass({.packets = 2000, .longest = 1414}), Whole(2000));
  const Passage passage = Pass({.packets = 2000, .patience_ms = 500});
  EXPECT_EQ(passage.received + CounterSum(*out_, "tx_dropped_too_long"), 2000u) << passage;
  EXPECT_LT(passage.received, 2000u);
  ASSERT_TRUE(out_->SetMtu(1500).ok());
  EXPECT_EQ(Pass(), Whole(3000));
  EXPECT_TRUE(AllBalance());
}

TEST_F(ZeroCopyEvents, InterfaceDownAndUp) {
  PassThrough([] {
    RunTool({"ip", "link", "set", "port2", "down"});
    RunTool({"ip", "link", "set", "port2", "up"});
  });
  EXPECT_EQ(Pass(), Whole(3000)) << "after the sending port";
  PassThrough([] {
    RunTool({"ip", "link", "set", "port1", "down"});
    RunTool({"ip", "link", "set", "port1", "up"});
  });
  EXPECT_EQ(Pass(), Whole(3000)) << "after the receiving port";
  EXPECT_TRUE(AllBalance());
}

TEST_F(ZeroCopyEvents, CarrierLostAndBack) {
  PassThrough([this] {
    Monitor("set_link port2 off");
    EXPECT_TRUE(support::Eventually([this] { return !out_->Link()->up; }));
    Monitor("set_link port2 on");
    EXPECT_TRUE(support::Eventually([this] { return out_->Link()->up; }));
  });
  EXPECT_EQ(Pass(), Whole(3000));
  EXPECT_TRUE(AllBalance());
}

TEST_F(ZeroCopyEvents, Restarts) {
  for (int cycle = 0; cycle < 5; ++cycle) {
    SCOPED_TRACE(cycle);
    PassThrough([this] {
      for (Device* device : {in_.get(), out_.get()}) {
        ASSERT_TRUE(device->Stop().ok());
        EXPECT_TRUE(AllBalance());
        ASSERT_TRUE(device->Start().ok());
      }
    });
    EXPECT_EQ(Pass({.packets = 1000}), Whole(1000));
  }
  EXPECT_TRUE(AllBalance());
}

// The driver lets go of the device (as when somebody writes to its sysfs file "remove"), and finds it again.
TEST_F(ZeroCopyEvents, DeviceRemovedWhileForwardingAndFoundAgain) {
  PassThrough([] {
    RunTool({"sh", "-c",
             "cd -P /sys/class/net/port2/device/.. && echo 1 >remove && cd / && echo 1 >/sys/bus/pci/rescan && "
             "name=$(grep -l 02:00:00:00:00:03 /sys/class/net/*/address | cut -d/ -f5) && "
             "ip link set $name name port2 && ip link set port2 promisc on up"});
  });
  EXPECT_TRUE(out_->Stop().ok());
  EXPECT_TRUE(Balance({source_.get(), in_.get(), sink_.get()}));
  const pmd::QueueStats stats = out_->Stats();
  EXPECT_EQ(stats.tx_pending, 0u);
  ASSERT_TRUE(out_->Start().ok()) << "the same name is another device now";
  EXPECT_EQ(Pass(), Whole(3000));
}

// For good: the last test with port2.
TEST_F(ZeroCopyEvents, DeviceUnpluggedWhileForwarding) {
  PassThrough([this] {
    Monitor("device_del port2");
    EXPECT_TRUE(support::Eventually([this] { return !out_->Link().ok(); }));
  });
  EXPECT_EQ(out_->Link().status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(AllBalance());
  EXPECT_TRUE(out_->Stop().ok());
  EXPECT_TRUE(Balance({source_.get(), in_.get(), sink_.get()}));
}

}  // namespace
}  // namespace pollux::guest
