// SPDX-License-Identifier: Apache-2.0
#include "tools/performance/rig/checks/check_options.h"

#include <sched.h>

#include <cstdio>
#include <filesystem>

#include <absl/strings/numbers.h>

namespace pollux::performance {

std::optional<CheckOptions> TakeCheckOptions(int count, char** words, const CheckOptions& usual) {
  CheckOptions options = usual;
  bool right = count <= 4;
  if (count > 1) right = right && absl::SimpleAtoi(words[1], &options.rounds) && options.rounds >= 1;
  if (count > 2) right = right && absl::SimpleAtod(words[2], &options.length) && options.length > 0;
  if (count > 3) right = right && absl::SimpleAtoi(words[3], &options.cpu) && options.cpu >= 0 && options.cpu < CPU_SETSIZE;
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  if (right) CPU_SET(options.cpu, &cpus);
  if (right && sched_setaffinity(0, sizeof(cpus), &cpus) == 0) return options;
  std::fprintf(stderr, "usage: %s [ROUNDS [%s [CPU]]]: at least 1, more than 0, a CPU that is there (usual: %d, %g, %d)\n",
               std::filesystem::path(words[0]).filename().c_str(), usual.unit, usual.rounds, usual.length, usual.cpu);
  return std::nullopt;
}

}  // namespace pollux::performance
