// SPDX-License-Identifier: Apache-2.0
// Measures the source itself: its limit into a sink at the other end of a veth, and how steady it is beside the machine itself.
//   bazel run //tools/performance/checks:source_check -- [SECONDS [FRAME_BYTES [FLOWS [RATE [FRAMES_PER_CALL [CPU [xdp|inspect|stack
//     [QUEUES]]]]]]]]]
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include "tools/performance/rig/machine_pauses.h"
#include "tools/performance/rig/sink.h"
#include "tools/performance/rig/source.h"
#include "tools/support/network_namespace.h"
#include "tools/support/veth_pair.h"

namespace pollux::performance {
namespace {

struct Arguments {
  double seconds = 2;
  double rate = 0;  // 0: full
  SourceOptions source;
  SinkOptions sink;
};

Arguments Parse(int count, char** words) {
  const auto number = [&](int i, double otherwise) { return i < count ? std::atof(words[i]) : otherwise; };
  Arguments arguments;
  arguments.seconds = number(1, arguments.seconds);
  arguments.source.interface = "plxsource";
  arguments.source.frame_bytes = static_cast<uint32_t>(number(2, arguments.source.frame_bytes));
  arguments.source.flow_count = static_cast<uint32_t>(number(3, arguments.source.flow_count));
  arguments.rate = number(4, 0);
  arguments.source.frames_per_call = static_cast<uint32_t>(number(5, arguments.source.frames_per_call));
  arguments.source.cpu = static_cast<int>(number(6, 0));
  arguments.source.queue_count = static_cast<uint32_t>(number(8, arguments.source.queue_count));
  const std::string receiver = count > 7 ? words[7] : "xdp";
  arguments.sink = {
      .interface = "plxsink", .receiver = receiver == "stack" ? Receiver::kStack : Receiver::kXdp, .inspect = receiver == "inspect"};
  arguments.source.time_stamps = arguments.sink.inspect;
  return arguments;
}

double Microseconds(uint64_t ns) {
  return static_cast<double>(ns) / 1e3;
}

void PrintSource(const SourceSnapshot& begin, const SourceSnapshot& end) {
  const auto frames = static_cast<double>(end.frames - begin.frames), time_ns = static_cast<double>(end.time_ns - begin.time_ns);
  const auto cpu_ns = static_cast<double>(end.cpu_ns - begin.cpu_ns);
  const Histogram gap_ns = end.gap_ns - begin.gap_ns;
  std::printf(
      "sent %.3f Mpps; %.1f frames a call; CPU time %.0f ns a frame, so that alone on its CPU it sends %.3f Mpps; %lu call errors\n",
      frames * 1e3 / time_ns, frames / static_cast<double>(end.calls - begin.calls), cpu_ns / frames, frames * 1e3 / cpu_ns, end.errors);
  std::printf("64 frames, or how late a paced call is: p50 %.1f p99 %.1f p99.9 %.1f us; %s\n", Microseconds(gap_ns.Percentile(0.5)),
              Microseconds(gap_ns.Percentile(0.99)), Microseconds(gap_ns.Percentile(0.999)), DescribePauses(gap_ns, time_ns / 1e9).c_str());
}

void PrintSink(const SourceSnapshot& sent, const SinkSnapshot& received) {
  std::printf("frames made %lu, sink counted %lu, interface counted %lu, foreign %lu, reordered %lu\n", sent.frames, received.packets,
              received.interface_packets, received.foreign, received.reordered);
  if (received.latency_ns.count() == 0) return;
  std::printf("latency p50 %.1f p99 %.1f p99.9 %.1f longest %.1f us\n", Microseconds(received.latency_ns.Percentile(0.5)),
              Microseconds(received.latency_ns.Percentile(0.99)), Microseconds(received.latency_ns.Percentile(0.999)),
              Microseconds(received.latency_ns.Maximum()));
}

absl::Status Check(const Arguments& arguments) {
  auto left = support::NetworkNamespace::CreateUnnamed();
  if (!left.ok()) return left.status();
  auto right = support::NetworkNamespace::CreateUnnamed();
  if (!right.ok()) return right.status();
  if (absl::Status status = support::AddVethPair({**left, "plxsource"}, {**right, "plxsink"},
                                                 {.queues = arguments.source.queue_count, .arp = false, .gro = true});
      !status.ok())
    return status;
  auto sink = Sink::Create(**right, arguments.sink);
  if (!sink.ok()) return sink.status();
  auto source = Source::Create(**left, arguments.source);
  if (!source.ok()) return source.status();
  auto machine_ns = MeasureMachinePauses(arguments.source.cpu, arguments.seconds);
  if (!machine_ns.ok()) return machine_ns.status();
  std::printf("the machine itself: pauses %s\n", DescribePauses(*machine_ns, arguments.seconds).c_str());
  if (arguments.rate > 0) {
    (*source)->SetRate(arguments.rate);
  } else {
    (*source)->SetFullRate();
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  const SourceSnapshot begin = (*source)->Read();
  std::this_thread::sleep_for(std::chrono::duration<double>(arguments.seconds));
  PrintSource(begin, (*source)->Read());
  (*source)->Stop();
  auto received = (*sink)->Read();
  if (!received.ok()) return received.status();
  PrintSink((*source)->Read(), *received);
  return absl::OkStatus();
}

}  // namespace
}  // namespace pollux::performance

int main(int count, char** words) {
  const absl::Status status = pollux::performance::Check(pollux::performance::Parse(count, words));
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
