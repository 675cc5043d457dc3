// SPDX-License-Identifier: Apache-2.0
#include "bpf/flow_maps.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/capability.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <chrono>
#include <thread>

#include <absl/strings/str_cat.h>

#include "bpf/privilege.h"
#include "lcore/full_fence.h"

namespace pollux::bpf {
namespace {

constexpr uint32_t kMostSlots = 16;  // of a flow's statistics; on larger machines CPUs share them
constexpr std::chrono::seconds kPatience(10);
constexpr int kSpins = 1000;  // before others get the core

uint64_t Load(const __u64& word) {
  return __atomic_load_n(&word, __ATOMIC_ACQUIRE);
}

}  // namespace

absl::Status FlowMaps::Make(Map& map, const char* name, int type, uint32_t key_size, uint32_t value_size, uint32_t entries, bool mapped) {
  map.name = name;
  map.entries = entries;
  DECLARE_LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = mapped ? static_cast<uint32_t>(BPF_F_MMAPABLE) : 0);
  map.descriptor = UniqueFd(bpf_map_create(static_cast<bpf_map_type>(type), name, key_size, value_size, entries, &options));
  if (!map.descriptor) {
    const int error = errno;
    return CallStatus(error, absl::StrCat("bpf(BPF_MAP_CREATE, ", name, ", ", entries, " entries of ", value_size, " bytes)"),
                      {CAP_BPF, CAP_NET_ADMIN}, error == ENOMEM || error == E2BIG ? "a table for fewer flows needs less memory" : "");
  }
  if (!mapped) return absl::OkStatus();
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  map.bytes = (static_cast<std::size_t>(value_size) * entries + page - 1) / page * page;
  void* const memory = mmap(nullptr, map.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, map.descriptor.get(), 0);
  if (memory == MAP_FAILED) return CallStatus(errno, absl::StrCat("mmap(", name, ", ", map.bytes, " bytes)"), {CAP_BPF});
  map.memory = memory;
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<FlowMaps>> FlowMaps::Create(uint32_t flows) {
  std::unique_ptr<FlowMaps> maps(new FlowMaps());
  const auto cpus = static_cast<uint32_t>(std::max(libbpf_num_possible_cpus(), 1));
  maps->slots_ = std::min(std::bit_ceil(cpus), kMostSlots);
  constexpr uint32_t kNumber = sizeof(uint32_t);
  absl::Status status;
  const auto make = [&](Map& map, const char* name, int type, uint32_t key_size, uint32_t value_size, uint32_t entries, bool mapped) {
    if (status.ok()) status = maps->Make(map, name, type, key_size, value_size, entries, mapped);
  };
  make(maps->control_, "flow_control", BPF_MAP_TYPE_ARRAY, kNumber, sizeof(flow_control), 1, true);
  make(maps->masks_, "flow_masks", BPF_MAP_TYPE_ARRAY, kNumber, sizeof(flow_mask), 2 * FLOW_MAXIMUM_MASKS, true);
  make(maps->index_, "flow_index", BPF_MAP_TYPE_HASH, sizeof(flow_key), kNumber, flows, false);
  make(maps->records_, "flow_records", BPF_MAP_TYPE_ARRAY, kNumber, sizeof(flow_record), flows, true);
  make(maps->actions_, "flow_actions", BPF_MAP_TYPE_ARRAY, kNumber, sizeof(flow_action), flows + 1, true);
  make(maps->statistics_, "flow_statistics", BPF_MAP_TYPE_ARRAY, kNumber, sizeof(flow_statistics), flows * maps->slots_, true);
  make(maps->cpus_, "flow_cpus", BPF_MAP_TYPE_ARRAY, kNumber, sizeof(flow_cpu), cpus, true);
  make(maps->cache_, "flow_cache", BPF_MAP_TYPE_PERCPU_ARRAY, kNumber, sizeof(flow_cache_entry), FLOW_CACHE_ENTRIES, false);
  make(maps->ports_, "flow_ports", BPF_MAP_TYPE_ARRAY, kNumber, sizeof(flow_port), FLOW_MAXIMUM_PORTS, true);
  make(maps->outputs_, "flow_outputs", BPF_MAP_TYPE_DEVMAP, kNumber, kNumber, FLOW_MAXIMUM_PORTS, false);
  if (!status.ok()) return status;
  return maps;
}

FlowMaps::~FlowMaps() {
  for (const Map* map : All()) {
    if (map->memory != nullptr) munmap(map->memory, map->bytes);
  }
}

std::vector<const FlowMaps::Map*> FlowMaps::All() const {
  return {&control_, &masks_, &index_, &records_, &actions_, &statistics_, &cpus_, &cache_, &ports_, &outputs_};
}

std::vector<std::pair<std::string, int>> FlowMaps::Descriptors() const {
  std::vector<std::pair<std::string, int>> descriptors;
  for (const Map* map : All()) descriptors.emplace_back(map->name, map->descriptor.get());
  return descriptors;
}

absl::Status FlowMaps::Insert(const flow_key& key, uint32_t flow) {
  if (bpf_map_update_elem(index_.descriptor.get(), &key, &flow, BPF_NOEXIST) == 0) return absl::OkStatus();
  const std::string call = absl::StrCat("bpf_map_update_elem(flow_index, flow ", flow, ")");
  if (errno == EEXIST) return absl::AlreadyExistsError(call);
  if (errno == E2BIG) return absl::ResourceExhaustedError(absl::StrCat(call, ": the table of ", index_.entries, " flows is full"));
  return CallStatus(errno, call, {CAP_BPF});
}

absl::Status FlowMaps::Erase(const flow_key& key) {
  if (bpf_map_delete_elem(index_.descriptor.get(), &key) == 0) return absl::OkStatus();
  return CallStatus(errno, "bpf_map_delete_elem(flow_index)", {CAP_BPF});
}

absl::Status FlowMaps::SetOutput(uint32_t port, int ifindex) {
  if (bpf_map_update_elem(outputs_.descriptor.get(), &port, &ifindex, BPF_ANY) == 0) return absl::OkStatus();
  return CallStatus(errno, absl::StrCat("bpf_map_update_elem(flow_outputs, port ", port, ", interface index ", ifindex, ")"),
                    {CAP_BPF, CAP_NET_ADMIN});
}

absl::Status FlowMaps::ClearOutput(uint32_t port) {
  if (bpf_map_delete_elem(outputs_.descriptor.get(), &port) == 0 || errno == ENOENT) return absl::OkStatus();
  return CallStatus(errno, absl::StrCat("bpf_map_delete_elem(flow_outputs, port ", port, ")"), {CAP_BPF});
}

absl::Status FlowMaps::WaitForPrograms() {
  lcore::FullFence();
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  for (const flow_cpu& cpu : cpus()) {
    const uint64_t entered = Load(cpu.entered);
    for (int spin = 0; Load(cpu.left) < entered; ++spin) {
      if (spin < kSpins) continue;
      std::this_thread::yield();
      if (std::chrono::steady_clock::now() > deadline)
        return absl::DeadlineExceededError("a program has been busy with one packet for ten seconds: its CPU does not run");
    }
  }
  return absl::OkStatus();
}

}  // namespace pollux::bpf
