// SPDX-License-Identifier: Apache-2.0
// What is behind a pollux_pool, and the pools that wait for their last packet.
#ifndef PMD_C_POOL_HANDLE_H_
#define PMD_C_POOL_HANDLE_H_

#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include <absl/status/status.h>

#include "mempool/pool.h"
#include "pmd/c/pollux.h"
#include "pmd/device.h"

struct pollux_pool {
  std::shared_ptr<pollux::mempool::Pool> pool;
};

namespace pollux::pmd::c {

// Pools whose handle was given up. Each goes when no device holds it and all its frames are free: nobody can get at it then. A data path
// does not look; the control path calls Sweep. Any thread.
class LingeringPools {
 public:
  static LingeringPools& OfProcess();

  // Takes a place for a pool that was made, so that Add needs no memory and cannot fail.
  void Expect();
  void Add(std::shared_ptr<mempool::Pool> pool) noexcept;
  // Returns how many are left.
  std::size_t Sweep();

 private:
  std::mutex mutex_;
  std::vector<std::shared_ptr<mempool::Pool>> pools_;
  std::size_t expected_ = 0;
};

// For the function of pollux.h with this name: in memory of the device's making, if there is a device.
absl::Status CreatePool(const char* function, const pollux_pool_options* options, Device* device, pollux_pool** pool);

}  // namespace pollux::pmd::c

#endif  // PMD_C_POOL_HANDLE_H_
