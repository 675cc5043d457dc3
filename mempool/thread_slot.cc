// SPDX-License-Identifier: Apache-2.0
#include "mempool/thread_slot.h"

#include <array>
#include <mutex>

#include "mempool/pool.h"

namespace pollux::mempool {
namespace {

constinit std::mutex slots_mutex;
constinit std::array<bool, ThreadSlot::kMaximum> slot_taken{};

}  // namespace

constinit thread_local int ThreadSlot::current_ = ThreadSlot::kNone;

// Its thread_local instance lives from the thread's first use of a pool to the thread's exit.
struct ThreadSlot::Holder {
  int slot = kShared;

  Holder() {
    const std::lock_guard lock(slots_mutex);
    for (int candidate = 0; candidate < kMaximum; ++candidate) {
      if (slot_taken[candidate]) continue;
      slot_taken[candidate] = true;
      slot = candidate;
      return;
    }
  }

  ~Holder() {
    // Destructors that run after this one may still free packets: through the shared cache.
    current_ = kShared;
    if (slot < 0) return;
    Pool::FlushSlotEverywhere(static_cast<unsigned>(slot));
    const std::lock_guard lock(slots_mutex);
    slot_taken[slot] = false;
  }
};

int ThreadSlot::Acquire() {
  thread_local Holder holder;
  current_ = holder.slot;
  return current_;
}

}  // namespace pollux::mempool
