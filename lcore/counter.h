// SPDX-License-Identifier: Apache-2.0
// A counter with one writer and any number of readers.
#ifndef LCORE_COUNTER_H_
#define LCORE_COUNTER_H_

#include <atomic>
#include <cstdint>

namespace pollux::lcore {

// Add() is a plain load, add and store: only the thread that owns the counter may call it. value() may be called by any thread;
// it never tears, and may be a moment old. Nobody resets a counter that another thread writes: a reader that wants "since
// then" keeps the value of then and subtracts.
class Counter {
 public:
  void Add(uint64_t amount) { value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

}  // namespace pollux::lcore

#endif  // LCORE_COUNTER_H_
