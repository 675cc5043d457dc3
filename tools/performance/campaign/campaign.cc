// SPDX-License-Identifier: Apache-2.0
#include "tools/performance/campaign/campaign.h"

#include <algorithm>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include "tools/performance/campaign/instructions.h"
#include "tools/performance/campaign/loss_free_rate.h"
#include "tools/performance/campaign/machine.h"
#include "tools/performance/campaign/statistics.h"
#include "tools/performance/rig/machine_pauses.h"

namespace pollux::performance {
namespace {

constexpr double kStartAndStop_s = 2;  // of a contender, roughly
constexpr double kPauses_s = 1;
constexpr double kSearchTrials = 7;
constexpr double kCallgrind_s = 15;
constexpr uint64_t kCallgrindPackets = 100000;

class CampaignRunner {
 public:
  CampaignRunner(const CampaignOptions& options, const std::vector<std::unique_ptr<Contender>>& contenders, Progress* progress)
      : options_(options), contenders_(contenders), progress_(*progress) {
    results_.machine = DescribeMachine();
    const int cpu = options.conditions.source_cpu;
    auto pauses_ns = MeasureMachinePauses(cpu, kPauses_s);
    results_.machine.emplace_back(absl::StrCat("pauses of a spinning loop on CPU ", cpu),
                                  pauses_ns.ok() ? DescribePauses(*pauses_ns, kPauses_s) : pauses_ns.status().ToString());
    for (const auto& contender : contenders) {
      const absl::Status available = contender->Available();
      results_.contenders.push_back({.name = contender->name(),
                                     .description = contender->Description(),
                                     .version = available.ok() ? contender->Version() : "",
                                     .missing = std::string(available.message())});
    }
  }

  Results Run() {
    for (const Work& work : options_.works) Announce(work);
    for (const Work& work : options_.works) {
      const size_t index = RunRow(work);
      if (!HasSource(work.kind)) continue;
      if (Searches(work)) SearchRow(index);
      if (options_.instructions) CountRow(index);
      if (options_.cost) RunCostRow(index);
      if (options_.idle) RunIdleRow(index);
      if (HasLatency(work)) RunLatencyRows(index);
    }
    return std::move(results_);
  }

 private:
  bool TakesPart(size_t contender, const Work& work) const {
    return results_.contenders[contender].missing.empty() && contenders_[contender]->Can(work.kind, work.queue_count);
  }

  // Whoever is not sent on has no latency, and a plain stack cannot tell it.
  bool HasLatency(const Work& work) const {
    return options_.latency && work.receiver == Receiver::kXdp && HasSource(work.kind) && work.kind != WorkKind::kRxonly;
  }
  bool Searches(const Work& work) const { return HasSource(work.kind) && (options_.loss_free || HasLatency(work)); }

  int Participants(const Work& work) const {
    int count = 0;
    for (size_t i = 0; i < contenders_.size(); ++i) count += TakesPart(i, work);
    return count;
  }

  void Announce(const Work& work) {
    const Conditions& conditions = options_.conditions;
    const double step_s = conditions.warm_up_s + conditions.measure_s + conditions.system_call_s + kStartAndStop_s;
    const int round = options_.rounds * Participants(work);
    const bool source = HasSource(work.kind);
    progress_.Expect(round * (1 + (source && options_.cost) + (source && options_.idle) + 2 * HasLatency(work)) + source, step_s);
    if (Searches(work)) progress_.Expect(round, kSearchTrials * conditions.trial_s + 2 * conditions.warm_up_s + kStartAndStop_s);
    if (source && options_.instructions) progress_.Expect(Participants(work), kCallgrind_s);
  }

  // True if `what` is not to begin any more.
  bool LeaveOut(const std::string& what) {
    progress_.Begin(what);
    if (options_.deadline_s <= 0 || progress_.elapsed_s() < options_.deadline_s) return false;
    ++results_.left_out;
    progress_.End("left out, the time is over");
    return true;
  }

  size_t RunRow(const Work& work) {
    Row row{.work = work, .source_alone = std::nullopt, .cells = std::vector<Cell>(contenders_.size())};
    for (size_t i = 0; i < contenders_.size(); ++i) row.cells[i].not_applicable = !TakesPart(i, work);
    if (HasSource(work.kind) && !work.latency && !work.cycles && !work.idle) row.source_alone = MeasureAlone(work);
    for (int round = 0; round < options_.rounds; ++round) {
      for (size_t i = 0; i < contenders_.size(); ++i) {
        if (!row.cells[i].not_applicable) MeasureOnce(*contenders_[i], work, round, &row.cells[i]);
      }
    }
    results_.rows.push_back(std::move(row));
    return results_.rows.size() - 1;
  }

