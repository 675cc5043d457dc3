// SPDX-License-Identifier: Apache-2.0
// What stands behind --vdev: taken apart, read as net_af_xdp reads it, and handed to the drivers that touch nothing outside of the
// process.
#include <absl/strings/match.h>

#include "pmd/af_xdp/af_xdp_options.h"
#include "pmd/device_arguments.h"
#include "pmd/drivers.h"
#include "pmd/rx_metadata.h"
#include "tests/fuzz/input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  pollux::fuzz::Input input(data, size);
  const std::string text = input.Text();
  auto arguments = pollux::pmd::DeviceArguments::Parse(text);
  if (arguments.ok()) {
    FUZZ_REQUIRE(!arguments->name().empty() && text.compare(0, arguments->name().size(), arguments->name()) == 0);
    (void)arguments->TakeNumber("size", 1, 1, 100);
    (void)arguments->TakeFlag("copy", false);
    (void)arguments->TakeChoice("mode", "auto", {"auto", "drv", "skb"});
    (void)arguments->TakeAll("steer");
    (void)arguments->Finish();
  } else {
    FUZZ_REQUIRE(arguments.status().code() == absl::StatusCode::kInvalidArgument);
  }
  if (arguments.ok() && absl::StartsWith(text, pollux::pmd::af_xdp::kAfXdpDriver)) {
    auto again = pollux::pmd::DeviceArguments::Parse(text);
    const auto options = pollux::pmd::af_xdp::ParseAfXdpOptions(*again);
    if (options.ok()) {
      FUZZ_REQUIRE(!options->interface.empty() && options->start_queue < 4096 && options->queue_count.value_or(1) >= 1);
      FUZZ_REQUIRE((options->rx_metadata.value_or(0) & ~pollux::pmd::RxMetadata::kAll) == 0);
      FUZZ_REQUIRE(options->busy_polling.budget <= 65535);
      for (const auto& rule : options->program.steer) FUZZ_REQUIRE(rule.rule.condition_count >= 1);
    } else {
      FUZZ_REQUIRE(!options.status().message().empty());
    }
  }
  if (absl::StartsWith(text, "net_null") || absl::StartsWith(text, "net_ring")) {
    const auto device = pollux::pmd::OpenDevice(text);
    FUZZ_REQUIRE(device.ok() || !device.status().message().empty());
  }
  return 0;
}
