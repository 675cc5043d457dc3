// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/session/run_record.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <utility>

#include <absl/strings/str_cat.h>
#include <nlohmann/json.hpp>

#include "lcore/cycle_clock.h"
#include "lcore/errno_status.h"
#include "pmd/telemetry/drop_causes.h"

namespace pollux::testpmd {
namespace {

using lcore::ErrnoStatus;
using nlohmann::json;

constexpr int kVersion = 1;  // of the format

json NonZero(const std::map<std::string, uint64_t>& counters) {
  json object = json::object();
  for (const auto& [name, value] : counters) {
    if (value != 0) object[name] = value;
  }
  return object;
}

json OfPort(const pmd::PortView& port) {
  const pmd::DeviceInfo info = port.device->Info();
  const pmd::QueueStats stats = port.device->Stats();
  return {{"port", port.number},
          {"name", info.interface.empty() ? info.name : info.interface},
          {"rx_packets", stats.rx_packets},
          {"rx_bytes", stats.rx_bytes},
          {"tx_packets", stats.tx_packets},
          {"tx_bytes", stats.tx_bytes},
          {"rx_nombuf", stats.rx_nombuf},
          {"drops", NonZero(pmd::telemetry::DropCauses(port.device->ExtendedStats()))}};
}

// What no port has lost, but the forward mode.
json OfStreams(const std::vector<StreamTotals>& streams) {
  std::map<std::string, uint64_t> drops;
  for (const StreamTotals& stream : streams) {
    for (std::size_t index = 0; index < stream.counters.size(); ++index) {
      if (kStreamCounters[index].role == CounterRole::kDrop) drops[kStreamCounters[index].name] += stream.counters[index];
    }
  }
  return NonZero(drops);
}

std::string LineOf(const json& object) {
  return object.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace

absl::StatusOr<std::unique_ptr<RunRecord>> RunRecord::Create(const RunRecordOptions& options, const pmd::ProcessView& view,
                                                             const Forwarder& forwarder) {
  // Nothing waits for the reader of a pipe.
  bpf::UniqueFd file(open(options.path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_CLOEXEC, 0644));
  if (!file) return ErrnoStatus(errno, absl::StrCat("open(", options.path, ") for writing"));
  struct stat status = {};
  if (fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode))
    return absl::InvalidArgumentError(absl::StrCat(options.path, " is no ordinary file"));
  bpf::UniqueFd timer(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
  if (!timer) return ErrnoStatus(errno, "timerfd_create()");
  const timespec period = {.tv_sec = options.period.count() / 1000, .tv_nsec = options.period.count() % 1000 * 1000000};
  const itimerspec times = {.it_interval = period, .it_value = period};
  if (timerfd_settime(timer.get(), 0, &times, nullptr) != 0) return ErrnoStatus(errno, "timerfd_settime()");
  std::unique_ptr<RunRecord> record(new RunRecord(options, view, forwarder, std::move(file), std::move(timer)));
  const double now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  const json first = {{"record", "pollux"},
                      {"version", kVersion},
                      {"program", "testpmd"},
                      {"pid", getpid()},
                      {"began_unix_s", now},
                      {"period_ms", options.period.count()},
                      {"cycles_per_second", lcore::CyclesPerSecond()}};
  if (absl::Status written = record->Append(LineOf(first)); !written.ok()) return written;
  return record;
}

absl::Status RunRecord::SampleIfDue() {
  uint64_t periods = 0;
  if (read(timer_.get(), &periods, sizeof(periods)) != sizeof(periods)) return absl::OkStatus();
  return Sample();
}

absl::Status RunRecord::Sample() {
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
  json sample = {{"seconds", seconds}, {"ports", json::array()}, {"pools", json::array()}, {"lcores", json::array()}};
  for (const pmd::PortView& port : view_.Ports()) {
    if (port.configured) sample["ports"].push_back(OfPort(port));
  }
  sample["drops"] = OfStreams(forwarder_.Totals());
  for (const auto& pool : view_.Pools()) {
    sample["pools"].push_back({{"pool", pool->id()}, {"frames", pool->frame_count()}, {"free", pool->FreeCount()}});
  }
  for (const pmd::LcoreView& lcore : view_.Lcores()) {
    if (lcore.loop == nullptr) continue;
    sample["lcores"].push_back({{"lcore", lcore.id},
                                {"packets", lcore.loop->packets.value()},
                                {"busy_rounds", lcore.loop->busy_iterations.value()},
                                {"busy_cycles", lcore.loop->busy_cycles.value()},
                                {"idle_cycles", lcore.loop->idle_cycles.value()},
                                {"sleep_cycles", lcore.loop->sleep_cycles.value()}});
  }
  return Append(LineOf(sample));
}

absl::Status RunRecord::Append(const std::string& line) {
  if (written_bytes_ + line.size() > options_.most_bytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat(options_.path, " has the ", options_.most_bytes >> 20, " MiB that it may have (--record-limit)"));
  }
  const ssize_t written = write(file_.get(), line.data(), line.size());
  if (written == static_cast<ssize_t>(line.size())) {
    written_bytes_ += line.size();
    return absl::OkStatus();
  }
  const int error = written < 0 ? errno : ENOSPC;  // a part of it: what there was room for
  if (ftruncate(file_.get(), static_cast<off_t>(written_bytes_)) != 0) {
  }  // then its last line is a part of one, which readers leave out
  return ErrnoStatus(error, absl::StrCat("write(", options_.path, ")"));
}

}  // namespace pollux::testpmd
