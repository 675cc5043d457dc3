// SPDX-License-Identifier: Apache-2.0
// FlowMaps: the maps of a flow table, shared by the programs of its ports, and mapped into this process.
//
// Most of them are arrays in mapped memory: writing is a store, reading is a load, and neither is a system call. The order of stores is
// part of the protocol with the program, which is flow_shared.h's picture read from right to left: what is pointed at is
// complete before the pointer is.
//
//   program, on each CPU:   entered++  (full barrier)   read tables, act, count   (full barrier)  left++
//   user space:             take something out of the tables; full barrier; read entered of each CPU; wait until left reaches it
//
// Afterwards no program uses what was taken out, so that its place may have another use; what those programs counted is there to be read.
#ifndef BPF_FLOW_MAPS_H_
#define BPF_FLOW_MAPS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "bpf/flow_shared.h"
#include "bpf/unique_fd.h"

namespace pollux::bpf {

// Writers exclude each other; reading statistics and counters is for any thread.
class FlowMaps {
 public:
  // For `flows` flows. PERMISSION_DENIED without CAP_BPF; RESOURCE_EXHAUSTED or what else the kernel says.
  static absl::StatusOr<std::unique_ptr<FlowMaps>> Create(uint32_t flows);
  ~FlowMaps();
  FlowMaps(const FlowMaps&) = delete;
  FlowMaps& operator=(const FlowMaps&) = delete;

  flow_control& control() { return *static_cast<flow_control*>(control_.memory); }
  std::span<flow_mask> masks() { return Span<flow_mask>(masks_); }
  std::span<flow_record> records() { return Span<flow_record>(records_); }
  std::span<flow_action> actions() { return Span<flow_action>(actions_); }  // one more than flows
  // Of flow f: [f * slots, (f + 1) * slots)
  std::span<flow_statistics> statistics() { return Span<flow_statistics>(statistics_); }
  uint32_t statistics_slots() const { return slots_; }
  uint32_t cpu_count() const { return static_cast<uint32_t>(cpus_.entries); }  // that there may be
  std::span<flow_port> ports() { return Span<flow_port>(ports_); }
  std::span<const flow_cpu> cpus() { return Span<const flow_cpu>(cpus_); }

  // The entry `key`, whose subtable is set. ALREADY_EXISTS, RESOURCE_EXHAUSTED.
  absl::Status Insert(const flow_key& key, uint32_t flow);
  absl::Status Erase(const flow_key& key);

  // The interface behind an output, in the network namespace that the thread is in. The kernel takes it out when it is deleted.
  absl::Status SetOutput(uint32_t port, int ifindex);
  absl::Status ClearOutput(uint32_t port);

  // As in the picture: full barrier, and wait. Microseconds, as a rule; DEADLINE_EXCEEDED after ten seconds.
  absl::Status WaitForPrograms();

  // Every map by its name in the program.
  std::vector<std::pair<std::string, int>> Descriptors() const;

 private:
  struct Map {
    const char* name = nullptr;
    UniqueFd descriptor;
    void* memory = nullptr;  // null: not mapped
    std::size_t bytes = 0;
    std::size_t entries = 0;
  };
  FlowMaps() = default;
  absl::Status Make(Map& map, const char* name, int type, uint32_t key_size, uint32_t value_size, uint32_t entries, bool mapped);
  template <typename Entry>
  std::span<Entry> Span(const Map& map) {
    return {static_cast<Entry*>(map.memory), map.entries};
  }
  std::vector<const Map*> All() const;

  uint32_t slots_ = 1;
  Map control_, masks_, index_, records_, actions_, statistics_, cpus_, cache_, ports_, outputs_;
};

}  // namespace pollux::bpf

#endif  // BPF_FLOW_MAPS_H_
