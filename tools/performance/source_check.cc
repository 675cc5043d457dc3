// SPDX-License-Identifier: Apache-2.0
// Measures the source itself: its limit into a sink at the other end of a veth, and how steady it is.
//   bazel run //tools/performance:source_check -- [SECONDS [FRAME_BYTES [FLOWS [RATE [FRAMES_PER_CALL [CPU [xdp|stack]]]]]]]
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include "tools/performance/sink.h"
#include "tools/performance/source.h"

namespace pollux::performance {
namespace {

absl::Status Check(int count, char** words) {
  const auto number = [&](int i, double otherwise) { return i < count ? std::atof(words[i]) : otherwise; };
  auto left = NetworkNamespace::Create();
  if (!left.ok()) return left.status();
  auto right = NetworkNamespace::Create();
  if (!right.ok()) return right.status();
  if (absl::Status status = AddVethPair(**left, "plxsource", **right, "plxsink"); !status.ok()) return status;
  const bool stack = count > 7 && std::string(words[7]) == "stack";
  auto sink = Sink::Create(**right, {.interface = "plxsink", .receiver = stack ? Receiver::kStack : Receiver::kXdp, .inspect = !stack});
  if (!sink.ok()) return sink.status();
  const double rate = number(4, 0);
  auto source = Source::Create(**left, {.interface = "plxsource",
                                        .frame_bytes = static_cast<uint32_t>(number(2, 64)),
                                        .flow_count = static_cast<uint32_t>(number(3, 1)),
                                        .frames_per_call = static_cast<uint32_t>(number(5, 64)),
                                        .time_stamps = !stack,
                                        .cpu = static_cast<int>(number(6, 0))});
  if (!source.ok()) return source.status();
  if (rate > 0) {
    (*source)->SetRate(rate);
  } else {
    (*source)->SetFullRate();
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  const SourceSnapshot begin = (*source)->Read();
  std::this_thread::sleep_for(std::chrono::duration<double>(number(1, 2)));
  const SourceSnapshot end = (*source)->Read();
  (*source)->Stop();
  const SourceSnapshot last = (*source)->Read();
  auto received = (*sink)->Read();
  if (!received.ok()) return received.status();
  const Histogram gap_ns = end.gap_ns - begin.gap_ns;
  std::printf("sent %.3f Mpps, %.1f us a call; %s p50 %.1f p99 %.1f p99.9 %.1f longest %.1f us; over 100 us: %lu of %lu; call errors %lu\n",
              static_cast<double>(end.frames - begin.frames) * 1e3 / static_cast<double>(end.time_ns - begin.time_ns),
              static_cast<double>(end.time_ns - begin.time_ns) / 1e3 / static_cast<double>(end.calls - begin.calls),
              rate > 0 ? "late" : "gap", static_cast<double>(gap_ns.Percentile(0.5)) / 1e3,
              static_cast<double>(gap_ns.Percentile(0.99)) / 1e3, static_cast<double>(gap_ns.Percentile(0.999)) / 1e3,
              static_cast<double>(gap_ns.Maximum()) / 1e3, gap_ns.CountAbove(100000), gap_ns.count(), end.errors);
  std::printf("frames made %lu, sink counted %lu, interface counted %lu, foreign %lu, reordered %lu\n", last.frames, received->packets,
              received->interface_packets, received->foreign, received->reordered);
  std::printf("latency p50 %.1f p99 %.1f p99.9 %.1f longest %.1f us\n", static_cast<double>(received->latency_ns.Percentile(0.5)) / 1e3,
              static_cast<double>(received->latency_ns.Percentile(0.99)) / 1e3,
              static_cast<double>(received->latency_ns.Percentile(0.999)) / 1e3, static_cast<double>(received->latency_ns.Maximum()) / 1e3);
  return absl::OkStatus();
}

}  // namespace
}  // namespace pollux::performance

int main(int count, char** words) {
  const absl::Status status = pollux::performance::Check(count, words);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
