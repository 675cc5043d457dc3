// SPDX-License-Identifier: Apache-2.0
// Command lines: an argument a line, those of the EAL or those of testpmd itself.
#include <absl/strings/match.h>

#include "tests/fuzz/input.h"
#include "tools/testpmd/options/eal_options.h"
#include "tools/testpmd/options/testpmd_options.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  pollux::fuzz::Input input(data, size);
  const bool eal = input.Byte() % 2 == 0;
  const std::vector<std::string> arguments = input.Lines();
  // Files are not what is looked at here.
  for (const std::string& argument : arguments) {
    if (absl::StrContains(argument, "file")) return 0;
  }
  if (eal) {
    const auto options = pollux::testpmd::ParseEalOptions(arguments);
    if (options.ok()) {
      (void)pollux::testpmd::DescribeWithoutMeaning(*options);
      (void)pollux::testpmd::CheckMemoryLimits(*options, {1 << 20, 1 << 20});
    } else {
      FUZZ_REQUIRE(!options.status().message().empty());
    }
  } else {
    const auto options = pollux::testpmd::ParseTestpmdOptions(arguments);
    if (options.ok()) {
      FUZZ_REQUIRE(options->burst <= 512 && options->rx_queues <= 1024 && options->tx_queues <= 1024);
    } else {
      FUZZ_REQUIRE(!options.status().message().empty());
    }
  }
  return 0;
}
