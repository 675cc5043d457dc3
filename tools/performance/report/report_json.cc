// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "tools/performance/report/report.h"
#include "tools/performance/report/summary.h"

namespace pollux::performance {
namespace {

using Json = nlohmann::ordered_json;

Json SpreadJson(const Spread& spread) {
  return {{"median", spread.median}, {"minimum", spread.minimum}, {"maximum", spread.maximum}};
}

Json LatencyJson(const Histogram& latency_ns) {
  return {{"count", latency_ns.count()},           {"p50_ns", latency_ns.Percentile(0.5)},     {"p90_ns", latency_ns.Percentile(0.9)},
          {"p99_ns", latency_ns.Percentile(0.99)}, {"p99_9_ns", latency_ns.Percentile(0.999)}, {"maximum_ns", latency_ns.Maximum()}};
}

Json MeasurementJson(const Measurement& m) {
  Json json = {{"seconds", m.seconds},
               {"offered_pps", m.offered_pps},
               {"taken_pps", m.taken_pps},
               {"delivered_pps", m.delivered_pps},
               {"loss", m.loss},
               {"source_limited", m.source_limited},
               {"source_pause_us", m.source_pause_us},
               {"source_pauses_over_100_us", m.source_pauses},
               {"source_batches", m.source_batches},
               {"queue_packets", m.queue_packets},
               {"cpu",
                {{"user_s", m.cpu.user_s},
                 {"system_s", m.cpu.system_s},
                 {"softirq_s", m.cpu.softirq_s},
                 {"interrupt_s", m.cpu.interrupt_s},
                 {"idle_s", m.cpu.idle_s},
                 {"steal_s", m.cpu.steal_s}}},
               {"worker", m.worker},
               {"user_ns_per_packet", m.user_ns_per_packet},
               {"kernel_ns_per_packet", m.kernel_ns_per_packet},
               {"foreign_share", m.foreign_share}};
  if (m.bits_per_second > 0) {
    json["bits_per_second"] = m.bits_per_second;
    json["retransmissions"] = m.retransmissions;
    json["pod_settings"] = m.pod_settings;
  }
  if (m.idle_cores) json["idle_cores"] = *m.idle_cores;
  if (m.system_calls_per_packet) json["system_calls_per_packet"] = *m.system_calls_per_packet;
  if (m.busy_cycles_per_packet) json["busy_cycles_per_packet"] = *m.busy_cycles_per_packet;
  if (!m.busy_stages.empty()) json["busy_cycles_stages"] = m.busy_stages;
  if (m.latency_ns.count() > 0) {
    json["latency"] = LatencyJson(m.latency_ns);
    json["reordered"] = m.reordered;
    if (m.round_trip_ns.count() > 0) json["round_trip"] = LatencyJson(m.round_trip_ns);
  }
  return json;
}

Json CellJson(const std::string& name, const Cell& cell, const std::optional<Summary>& summary) {
  Json json = {{"contender", name}, {"errors", cell.errors}};
  if (summary) {
    json["pps"] = SpreadJson(summary->pps);
    if (summary->bits_per_second.median > 0) json["bits_per_second"] = SpreadJson(summary->bits_per_second);
    json["ratio"] = SpreadJson(summary->ratio);
    json["user_ns_per_packet_ratio"] = SpreadJson(summary->user_ratio);
    json["notes"] = summary->notes;
    if (summary->latency_ns.count() > 0) json["latency"] = LatencyJson(summary->latency_ns);
    if (summary->round_trip_ns.count() > 0) json["round_trip"] = LatencyJson(summary->round_trip_ns);
    json["loss"] = summary->loss;
    json["user_ns_per_packet"] = summary->user_ns_per_packet;
    json["kernel_ns_per_packet"] = summary->kernel_ns_per_packet;
    if (summary->busy_cycles_per_packet) json["busy_cycles_per_packet"] = *summary->busy_cycles_per_packet;
    if (summary->idle_cores) json["idle_cores"] = SpreadJson(*summary->idle_cores);
    if (summary->loss_free_pps.count > 0) json["loss_free_pps"] = SpreadJson(summary->loss_free_pps);
  }
  if (cell.instructions_per_packet) json["instructions_per_packet"] = *cell.instructions_per_packet;
  json["rounds"] = Json::array();
  for (const auto& round : cell.rounds) json["rounds"].push_back(round ? MeasurementJson(*round) : Json());
  return json;
}

}  // namespace

std::string JsonReport(const Results& results, const std::string& command) {
  Json json = {{"command", command}, {"left_out", results.left_out}};
  for (const auto& [name, value] : results.machine) json["machine"][name] = value;
  for (const auto& contender : results.contenders) {
    json["contenders"].push_back(
        {{"name", contender.name}, {"description", contender.description}, {"version", contender.version}, {"missing", contender.missing}});
  }
  for (const Row& row : results.rows) {
    Json entry = {{"work", WorkKindName(row.work.kind)}, {"receiver", ReceiverName(row.work.receiver)},
                  {"frame_bytes", row.work.frame_bytes}, {"flows", row.work.flow_count},
                  {"queues", row.work.queue_count},      {"offered_pps", row.work.offered_pps},
                  {"contenders", Json::array()}};
    if (row.work.idle) entry["idle"] = true;
    if (row.work.kind == WorkKind::kTcp) entry["end_cpus"] = row.work.end_cpus;
    if (row.source_alone) entry["source_alone"] = MeasurementJson(*row.source_alone);
    const auto summaries = Summarize(row);
    for (size_t i = 0; i < row.cells.size(); ++i) {
      if (!row.cells[i].not_applicable) entry["contenders"].push_back(CellJson(results.contenders[i].name, row.cells[i], summaries[i]));
    }
    json["rows"].push_back(std::move(entry));
  }
  return json.dump(2) + "\n";
}

}  // namespace pollux::performance
