// SPDX-License-Identifier: Apache-2.0
#include "tools/performance/report/summary.h"

#include <algorithm>
#include <functional>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

namespace pollux::performance {
namespace {

using Figure = std::function<double(const Measurement&)>;

// By round; 0 where the round failed, which RatioOf leaves out as a base.
std::vector<double> ByRound(const Cell& cell, const Figure& figure) {
  std::vector<double> values;
  for (const auto& round : cell.rounds) values.push_back(round ? figure(*round) : 0);
  return values;
}

Spread SpreadOfRounds(const Cell& cell, const Figure& figure) {
  std::vector<double> values;
  for (const auto& round : cell.rounds) {
    if (round) values.push_back(figure(*round));
  }
  return SpreadOf(std::move(values));
}

Spread RatioOfRounds(const Cell& cell, const Cell& base, const Figure& figure) {
  std::vector<double> values, bases;
  const std::vector<double> all_values = ByRound(cell, figure), all_bases = ByRound(base, figure);
  for (size_t i = 0; i < std::min(all_values.size(), all_bases.size()); ++i) {
    if (!cell.rounds[i]) continue;
    values.push_back(all_values[i]);
    bases.push_back(all_bases[i]);
  }
  return RatioOf(values, bases);
}

double CpuShare(const Measurement& measurement, double CpuTimes::*part) {
  const CpuTimes& cpu = measurement.cpu;
  const double total = cpu.user_s + cpu.system_s + cpu.softirq_s + cpu.interrupt_s + cpu.idle_s + cpu.steal_s;
  return total > 0 ? cpu.*part / total : 0;
}

std::vector<std::string> NotesOf(const Row& row, const Cell& cell) {
  int limited = 0, disturbed = 0, unsteady = 0;
  double steal = 0, pause_us = 0;
  std::string pod_settings;
  for (const auto& round : cell.rounds) {
    if (!round) continue;
    pod_settings = round->pod_settings;
    limited += round->source_limited;
    disturbed += round->foreign_share > kDisturbedShare;
    // One batch in a thousand that the hypervisor or another process delayed changes nothing.
    unsteady += round->source_pauses * 1000 > round->source_batches;
    pause_us = std::max(pause_us, round->source_pause_us);
    steal = std::max(steal, CpuShare(*round, &CpuTimes::steal_s));
  }
  std::vector<std::string> notes;
  if (!pod_settings.empty()) notes.push_back(absl::StrCat("pods: ethtool -K ", pod_settings));
  if (limited > 0 && HasSource(row.work.kind))
    notes.push_back(absl::StrCat("source was the bottleneck in ", limited, " of ", cell.rounds.size()));
  if (disturbed > 0) notes.push_back(absl::StrCat("disturbed by other processes in ", disturbed, " of ", cell.rounds.size()));
  if (unsteady > 0 && row.work.offered_pps == 0) {
    notes.push_back(absl::StrFormat("source unsteady in %d of %d (pauses to %.1f ms)", unsteady, cell.rounds.size(), pause_us / 1e3));
  }
  if (steal > 0.01) notes.push_back(absl::StrFormat("%.0f %% stolen by the hypervisor", steal * 100));
  if (!cell.errors.empty()) notes.push_back(absl::StrCat("failed ", cell.errors.size(), " times"));
  return notes;
}

}  // namespace

std::vector<std::optional<Summary>> Summarize(const Row& row) {
  std::vector<std::optional<Summary>> summaries;
  const Cell* base = nullptr;
  for (const Cell& cell : row.cells) {
    const bool succeeded = std::any_of(cell.rounds.begin(), cell.rounds.end(), [](const auto& round) { return round.has_value(); });
    if (!succeeded) {
      summaries.emplace_back();
      continue;
    }
    if (base == nullptr) base = &cell;
    const auto median = [&](const Figure& figure) { return SpreadOfRounds(cell, figure).median; };
    Summary summary;
    summary.pps = SpreadOfRounds(cell, [](const Measurement& m) { return m.delivered_pps; });
    summary.bits_per_second = SpreadOfRounds(cell, [](const Measurement& m) { return m.bits_per_second; });
    const bool tcp = row.work.kind == WorkKind::kTcp;
    summary.ratio = RatioOfRounds(cell, *base, [tcp](const Measurement& m) { return tcp ? m.bits_per_second : m.delivered_pps; });
    summary.loss = median([](const Measurement& m) { return m.loss; });
    summary.user_ns_per_packet = median([](const Measurement& m) { return m.user_ns_per_packet; });
    summary.kernel_ns_per_packet = median([](const Measurement& m) { return m.kernel_ns_per_packet; });
    summary.user_ratio = RatioOfRounds(cell, *base, [](const Measurement& m) { return m.user_ns_per_packet; });
    summary.user_share = median([](const Measurement& m) { return CpuShare(m, &CpuTimes::user_s); });
    summary.system_share = median([](const Measurement& m) { return CpuShare(m, &CpuTimes::system_s); });
    summary.softirq_share = median([](const Measurement& m) { return CpuShare(m, &CpuTimes::softirq_s); });
    summary.idle_share = median([](const Measurement& m) { return CpuShare(m, &CpuTimes::idle_s); });
    summary.loss_free_pps = SpreadOf(cell.loss_free_pps);
    summary.loss_free_ratio = RatioOf(cell.loss_free_pps, base->loss_free_pps);
    if (std::any_of(cell.rounds.begin(), cell.rounds.end(), [](const auto& round) { return round && round->system_calls_per_packet; })) {
      summary.system_calls_per_packet = median([](const Measurement& m) { return m.system_calls_per_packet.value_or(0); });
    }
    if (std::any_of(cell.rounds.begin(), cell.rounds.end(), [](const auto& round) { return round && round->busy_cycles_per_packet; })) {
      summary.busy_cycles_per_packet = median([](const Measurement& m) { return m.busy_cycles_per_packet.value_or(0); });
      for (const auto& round : cell.rounds) {
        const bool nearest = round && round->busy_cycles_per_packet >= summary.busy_cycles_per_packet;
        if (nearest && (summary.busy_stages.empty() || round->busy_cycles_per_packet == summary.busy_cycles_per_packet)) {
          summary.busy_stages = round->busy_stages;
        }
      }
    }
    if (std::any_of(cell.rounds.begin(), cell.rounds.end(), [](const auto& round) { return round && round->idle_cores; })) {
      summary.idle_cores = SpreadOfRounds(cell, [](const Measurement& m) { return m.idle_cores.value_or(0); });
    }
    for (const auto& round : cell.rounds) {
      if (!round) continue;
      summary.latency_ns.Merge(round->latency_ns);
      summary.round_trip_ns.Merge(round->round_trip_ns);
      summary.reordered += round->reordered;
      summary.retransmissions += round->retransmissions;
      summary.queue_packets.resize(std::max(summary.queue_packets.size(), round->queue_packets.size()));
      for (size_t queue = 0; queue < round->queue_packets.size(); ++queue) summary.queue_packets[queue] += round->queue_packets[queue];
    }
    summary.notes = NotesOf(row, cell);
    summaries.emplace_back(std::move(summary));
  }
  return summaries;
}

}  // namespace pollux::performance
