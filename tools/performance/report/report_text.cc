// SPDX-License-Identifier: Apache-2.0
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>

#include "tools/performance/report/report.h"
#include "tools/performance/report/summary.h"

namespace pollux::performance {
namespace {

void AppendCell(const std::string& name, const Summary& summary, std::string* text) {
  absl::StrAppendFormat(
      text, "  %-18s %7.3f %7.3f %7.3f  %5.2f %5.2f %5.2f  %6.2f%%  %7.0f %7.0f  %7s  %3.0f %3.0f %3.0f %3.0f  %s\n", name,
      summary.pps.median / 1e6, summary.pps.minimum / 1e6, summary.pps.maximum / 1e6, summary.ratio.median, summary.ratio.minimum,
      summary.ratio.maximum, summary.loss * 100, summary.user_ns_per_packet, summary.kernel_ns_per_packet,
      summary.system_calls_per_packet ? absl::StrFormat("%.4f", *summary.system_calls_per_packet) : "-", summary.user_share * 100,
      summary.system_share * 100, summary.softirq_share * 100, summary.idle_share * 100, absl::StrJoin(summary.notes, "; "));
}

void AppendTcpCell(const std::string& name, const Summary& summary, std::string* text) {
  absl::StrAppendFormat(text, "  %-18s %7.2f %7.2f %7.2f  %5.2f %5.2f %5.2f  %15d  %3.0f %3.0f %3.0f %3.0f  %s\n", name,
                        summary.bits_per_second.median / 1e9, summary.bits_per_second.minimum / 1e9, summary.bits_per_second.maximum / 1e9,
                        summary.ratio.median, summary.ratio.minimum, summary.ratio.maximum, summary.retransmissions,
                        summary.user_share * 100, summary.system_share * 100, summary.softirq_share * 100, summary.idle_share * 100,
                        absl::StrJoin(summary.notes, "; "));
}

void AppendHead(const Row& row, std::string* text) {
  if (row.work.kind == WorkKind::kTcp) {
    absl::StrAppendFormat(text, "\n  %-18s %23s  %17s  %15s  %15s\n", "", "Gbit/s", "ratio", "", "CPU %");
    absl::StrAppendFormat(text, "  %-18s %7s %7s %7s  %5s %5s %5s  %15s  %3s %3s %3s %3s\n", "contender", "median", "min", "max", "med.",
                          "min", "max", "retransmissions", "usr", "sys", "sft", "idl");
    return;
  }
  absl::StrAppendFormat(text, "\n  %-18s %23s  %17s  %7s  %15s  %7s  %15s\n", "", "Mpps", "ratio", "", "ns a packet", "calls", "CPU %");
  absl::StrAppendFormat(text, "  %-18s %7s %7s %7s  %5s %5s %5s  %7s  %7s %7s  %7s  %3s %3s %3s %3s\n", "contender", "median", "min", "max",
                        "med.", "min", "max", "loss", "user", "kernel", "/packet", "usr", "sys", "sft", "idl");
}

void AppendUserRatios(const Results& results, const std::vector<std::optional<Summary>>& summaries, std::string* text) {
  for (size_t i = 0; i < summaries.size(); ++i) {
    if (!summaries[i] || summaries[i]->user_ratio.median == 0) continue;
    absl::StrAppendFormat(text, "    user-space CPU time a packet, %s: %.2f times the first's (%.2f to %.2f)\n", results.contenders[i].name,
                          summaries[i]->user_ratio.median, summaries[i]->user_ratio.minimum, summaries[i]->user_ratio.maximum);
  }
}

std::string Percentiles(const Histogram& nanoseconds) {
  const auto us = [&](double share) { return static_cast<double>(nanoseconds.Percentile(share)) / 1e3; };
  return absl::StrFormat("p50 %.1f  p90 %.1f  p99 %.1f  p99.9 %.1f us", us(0.5), us(0.9), us(0.99), us(0.999));
}

void AppendExtras(const Results& results, const Row& row, const std::vector<std::optional<Summary>>& summaries, std::string* text) {
  for (size_t i = 0; i < summaries.size(); ++i) {
    if (!summaries[i]) continue;
    const Summary& summary = *summaries[i];
    if (row.work.queue_count > 1) {
      absl::StrAppendFormat(text, "    packets by queue, %s: %s\n", results.contenders[i].name, absl::StrJoin(summary.queue_packets, " "));
    }
    if (summary.loss_free_pps.count > 0) {
      absl::StrAppendFormat(text, "    highest rate without loss, %s: %.3f Mpps (%.3f to %.3f), %.2f times the first's\n",
                            results.contenders[i].name, summary.loss_free_pps.median / 1e6, summary.loss_free_pps.minimum / 1e6,
                            summary.loss_free_pps.maximum / 1e6, summary.loss_free_ratio.median);
    }
    if (row.cells[i].instructions_per_packet) {
      absl::StrAppendFormat(text, "    user-space instructions a packet, %s: %.0f\n", results.contenders[i].name,
                            *row.cells[i].instructions_per_packet);
    }
    if (summary.busy_cycles_per_packet) {
      absl::StrAppendFormat(text, "    busy cycles a packet, %s: %.0f (its own --record-core-cycles: user space and system calls)%s%s\n",
                            results.contenders[i].name, *summary.busy_cycles_per_packet, summary.busy_stages.empty() ? "" : ": ",
                            summary.busy_stages);
    }
    if (summary.idle_cores) {
      absl::StrAppendFormat(text, "    CPU time while nothing comes, %s: %.2f %% of a CPU (%.2f to %.2f)\n", results.contenders[i].name,
                            summary.idle_cores->median * 100, summary.idle_cores->minimum * 100, summary.idle_cores->maximum * 100);
    }
    if (row.work.latency) {
      absl::StrAppendFormat(text, "    latency one way, %s: %s; %d reordered\n", results.contenders[i].name,
                            Percentiles(summary.latency_ns), summary.reordered);
      if (summary.round_trip_ns.count() > 0)
        absl::StrAppendFormat(text, "    round trip, %s: %s\n", results.contenders[i].name, Percentiles(summary.round_trip_ns));
    }
  }
}

}  // namespace

std::string TextReport(const Results& results, const std::string& command) {
  std::string text = absl::StrCat("command: ", command, "\n");
  for (const auto& [name, value] : results.machine) absl::StrAppend(&text, name, ": ", value, "\n");
  absl::StrAppend(&text, "\ncontenders\n");
  for (const auto& contender : results.contenders) {
    absl::StrAppendFormat(&text, "  %-18s %s%s\n", contender.name,
                          contender.missing.empty() ? contender.description : absl::StrCat("MISSING: ", contender.missing),
                          contender.version.empty() ? "" : absl::StrCat(" (", contender.version, ")"));
  }
  for (const Row& row : results.rows) {
    absl::StrAppend(&text, "\n", WorkName(row.work));
    if (row.source_alone)
      absl::StrAppendFormat(&text, "; the source alone delivers %.3f Mpps, longest pause %.0f us, %d of %d batches over 100 us",
                            row.source_alone->delivered_pps / 1e6, row.source_alone->source_pause_us, row.source_alone->source_pauses,
                            row.source_alone->source_batches);
    const auto summaries = Summarize(row);
    if (row.work.idle) absl::StrAppend(&text, "\n");
    if (!row.work.idle) AppendHead(row, &text);
    for (size_t i = 0; i < summaries.size(); ++i) {
      if (summaries[i] && row.work.idle) continue;  // it has no packets: below
      if (summaries[i]) {
        (row.work.kind == WorkKind::kTcp ? AppendTcpCell : AppendCell)(results.contenders[i].name, *summaries[i], &text);
      } else if (!row.cells[i].not_applicable) {
        absl::StrAppendFormat(&text, "  %-18s %s\n", results.contenders[i].name,
                              row.cells[i].errors.empty() ? "left out" : absl::StrCat("failed: ", row.cells[i].errors.front()));
      } else if (results.contenders[i].missing.empty()) {
        absl::StrAppendFormat(&text, "  %-18s does not do this work\n", results.contenders[i].name);
      }
    }
    AppendUserRatios(results, summaries, &text);
    AppendExtras(results, row, summaries, &text);
  }
  if (results.left_out > 0) absl::StrAppend(&text, "\n", results.left_out, " measurements were left out, as the time was over\n");
  return text;
}

}  // namespace pollux::performance
