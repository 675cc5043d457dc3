// SPDX-License-Identifier: Apache-2.0
// A full memory fence, for a protocol with the other side of shared memory: the kernel, or a BPF program.
#ifndef LCORE_FULL_FENCE_H_
#define LCORE_FULL_FENCE_H_

#include <atomic>

namespace pollux::lcore {

// What was stored before is seen by others before what is loaded afterwards.
inline void FullFence() {
#if defined(__SANITIZE_THREAD__)
  // It knows no fences, and needs none for this: what follows is an atomic load.
#else
  std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
}

}  // namespace pollux::lcore

#endif  // LCORE_FULL_FENCE_H_
