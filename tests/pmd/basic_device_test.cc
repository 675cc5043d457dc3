// SPDX-License-Identifier: Apache-2.0
// What the contract suite cannot see from outside: the order of the hooks, and failures of the driver's own part.
#include "pmd/basic_device.h"

#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/pool_fixture.h"

namespace pollux::pmd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr CounterRow kRows[] = {{"things"}};

// Writes down what is done to it.
template <typename Base>
class LoggingQueue : public Base {
 public:
  LoggingQueue(std::vector<std::string>& log, std::string name, absl::Status stop_status = absl::OkStatus())
      : Base(kRows), log_(log), name_(std::move(name)), stop_status_(std::move(stop_status)) {}

  void Start() override {
    log_.push_back("start " + name_);
    Base::Start();
  }
  absl::Status Stop() override {
    log_.push_back("stop " + name_);
    (void)Base::Stop();
    return stop_status_;
  }

 private:
  std::vector<std::string>& log_;
  const std::string name_;
  const absl::Status stop_status_;
};

struct LoggingRx final : LoggingQueue<BasicRxQueue> {
  using LoggingQueue::LoggingQueue;
  std::size_t Receive(std::span<Packet>) override { return 0; }
};
struct LoggingTx final : LoggingQueue<BasicTxQueue> {
  using LoggingQueue::LoggingQueue;
  std::size_t Send(std::span<const Packet>) override { return 0; }
};

DeviceInfo InfoOf(const char* name) {
  DeviceInfo info;
  info.name = name;
  info.driver = "net_test";
  return info;
}

class TestDevice final : public BasicDevice {
 public:
  explicit TestDevice(std::vector<std::string>& log, const char* name = "net_test0") : BasicDevice(InfoOf(name)), log_(log) {}

  absl::Status make_status;
  absl::Status stop_status;

 private:
  absl::StatusOr<Queues> MakeQueues(const DeviceConfig& config) override {
    if (!make_status.ok()) return make_status;
    Queues queues;
    queues.rx.push_back(std::make_unique<LoggingRx>(log_, "rx"));
    queues.tx.push_back(std::make_unique<LoggingTx>(log_, "tx", stop_status));
    return queues;
  }

  std::vector<std::string>& log_;
};

TEST(BasicDevice, ReceiversStartFirstAndStopLast) {
  std::vector<std::string> log;
  {
    TestDevice device(log);
    ASSERT_TRUE(device.Configure({.pool = support::MakePool()}).ok());
    ASSERT_TRUE(device.Start().ok());
    ASSERT_TRUE(device.Stop().ok());
    EXPECT_THAT(log, ElementsAre("start rx", "start tx", "stop tx", "stop rx"));
    log.clear();
    ASSERT_TRUE(device.Start().ok());
  }
  EXPECT_THAT(log, ElementsAre("start rx", "start tx", "stop tx", "stop rx")) << "the destructor stops";
}

TEST(BasicDevice, ErrorsOfAQueueDoNotKeepTheOthersFromStopping) {
  std::vector<std::string> log;
  TestDevice device(log);
  device.stop_status = absl::DataLossError("disk full");
  ASSERT_TRUE(device.Configure({.pool = support::MakePool()}).ok());
  ASSERT_TRUE(device.Start().ok());
  log.clear();
  EXPECT_EQ(device.Stop().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(log, ElementsAre("stop tx", "stop rx"));
  EXPECT_EQ(device.Stop().code(), absl::StatusCode::kFailedPrecondition) << "it is stopped all the same";
}

TEST(BasicDevice, FailureToMakeQueuesLeavesTheFormerOnes) {
  std::vector<std::string> log;
  TestDevice device(log);
  const auto pool = support::MakePool();
  ASSERT_TRUE(device.Configure({.pool = pool}).ok());
  const RxQueue* const before = &device.rx_queue(0);
  device.make_status = absl::ResourceExhaustedError("no rings left");
  EXPECT_EQ(device.Configure({.pool = pool}).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(&device.rx_queue(0), before);
  EXPECT_TRUE(device.Start().ok());
}

TEST(BasicDevice, MtuIsWhatAFrameHolds) {
  std::vector<std::string> log;
  TestDevice device(log);
  ASSERT_TRUE(device.Configure({.pool = support::MakePool({.frame_count = 64, .frame_size = 4096, .headroom = 512})}).ok());
  EXPECT_EQ(device.Info().mtu, 4096u - 512 - 14);
}

TEST(BasicDevice, MacIsLocalAndFollowsTheName) {
  std::vector<std::string> log;
  const MacAddress first = TestDevice(log, "net_test0").Info().mac;
  EXPECT_EQ(first, TestDevice(log, "net_test0").Info().mac);
  EXPECT_NE(first, TestDevice(log, "net_test1").Info().mac);
  EXPECT_EQ(first.bytes[0], 0x02);
}

TEST(BasicDevice, SettingsOfAnInterfaceAreUnimplemented) {
  std::vector<std::string> log;
  TestDevice device(log);
  EXPECT_EQ(device.SetMtu(1500).code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(device.SetPromiscuous(true).message(), HasSubstr("net_test0"));
}

}  // namespace
}  // namespace pollux::pmd
