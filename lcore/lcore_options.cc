// SPDX-License-Identifier: Apache-2.0
#include "lcore/lcore_options.h"

#include <map>
#include <utility>

#include <absl/strings/str_cat.h>

#include "lcore/affinity.h"
#include "lcore/errno_status.h"
#include "lcore/text_scanner.h"

namespace pollux::lcore {
namespace {

constexpr char kLcoresSyntax[] = "or the end, as in LCORES[@CPUS],...: 0,1@2,(3-5)@(0,2)";

// The numbers on one side of an '@'. A group in parentheses counts as one even if it holds one number: its members share the group's CPUs.
struct NumberSet {
  CoreSet numbers;
  bool is_group = false;
};

absl::StatusOr<NumberSet> TakeNumberSet(TextScanner& scanner, absl::string_view what, unsigned limit) {
  NumberSet result;
  result.is_group = scanner.Take('(');
  do {
    const absl::StatusOr<TextScanner::Range> range = scanner.TakeRange(what, limit, TextScanner::FallingRange::kSwap);
    if (!range.ok()) return range.status();
    for (unsigned number = range->first; number <= range->last; ++number) result.numbers.Add(number);
  } while (result.is_group && scanner.Take(','));
  if (result.is_group && !scanner.Take(')')) return scanner.Unexpected("',', '-' or the ')' that closes the group");
  return result;
}

std::vector<LcoreSpec> OneCpuEach(const CoreSet& ids) {
  std::vector<LcoreSpec> lcores;
  for (const unsigned id : ids.cpus()) lcores.push_back({id, CoreSet{id}});
  return lcores;
}

// Lcores of -l and -c have the number of their CPU, which must therefore be an lcore id.
absl::StatusOr<std::vector<LcoreSpec>> LcoresNamedAsCpus(absl::string_view option, absl::StatusOr<CoreSet> cpus) {
  if (!cpus.ok()) return Annotate(cpus.status(), option);
  const unsigned highest = cpus->cpus().back();
  if (highest >= kMaxLcores) {
    return absl::InvalidArgumentError(absl::StrCat(option, ": no lcore has the number ", highest, ", the last is ", kMaxLcores - 1,
                                                   "; give the CPU a lower lcore number: --lcores ID@", highest));
  }
  return OneCpuEach(*cpus);
}

absl::Status ExclusiveOptions(const LcoreOptions& options) {
  std::vector<const char*> given;
  if (options.core_mask.has_value()) given.push_back("-c");
  if (options.core_list.has_value()) given.push_back("-l");
  if (options.lcores.has_value()) given.push_back("--lcores");
  if (given.size() < 2) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(given[0], " and ", given[1], " exclude each other; give one of -c, -l and --lcores"));
}

absl::StatusOr<std::vector<LcoreSpec>> SelectedLcores(const LcoreOptions& options, const CoreSet& process_cpus) {
  if (options.core_mask.has_value()) return LcoresNamedAsCpus("-c", CoreSet::ParseHexMask(*options.core_mask));
  const bool is_map = options.core_list.has_value() && options.core_list->find_first_of("@(") != std::string::npos;
  if (options.core_list.has_value() && !is_map) return LcoresNamedAsCpus("-l", CoreSet::Parse(*options.core_list));
  if (is_map || options.lcores.has_value()) {
    absl::StatusOr<std::vector<LcoreSpec>> lcores = ParseLcores(is_map ? *options.core_list : *options.lcores);
    if (!lcores.ok()) return Annotate(lcores.status(), is_map ? "-l" : "--lcores");
    return lcores;
  }
  std::vector<LcoreSpec> lcores = OneCpuEach(process_cpus);
  while (!lcores.empty() && lcores.back().id >= kMaxLcores) lcores.pop_back();
  if (lcores.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("no CPU from 0 to ", kMaxLcores - 1, " in this process's affinity mask (",
                                                   process_cpus.ToString(), "); name lcores and their CPUs with --lcores ID@CPU"));
  }
  return lcores;
}

