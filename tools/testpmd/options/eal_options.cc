// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/options/eal_options.h"

#include <numeric>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>

#include "tools/testpmd/options/option_table.h"
#include "tools/testpmd/options/option_values.h"
#include "tools/testpmd/options/testpmd_options.h"

namespace pollux::testpmd {
namespace {

constexpr uint64_t kMaximumMib = uint64_t{1} << 24;  // 16 TiB

struct WithoutMeaning {
  const char* name;
  char letter;
  OptionValue value;
};

// What DPDK 22.11 to 25.11 accept and an application on kernel interfaces has no use for: there is no PCI probe, no shared
// hugepage file, no secondary process and no address translation.
constexpr WithoutMeaning kWithoutMeaning[] = {
    {"no-pci", 0, OptionValue::kNone},
    {"allow", 'a', OptionValue::kRequired},
    {"block", 'b', OptionValue::kRequired},
    {"memory-channels", 'n', OptionValue::kRequired},
    {"memory-ranks", 'r', OptionValue::kRequired},
    {"driver-path", 'd', OptionValue::kRequired},
    {"service-coremask", 's', OptionValue::kRequired},
    {"service-corelist", 'S', OptionValue::kRequired},
    {"in-memory", 0, OptionValue::kNone},
    {"huge-unlink", 0, OptionValue::kOptional},
    {"huge-dir", 0, OptionValue::kRequired},
    {"huge-worker-stack", 0, OptionValue::kOptional},
    {"legacy-mem", 0, OptionValue::kNone},
    {"single-file-segments", 0, OptionValue::kNone},
    {"match-allocations", 0, OptionValue::kNone},
    {"socket-limit", 0, OptionValue::kRequired},
    {"numa-limit", 0, OptionValue::kRequired},
    {"base-virtaddr", 0, OptionValue::kRequired},
    {"iova-mode", 0, OptionValue::kRequired},
    {"log-level", 0, OptionValue::kRequired},
    {"log-color", 0, OptionValue::kOptional},
    {"log-timestamp", 0, OptionValue::kOptional},
    {"syslog", 0, OptionValue::kOptional},
    {"no-hpet", 0, OptionValue::kNone},
    {"no-shconf", 0, OptionValue::kNone},
    {"vmware-tsc-map", 0, OptionValue::kNone},
    {"mbuf-pool-ops-name", 0, OptionValue::kRequired},
    {"create-uio-dev", 0, OptionValue::kNone},
    {"vfio-intr", 0, OptionValue::kRequired},
    {"vfio-vf-token", 0, OptionValue::kRequired},
    {"force-max-simd-bitwidth", 0, OptionValue::kRequired},
    {"trace", 0, OptionValue::kRequired},
    {"trace-dir", 0, OptionValue::kRequired},
    {"trace-bufsz", 0, OptionValue::kRequired},
    {"trace-mode", 0, OptionValue::kRequired},
};

std::function<absl::Status(const std::string&)> SetText(std::optional<std::string>& target) {
  return [&target](const std::string& value) {
    target = value;
    return absl::OkStatus();
  };
}

absl::Status SetNodeLimits(EalOptions& options, const std::string& value) {
  for (absl::string_view part : absl::StrSplit(value, ',')) {
    absl::StatusOr<uint64_t> mib = ParseNumber(part, 0, kMaximumMib);
    if (!mib.ok()) return mib.status();
    options.node_limit_mib.push_back(*mib);
  }
  return absl::OkStatus();
}

void AddMeaningful(OptionTable& table, EalOptions& options) {
  using enum OptionValue;
  table.Add({"", 'l', kRequired, "CORES", "cores to run on: 0,2-4", SetText(options.lcores.core_list)});
  table.Add({"coremask", 'c', kRequired, "MASK", "the same as a hexadecimal mask", SetText(options.lcores.core_mask)});
  table.Add({"lcores", 0, kRequired, "MAP", "lcores on sets of cores: '(1-3)@(31-33)'", SetText(options.lcores.lcores)});
  table.Add({"main-lcore", 0, kRequired, "N", "lcore of the console and of statistics, which forwards\nnothing (the lowest)",
             SetText(options.lcores.main_lcore)});
  table.Add({"remap-lcore-ids", 'R', kOptional, "N", "number the lcores anew, from N (0) on", SetText(options.lcores.remap)});
  table.Add({"vdev", 0, kRequired, "DEVICE", "a port: DRIVER-AND-SUFFIX[,KEY=VALUE]...; once a port", [&](const std::string& value) {
               options.vdevs.push_back(value);
               return absl::OkStatus();
             }});
  table.Add({"no-huge", 0, kNone, "", "ordinary pages (as --pages=ordinary behind --)", [&](const std::string&) {
               options.no_huge = true;
               return absl::OkStatus();
             }});
  table.Add({"memory-size", 'm', kRequired, "MB", "upper limit of the memory for frames", [&](const std::string& value) {
               absl::StatusOr<uint64_t> mib = ParseNumber(value, 1, kMaximumMib);
               if (mib.ok()) options.memory_limit_mib = *mib;
               return mib.status();
             }});
  const auto set_node_limits = [&](const std::string& value) { return SetNodeLimits(options, value); };
  table.Add({"socket-mem", 0, kRequired, "MB[,MB]...", "the same for each NUMA node", set_node_limits});
  table.Add({"numa-mem", 0, kRequired, "", "", set_node_limits});
  table.Add({"file-prefix", 0, kRequired, "NAME", "folder of the telemetry socket (rte):\ndpdk-telemetry.py -f NAME asks it",
             [&](const std::string& value) {
               options.file_prefix = value;
               return absl::OkStatus();
             }});
  const auto set_telemetry = [&options](bool on) {
    return [&options, on](const std::string&) {
      options.telemetry = on;
      return absl::OkStatus();
    };
  };
  table.Add({"telemetry", 0, kNone, "", "answer DPDK's telemetry clients (default)", set_telemetry(true)});
  table.Add({"no-telemetry", 0, kNone, "", "do not", set_telemetry(false)});
  table.Add({"help", 'h', kNone, "", "this help", [&](const std::string&) {
               options.help = true;
               return absl::OkStatus();
             }});
  table.Add({"version", 'v', kNone, "", "the version", [&](const std::string&) {
               options.version = true;
               return absl::OkStatus();
             }});
}

void AddWithoutMeaning(OptionTable& table, EalOptions& options) {
  for (const WithoutMeaning& option : kWithoutMeaning) {
    const std::string dashed = option.letter != 0 ? absl::StrCat("-", std::string(1, option.letter)) : absl::StrCat("--", option.name);
    table.Add({option.name, option.letter, option.value, "", "", [&options, dashed](const std::string& value) {
                 options.without_meaning.push_back(value.empty() ? dashed : absl::StrCat(dashed, " ", value));
                 return absl::OkStatus();
               }});
  }
  table.Add({"proc-type", 0, OptionValue::kRequired, "", "", [&options](const std::string& value) {
               if (value == "secondary") {
                 return absl::InvalidArgumentError(
                     "there are no secondary processes; every process opens queues of its own (start_queue=)");
               }
               options.without_meaning.push_back(absl::StrCat("--proc-type ", value));
               return absl::OkStatus();
             }});
}

OptionTable MakeTable(EalOptions& options) {
  OptionTable table("EAL option");
  AddMeaningful(table, options);
  AddWithoutMeaning(table, options);
  return table;
}

}  // namespace

absl::StatusOr<EalOptions> ParseEalOptions(const std::vector<std::string>& arguments) {
  EalOptions options;
  OptionTable table = MakeTable(options);
  table.AddForeign(TestpmdOptionNames(), "it belongs behind -- (testpmd EAL-OPTIONS -- TESTPMD-OPTIONS)");
  if (absl::Status status = table.Parse(arguments); !status.ok()) return status;
  return options;
}

std::string DescribeWithoutMeaning(const EalOptions& options) {
  if (options.without_meaning.empty()) return "";
  return absl::StrCat("EAL options without meaning here, accepted: ", absl::StrJoin(options.without_meaning, ", "));
}

std::string EalHelp() {
  EalOptions unused;
  return MakeTable(unused).Help();
}

std::vector<std::string> EalOptionNames() {
  EalOptions unused;
  return MakeTable(unused).Names();
}

absl::Status CheckMemoryLimits(const EalOptions& options, const std::vector<std::size_t>& bytes_by_node) {
  constexpr std::size_t kMib = 1 << 20;
  const std::size_t total = std::accumulate(bytes_by_node.begin(), bytes_by_node.end(), std::size_t{0});
  if (options.memory_limit_mib != 0 && total > options.memory_limit_mib * kMib) {
    return absl::ResourceExhaustedError(absl::StrCat("the frames need ", (total + kMib - 1) / kMib, " MiB, and -m allows ",
                                                     options.memory_limit_mib, "; raise -m, or lower --total-num-mbufs"));
  }
  for (std::size_t node = 0; node < bytes_by_node.size() && !options.node_limit_mib.empty(); ++node) {
    const std::size_t limit = node < options.node_limit_mib.size() ? options.node_limit_mib[node] : 0;
    if (bytes_by_node[node] > limit * kMib) {
      return absl::ResourceExhaustedError(absl::StrCat("the frames need ", (bytes_by_node[node] + kMib - 1) / kMib, " MiB on node ", node,
                                                       ", and --socket-mem allows ", limit, "; raise it, or lower --total-num-mbufs"));
    }
  }
  return absl::OkStatus();
}

}  // namespace pollux::testpmd
