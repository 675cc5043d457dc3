// SPDX-License-Identifier: Apache-2.0
// FlowTable: packets that the kernel forwards by itself, from port to port, without a thread of ours. docs/flows.md.
//
//   std::shared_ptr<FlowTable> flows = FlowTable::Create().value();
//   left->UseFlows(flows, 0, FlowRole::kInputAndOutput);   // Device: packets of this port are looked up in the table
//   right->UseFlows(flows, 1, FlowRole::kOutput);           // and may be sent to this one
//   Flow flow;                                // everything that comes in by port 0 leaves by port 1
//   flow.match.mask.port = ~0u;
//   flow.actions = {{.kind = FlowAction::Kind::kOutput, .port = 1}};
//   FlowTable::Id id = flows->Add(flow).value();
//
// What no flow matches comes up to the ports' queues as always; so does what the program cannot do for sure, unchanged (Counters says why).
//
// Any thread, at any time; writers wait for each other, for microseconds.
#ifndef PMD_FLOW_TABLE_H_
#define PMD_FLOW_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "pmd/device_stats.h"
#include "pmd/flow.h"

namespace pollux::bpf {
class FlowMaps;
}

namespace pollux::pmd {

struct FlowTableOptions {
  uint32_t flows = 65536;  // at once; 1 to 1048576. About 350 bytes of kernel memory each, and 32 for each CPU (16 at most)
  uint32_t masks =
      64;  // different pairs of priority and mask at once; 1 to FLOW_MAXIMUM_MASKS. A packet is compared with each of those in use
};

class FlowTable {
 public:
  using Id = uint64_t;  // never 0, never used twice

  // PERMISSION_DENIED without CAP_BPF and CAP_NET_ADMIN; INVALID_ARGUMENT for numbers that are out of range.
  static absl::StatusOr<std::shared_ptr<FlowTable>> Create(const FlowTableOptions& options = {});

  ~FlowTable();

  // Whether Add would take it, but for room and for a flow that is there already. UNIMPLEMENTED or INVALID_ARGUMENT names the part.
  absl::Status Validate(const Flow& flow) const;

  // ALREADY_EXISTS: there is a flow of this priority and match. RESOURCE_EXHAUSTED: all flows, or all masks, are in use.
  absl::StatusOr<Id> Add(const Flow& flow);
  // Other actions; what was counted stays. When it has returned, no packet takes the former ones. NOT_FOUND. After an error the flow is as
  // it was.
  absl::Status Modify(Id flow, const std::vector<FlowAction>& actions);
  // When it has returned, no packet takes the flow any more, and nothing that it did is missing in what is returned. NOT_FOUND.
  absl::StatusOr<FlowStatistics> Remove(Id flow);
  absl::Status RemoveAll();

  // Without a system call. Exact once the flow is quiet; while packets flow, packets and bytes are read one after the other. NOT_FOUND.
  absl::StatusOr<FlowStatistics> Statistics(Id flow) const;
  // Of all ports: "flow_hits", "flow_misses", "flow_truncated" and so on.
  std::vector<NamedCounter> Counters() const;

  // For those who look from outside: up to `most` flows, of places from `first` on, that packets of port `port` may match; all flows
  // without one. Looks at kPlacesOfPage places, so that writers do not wait for long: `next` is where to go on, as long as there is more.
  struct Listed {
    Id flow = 0;
    uint32_t priority = 0;
    FlowMatch match;
    FlowStatistics statistics;
  };
  struct Page {
    std::vector<Listed> flows;
    std::optional<uint32_t> next;
  };
  static constexpr uint32_t kPlacesOfPage = 16384;
  Page List(uint32_t first, std::size_t most, std::optional<uint32_t> port = std::nullopt) const;

  std::size_t flow_count() const;
  std::size_t mask_count() const;
  const FlowTableOptions& options() const { return options_; }

  // --- for drivers ---
  // Packets may be sent to port `port`, which is this interface (of the network namespace that the thread is in), up to this length of
  // frame, of ports at XDP and of ports at TC; 0: not now, they go up. ALREADY_EXISTS: the number is another interface's. OUT_OF_RANGE:
  // FLOW_MAXIMUM_PORTS.
  absl::Status SetPort(uint32_t port, int ifindex, std::size_t maximum_length, std::size_t maximum_buffer_length = 0);
  // When it has returned, no packet is sent there.
  void ClearPort(uint32_t port);
  const bpf::FlowMaps& maps() const { return *maps_; }

 private:
  // The flows of one priority and mask.
  struct Subtable {
    uint32_t number = 0;
    uint32_t priority = 0;
    FlowKey mask = {};
    std::size_t flows = 0;
  };
  struct Entry {
    Id id = 0;  // 0: free
    FlowMatch match;
    uint32_t subtable = 0;
  };

  FlowTable(const FlowTableOptions& options, std::unique_ptr<bpf::FlowMaps> maps);
  Entry* Find(Id flow);
  const Entry* Find(Id flow) const { return const_cast<FlowTable*>(this)->Find(flow); }
  uint32_t PlaceOf(const Entry& entry) const { return static_cast<uint32_t>(&entry - entries_.data()); }
  static FlowKey IndexKey(const FlowMatch& match, uint32_t subtable);
  absl::StatusOr<Subtable*> SubtableFor(uint32_t priority, const FlowKey& mask);
  absl::Status DropEmptySubtables();
  absl::Status WriteMasks();
  absl::Status Forget(std::span<const uint32_t> places);
  FlowStatistics Sum(uint32_t place) const;
  uint32_t Describe(const flow_action& action, uint32_t place);

  const FlowTableOptions options_;
  const std::unique_ptr<bpf::FlowMaps> maps_;
  mutable std::mutex lock_;  // of all below, and for writing to the maps
  std::vector<Entry> entries_;
  std::vector<uint32_t> free_;
  std::vector<uint32_t> action_places_;  // of each place of a flow, in the map of actions
  uint32_t spare_action_;
  std::vector<Subtable> subtables_;  // in the order in which the program asks them
  uint32_t next_subtable_ = 1;
  uint32_t next_serial_ = 1;
  uint32_t half_ = 0;              // of the masks in use
  std::map<uint32_t, int> ports_;  // number, interface
};

}  // namespace pollux::pmd

#endif  // PMD_FLOW_TABLE_H_
