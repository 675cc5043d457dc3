// SPDX-License-Identifier: Apache-2.0
// The core options of DPDK's command line (-c, -l, --lcores, --main-lcore), turned into lcores and the CPUs they run on.
#ifndef LCORE_LCORE_OPTIONS_H_
#define LCORE_LCORE_OPTIONS_H_

#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include "lcore/core_set.h"

namespace pollux::lcore {

// Lcore ids are 0 to kMaxLcores - 1: DPDK's RTE_MAX_LCORE as distributions build it.
inline constexpr unsigned kMaxLcores = 128;

// One lcore: a number by which a program names a thread, and the CPUs that this thread may run on.
struct LcoreSpec {
  unsigned id = 0;
  CoreSet cpus = {};

  bool operator==(const LcoreSpec&) const = default;
};

// What a program starts: at least one lcore, in the order of ids, each id once.
struct LcorePlan {
  std::vector<LcoreSpec> lcores;
  unsigned main_lcore = 0;

  // Returns the lcore with this id, or nullptr.
  const LcoreSpec* Find(unsigned id) const;
  // The ids of all lcores but the main one, in rising order.
  std::vector<unsigned> WorkerIds() const;
};

// The options' values as the user wrote them; nullopt is an option that was not given.
struct LcoreOptions {
  std::optional<std::string> core_mask = {};   // -c 0x15
  std::optional<std::string> core_list = {};   // -l 0,2-4; with an @ or a parenthesis what --lcores takes, as in DPDK 25.11
  std::optional<std::string> lcores = {};      // --lcores (1-3)@(31-33)
  std::optional<std::string> main_lcore = {};  // --main-lcore 2
  std::optional<std::string> remap = {};       // --remap-lcore-ids 4, or empty for 0: lcores are numbered anew from there
};

// Parses the value of --lcores: LCORES[@CPUS][,LCORES[@CPUS]...] where LCORES and CPUS are each a number, a range, or a group of both
// in parentheses. As in DPDK:
//   3            lcore 3 on CPU 3              1@2          lcore 1 on CPU 2
//   0-2          each lcore on its own CPU     2@(5-7)      lcore 2 on any of the CPUs 5 to 7
//   (0,6)        lcores 0 and 6, each on both  (1-3)@(31-33) lcores 1 to 3, each on any of 31 to 33
// An lcore that is named again takes the later CPUs, and "3-1" is 1-3. Unlike DPDK, a range before the @ needs no parentheses:
// "0-2@(4-6)" is "(0-2)@(4-6)".
absl::StatusOr<std::vector<LcoreSpec>> ParseLcores(absl::string_view text);

// Turns the options into a plan. -c, -l and --lcores exclude each other; without any of them there is one lcore for every CPU of
// `process_cpus` (below kMaxLcores). The main lcore is --main-lcore, else the lowest id. Errors are INVALID_ARGUMENT and name the
// option, its text, the position and what is allowed. Whether the kernel grants the CPUs shows when a thread is pinned (affinity.h).
absl::StatusOr<LcorePlan> MakeLcorePlan(const LcoreOptions& options, const CoreSet& process_cpus);

// The same with the affinity mask of the calling thread.
absl::StatusOr<LcorePlan> MakeLcorePlan(const LcoreOptions& options);

}  // namespace pollux::lcore

#endif  // LCORE_LCORE_OPTIONS_H_
