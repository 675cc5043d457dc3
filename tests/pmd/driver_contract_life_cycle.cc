// SPDX-License-Identifier: Apache-2.0
// Order of calls, limits of Configure, and what each state allows.
#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pmd/drivers.h"
#include "tests/pmd/driver_contract.h"

namespace pollux::pmd {
namespace {

using ::testing::HasSubstr;

constexpr auto kWrongOrder = absl::StatusCode::kFailedPrecondition;
constexpr auto kWrongValue = absl::StatusCode::kInvalidArgument;

TEST_P(DriverContract, InfoTellsWhoItIs) {
  const Ports ports = Open();
  ASSERT_TRUE(ports.sender);
  const DeviceInfo info = ports.sender->Info();
  EXPECT_EQ(rig_->SenderText().find(info.name), 0u) << "opened under the name " << info.name;
  EXPECT_EQ(info.name.find(info.driver), 0u) << "driver " << info.driver;
  EXPECT_FALSE(info.mac.is_multicast());
  EXPECT_GE(info.maximum_rx_queues, traits_.maximum_queues);
  EXPECT_GE(info.maximum_tx_queues, traits_.maximum_queues);
  EXPECT_GE(info.mtu + 18, traits_.maximum_length) << "an Ethernet header and a VLAN tag come on top";
  EXPECT_GT(info.recommended_burst, 0u);
  EXPECT_LE(info.recommended_burst, mempool::kMaximumBurst);
  EXPECT_GT(info.recommended_ring, 0u);
  EXPECT_GT(info.recommended_rx_ring, 0u);
}

TEST_P(DriverContract, UnknownKeyIsRefusedByName) {
  const absl::Status status = OpenDevice(rig_->SenderText() + ",no_such_key=1").status();
  EXPECT_EQ(status.code(), kWrongValue);
  EXPECT_THAT(status.message(), HasSubstr("no_such_key"));
  EXPECT_TRUE(Open().sender) << "the refused device left something behind";
}

TEST_P(DriverContract, CallsInTheWrongOrderAreRefused) {
  Ports ports = Open();
  ASSERT_TRUE(ports.sender);
  Device& device = *ports.sender;
  EXPECT_EQ(device.Start().code(), kWrongOrder) << "Start before Configure";
  EXPECT_EQ(device.Stop().code(), kWrongOrder) << "Stop before Configure";
  ASSERT_TRUE(device.Configure(Config(1)).ok());
  EXPECT_EQ(device.Stop().code(), kWrongOrder) << "Stop before Start";
  ASSERT_TRUE(device.Start().ok());
  EXPECT_EQ(device.Start().code(), kWrongOrder) << "Start twice";
  EXPECT_EQ(device.Configure(Config(1)).code(), kWrongOrder) << "Configure while started";
  EXPECT_TRUE(device.Stop().ok());
  EXPECT_EQ(device.Stop().code(), kWrongOrder) << "Stop twice";
}

TEST_P(DriverContract, ConfigureNamesTheLimitAndLeavesTheDeviceAsItWas) {
  Ports ports = Open();
  ASSERT_TRUE(ports.sender);
  Device& device = *ports.sender;
  const auto refused = [&](const DeviceConfig& config, const char* what) {
    const absl::Status status = device.Configure(config);
    EXPECT_EQ(status.code(), kWrongValue) << what << ": " << status;
    EXPECT_THAT(status.message(), HasSubstr(device.Info().name)) << what;
  };
  const auto refuse_all = [&] {
    DeviceConfig config = Config(1);
    config.pool = nullptr;
    refused(config, "no pool");
    config = Config(1);
    config.rx_queues = device.Info().maximum_rx_queues + 1;
    refused(config, "too many rx queues");
    config = Config(1);
    config.tx_queues = device.Info().maximum_tx_queues + 1;
    refused(config, "too many tx queues");
    config = Config(1);
    config.rx_ring = 100;
    refused(config, "rx ring not a power of two");
    config = Config(1);
    config.tx_ring = 100;
    refused(config, "tx ring not a power of two");
  };
  refuse_all();
  EXPECT_EQ(device.Start().code(), kWrongOrder) << "a failed Configure is no Configure";
  ConfigureAndStart(ports);
  ASSERT_FALSE(HasFailure());
  Stop(ports);
  refuse_all();
  for (Device* started : {ports.sender.get(), ports.second.get()}) {
    if (started != nullptr) {
      ASSERT_TRUE(started->Start().ok()) << "a failed Configure must leave the former one";
    }
  }
  rig_->AwaitLink(*ports.sender, ports.receiver());
  Exercise(ports, 0, 100);
}

TEST_P(DriverContract, QueuesOfAStoppedDeviceTakeAndGiveNothing) {
  Ports ports = Open();
  ASSERT_TRUE(ports.sender);
  for (Device* device : {ports.sender.get(), ports.second.get()}) {
    if (device != nullptr) {
      ASSERT_TRUE(device->Configure(Config(1)).ok());
    }
  }
  std::vector<Packet> packets = support::AllocatePackets(*pool_, 4);
  for (Packet& packet : packets) support::WriteContents(packet, traits_.maximum_length, 0);
  std::array<Packet, 4> received;
  const auto nothing_moves = [&](const char* when) {
    EXPECT_EQ(ports.sender->tx_queue(0).Send(packets), 0u) << when;
    EXPECT_EQ(ports.receiver().rx_queue(0).Receive(received), 0u) << when;
    EXPECT_TRUE(Balance(ports, packets)) << when;
  };
  nothing_moves("configured");
  for (Device* device : {ports.sender.get(), ports.second.get()}) {
    if (device != nullptr) {
      ASSERT_TRUE(device->Start().ok());
    }
  }
  Stop(ports);
  nothing_moves("stopped");
  Free(packets);
}

TEST_P(DriverContract, StartsAgainAfterStop) {
  Ports ports = Open();
  ASSERT_TRUE(ports.sender);
  ConfigureAndStart(ports);
  for (int round = 0; round < 3 && !HasFailure(); ++round) {
    if (round > 0) {
      for (Device* device : {ports.sender.get(), ports.second.get()}) {
        if (device != nullptr) {
          ASSERT_TRUE(device->Start().ok()) << "round " << round;
        }
      }
      rig_->AwaitLink(*ports.sender, ports.receiver());
    }
    Exercise(ports, 0, 200);
    Stop(ports);
    EXPECT_TRUE(Balance(ports)) << "round " << round;
  }
}

TEST_P(DriverContract, ConfiguresAgainWithOtherQueueCounts) {
  Ports ports = Open();
  ASSERT_TRUE(ports.sender);
  for (const std::size_t count : {std::size_t{1}, queues(), std::size_t{1}, queues()}) {
    ConfigureAndStart(ports, count);
    ASSERT_FALSE(HasFailure());
    if (traits_.keeps_queue || count == queues()) {
      for (std::size_t queue = 0; queue < count; ++queue) Exercise(ports, queue, 100);
    }
    Stop(ports);
    EXPECT_TRUE(Balance(ports)) << count << " queues";
  }
}

TEST_P(DriverContract, OpensAgainAfterItWasClosedWhileStarted) {
  for (int round = 0; round < 3 && !HasFailure(); ++round) {
    Ports ports = Started();
    ASSERT_TRUE(ports.sender) << "round " << round;
    Exercise(ports, 0, 100);
    ports = {};
    EXPECT_TRUE(support::FramesAreFree(*pool_)) << "round " << round;
  }
}

TEST_P(DriverContract, LinkIsUpWhileStarted) {
  Ports ports = Started();
  ASSERT_TRUE(ports.sender);
  const absl::StatusOr<LinkState> link = ports.sender->Link();
  ASSERT_TRUE(link.ok()) << link.status();
  EXPECT_TRUE(link->up);
}

}  // namespace
}  // namespace pollux::pmd
