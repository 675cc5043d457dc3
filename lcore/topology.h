// SPDX-License-Identifier: Apache-2.0
// The machine: CPUs, the cores and caches they share, NUMA nodes. topology.cc is the only file that knows hwloc.
#ifndef LCORE_TOPOLOGY_H_
#define LCORE_TOPOLOGY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "lcore/core_set.h"

namespace pollux::lcore {

// One CPU as the kernel numbers it (a hardware thread).
struct Cpu {
  unsigned number = 0;
  unsigned physical_core = 0;         // counted over the whole machine from 0, so that two sockets never share a number
  std::optional<unsigned> numa_node;  // nullopt: the machine does not tell
  CoreSet smt_siblings;               // the CPUs of its physical core, itself included
  CoreSet l2_group;                   // the CPUs that share its L2 and L3 cache, itself included; empty: no such cache is known
  CoreSet l3_group;
};

struct NumaNode {
  unsigned number = 0;
  CoreSet cpus;  // may be empty: a node of memory only
  uint64_t memory_bytes = 0;
};

// One data or unified cache of the machine.
struct Cache {
  unsigned level = 0;
  uint64_t bytes = 0;
  CoreSet cpus;
};

// An unchanging picture, taken once; any thread may read it.
class Topology {
 public:
  // Reads this machine: every online CPU, also those that this process may not use.
  static absl::StatusOr<Topology> FromMachine();
  // Builds a machine from hwloc's synthetic description, for example "node:2 core:4 pu:2" or "pack:2 [numa] l3:1 l2:4 core:1 pu:2".
  static absl::StatusOr<Topology> FromSynthetic(const std::string& description);
  // Reads a file that `lstopo machine.xml` wrote on another machine.
  static absl::StatusOr<Topology> FromXml(const std::string& path);

  const std::vector<Cpu>& cpus() const { return cpus_; }                   // by rising number
  const std::vector<NumaNode>& numa_nodes() const { return numa_nodes_; }  // by rising number
  const std::vector<Cache>& caches() const { return caches_; }             // by level, then by lowest CPU

  // Returns the CPU with this number, or nullptr.
  const Cpu* Find(unsigned number) const;
  // The CPUs of a node; empty for a node that does not exist.
  CoreSet CpusOfNode(unsigned node) const;
  // The node that all of `cpus` belong to; nullopt if they span nodes, are unknown or none.
  std::optional<unsigned> NodeOf(const CoreSet& cpus) const;

  // One line: "2 NUMA nodes, 8 cores, 16 CPUs, L2 1 MiB x 8, L3 32 MiB x 2".
  std::string Describe() const;
  // A table for people, a line for each CPU, then one for each NUMA node. Ends with a newline.
  std::string ToTable() const;

 private:
  friend class TopologyReader;  // topology.cc: the translation from hwloc

  std::vector<Cpu> cpus_;
  std::vector<NumaNode> numa_nodes_;
  std::vector<Cache> caches_;
};

}  // namespace pollux::lcore

#endif  // LCORE_TOPOLOGY_H_