// Numbers the lcores anew, in their order, from `first` on.
absl::Status Remap(const std::string& first, std::vector<LcoreSpec>& lcores) {
  unsigned id = 0;
  if (!first.empty()) {
    TextScanner scanner(first);
    const absl::StatusOr<unsigned> number = scanner.TakeNumber("an lcore number", kMaxLcores);
    if (!number.ok()) return number.status();
    if (!scanner.AtEnd()) return scanner.Unexpected("the end of the number");
    id = *number;
  }
  if (id + lcores.size() > kMaxLcores) {
    return absl::InvalidArgumentError(absl::StrCat(lcores.size(), " lcores from ", id, " on; the last number is ", kMaxLcores - 1));
  }
  for (LcoreSpec& lcore : lcores) lcore.id = id++;
  return absl::OkStatus();
}

std::string IdsToString(const LcorePlan& plan) {
  CoreSet ids;
  for (const LcoreSpec& lcore : plan.lcores) ids.Add(lcore.id);
  return ids.ToString();
}

absl::StatusOr<unsigned> SelectedMainLcore(const std::string& text, const LcorePlan& plan) {
  TextScanner scanner(text);
  const absl::StatusOr<unsigned> id = scanner.TakeNumber("an lcore number", kMaxLcores);
  if (!id.ok()) return id.status();
  if (!scanner.AtEnd()) return scanner.Unexpected("the end of the number");
  if (plan.Find(*id) == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("\"", text, "\": lcore ", *id, " is not started; expected one of ", IdsToString(plan)));
  }
  return *id;
}

}  // namespace

const LcoreSpec* LcorePlan::Find(unsigned id) const {
  for (const LcoreSpec& lcore : lcores) {
    if (lcore.id == id) return &lcore;
  }
  return nullptr;
}

std::vector<unsigned> LcorePlan::WorkerIds() const {
  std::vector<unsigned> ids;
  for (const LcoreSpec& lcore : lcores) {
    if (lcore.id != main_lcore) ids.push_back(lcore.id);
  }
  return ids;
}

absl::StatusOr<std::vector<LcoreSpec>> ParseLcores(absl::string_view text) {
  TextScanner scanner(text);
  std::map<unsigned, CoreSet> cpus_of;
  bool has_cpus = false;
  do {
    const absl::StatusOr<NumberSet> ids = TakeNumberSet(scanner, "an lcore number", kMaxLcores);
    if (!ids.ok()) return ids.status();
    std::optional<CoreSet> cpus;
    has_cpus = scanner.Take('@');
    if (has_cpus) {
      const absl::StatusOr<NumberSet> given = TakeNumberSet(scanner, "a CPU number", CoreSet::kMaxCpus);
      if (!given.ok()) return given.status();
      cpus = given->numbers;
    } else if (ids->is_group) {
      cpus = ids->numbers;
    }
    for (const unsigned id : ids->numbers.cpus()) cpus_of[id] = cpus.value_or(CoreSet{id});
  } while (scanner.Take(','));
  if (!scanner.AtEnd()) return scanner.Unexpected(absl::StrCat(has_cpus ? "','" : "',', '@'", " ", kLcoresSyntax));

  std::vector<LcoreSpec> lcores;
  for (const auto& [id, cpus] : cpus_of) lcores.push_back({id, cpus});
  return lcores;
}

absl::StatusOr<LcorePlan> MakeLcorePlan(const LcoreOptions& options, const CoreSet& process_cpus) {
  if (const absl::Status status = ExclusiveOptions(options); !status.ok()) return status;
  absl::StatusOr<std::vector<LcoreSpec>> lcores = SelectedLcores(options, process_cpus);
  if (!lcores.ok()) return lcores.status();
  if (options.remap.has_value()) {
    if (absl::Status status = Remap(*options.remap, *lcores); !status.ok()) return Annotate(status, "--remap-lcore-ids");
  }
  LcorePlan plan;
  plan.lcores = *std::move(lcores);
  plan.main_lcore = plan.lcores.front().id;
  if (options.main_lcore.has_value()) {
    const absl::StatusOr<unsigned> main_lcore = SelectedMainLcore(*options.main_lcore, plan);
    if (!main_lcore.ok()) return Annotate(main_lcore.status(), "--main-lcore");
    plan.main_lcore = *main_lcore;
  }
  return plan;
}

absl::StatusOr<LcorePlan> MakeLcorePlan(const LcoreOptions& options) {
  const absl::StatusOr<CoreSet> process_cpus = ThreadAffinity();
  if (!process_cpus.ok()) return process_cpus.status();
  return MakeLcorePlan(options, *process_cpus);
}

}  // namespace pollux::lcore
