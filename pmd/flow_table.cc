// SPDX-License-Identifier: Apache-2.0
#include "pmd/flow_table.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include <absl/strings/str_cat.h>

#include "bpf/flow_maps.h"
#include "pmd/flow_compiler.h"

namespace pollux::pmd {
namespace {

constexpr uint32_t kMostFlows = 1 << 20;

bool Same(const FlowKey& one, const FlowKey& other) {
  return std::memcmp(&one, &other, sizeof(one)) == 0;
}

// What a program reads without a lock.
template <typename Word>
void Publish(Word& word, Word value) {
  __atomic_store_n(&word, value, __ATOMIC_RELEASE);
}
template <typename Word>
void Next(Word& word) {
  __atomic_fetch_add(&word, 1, __ATOMIC_SEQ_CST);
}
template <typename Word>
Word Read(const Word& word) {
  return __atomic_load_n(&word, __ATOMIC_RELAXED);
}

absl::Status NoSuchFlow(FlowTable::Id flow) {
  return absl::NotFoundError(absl::StrCat("flow table: there is no flow ", flow));
}

struct CounterName {
  flow_counter counter;
  const char* name;
};
constexpr std::array kCounterNames = {
    CounterName{FLOW_COUNT_HIT, "flow_hits"},
    CounterName{FLOW_COUNT_CACHE_HIT, "flow_cache_hits"},
    CounterName{FLOW_COUNT_MISS, "flow_misses"},
    CounterName{FLOW_COUNT_TRUNCATED, "flow_truncated"},
    CounterName{FLOW_COUNT_HEADERS, "flow_unknown_headers"},
    CounterName{FLOW_COUNT_CHECKSUM, "flow_unfinished_checksum"},
    CounterName{FLOW_COUNT_TOO_LONG, "flow_too_long"},
    CounterName{FLOW_COUNT_NOT_READY, "flow_output_not_ready"},
    CounterName{FLOW_COUNT_NO_ROOM, "flow_no_headroom"},
    CounterName{FLOW_COUNT_LOST, "flow_lost"},
};

}  // namespace

absl::StatusOr<std::shared_ptr<FlowTable>> FlowTable::Create(const FlowTableOptions& options) {
  if (options.flows == 0 || options.flows > kMostFlows)
    return absl::InvalidArgumentError(absl::StrCat("flow table: ", options.flows, " flows; 1 to ", kMostFlows, " are possible"));
  if (options.masks == 0 || options.masks > FLOW_MAXIMUM_MASKS)
    return absl::InvalidArgumentError(
        absl::StrCat("flow table: ", options.masks, " masks; 1 to ", int{FLOW_MAXIMUM_MASKS}, " are possible"));
  auto maps = bpf::FlowMaps::Create(options.flows);
  if (!maps.ok()) return maps.status();
  return std::shared_ptr<FlowTable>(new FlowTable(options, *std::move(maps)));
}

FlowTable::FlowTable(const FlowTableOptions& options, std::unique_ptr<bpf::FlowMaps> maps)
    : options_(options), maps_(std::move(maps)), entries_(options.flows), spare_action_(options.flows) {
  free_.reserve(options.flows);
  action_places_.resize(options.flows);
  for (uint32_t place = options.flows; place-- > 0;) {
    free_.push_back(place);
    action_places_[place] = place;
    maps_->records()[place] = {.generation = 1, .action = place};
  }
}

FlowTable::~FlowTable() = default;

absl::Status FlowTable::Validate(const Flow& flow) const {
  if (auto status = CheckFlowMatch(flow.match); !status.ok()) return status;
  return CompileFlowActions(flow.match, flow.actions).status();
}

FlowKey FlowTable::IndexKey(const FlowMatch& match, uint32_t subtable) {
  FlowKey key = match.value;
  key.subtable = subtable;
  return key;
}

// An Id is a serial number and a place.
FlowTable::Entry* FlowTable::Find(Id flow) {
  const auto place = static_cast<uint32_t>(flow);
  if (flow == 0 || place >= entries_.size() || entries_[place].id != flow) return nullptr;
  return &entries_[place];
}

absl::StatusOr<FlowTable::Id> FlowTable::Add(const Flow& flow) {
  if (auto status = CheckFlowMatch(flow.match); !status.ok()) return status;
  auto action = CompileFlowActions(flow.match, flow.actions);
  if (!action.ok()) return action.status();
  const std::lock_guard lock(lock_);
  if (free_.empty())
    return absl::ResourceExhaustedError(
        absl::StrCat("flow table: all ", options_.flows, " flows are in use; remove some, or create it for more"));
  auto subtable = SubtableFor(flow.priority, flow.match.mask);
  if (!subtable.ok()) return subtable.status();

  const uint32_t place = free_.back();
  Publish(maps_->records()[place].action, Describe(*action, action_places_[place]));
  const FlowKey key = IndexKey(flow.match, (*subtable)->number);
  if (auto status = maps_->Insert(key, place); !status.ok()) {
    DropEmptySubtables().IgnoreError();
    if (absl::IsAlreadyExists(status)) return absl::AlreadyExistsError("flow table: there is a flow of this priority and match already");
    return status;
  }
  free_.pop_back();
  ++(*subtable)->flows;
  const Id id = static_cast<Id>(next_serial_++) << 32 | place;
  entries_[place] = {.id = id, .match = flow.match, .subtable = (*subtable)->number};
  // Packets that a later flow matched may be this one's from now on. Programs that are at work may still write what they saw into the
  // cache, under either epoch.
  if (subtables_.back().priority > flow.priority) {
    Next(maps_->control().epoch);
    if (auto status = maps_->WaitForPrograms(); !status.ok()) return status;
    Next(maps_->control().epoch);
  }
  return id;
}

// What a record says: the output, where packets leave as they are; else the place, into which the action is written.
uint32_t FlowTable::Describe(const flow_action& action, uint32_t place) {
  const bool changes = action.sets != 0 || action.pops != 0 || action.pushes != 0;
  if (action.verdict == FLOW_OUTPUT && !changes) return FLOW_PLAIN_OUTPUT | action.output;
  maps_->actions()[place] = action;
  return place;
}

absl::Status FlowTable::Modify(Id flow, const std::vector<FlowAction>& actions) {
  const std::lock_guard lock(lock_);
  const Entry* entry = Find(flow);
  if (entry == nullptr) return NoSuchFlow(flow);
  auto action = CompileFlowActions(entry->match, actions);
  if (!action.ok()) return action.status();
  const uint32_t place = PlaceOf(*entry);
  const uint32_t described = Describe(*action, spare_action_);
  Publish(maps_->records()[place].action, described);
  if (described == spare_action_) std::swap(spare_action_, action_places_[place]);
  return maps_->WaitForPrograms();
}

// What was at these places is not found any more, not by a cache either, and their counters are final; they are not free yet.
absl::Status FlowTable::Forget(std::span<const uint32_t> places) {
  for (const uint32_t place : places) {
    const Entry& entry = entries_[place];
    if (auto status = maps_->Erase(IndexKey(entry.match, entry.subtable)); !status.ok()) return status;
    Next(maps_->records()[place].generation);
  }
  if (auto status = maps_->WaitForPrograms(); !status.ok()) return status;
  for (const uint32_t place : places) {
    // Programs that were at work may have cached the flow with the generation of a moment ago.
    Next(maps_->records()[place].generation);
    for (Subtable& subtable : subtables_) {
      if (subtable.number == entries_[place].subtable) --subtable.flows;
    }
  }
  return DropEmptySubtables();
}

absl::StatusOr<FlowStatistics> FlowTable::Remove(Id flow) {
  const std::lock_guard lock(lock_);
  Entry* entry = Find(flow);
  if (entry == nullptr) return NoSuchFlow(flow);
  const uint32_t place = PlaceOf(*entry);
  if (auto status = Forget({&place, 1}); !status.ok()) return status;
  const FlowStatistics statistics = Sum(place);
  const uint32_t slots = maps_->statistics_slots();
  std::ranges::fill(maps_->statistics().subspan(std::size_t{place} * slots, slots), flow_statistics{});
  *entry = {};
  free_.push_back(place);
  return statistics;
}

absl::Status FlowTable::RemoveAll() {
  const std::lock_guard lock(lock_);
  std::vector<uint32_t> places;
  for (const Entry& entry : entries_) {
    if (entry.id != 0) places.push_back(PlaceOf(entry));
  }
  if (auto status = Forget(places); !status.ok()) return status;
  const uint32_t slots = maps_->statistics_slots();
  for (const uint32_t place : places) {
    std::ranges::fill(maps_->statistics().subspan(std::size_t{place} * slots, slots), flow_statistics{});
    entries_[place] = {};
    free_.push_back(place);
  }
  return absl::OkStatus();
}

absl::StatusOr<FlowTable::Subtable*> FlowTable::SubtableFor(uint32_t priority, const FlowKey& mask) {
  for (Subtable& subtable : subtables_) {
    if (subtable.priority == priority && Same(subtable.mask, mask)) return &subtable;
  }
  if (subtables_.size() == options_.masks)
    return absl::ResourceExhaustedError(absl::StrCat(
        "flow table: all ", options_.masks, " pairs of priority and mask are in use; use fewer kinds of match, or create it for more (",
        int{FLOW_MAXIMUM_MASKS}, " at most)"));
  const auto place = std::find_if(subtables_.begin(), subtables_.end(), [&](const Subtable& one) { return one.priority > priority; });
  const auto added = subtables_.insert(place, {.number = next_subtable_++, .priority = priority, .mask = mask});
  if (auto status = WriteMasks(); !status.ok()) {
    subtables_.erase(added);
    return status;
  }
  return &*added;
}

absl::Status FlowTable::DropEmptySubtables() {
  if (std::erase_if(subtables_, [](const Subtable& subtable) { return subtable.flows == 0; }) == 0) return absl::OkStatus();
  return WriteMasks();
}

// Into the half that is not in use, nor was when programs that are still at work began.
absl::Status FlowTable::WriteMasks() {
  if (auto status = maps_->WaitForPrograms(); !status.ok()) return status;
  half_ = 1 - half_;
  const uint32_t first = half_ * FLOW_MAXIMUM_MASKS;
  for (std::size_t index = 0; index < subtables_.size(); ++index) {
    flow_mask& mask = maps_->masks()[first + index];
    mask.mask = subtables_[index].mask;
    mask.mask.subtable = subtables_[index].number;
  }
  const __u64 count = subtables_.size();
  Publish(maps_->control().masks, __u64{first} | count << 32);
  return absl::OkStatus();
}

FlowStatistics FlowTable::Sum(uint32_t place) const {
  FlowStatistics sum;
  const uint32_t slots = maps_->statistics_slots();
  for (const flow_statistics& one : maps_->statistics().subspan(std::size_t{place} * slots, slots)) {
    sum.packets += Read(one.packets);
    sum.bytes += Read(one.bytes);
    sum.last_use_ns = std::max<uint64_t>(sum.last_use_ns, Read(one.last_use_ns));
    sum.tcp_flags |= static_cast<uint16_t>(Read(one.tcp_flags));
  }
  return sum;
}

absl::StatusOr<FlowStatistics> FlowTable::Statistics(Id flow) const {
  const std::lock_guard lock(lock_);
  const Entry* entry = Find(flow);
  if (entry == nullptr) return NoSuchFlow(flow);
  return Sum(PlaceOf(*entry));
}

std::vector<NamedCounter> FlowTable::Counters() const {
  std::vector<NamedCounter> counters;
  for (const CounterName& name : kCounterNames) {
    uint64_t sum = 0;
    for (const flow_cpu& cpu : maps_->cpus()) sum += Read(cpu.counters[name.counter]);
    counters.push_back({name.name, sum});
  }
  return counters;
}

FlowTable::Page FlowTable::List(uint32_t first, std::size_t most, std::optional<uint32_t> port) const {
  const std::lock_guard lock(lock_);
  Page page;
  const auto places = static_cast<uint32_t>(entries_.size());
  const uint32_t end = first < places ? first + std::min(kPlacesOfPage, places - first) : first;
  uint32_t place = first;
  for (; place < end && page.flows.size() < most; ++place) {
    const Entry& entry = entries_[place];
    if (entry.id == 0 || (port.has_value() && ((*port ^ entry.match.value.port) & entry.match.mask.port) != 0)) continue;
    const auto subtable = std::ranges::find(subtables_, entry.subtable, &Subtable::number);
    page.flows.push_back({.flow = entry.id, .priority = subtable->priority, .match = entry.match, .statistics = Sum(place)});
  }
  if (place < places) page.next = place;
  return page;
}

std::size_t FlowTable::flow_count() const {
  const std::lock_guard lock(lock_);
  return options_.flows - free_.size();
}

std::size_t FlowTable::mask_count() const {
  const std::lock_guard lock(lock_);
  return subtables_.size();
}

absl::Status FlowTable::SetPort(uint32_t port, int ifindex, std::size_t maximum_length, std::size_t maximum_buffer_length) {
  if (port >= FLOW_MAXIMUM_PORTS)
    return absl::OutOfRangeError(absl::StrCat("flow table: port ", port, ": ports are below ", int{FLOW_MAXIMUM_PORTS}));
  const std::lock_guard lock(lock_);
  const auto known = ports_.find(port);
  if (known != ports_.end() && known->second != ifindex)
    return absl::AlreadyExistsError(
        absl::StrCat("flow table: port ", port, " is interface index ", known->second, " already, not ", ifindex));
  if (known == ports_.end()) {
    if (auto status = maps_->SetOutput(port, ifindex); !status.ok()) return status;
    ports_[port] = ifindex;
  }
  flow_port& output = maps_->ports()[port];
  Publish(output.ifindex, static_cast<uint32_t>(ifindex));
  Publish(output.maximum_length, static_cast<uint32_t>(maximum_length));
  Publish(output.maximum_buffer_length, static_cast<uint32_t>(maximum_buffer_length));
  return absl::OkStatus();
}

void FlowTable::ClearPort(uint32_t port) {
  const std::lock_guard lock(lock_);
  if (ports_.erase(port) == 0) return;
  Publish(maps_->ports()[port].maximum_length, uint32_t{0});
  Publish(maps_->ports()[port].maximum_buffer_length, uint32_t{0});
  maps_->ClearOutput(port).IgnoreError();  // of an interface that is gone the kernel has done it
  maps_->WaitForPrograms().IgnoreError();
}

}  // namespace pollux::pmd