  std::optional<Measurement> MeasureAlone(const Work& work) {
    Work into_sink = work;
    into_sink.receiver = Receiver::kXdp;
    if (LeaveOut(absl::StrCat(WorkName(work), ": source alone"))) return std::nullopt;
    auto measured = MeasureSource(into_sink, options_.conditions);
    progress_.End(measured.ok() ? absl::StrFormat("%.3f Mpps", measured->delivered_pps / 1e6) : measured.status().ToString());
    if (!measured.ok()) return std::nullopt;
    return *std::move(measured);
  }

  void MeasureOnce(const Contender& contender, const Work& work, int round, Cell* cell) {
    if (LeaveOut(absl::StrCat(WorkName(work), ", round ", round + 1, ": ", contender.name()))) return;
    auto measured = Measure(contender, work, options_.conditions);
    if (measured.ok()) {
      progress_.End(work.kind == WorkKind::kTcp ? absl::StrFormat("%.2f Gbit/s", measured->bits_per_second / 1e9)
                    : work.idle                 ? absl::StrFormat("%.2f %% of a CPU", measured->idle_cores.value_or(0) * 100)
                                                : absl::StrFormat("%.3f Mpps", measured->delivered_pps / 1e6));
      cell->rounds.emplace_back(*std::move(measured));
    } else {
      progress_.End(absl::StrCat("failed: ", measured.status().message()));
      cell->rounds.emplace_back();
      cell->errors.push_back(measured.status().ToString());
    }
  }

  void SearchRow(size_t index) {
    const Work work = results_.rows[index].work;
    for (int round = 0; round < options_.rounds; ++round) {
      for (size_t i = 0; i < contenders_.size(); ++i) {
        Cell& cell = results_.rows[index].cells[i];
        if (cell.not_applicable) continue;
        if (LeaveOut(absl::StrCat(WorkName(work), ", highest rate without loss, round ", round + 1, ": ", contenders_[i]->name())))
          continue;
        auto rate = SearchLossFreeRate(*contenders_[i], work, options_.conditions);
        progress_.End(rate.ok() ? absl::StrFormat("%.3f Mpps", rate->packets_per_second / 1e6) : rate.status().ToString());
        cell.loss_free_pps.push_back(rate.ok() ? rate->packets_per_second : 0);
        if (!rate.ok()) cell.errors.push_back(rate.status().ToString());
      }
    }
  }

  void CountRow(size_t index) {
    const Work work = results_.rows[index].work;
    for (size_t i = 0; i < contenders_.size(); ++i) {
      Cell& cell = results_.rows[index].cells[i];
      if (cell.not_applicable || !contenders_[i]->RunsUnderCallgrind()) continue;
      if (LeaveOut(absl::StrCat(WorkName(work), ", instructions a packet: ", contenders_[i]->name()))) continue;
      auto count = CountInstructions(*contenders_[i], work, options_.conditions, kCallgrindPackets);
      if (count.ok()) {
        cell.instructions_per_packet = static_cast<double>(count->instructions) / static_cast<double>(count->packets);
        if (!count->overloaded) cell.errors.push_back("instructions a packet: the source did not fill the bursts");
        cell.profile = std::move(count->profile);
        progress_.End(absl::StrFormat("%.0f", *cell.instructions_per_packet));
      } else {
        cell.errors.push_back(count.status().ToString());
        progress_.End(cell.errors.back());
      }
    }
  }

  // The same load for all: a forwarder that is not the bottleneck there shows its cost by the cycles that it was busy.
  void RunCostRow(size_t index) {
    if (!results_.rows[index].source_alone) return;
    Work work = results_.rows[index].work;
    work.offered_pps = 0.5 * results_.rows[index].source_alone->delivered_pps;
    work.cycles = true;
    RunRow(work);
  }

  void RunIdleRow(size_t index) {
    Work work = results_.rows[index].work;
    work.offered_pps = 0;
    work.idle = true;
    RunRow(work);
  }

  // At loads that every contender carries, so that the same load is compared.
  void RunLatencyRows(size_t index) {
    double common_pps = 0;
    for (const Cell& cell : results_.rows[index].cells) {
      const double rate = SpreadOf(cell.loss_free_pps).median;
      if (!cell.not_applicable && rate > 0) common_pps = common_pps > 0 ? std::min(common_pps, rate) : rate;
    }
    for (double share : {0.1, 0.5}) {
      Work work = results_.rows[index].work;
      work.latency = true;
      work.offered_pps = share * common_pps;
      if (work.offered_pps > 0) RunRow(work);
    }
  }

  const CampaignOptions& options_;
  const std::vector<std::unique_ptr<Contender>>& contenders_;
  Progress& progress_;
  Results results_;
};

}  // namespace

Results RunCampaign(const CampaignOptions& options, const std::vector<std::unique_ptr<Contender>>& contenders, Progress* progress) {
  return CampaignRunner(options, contenders, progress).Run();
}

}  // namespace pollux::performance
