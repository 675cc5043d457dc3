// SPDX-License-Identifier: Apache-2.0
// The functions of pollux.h on flow tables.
#include "pmd/flow.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>

#include "pmd/c/copy_text.h"
#include "pmd/c/error.h"
#include "pmd/c/flow_handle.h"
#include "pmd/c/pollux.h"
#include "pmd/c/sized.h"
#include "pmd/flow_compiler.h"

namespace pollux::pmd::c {
namespace {

static_assert(sizeof(pollux_flow_key) == sizeof(FlowKey), "the same bytes");
static_assert(offsetof(pollux_flow_key, ether_type) == offsetof(FlowKey, ether_type));
static_assert(offsetof(pollux_flow_key, protocol) == offsetof(FlowKey, protocol));
static_assert(offsetof(pollux_flow_key, tcp_flags) == offsetof(FlowKey, tcp_flags));
static_assert(offsetof(pollux_flow_key, source) == offsetof(FlowKey, source));
static_assert(offsetof(pollux_flow_key, destination) == offsetof(FlowKey, destination));
static_assert(POLLUX_FLOW_TAG_PRESENT == FLOW_TAG_PRESENT && POLLUX_FLOW_FRAGMENT_LATER == FLOW_FRAGMENT_LATER);
static_assert(POLLUX_FLOW_ACTION_SET == static_cast<int>(FlowAction::Kind::kSet));
static_assert(POLLUX_FLOW_ACTION_SET_VLAN == static_cast<int>(FlowAction::Kind::kSetVlan));

FlowKey Key(const pollux_flow_key& from) {
  FlowKey key;
  std::memcpy(&key, &from, sizeof(key));
  return key;
}

absl::StatusOr<std::vector<FlowAction>> Actions(const char* call, const pollux_flow_action* actions, size_t count) {
  if (actions == nullptr && count > 0) return NullArgument(call, "actions");
  std::vector<FlowAction> result;
  for (size_t index = 0; index < count; ++index) {
    const pollux_flow_action& from = actions[index];
    if (from.kind > POLLUX_FLOW_ACTION_SET_VLAN)
      return absl::InvalidArgumentError(absl::StrCat(call, ": actions[", index, "].kind is ", from.kind, ", and there are 0 to ",
                                                     static_cast<int>(POLLUX_FLOW_ACTION_SET_VLAN)));
    result.push_back({.kind = static_cast<FlowAction::Kind>(from.kind),
                      .port = from.port,
                      .tag_type = from.tag_type,
                      .tag = from.tag,
                      .tag_mask = from.tag_mask,
                      .value = Key(from.value),
                      .mask = Key(from.mask)});
  }
  return result;
}

absl::StatusOr<Flow> ReadFlow(const char* call, const pollux_flow* flow) {
  pollux_flow known = {};
  if (absl::Status status = ReadSized(call, "flow", flow, known); !status.ok()) return status;
  auto actions = Actions(call, known.actions, known.action_count);
  if (!actions.ok()) return actions.status();
  return Flow{.priority = known.priority, .match = {.value = Key(known.value), .mask = Key(known.mask)}, .actions = *std::move(actions)};
}

void Write(const FlowStatistics& from, pollux_flow_statistics& to) {
  WriteSized(pollux_flow_statistics{.size = sizeof(pollux_flow_statistics),
                                    .tcp_flags = from.tcp_flags,
                                    .packets = from.packets,
                                    .bytes = from.bytes,
                                    .last_use_ns = from.last_use_ns},
             to);
}

// Runs `body` on the FlowTable behind a handle that must not be null.
template <typename Body>
int WithTable(const pollux_flow_table* table, const char* call, Body body) noexcept {
  return Guarded([&]() -> absl::Status {
    if (table == nullptr) return NullArgument(call, "table");
    return body(*table->table);
  });
}

}  // namespace
}  // namespace pollux::pmd::c

namespace c = pollux::pmd::c;
using pollux::pmd::FlowTable;

