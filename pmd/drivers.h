// SPDX-License-Identifier: Apache-2.0
// The drivers, in one table. The only file that knows them all.
#ifndef PMD_DRIVERS_H_
#define PMD_DRIVERS_H_

#include <memory>
#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include "pmd/device.h"

namespace pollux::pmd {

// Opens "DRIVER-AND-SUFFIX[,KEY=VALUE]...", DPDK's --vdev syntax: "net_af_xdp0,iface=eth0", "net_null0", "net_pcap0,rx_pcap=in.pcap".
// The driver is the longest table entry that the name begins with. Errors: INVALID_ARGUMENT (syntax, unknown key, bad
// value), NOT_FOUND (no such driver: the known ones are named; no such interface or file).
absl::StatusOr<std::unique_ptr<Device>> OpenDevice(absl::string_view text);

struct DriverDescription {
  std::string name;       // "net_af_xdp"
  std::string summary;    // one line
  std::string arguments;  // one line an argument: "iface=NAME  kernel interface (required)"
};

// For --help; in table order.
std::vector<DriverDescription> Drivers();

}  // namespace pollux::pmd

#endif  // PMD_DRIVERS_H_
