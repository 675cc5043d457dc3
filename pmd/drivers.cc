// SPDX-License-Identifier: Apache-2.0
#include "pmd/drivers.h"

#include <algorithm>
#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include "pmd/af_xdp/af_xdp_device.h"
#include "pmd/device_arguments.h"
#include "pmd/null/null_device.h"
#include "pmd/pcap/pcap_device.h"
#include "pmd/ring/ring_device.h"

namespace pollux::pmd {
namespace {

struct Driver {
  const char* name;
  const char* summary;
  const char* arguments;
  absl::StatusOr<std::unique_ptr<Device>> (*open)(DeviceArguments arguments);
};

// A new driver is a row here and a dependency in BUILD.bazel.
constexpr Driver kDrivers[] = {
    {af_xdp::kAfXdpDriver, "a kernel interface, over AF_XDP", af_xdp::kAfXdpArguments, OpenAfXdpDevice},
    {kNullDriver, "packets from nowhere and to nowhere", kNullArguments, OpenNullDevice},
    {kRingDriver, "rings in this process: a loopback, or two ports joined", kRingArguments, OpenRingDevice},
    {kPcapDriver, "replays capture files, and records to them", kPcapArguments, OpenPcapDevice},
};

const Driver* FindDriver(absl::string_view name) {
  const Driver* longest = nullptr;
  for (const Driver& driver : kDrivers) {
    const absl::string_view candidate = driver.name;
    if (absl::StartsWith(name, candidate) && (longest == nullptr || candidate.size() > absl::string_view(longest->name).size())) {
      longest = &driver;
    }
  }
  return longest;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Device>> OpenDevice(absl::string_view text) {
  absl::StatusOr<DeviceArguments> arguments = DeviceArguments::Parse(text);
  if (!arguments.ok()) return arguments.status();
  const Driver* driver = FindDriver(arguments->name());
  if (driver != nullptr) return driver->open(*std::move(arguments));
  std::string known;
  for (const Driver& candidate : kDrivers) absl::StrAppend(&known, known.empty() ? "" : ", ", candidate.name);
  return absl::NotFoundError(
      absl::StrCat(arguments->name(), ": no driver has this name; there are ", known, " (each with a suffix: ", kDrivers[0].name, "0)"));
}

std::vector<DriverDescription> Drivers() {
  std::vector<DriverDescription> descriptions;
  for (const Driver& driver : kDrivers) descriptions.push_back({driver.name, driver.summary, driver.arguments});
  return descriptions;
}

}  // namespace pollux::pmd
