// SPDX-License-Identifier: Apache-2.0
// Runs pool_benchmark.cc and ring_benchmark.cc, and prints one table: a row for each work and bulk size, ours beside DPDK's.
//
//   bazel run //tests/mempool:peer_benchmark                       # every row; 41 repetitions in random order, some four minutes
//   bazel run //tests/mempool:peer_benchmark -- --benchmark_filter=pool_one_core
//
// Needs DPDK (package libdpdk-dev), two CPUs, and no other work on them. A figure is ns a call with all of its objects: the fastest
// repetition, the median, the 90th percentile. The exit status is 1 if ours is slower than DPDK in a median or a 90th percentile.
#include "tests/mempool/peer_benchmark.h"

#include <benchmark/benchmark.h>
#include <rte_eal.h>
#include <rte_errno.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "lcore/affinity.h"
#include "lcore/core_set.h"

namespace pollux::mempool {

void PinTo(const char* cpu) {
  const auto set = lcore::CoreSet::Parse(cpu);
  if (!set.ok() || !lcore::PinThisThread(*set).ok())
    std::fprintf(stderr, "cannot run on CPU %s alone: the figures are not to be trusted\n", cpu);
}

namespace {

// Names are WORK/SIDE/BULK: rows that differ in nothing but the side are compared.
class RatioReporter final : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context& context) override {
    PrintBasicContext(&GetErrorStream(), context);
    return true;
  }

  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      const std::string& name = run.run_name.function_name;
      if (run.run_type != Run::RT_Iteration) continue;  // the rest are aggregates
      if (run.error_occurred) {
        std::fprintf(stderr, "%s: %s\n", run.benchmark_name().c_str(), run.error_message.c_str());
        continue;
      }
      const std::size_t slash = name.find('/');
      Sides& sides = rows_[{name.substr(0, slash), std::atoi(run.run_name.args.c_str())}];
      (name.substr(slash + 1) == "pollux" ? sides.ours : sides.theirs).push_back(run.GetAdjustedRealTime());
    }
  }

  void Finalize() override {
    std::printf("%-28s %26s   %26s   %20s\n", "", "pollux", "DPDK", "pollux / DPDK");
    std::printf("%-28s", "work/bulk, ns a call");
    for (const char* side : {"   ", "   ", "  "}) std::printf(" %8s %8s %8s%s", "fastest", "median", "90th", side);
    std::printf("\n");
    for (auto& [row, sides] : rows_) {
      if (sides.ours.empty() || sides.theirs.empty()) continue;
      std::printf("%-28s", (row.first + "/" + std::to_string(row.second)).c_str());
      const Summary ours(sides.ours), theirs(sides.theirs);
      for (const Summary& side : {ours, theirs}) std::printf(" %8.1f %8.1f %8.1f   ", side.fastest, side.median, side.ninetieth);
      std::printf(" %8.2f %8.2f %8.2f\n", ours.fastest / theirs.fastest, ours.median / theirs.median, ours.ninetieth / theirs.ninetieth);
      slower_ += ours.median > theirs.median || ours.ninetieth > theirs.ninetieth;
    }
    std::printf("rows in which pollux is slower, by median or 90th percentile: %d of %zu\n", slower_, rows_.size());
  }
  int slower() const { return slower_; }

 private:
  struct Sides {
    std::vector<double> ours, theirs;
  };
  struct Summary {
    explicit Summary(std::vector<double>& times) {
      std::sort(times.begin(), times.end());
      fastest = times.front();
      median = times[times.size() / 2];
      ninetieth = times[(times.size() * 9 + 9) / 10 - 1];
    }
    double fastest, median, ninetieth;
  };

  int slower_ = 0;
  std::map<std::pair<std::string, int>, Sides> rows_;  // by work and bulk
};

}  // namespace
}  // namespace pollux::mempool

int main(int argc, char** argv) {
  char name[] = "peer_benchmark", huge[] = "--no-huge", memory[] = "-m", amount[] = "512", pci[] = "--no-pci", cores[] = "-l", zero[] = "0",
       log[] = "--log-level=error", telemetry[] = "--no-telemetry", configuration[] = "--no-shconf";
  char* eal[] = {name, huge, memory, amount, pci, cores, zero, log, telemetry, configuration};
  if (rte_eal_init(static_cast<int>(std::size(eal)), eal) < 0) {
    std::fprintf(stderr, "rte_eal_init: %s\n", rte_strerror(rte_errno));
    return 1;
  }
  // What the command line says comes later, and wins.
  char repetitions[] = "--benchmark_repetitions=41", order[] = "--benchmark_enable_random_interleaving=true",
       time[] = "--benchmark_min_time=0.05";
  std::vector<char*> arguments = {argv[0], repetitions, order, time};
  arguments.insert(arguments.end(), argv + 1, argv + argc);
  int count = static_cast<int>(arguments.size());
  arguments.push_back(nullptr);
  benchmark::Initialize(&count, arguments.data());
  if (benchmark::ReportUnrecognizedArguments(count, arguments.data())) return 2;
  pollux::mempool::RatioReporter reporter;
  benchmark::RunSpecifiedBenchmarks(&reporter);
  rte_eal_cleanup();
  return reporter.slower() == 0 ? 0 : 1;
}
