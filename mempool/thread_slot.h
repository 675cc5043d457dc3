// SPDX-License-Identifier: Apache-2.0
// ThreadSlot: a small number for every thread that uses a pool, for as long as the thread lives.
#ifndef MEMPOOL_THREAD_SLOT_H_
#define MEMPOOL_THREAD_SLOT_H_

namespace pollux::mempool {

// Pools keep their caches by slot, so that finding one's cache is an array index. A slot is given back when its thread exits,
// after every pool took the thread's cached frames back.
class ThreadSlot {
 public:
  static constexpr int kMaximum = 512;  // threads with a cache; more work too, through one shared, locked cache
  static constexpr int kNone = -1;      // no slot yet
  static constexpr int kShared = -2;    // all were taken when this thread last asked
  static constexpr int kExiting = -3;   // given back: the thread's last destructors run

  // This thread's slot: 0 .. kMaximum-1, or one of kShared and kExiting.
  static int Current() {
    const int slot = current_;
    return slot != kNone ? slot : Acquire();
  }
  // As Current, for a thread that has none: another's may have become free. Then one load, mostly.
  static int AskAgain();

 private:
  struct Holder;
  static int Acquire();

  // Found at a constant distance from the thread pointer, in the shared library too: no call in each Get, Put and Free.
  [[gnu::tls_model("initial-exec")]] static constinit thread_local int current_;
};

}  // namespace pollux::mempool

#endif  // MEMPOOL_THREAD_SLOT_H_
