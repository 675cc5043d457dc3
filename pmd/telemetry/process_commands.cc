// SPDX-License-Identifier: Apache-2.0
// /eal/lcore/..., /mempool/..., /ring/...: the keys are those of DPDK's lib/eal, lib/mempool and lib/ring.
#include <algorithm>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "pmd/telemetry/commands.h"
#include "pmd/telemetry/parameters.h"

namespace pollux::pmd::telemetry {
namespace {

using nlohmann::json;

std::string PoolName(const mempool::Pool& pool) {
  return absl::StrCat("mb_pool_", pool.id());
}

absl::StatusOr<std::string> ListLcores(const ProcessView& view) {
  json numbers = json::array();
  for (const LcoreView& lcore : view.Lcores()) numbers.push_back(lcore.id);
  return numbers.dump();
}

absl::StatusOr<std::string> LcoreInfo(const ProcessView& view, absl::string_view parameters) {
  const auto numbers = ParseNumbers(parameters, {"lcore"});
  if (!numbers.ok()) return numbers.status();
  for (const LcoreView& lcore : view.Lcores()) {
    if (lcore.id != numbers->front()) continue;
    json answer = {{"lcore_id", lcore.id},
                   {"socket", lcore.numa_node.has_value() ? json(*lcore.numa_node) : json(0)},
                   {"role", "RTE"},
                   {"main", lcore.main},
                   {"cpuset", lcore.cpus.cpus()}};
    if (lcore.loop != nullptr) {
      answer["busy_cycles"] = lcore.loop->busy_cycles.value();
      answer["total_cycles"] = lcore.loop->busy_cycles.value() + lcore.loop->idle_cycles.value();
      answer["iterations"] = lcore.loop->iterations.value();
      answer["packets"] = lcore.loop->packets.value();
      answer["sleeps"] = lcore.loop->sleeps.value();
      answer["sleep_cycles"] = lcore.loop->sleep_cycles.value();
    }
    return answer.dump();
  }
  return absl::NotFoundError(absl::StrCat("there is no lcore ", numbers->front(), " (/eal/lcore/list)"));
}

absl::StatusOr<std::string> LcoreUsage(const ProcessView& view) {
  json answer = {{"lcore_ids", json::array()}, {"total_cycles", json::array()}, {"busy_cycles", json::array()}};
  for (const LcoreView& lcore : view.Lcores()) {
    if (lcore.loop == nullptr) continue;
    const uint64_t busy = lcore.loop->busy_cycles.value();
    answer["lcore_ids"].push_back(lcore.id);
    answer["total_cycles"].push_back(busy + lcore.loop->idle_cycles.value());
    answer["busy_cycles"].push_back(busy);
  }
  return answer.dump();
}

absl::StatusOr<std::string> ListPools(const ProcessView& view) {
  json names = json::array();
  for (const auto& pool : view.Pools()) names.push_back(PoolName(*pool));
  return names.dump();
}

absl::StatusOr<std::string> PoolInfo(const ProcessView& view, absl::string_view name) {
  std::vector<std::string> names;
  for (const auto& pool : view.Pools()) {
    names.push_back(PoolName(*pool));
    if (names.back() != name) continue;
    const mempool::RegionReport& report = pool->region().report();
    // The threads' caches are theirs: what is free in them is in the total only.
    const std::size_t shared = pool->DepotCount(), free = std::max(pool->FreeCount(), shared);
    return JsonText({{"name", names.back()},
                     {"pool_id", pool->id()},
                     {"socket_id", report.node},
                     {"size", pool->frame_count()},
                     {"elt_size", pool->frame_size()},
                     {"header_size", pool->headroom()},
                     {"common_pool_count", shared},
                     {"total_cache_count", free - shared},
                     {"free_count", free},
                     {"pages", std::string(mempool::PageKindName(report.pages))},
                     {"fallback", report.fallback}});
  }
  return absl::NotFoundError(absl::StrCat("'", name, "': no such pool; there are: ", absl::StrJoin(names, ",")));
}

}  // namespace

void AddProcessCommands(CommandTable& table, const ProcessView& view) {
  table.Add("/eal/lcore/list", "List of lcore ids. No parameters", [&view](absl::string_view) { return ListLcores(view); });
  table.Add("/eal/lcore/info", "Returns lcore info. Parameters: int lcore_id",
            [&view](absl::string_view parameters) { return LcoreInfo(view, parameters); });
  table.Add("/eal/lcore/usage", "Returns busy and total cycles of the lcores that poll. No parameters",
            [&view](absl::string_view) { return LcoreUsage(view); });
  table.Add("/mempool/list", "Returns list of available mempools. No parameters", [&view](absl::string_view) { return ListPools(view); });
  table.Add("/mempool/info", "Returns mempool info. Parameters: pool_name",
            [&view](absl::string_view parameters) { return PoolInfo(view, parameters); });
  // Rings here are parts of queues (/ethdev/rx_queue) and have no names of their own.
  table.Add("/ring/list", "Returns list of available rings: none, queues own theirs. No parameters",
            [](absl::string_view) -> absl::StatusOr<std::string> { return "[]"; });
  table.Add("/ring/info", "Returns ring info. Parameters: ring_name", [](absl::string_view) -> absl::StatusOr<std::string> {
    return absl::NotFoundError("there are no rings with names (/ethdev/rx_queue, /ethdev/tx_queue)");
  });
}

}  // namespace pollux::pmd::telemetry
