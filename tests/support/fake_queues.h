// SPDX-License-Identifier: Apache-2.0
// Queues whose other end is the test: what is received it gave, what is sent it gets.
#ifndef TESTS_SUPPORT_FAKE_QUEUES_H_
#define TESTS_SUPPORT_FAKE_QUEUES_H_

#include <algorithm>
#include <cstddef>
#include <deque>
#include <limits>
#include <span>
#include <vector>

#include "mempool/packet.h"
#include "pmd/queue.h"

namespace pollux::support {

class FakeRxQueue : public pmd::RxQueue {
 public:
  std::size_t Receive(std::span<mempool::Packet> packets) override {
    const std::size_t count = std::min(packets.size(), waiting.size());
    std::copy_n(waiting.begin(), count, packets.begin());
    waiting.erase(waiting.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(count));
    return count;
  }

  std::deque<mempool::Packet> waiting;  // the queue's, until received
};

class FakeTxQueue : public pmd::TxQueue {
 public:
  static constexpr std::size_t kAll = std::numeric_limits<std::size_t>::max();

  std::size_t Send(std::span<const mempool::Packet> packets) override {
    if (packets.empty()) {
      ++empty_sends;
      return 0;
    }
    offered.push_back(packets.size());
    std::size_t room = room_otherwise;
    if (!rooms.empty()) {
      room = rooms.front();
      rooms.pop_front();
    }
    const std::size_t count = std::min(packets.size(), room);
    sent.insert(sent.end(), packets.begin(), packets.begin() + static_cast<std::ptrdiff_t>(count));
    return count;
  }

  std::deque<std::size_t> rooms;      // what the next calls take at most, one each
  std::size_t room_otherwise = kAll;  // and the calls after those
  std::vector<mempool::Packet> sent;  // the queue's
  std::vector<std::size_t> offered;   // burst sizes of all calls but the empty ones
  std::size_t empty_sends = 0;
};

}  // namespace pollux::support

#endif  // TESTS_SUPPORT_FAKE_QUEUES_H_
