// SPDX-License-Identifier: Apache-2.0
#include "mempool/thread_slot.h"

#include <array>
#include <atomic>
#include <mutex>

#include "mempool/pool.h"

namespace pollux::mempool {
namespace {

constinit std::mutex slots_mutex;
constinit std::array<bool, ThreadSlot::kMaximum> slot_taken{};
constinit std::atomic<int> slots_taken{0};

}  // namespace

constinit thread_local int ThreadSlot::current_ = ThreadSlot::kNone;

// Its thread_local instance lives from the thread's first use of a pool to the thread's exit.
struct ThreadSlot::Holder {
  int slot = kShared;

  void Ask() {
    if (slot >= 0 || slots_taken.load(std::memory_order_relaxed) == kMaximum) return;
    const std::lock_guard lock(slots_mutex);
    for (int candidate = 0; candidate < kMaximum; ++candidate) {
      if (slot_taken[candidate]) continue;
      slot_taken[candidate] = true;
      slots_taken.fetch_add(1, std::memory_order_relaxed);
      slot = candidate;
      return;
    }
  }

  ~Holder() {
    // Destructors that run after this one may still free packets: through the shared cache.
    current_ = kExiting;
    if (slot < 0) return;
    Pool::FlushSlotEverywhere(static_cast<unsigned>(slot));
    const std::lock_guard lock(slots_mutex);
    slot_taken[slot] = false;
    slots_taken.fetch_sub(1, std::memory_order_relaxed);
  }
};

int ThreadSlot::Acquire() {
  thread_local Holder holder;
  holder.Ask();
  current_ = holder.slot;
  return current_;
}

int ThreadSlot::AskAgain() {
  return current_ == kExiting ? kExiting : Acquire();
}

}  // namespace pollux::mempool
