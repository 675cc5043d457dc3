// SPDX-License-Identifier: Apache-2.0
#include "lcore/topology.h"

#include <hwloc.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <memory>
#include <utility>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include "lcore/errno_status.h"

namespace pollux::lcore {
namespace {

struct DestroyHwloc {
  void operator()(hwloc_topology* topology) const { hwloc_topology_destroy(topology); }
};
using HwlocTopology = std::unique_ptr<hwloc_topology, DestroyHwloc>;

// Leaves out CPUs that CoreSet cannot hold; TopologyReader refuses a machine that has them.
CoreSet ToCoreSet(hwloc_const_cpuset_t cpuset) {
  CoreSet cpus;
  for (int cpu = hwloc_bitmap_first(cpuset); cpu >= 0; cpu = hwloc_bitmap_next(cpuset, cpu)) {
    if (static_cast<unsigned>(cpu) < CoreSet::kMaxCpus) cpus.Add(static_cast<unsigned>(cpu));
  }
  return cpus;
}

CoreSet GroupOf(hwloc_topology_t topology, hwloc_obj_type_t type, hwloc_obj_t pu) {
  const hwloc_obj_t ancestor = hwloc_get_ancestor_obj_by_type(topology, type, pu);
  return ancestor == nullptr ? CoreSet() : ToCoreSet(ancestor->cpuset);
}

std::string BytesToString(uint64_t bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  double value = static_cast<double>(bytes);
  for (; value >= 1024 && unit + 1 < std::size(kUnits); ++unit) value /= 1024;
  const int decimals = value == static_cast<double>(static_cast<uint64_t>(value)) ? 0 : 1;
  return absl::StrFormat("%.*f %s", decimals, value, kUnits[unit]);
}

std::string Plural(std::size_t count, absl::string_view noun) {
  return absl::StrCat(count, " ", noun, count == 1 ? "" : "s");
}

std::string OrDash(const std::string& text) {
  return text.empty() ? "-" : text;
}

}  // namespace

// Translates what hwloc found into the plain data that a Topology holds.
class TopologyReader {
 public:
  // `select_source` tells a fresh hwloc topology where to read from; `call` names it in errors.
  template <typename SelectSource>
  static absl::StatusOr<Topology> Read(const std::string& call, const std::string& hint, SelectSource select_source) {
    hwloc_topology_t raw = nullptr;
    if (hwloc_topology_init(&raw) != 0) return ErrnoStatus(errno, "hwloc_topology_init()");
    const HwlocTopology source(raw);
    // Without this flag CPUs outside the cgroup's cpuset were missing, and a mask that names them could not be explained.
    hwloc_topology_set_flags(raw, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED);
    errno = 0;
    if (select_source(raw) != 0 || hwloc_topology_load(raw) != 0) return ErrnoStatus(errno == 0 ? EINVAL : errno, call, hint);
    Topology topology;
    ReadNumaNodes(raw, topology);
    ReadCpus(raw, topology);
    ReadCaches(raw, topology);
    if (topology.cpus_.empty()) return absl::NotFoundError(absl::StrCat(call, ": found no CPU"));
    if (topology.cpus_.back().number >= CoreSet::kMaxCpus) {
      return absl::OutOfRangeError(
          absl::StrCat(call, ": CPU ", topology.cpus_.back().number, " is above the limit of ", CoreSet::kMaxCpus - 1));
    }
    return topology;
  }

 private:
  static void ReadNumaNodes(hwloc_topology_t source, Topology& topology) {
    for (hwloc_obj_t node = nullptr; (node = hwloc_get_next_obj_by_type(source, HWLOC_OBJ_NUMANODE, node)) != nullptr;) {
      if (node->os_index == HWLOC_UNKNOWN_INDEX) continue;
      topology.numa_nodes_.push_back({node->os_index, ToCoreSet(node->cpuset), node->attr->numanode.local_memory});
    }
    std::sort(topology.numa_nodes_.begin(), topology.numa_nodes_.end(), [](const auto& a, const auto& b) { return a.number < b.number; });
  }

  static void ReadCpus(hwloc_topology_t source, Topology& topology) {
    for (hwloc_obj_t pu = nullptr; (pu = hwloc_get_next_obj_by_type(source, HWLOC_OBJ_PU, pu)) != nullptr;) {
      Cpu cpu;
      cpu.number = pu->os_index;
      const hwloc_obj_t core = hwloc_get_ancestor_obj_by_type(source, HWLOC_OBJ_CORE, pu);
      cpu.physical_core = core == nullptr ? pu->logical_index : core->logical_index;
      cpu.smt_siblings = ToCoreSet(core == nullptr ? pu->cpuset : core->cpuset);
      cpu.l2_group = GroupOf(source, HWLOC_OBJ_L2CACHE, pu);
      cpu.l3_group = GroupOf(source, HWLOC_OBJ_L3CACHE, pu);
      // Fast and slow memory of the same CPUs are two nodes: ordinary memory has the lower number.
      for (const NumaNode& node : topology.numa_nodes_) {
        if (!node.cpus.Contains(cpu.number)) continue;
        cpu.numa_node = node.number;
        break;
      }
      topology.cpus_.push_back(cpu);
    }
    std::sort(topology.cpus_.begin(), topology.cpus_.end(), [](const Cpu& a, const Cpu& b) { return a.number < b.number; });
  }

