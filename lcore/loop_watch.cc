// SPDX-License-Identifier: Apache-2.0
#include "lcore/loop_watch.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>

#include <absl/strings/str_cat.h>

namespace pollux::lcore {
namespace {

constexpr uint64_t kNanosecondsAMillisecond = 1'000'000;
// Fields of stat behind the name, counted from 0: state, ..., utime, stime, ..., processor.
constexpr std::size_t kUserTicks = 11;
constexpr std::size_t kSystemTicks = 12;
constexpr std::size_t kProcessor = 36;

}  // namespace

std::optional<ThreadState> ReadThreadState(int thread) {
  std::ifstream file(absl::StrCat("/proc/self/task/", thread, "/stat"));
  std::string text;
  if (!std::getline(file, text)) return std::nullopt;
  const std::size_t name_end = text.rfind(')');  // the name may hold anything
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream rest(text.substr(name_end + 1));
  const std::vector<std::string> fields{std::istream_iterator<std::string>(rest), {}};
  if (fields.size() <= kProcessor) return std::nullopt;
  const auto number = [&fields](std::size_t index) { return std::strtoull(fields[index].c_str(), nullptr, 10); };
  return ThreadState{
      .state = fields[0][0], .cpu_ticks = number(kUserTicks) + number(kSystemTicks), .cpu = static_cast<int>(number(kProcessor))};
}

std::vector<unsigned> LoopWatch::Look(std::span<const Loop> loops, uint64_t now_ns) {
  const uint64_t step = std::min(last_ns_ == 0 ? 0 : now_ns - last_ns_, kLongestStepNs);
  last_ns_ = now_ns;
  std::map<unsigned, Seen> before;
  before.swap(seen_);
  std::map<unsigned, Stall> stalls_before;
  stalls_before.swap(stalls_);
  std::vector<unsigned> changed;
  for (const Loop& loop : loops) {
    const uint64_t iterations = loop.stats->iterations.value();
    const auto entry = before.find(loop.lcore);
    Seen& seen = seen_[loop.lcore];
    seen = {.stats = loop.stats, .iterations = iterations};
    if (entry == before.end() || entry->second.stats != loop.stats || entry->second.iterations != iterations || loop.thread == 0) {
      if (stalls_before.count(loop.lcore) != 0) changed.push_back(loop.lcore);
      continue;
    }
    const std::optional<ThreadState> thread = ask_(loop.thread);
    seen.thread = entry->second.standing_ns == 0 ? thread : entry->second.thread;
    seen.standing_ns = entry->second.standing_ns + step;
    if (seen.standing_ns < kPatienceNs) continue;
    stalls_[loop.lcore] = {.lcore = loop.lcore, .cause = Cause(seen, thread), .milliseconds = seen.standing_ns / kNanosecondsAMillisecond};
    if (stalls_before.count(loop.lcore) == 0) changed.push_back(loop.lcore);
  }
  return changed;
}

std::string LoopWatch::Cause(const Seen& seen, const std::optional<ThreadState>& now) {
  if (!now.has_value()) return "its thread is gone";
  switch (now->state) {
    case 'T':
    case 't':
      return "its thread is stopped (a debugger, or a frozen control group)";
    case 'D':
      return "its thread waits inside of the kernel";
    case 'S':
      return "its thread waits in a system call";
    default:
      if (seen.thread.has_value() && seen.thread->cpu_ticks != now->cpu_ticks) return "its thread runs, and does not come back from a poll";
      return absl::StrCat("its thread gets no time: something else has CPU ", now->cpu);
  }
}

}  // namespace pollux::lcore
