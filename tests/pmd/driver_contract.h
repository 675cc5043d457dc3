// SPDX-License-Identifier: Apache-2.0
// The contract suite: what pmd/device.h and pmd/queue.h promise, asked of every driver.
//
// A driver plugs in with a Rig: the text of its device, or of the two devices that a wire joins, and what comes back of what is sent:
//
//   class MyRig : public DriverRig { ... };
//   INSTANTIATE_TEST_SUITE_P(MyDriver, DriverContract,
//                            testing::Values(DriverCase{"loopback", [] { return std::make_unique<MyRig>(); }}), DriverCaseName);
//
// and a cc_test that depends on //tests/pmd:driver_contract. A rig makes its surroundings (network namespaces, files) in its constructor
// and removes them in its destructor; a test makes one rig and opens its devices as often as it likes.
#ifndef TESTS_PMD_DRIVER_CONTRACT_H_
#define TESTS_PMD_DRIVER_CONTRACT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "mempool/pool.h"
#include "pmd/device.h"
#include "tests/support/pool_fixture.h"

namespace pollux::pmd {

struct RigTraits {
  bool returns = true;      // what the sender's queue sends, the receiver receives, with its contents and in its order
  bool keeps_queue = true;  // ... on the queue of the same number
  bool sources = false;     // the receiver has packets without anybody sending: they are not checked
  bool has_limit = false;   // there are packets that Send must take and count as dropped: see too_long
  std::size_t maximum_queues = 4;
  std::size_t minimum_length = 1;     // shortest packet that passes
  std::size_t maximum_length = 1514;  // longest that passes; frames of the suite's pool hold 1792
  std::size_t too_long = 0;           // with has_limit
  std::size_t ring = 256;             // descriptors asked for
  // How many packets may be under way before the wire itself (not a queue of ours) may lose some; a test receives between.
  std::size_t window = 64;
  // The cost of one scenario: how many packets pass in it.
  std::size_t packets = 2000;
};

class DriverRig {
 public:
  virtual ~DriverRig() = default;

  // Not empty: the machine lacks what the rig needs; the test is skipped with this reason.
  virtual std::string SkipReason() const { return ""; }
  // What OpenDevice is given. Empty receiver: the sender receives what it sends.
  virtual std::string SenderText() const = 0;
  virtual std::string ReceiverText() const { return ""; }
  virtual RigTraits Traits() const { return {}; }
  virtual std::shared_ptr<mempool::Pool> MakePool(const mempool::PoolOptions& options) const { return support::MakePool(options); }
  // Called once both are started (again): waits until packets pass, for a link to come up.
  virtual void AwaitLink(Device& sender, Device& receiver) {}
};

struct DriverCase {
  std::string name;  // letters and digits
  std::function<std::unique_ptr<DriverRig>()> make_rig;
};
inline void PrintTo(const DriverCase& driver_case, std::ostream* out) {
  *out << driver_case.name;
}
inline std::string DriverCaseName(const testing::TestParamInfo<DriverCase>& info) {
  return info.param.name;
}

// The devices of a rig, open.
struct Ports {
  std::unique_ptr<Device> sender;
  std::unique_ptr<Device> second;  // null where the sender receives

  Device& receiver() const { return second == nullptr ? *sender : *second; }
};

// A packet that was sent, to be recognised.
struct SentPacket {
  std::size_t length = 0;
  uint64_t seed = 0;
};

class DriverContract : public testing::TestWithParam<DriverCase> {
 protected:
  void SetUp() override;
  // Every scenario ends with all frames free.
  void TearDown() override;

  // Opens the devices of the rig. Fails the test and returns nothing usable otherwise: use with ASSERT_TRUE(ports.sender).
  Ports Open();
  DeviceConfig Config(std::size_t queues) const;
  void ConfigureAndStart(Ports& ports, std::size_t queues = 1);
  static void Stop(Ports& ports);
  // Open, configured and started.
  Ports Started(std::size_t queues = 1);

  // Allocates, writes and sends packets of these lengths from queue `queue`; sends again what was not taken, until the deadline.
  std::vector<SentPacket> SendAll(Device& sender, std::size_t queue, std::span<const std::size_t> lengths);
  // Receives until `count` packets came on any of `queues` queues from `first_queue` on, or the deadline passed.
  std::vector<Packet> ReceiveCount(Device& receiver, std::size_t first_queue, std::size_t queues, std::size_t count);
  // Passes `count` packets of random lengths through queue `queue`, a window at a time, and checks contents and order.
  void PassPackets(Ports& ports, std::size_t queue, std::size_t count);
  // Does whatever the rig can with one queue: passes packets, or only sends, and only receives. Frees all.
  void Exercise(Ports& ports, std::size_t queue, std::size_t count);
  // Pushes the sender's lazy completions on, until its frames are back or the deadline passed.
  void SettleTx(Device& sender, std::size_t queues = 1);
  testing::AssertionResult Balance(const Ports& ports, std::span<const Packet> held = {}) const;

  static void Free(std::span<const Packet> packets) { mempool::Pool::Free(packets); }
  std::size_t RandomLength();
  std::size_t queues() const { return traits_.maximum_queues; }

  std::unique_ptr<DriverRig> rig_;
  RigTraits traits_;
  std::size_t started_queues_ = 0;
  std::shared_ptr<mempool::Pool> pool_;

 private:
  uint64_t next_seed_ = 1;
  uint64_t random_ = 0x2545F4914F6CDD1Dull;
};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(DriverContract);

}  // namespace pollux::pmd

#endif  // TESTS_PMD_DRIVER_CONTRACT_H_