  static void ReadCaches(hwloc_topology_t source, Topology& topology) {
    for (const hwloc_obj_type_t type : {HWLOC_OBJ_L1CACHE, HWLOC_OBJ_L2CACHE, HWLOC_OBJ_L3CACHE, HWLOC_OBJ_L4CACHE, HWLOC_OBJ_L5CACHE}) {
      for (hwloc_obj_t cache = nullptr; (cache = hwloc_get_next_obj_by_type(source, type, cache)) != nullptr;) {
        topology.caches_.push_back({cache->attr->cache.depth, cache->attr->cache.size, ToCoreSet(cache->cpuset)});
      }
    }
    std::sort(topology.caches_.begin(), topology.caches_.end(),
              [](const Cache& a, const Cache& b) { return a.level != b.level ? a.level < b.level : a.cpus.cpus() < b.cpus.cpus(); });
  }
};

absl::StatusOr<Topology> Topology::FromMachine() {
  return TopologyReader::Read("hwloc_topology_load(this machine)", "are /sys and /proc mounted?", [](hwloc_topology_t) { return 0; });
}

absl::StatusOr<Topology> Topology::FromSynthetic(const std::string& description) {
  return TopologyReader::Read(absl::StrCat("hwloc_topology_set_synthetic(\"", description, "\")"),
                              "expected for example \"node:2 core:4 pu:2\"",
                              [&](hwloc_topology_t source) { return hwloc_topology_set_synthetic(source, description.c_str()); });
}

absl::StatusOr<Topology> Topology::FromXml(const std::string& path) {
  return TopologyReader::Read(absl::StrCat("hwloc_topology_set_xml(\"", path, "\")"), "expected a file that `lstopo FILE.xml` wrote",
                              [&](hwloc_topology_t source) { return hwloc_topology_set_xml(source, path.c_str()); });
}

const Cpu* Topology::Find(unsigned number) const {
  const auto found =
      std::lower_bound(cpus_.begin(), cpus_.end(), number, [](const Cpu& cpu, unsigned wanted) { return cpu.number < wanted; });
  return found == cpus_.end() || found->number != number ? nullptr : &*found;
}

CoreSet Topology::CpusOfNode(unsigned node) const {
  for (const NumaNode& candidate : numa_nodes_) {
    if (candidate.number == node) return candidate.cpus;
  }
  return {};
}

std::optional<unsigned> Topology::NodeOf(const CoreSet& cpus) const {
  std::optional<unsigned> node;
  for (const unsigned number : cpus.cpus()) {
    const Cpu* cpu = Find(number);
    if (cpu == nullptr || !cpu->numa_node.has_value()) return std::nullopt;
    if (node.has_value() && node != cpu->numa_node) return std::nullopt;
    node = cpu->numa_node;
  }
  return node;
}

std::string Topology::Describe() const {
  CoreSet first_siblings;
  for (const Cpu& cpu : cpus_) first_siblings.Add(cpu.smt_siblings.cpus().front());
  std::string text =
      absl::StrCat(Plural(numa_nodes_.size(), "NUMA node"), ", ", Plural(first_siblings.size(), "core"), ", ", Plural(cpus_.size(), "CPU"));
  std::map<std::pair<unsigned, uint64_t>, unsigned> count_of;  // by level and size
  for (const Cache& cache : caches_) ++count_of[{cache.level, cache.bytes}];
  for (const auto& [kind, count] : count_of) absl::StrAppend(&text, ", L", kind.first, " ", BytesToString(kind.second), " x ", count);
  return text;
}

std::string Topology::ToTable() const {
  constexpr char kLine[] = "%5s %5s %5s  %-12s %-16s %s\n";
  std::string text = absl::StrFormat(kLine, "CPU", "core", "node", "siblings", "L2 shared by", "L3 shared by");
  for (const Cpu& cpu : cpus_) {
    const std::string node = cpu.numa_node.has_value() ? absl::StrCat(*cpu.numa_node) : "-";
    absl::StrAppendFormat(&text, kLine, absl::StrCat(cpu.number), absl::StrCat(cpu.physical_core), node, cpu.smt_siblings.ToString(),
                          OrDash(cpu.l2_group.ToString()), OrDash(cpu.l3_group.ToString()));
  }
  for (const NumaNode& node : numa_nodes_) {
    absl::StrAppendFormat(&text, "node %d: CPUs %s, memory %s\n", node.number, OrDash(node.cpus.ToString()),
                          node.memory_bytes == 0 ? "unknown" : BytesToString(node.memory_bytes));
  }
  return text;
}

}  // namespace pollux::lcore
