// SPDX-License-Identifier: Apache-2.0
// Lists of processors, masks, lcores on processors, numbers and addresses, as options and commands take them.
#include "lcore/core_set.h"
#include "lcore/lcore_options.h"
#include "lcore/parse_number.h"
#include "tests/fuzz/input.h"

namespace {

using pollux::lcore::CoreSet;

void RequireRoundTrip(const absl::StatusOr<CoreSet>& set) {
  if (!set.ok()) {
    FUZZ_REQUIRE(set.status().code() == absl::StatusCode::kInvalidArgument);
    return;
  }
  FUZZ_REQUIRE(!set->empty());
  const absl::StatusOr<CoreSet> again = CoreSet::Parse(set->ToString());
  FUZZ_REQUIRE(again.ok() && *again == *set);
}

void RequireUsable(const absl::StatusOr<pollux::lcore::LcorePlan>& plan) {
  if (!plan.ok()) return;
  FUZZ_REQUIRE(!plan->lcores.empty() && plan->Find(plan->main_lcore) != nullptr);
  FUZZ_REQUIRE(plan->WorkerIds().size() + 1 == plan->lcores.size());
  for (const pollux::lcore::LcoreSpec& lcore : plan->lcores) FUZZ_REQUIRE(lcore.id < pollux::lcore::kMaxLcores && !lcore.cpus.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  pollux::fuzz::Input input(data, size);
  const CoreSet process = {0, 1, 2, 3, 8, 9};
  const uint8_t kind = input.Byte() % 8;
  const std::string text = input.Text();
  switch (kind) {
    case 0:
      RequireRoundTrip(CoreSet::Parse(text));
      break;
    case 1:
      RequireRoundTrip(CoreSet::ParseHexMask(text));
      break;
    case 2:
      RequireUsable(pollux::lcore::MakeLcorePlan({.lcores = text}, process));
      break;
    case 3:
      RequireUsable(pollux::lcore::MakeLcorePlan({.core_list = text}, process));
      break;
    case 4:
      RequireUsable(pollux::lcore::MakeLcorePlan({.core_mask = text, .main_lcore = "1", .remap = ""}, process));
      break;
    case 5: {
      const auto numbers = pollux::lcore::ParseNumberList(text, "ports", 32);
      if (numbers.ok()) {
        for (const unsigned number : *numbers) FUZZ_REQUIRE(number < 32);
      }
      (void)pollux::lcore::ParseBitMask(text, "ports", 32);
      break;
    }
    case 6: {
      const auto number = pollux::lcore::ParseNumber(text, 10, 1000);
      FUZZ_REQUIRE(!number.ok() || (*number >= 10 && *number <= 1000));
      break;
    }
    default:
      (void)pollux::lcore::ParseMac(text);
  }
  return 0;
}
