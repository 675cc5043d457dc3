// SPDX-License-Identifier: Apache-2.0
// EalOptions: what stands before "--" on a DPDK command line.
#ifndef TOOLS_TESTPMD_OPTIONS_EAL_OPTIONS_H_
#define TOOLS_TESTPMD_OPTIONS_EAL_OPTIONS_H_

#include <cstddef>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "lcore/lcore_options.h"

namespace pollux::testpmd {

struct EalOptions {
  lcore::LcoreOptions lcores;  // -c, -l, --lcores, --main-lcore; none: a lcore for every core that this process may use
  std::vector<std::string> vdevs;
  bool no_huge = false;                     // ordinary pages
  std::size_t memory_limit_mib = 0;         // -m; 0: no limit
  std::vector<std::size_t> node_limit_mib;  // --socket-mem, by node; 0: none may be used there
  std::string file_prefix = "rte";          // of the telemetry socket's folder
  bool telemetry = true;
  std::vector<std::string> without_meaning;  // accepted, as typed: "--no-pci", "-n 4"
  bool help = false;
  bool version = false;
};

absl::StatusOr<EalOptions> ParseEalOptions(const std::vector<std::string>& arguments);

// "EAL options without meaning here, accepted: --no-pci, -n 4"; empty if there are none.
std::string DescribeWithoutMeaning(const EalOptions& options);

std::string EalHelp();
std::vector<std::string> EalOptionNames();

// OK, or RESOURCE_EXHAUSTED if the regions would take more than -m or --socket-mem allow. `bytes_by_node` are the bytes wanted of
// each node; a port without a node counts for node 0.
absl::Status CheckMemoryLimits(const EalOptions& options, const std::vector<std::size_t>& bytes_by_node);

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_OPTIONS_EAL_OPTIONS_H_
