// SPDX-License-Identifier: Apache-2.0
// Chain: a source, a forwarder between two ports, and a sink, all polled by the calling thread.
//
//     source ---- wire ---- in  forwarder  out ---- wire ---- sink
//
// Every packet carries its flow, its number in the flow and a checksum, so that what is lost, doubled, late or changed is seen.
#ifndef TESTS_GUEST_CHAIN_H_
#define TESTS_GUEST_CHAIN_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "mempool/pool.h"
#include "pmd/device.h"

namespace pollux::guest {

// What became of the packets of one run.
struct Passage {
  uint64_t sent = 0;
  uint64_t received = 0;  // each once
  uint64_t doubled = 0;   // came a second time
  uint64_t late = 0;      // came behind a later one of its flow
  uint64_t corrupted = 0;

  bool operator==(const Passage&) const = default;
};
inline std::ostream& operator<<(std::ostream& out, const Passage& passage) {
  return out << "sent " << passage.sent << ", received " << passage.received << ", doubled " << passage.doubled << ", late " << passage.late
             << ", corrupted " << passage.corrupted;
}
// All of `count`, as they were sent.
inline Passage Whole(uint64_t count) {
  return {.sent = count, .received = count};
}

struct PassOptions {
  uint64_t packets = 5000;
  std::size_t flows = 8;
  std::size_t shortest = 72;  // headers and mark are 66 bytes
  std::size_t longest = 1514;
  // How many may be under way. Ports that are to lose nothing are given no more than their rings hold.
  uint64_t window = 128;
  // Called once, when half of the packets were sent: what happens to a port while it forwards.
  std::function<void()> halfway;
  // Packets are lost, and do not come: the run goes on after this time without any.
  int patience_ms = 5000;
};

// Single-lcore. The devices outlive the chain, and are started with `queues` queues each.
class Chain {
 public:
  Chain(pmd::Device& source, pmd::Device& in, pmd::Device& out, pmd::Device& sink, std::size_t queues = 1);

  Passage Pass(mempool::Pool& pool, const PassOptions& options);

 private:
  struct Flow {
    uint64_t sent = 0;
    uint64_t next = 0;       // the number expected
    std::vector<bool> seen;  // by number
  };

  uint64_t Source(mempool::Pool& pool, const PassOptions& options, uint64_t wanted);
  void Forward();
  uint64_t Sink(Passage& passage);
  void Check(const mempool::Packet& packet, Passage& passage);

  pmd::Device& source_;
  pmd::Device& in_;
  pmd::Device& out_;
  pmd::Device& sink_;
  const std::size_t queues_;
  uint32_t run_ = 0;  // packets of an earlier one are not this one's
  std::vector<Flow> flows_;
  uint64_t next_flow_ = 0;
};

// Frames as the ports' driver recommends them.
std::shared_ptr<mempool::Pool> MakePool(std::size_t frame_count, std::size_t slab_frames = 64);

// A test with a pool, whose frames are all free at its end.
class GuestTest : public testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  // A started port with one queue, and rings of `ring` entries, in zero-copy mode unless `arguments` say otherwise.
  std::unique_ptr<pmd::Device> Port(const std::string& interface, const std::string& arguments = ",bind_mode=zerocopy",
                                    std::size_t ring = 512, std::size_t queues = 1);
  testing::AssertionResult Balance(std::initializer_list<const pmd::Device*> devices) const;

  std::shared_ptr<mempool::Pool> pool_;
};

// Opens, configures and starts a port; a failure fails the test, and throws.
std::unique_ptr<pmd::Device> StartPort(const std::string& interface, const std::string& arguments, const pmd::DeviceConfig& config);

// A counter of Device::ExtendedStats, summed over the queues: "tx_copied" is the sum of tx_q0_copied, tx_q1_copied, ...
uint64_t CounterSum(const pmd::Device& device, const std::string& name);

// Runs a command; a failure fails the test.
void RunTool(const std::vector<std::string>& command);
// Says a command to QEMU's monitor: what happens to the machine from outside.
void Monitor(const std::string& command);

}  // namespace pollux::guest

#endif  // TESTS_GUEST_CHAIN_H_
