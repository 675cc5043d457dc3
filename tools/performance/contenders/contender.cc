// SPDX-License-Identifier: Apache-2.0
#include "tools/performance/contenders/contender.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "tools/performance/contenders/kernel_contender.h"
#include "tools/performance/contenders/ovs_contender.h"
#include "tools/performance/contenders/testpmd_contender.h"

namespace pollux::performance {
namespace {

// DPDK keeps files of its own in /var/run otherwise, and a second instance is refused.
const std::vector<std::string> kDpdkEalOptions = {"--no-shconf", "--no-telemetry"};

// For what takes a pod's packets as they are, with checksums that it leaves to a device.
constexpr char kFinishedChecksums[] = "tx off";

constexpr int kTelemetryReads = 1000;

std::unique_ptr<Contender> MakeContender(const std::string& name, const ContenderOptions& options) {
  for (const bool worker : {false, true}) {
    for (const std::string engine : {"", "ring", "inject"}) {
      if (name != absl::StrCat("testpmd", worker ? "-worker" : "", engine.empty() ? "" : "-", engine)) continue;
      return MakeTestpmdContender({.name = name,
                                   .program = options.testpmd,
                                   .device_arguments = engine.empty() ? "" : absl::StrCat(",tx=", engine),
                                   .broker = worker ? options.broker : "",
                                   .probed_key = engine.empty() ? "" : "tx",
                                   .rx_ring = options.rx_ring});
    }
  }
  for (const char* idle : {"adaptive", "sleep"}) {
    if (name != absl::StrCat("testpmd-", idle)) continue;
    return MakeTestpmdContender({.name = name, .program = options.testpmd, .rx_ring = options.rx_ring, .idle = idle});
  }
  if (name == "testpmd-read") {
    return MakeTestpmdContender({.name = name, .program = options.testpmd, .rx_ring = options.rx_ring, .telemetry_reads = kTelemetryReads});
  }
  if (name == "testpmd-offload") {
    return MakeTestpmdContender({.name = name, .program = options.testpmd, .rx_ring = options.rx_ring, .offload = true});
  }
  for (const char* type : {"pollux", "afxdp"}) {
    if (name != absl::StrCat("ovs-", type)) continue;
    return MakeOvsContender({.name = name,
                             .script = options.ovs,
                             .programs = options.ovs_programs,
                             .type = type,
                             .pod_settings = std::string(type) == "afxdp" ? kFinishedChecksums : ""});
  }
  if (name == "ovs-pollux-offload") {
    return MakeOvsContender({.name = name, .script = options.ovs, .programs = options.ovs_programs, .type = "pollux", .offload = true});
  }
  if (name == "ovs-pollux-hash") {
    return MakeOvsContender(
        {.name = name, .script = options.ovs, .programs = options.ovs_programs, .type = "pollux", .port_option = "rx-metadata=hash"});
  }
  if (name == "ovs-dpdk") {
    return MakeOvsContender({.name = name,
                             .script = options.ovs,
                             .programs = options.ovs_programs,
                             .type = "dpdk",
                             .daemon = "/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk",
                             .package = "openvswitch-switch-dpdk",
                             .preload = options.dpdk_preload,
                             .pod_settings = kFinishedChecksums});
  }
  if (name == "dpdk") {
    return MakeTestpmdContender({.name = name,
                                 .program = options.dpdk_testpmd,
                                 .eal_options = kDpdkEalOptions,
                                 .preload = options.dpdk_preload,
                                 .tells_version = true,
                                 .rx_ring = options.rx_ring,
                                 .pod_settings = kFinishedChecksums});
  }
  if (name == "dpdk-no-busy-poll") {
    return MakeTestpmdContender({.name = name,
                                 .program = options.dpdk_testpmd,
                                 .device_arguments = ",busy_budget=0",
                                 .eal_options = kDpdkEalOptions,
                                 .preload = options.dpdk_preload,
                                 .tells_version = true,
                                 .rx_ring = options.rx_ring,
                                 .pod_settings = kFinishedChecksums});
  }
  if (name == "redirect") return MakeRedirectContender();
  if (name == "redirect-thread") return MakeRedirectThreadContender();
  if (name == "bridge") return MakeBridgeContender();
  if (name == "straight") return MakeStraightContender();
  return nullptr;
}

}  // namespace

std::vector<std::string> ContenderNames() {
  return {"dpdk",
          "dpdk-no-busy-poll",
          "testpmd",
          "testpmd-ring",
          "testpmd-inject",
          "testpmd-adaptive",
          "testpmd-sleep",
          "testpmd-read",
          "testpmd-offload",
          "testpmd-worker",
          "testpmd-worker-ring",
          "testpmd-worker-inject",
          "ovs-afxdp",
          "ovs-pollux",
          "ovs-pollux-offload",
          "ovs-pollux-hash",
          "ovs-dpdk",
          "redirect",
          "redirect-thread",
          "bridge",
          "straight"};
}

absl::StatusOr<std::vector<std::unique_ptr<Contender>>> MakeContenders(const ContenderOptions& options) {
  std::vector<std::unique_ptr<Contender>> contenders;
  for (const std::string& name : options.names) {
    auto contender = MakeContender(name, options);
    if (contender == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat("--contenders: no \"", name, "\"; there are ", absl::StrJoin(ContenderNames(), ", ")));
    }
    contenders.push_back(std::move(contender));
  }
  return contenders;
}

}  // namespace pollux::performance
