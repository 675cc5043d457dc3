// SPDX-License-Identifier: Apache-2.0
// TelemetryReader: a thread that asks a process for its counters, so many times a second (docs/telemetry.md).
#ifndef TOOLS_PERFORMANCE_CONTENDERS_TELEMETRY_READER_H_
#define TOOLS_PERFORMANCE_CONTENDERS_TELEMETRY_READER_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "bpf/unique_fd.h"

namespace pollux::performance {

// What a dashboard asks, in turns: counters of ports, by queue and by cause, of lcores, and losses.
class TelemetryReader {
 public:
  // `cpu`: where the thread runs. Errors: connect(2) at `path`.
  static absl::StatusOr<std::unique_ptr<TelemetryReader>> Start(const std::string& path, int reads_per_second, int cpu);
  ~TelemetryReader();

  uint64_t answers() const { return answers_.load(std::memory_order_relaxed); }
  // Ends it. An error if it got fewer answers than nine of ten reads that were due, or none that was right: then nothing was measured.
  absl::Status Stop();

 private:
  TelemetryReader(bpf::UniqueFd socket, int reads_per_second, int cpu);
  void Run();
  bool Take();

  const bpf::UniqueFd socket_;
  const int reads_per_second_;
  const int cpu_;
  std::vector<char> answer_ = std::vector<char>(128 * 1024);
  std::atomic<bool> stop_{false};
  std::atomic<uint64_t> answers_{0};
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  std::string fault_;  // of the thread, until it has ended
  std::thread thread_;
};

// The path in what a testpmd wrote; empty while it is not there.
std::string FindTelemetrySocket(const std::string& output);

}  // namespace pollux::performance

#endif  // TOOLS_PERFORMANCE_CONTENDERS_TELEMETRY_READER_H_
