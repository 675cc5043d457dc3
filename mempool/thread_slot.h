// SPDX-License-Identifier: Apache-2.0
// ThreadSlot: a small number for every thread that uses a pool, for as long as the thread lives.
#ifndef MEMPOOL_THREAD_SLOT_H_
#define MEMPOOL_THREAD_SLOT_H_

namespace pollux::mempool {

// Pools keep their caches by slot, so that finding one's cache is an array index. A slot is given back when its thread exits,
// after every pool took the thread's cached frames back.
class ThreadSlot {
 public:
  static constexpr int kMaximum = 128;  // threads with a cache; more work too, through one shared, locked cache
  static constexpr int kNone = -1;      // no slot yet
  static constexpr int kShared = -2;    // all were taken when this thread first asked

  // This thread's slot: 0 .. kMaximum-1, or kShared.
  static int Current() {
    const int slot = current_;
    return slot != kNone ? slot : Acquire();
  }

 private:
  struct Holder;
  static int Acquire();

  static constinit thread_local int current_;
};

}  // namespace pollux::mempool

#endif  // MEMPOOL_THREAD_SLOT_H_
