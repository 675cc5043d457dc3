// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/options/help_text.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

#include "pmd/drivers.h"
#include "tools/testpmd/options/eal_options.h"
#include "tools/testpmd/options/testpmd_options.h"

namespace pollux::testpmd {
namespace {

constexpr const char* kUsage = R"(Usage: testpmd [EAL options] -- [testpmd options]

Forwards packets between ports, which are kernel interfaces over AF_XDP or have no kernel behind them. Takes DPDK's command lines.

  Forward between two interfaces, and show statistics every second:
    testpmd -l 0,1 --vdev net_af_xdp0,iface=eth0 --vdev net_af_xdp1,iface=eth1 -- --stats-period 1
  Send 64-byte packets as fast as possible, for ten seconds:
    testpmd -l 0,1 --vdev net_af_xdp0,iface=eth0 -- --forward-mode=txonly --seconds 10
  Type commands (help, start, show port stats all, stop, quit):
    testpmd -l 0,1 --vdev net_null0 --vdev net_null1 -- -i
  Leave everything but VXLAN to the kernel, fail unless zero-copy, report as JSON:
    testpmd -l 0,1 --vdev net_af_xdp0,iface=eth0 -- --steer 'udp dst 4789' --require zerocopy --json --stats-period 1

)";

constexpr const char* kExitCodes = R"(
Exit code: 0; 1 if something failed, packets or frames do not balance, or --require was not met; 2 if the options are wrong.
)";

std::string DriverHelp() {
  std::string text = "\nDrivers for --vdev:\n";
  for (const pmd::DriverDescription& driver : pmd::Drivers()) {
    absl::StrAppend(&text, "  ", driver.name, ": ", driver.summary, "\n");
    for (absl::string_view line : absl::StrSplit(driver.arguments, '\n', absl::SkipEmpty())) absl::StrAppend(&text, "      ", line, "\n");
  }
  return text;
}

}  // namespace

std::string HelpText() {
  return absl::StrCat(kUsage, "EAL options:\n", EalHelp(),
                      "  Others of DPDK's EAL are accepted and named; those that ask for what is not there are refused.\n", DriverHelp(),
                      "\ntestpmd options:\n", TestpmdHelp(), kExitCodes);
}

std::string VersionText() {
  return absl::StrCat("testpmd (Pollux) ", POLLUX_VERSION, "\n");
}

}  // namespace pollux::testpmd
