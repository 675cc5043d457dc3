// SPDX-License-Identifier: Apache-2.0
// The frames of testpmd: one Region and one Pool for every NUMA node that has ports.
#ifndef TOOLS_TESTPMD_SESSION_MEMORY_SETUP_H_
#define TOOLS_TESTPMD_SESSION_MEMORY_SETUP_H_

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "mempool/pool.h"
#include "pmd/device.h"
#include "tools/testpmd/options/eal_options.h"
#include "tools/testpmd/options/testpmd_options.h"

namespace pollux::testpmd {

// What the frames of one node must suffice for.
struct FrameDemand {
  std::size_t ring_descriptors = 0;  // of all rx and tx rings of its ports; of queues that follow their load, what they hold when quiet
  std::size_t following_queues = 0;  // rx queues that follow their load
  std::size_t busy_descriptors = 0;  // that one of these holds more when it is busy, its tx ring included
  std::size_t lcores = 1;
  std::size_t frame_size = 2048;  // the largest that a port recommends
  bool visible_region = false;    // a port asked for frames that BPF programs can read
  pmd::Device* maker = nullptr;   // a port that takes frames of its own making only: all have those
};

// All ports of a node share its pool, so that packets travel between them without a copy. Belongs to the main lcore.
class MemorySetup {
 public:
  // INVALID_ARGUMENT names the option that is out of range; RESOURCE_EXHAUSTED what -m or --socket-mem refuse, or what the machine lacks.
  static absl::StatusOr<MemorySetup> Create(const EalOptions& eal, const TestpmdOptions& options,
                                            const std::map<int, FrameDemand>& demand_by_node);

  // The pool of `node` (mempool::kAnyNode for a port without one). Null: no port of this node was there at Create.
  std::shared_ptr<mempool::Pool> PoolOf(int node) const;
  // In order of nodes.
  const std::map<int, std::shared_ptr<mempool::Pool>>& pools() const { return pools_; }

 private:
  std::map<int, std::shared_ptr<mempool::Pool>> pools_;
};

// Sizes from the options; those not given: frames as the ports recommend, or of 4096 bytes if --max-pkt-len does not fit these, and as many
// as fill all rings and the lcores' caches one and a half times, 16384 at least; of queues that follow their load, four are busy at once.
absl::StatusOr<mempool::PoolOptions> PoolOptionsFor(const TestpmdOptions& options, const FrameDemand& demand);

// "mbuf pool <mb_pool_0>: n=32768, size=2048, headroom=256, socket=0, pages=2M", with a second line for what the
// machine could not give.
std::string DescribePool(const mempool::Pool& pool);

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_SESSION_MEMORY_SETUP_H_