int pollux_flow_table_create(const pollux_flow_table_options* options, pollux_flow_table** table) noexcept {
  return c::Guarded([&]() -> absl::Status {
    pollux_flow_table_options known = POLLUX_FLOW_TABLE_DEFAULTS;
    if (absl::Status status = c::ReadSized("pollux_flow_table_create", "options", options, known); !status.ok()) return status;
    if (table == nullptr) return c::NullArgument("pollux_flow_table_create", "table");
    pollux::pmd::FlowTableOptions asked;
    if (known.flows != 0) asked.flows = known.flows;
    if (known.masks != 0) asked.masks = known.masks;
    auto created = FlowTable::Create(asked);
    if (!created.ok()) return created.status();
    *table = new pollux_flow_table{*std::move(created)};
    return absl::OkStatus();
  });
}

void pollux_flow_table_release(pollux_flow_table* table) noexcept {
  delete table;
}

int pollux_flow_validate(const pollux_flow* flow) noexcept {
  return c::Guarded([&]() -> absl::Status {
    const auto known = c::ReadFlow("pollux_flow_validate", flow);
    if (!known.ok()) return known.status();
    if (absl::Status status = pollux::pmd::CheckFlowMatch(known->match); !status.ok()) return status;
    return pollux::pmd::CompileFlowActions(known->match, known->actions).status();
  });
}

int pollux_flow_add(pollux_flow_table* table, const pollux_flow* flow, uint64_t* id) noexcept {
  return c::WithTable(table, "pollux_flow_add", [&](FlowTable& to) -> absl::Status {
    if (id == nullptr) return c::NullArgument("pollux_flow_add", "id");
    const auto known = c::ReadFlow("pollux_flow_add", flow);
    if (!known.ok()) return known.status();
    const auto added = to.Add(*known);
    if (added.ok()) *id = *added;
    return added.status();
  });
}

int pollux_flow_modify(pollux_flow_table* table, uint64_t id, const pollux_flow_action* actions, size_t count) noexcept {
  return c::WithTable(table, "pollux_flow_modify", [&](FlowTable& to) -> absl::Status {
    const auto known = c::Actions("pollux_flow_modify", actions, count);
    return known.ok() ? to.Modify(id, *known) : known.status();
  });
}

int pollux_flow_remove(pollux_flow_table* table, uint64_t id, pollux_flow_statistics* statistics) noexcept {
  return c::WithTable(table, "pollux_flow_remove", [&](FlowTable& from) -> absl::Status {
    if (statistics != nullptr) {
      if (absl::Status status = c::CheckSized("pollux_flow_remove", "statistics", statistics); !status.ok()) return status;
    }
    const auto removed = from.Remove(id);
    if (removed.ok() && statistics != nullptr) c::Write(*removed, *statistics);
    return removed.status();
  });
}

int pollux_flow_get_statistics(const pollux_flow_table* table, uint64_t id, pollux_flow_statistics* statistics) noexcept {
  return c::WithTable(table, "pollux_flow_get_statistics", [&](const FlowTable& from) -> absl::Status {
    if (absl::Status status = c::CheckSized("pollux_flow_get_statistics", "statistics", statistics); !status.ok()) return status;
    const auto got = from.Statistics(id);
    if (got.ok()) c::Write(*got, *statistics);
    return got.status();
  });
}

size_t pollux_flow_table_get_counters(const pollux_flow_table* table, pollux_counter* counters, size_t capacity) noexcept {
  std::size_t count = 0;
  c::WithTable(table, "pollux_flow_table_get_counters", [&](const FlowTable& from) {
    const auto list = from.Counters();
    for (std::size_t index = 0; counters != nullptr && index < std::min(capacity, list.size()); ++index) {
      c::CopyText(list[index].name, counters[index].name);
      counters[index].value = list[index].value;
    }
    count = list.size();
    return absl::OkStatus();
  });
  return count;
}
