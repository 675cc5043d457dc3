// SPDX-License-Identifier: Apache-2.0
// What stands behind --vdev: taken apart, and handed to the drivers that touch nothing outside of the process.
#include <absl/strings/match.h>

#include "pmd/device_arguments.h"
#include "pmd/drivers.h"
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
  if (absl::StartsWith(text, "net_null") || absl::StartsWith(text, "net_ring")) {
    const auto device = pollux::pmd::OpenDevice(text);
    FUZZ_REQUIRE(device.ok() || !device.status().message().empty());
  }
  return 0;
}
