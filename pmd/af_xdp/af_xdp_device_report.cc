// SPDX-License-Identifier: Apache-2.0
// What an AfXdpDevice tells of itself: statistics, features, frames.
#include <utility>

#include <absl/strings/str_cat.h>

#include "pmd/af_xdp/af_xdp_device.h"
#include "pmd/rx_metadata.h"

namespace pollux::pmd::af_xdp {

QueueStats AfXdpDevice::Stats(std::size_t queue) const {
  const std::lock_guard lock(statistics_lock_);
  if (queues_.empty()) return {};  // before Configure
  QueueStats stats = queues_[queue % queues_.size()]->Stats(queue / queues_.size());
  engines_->AddTo(stats, queue);
  return stats;
}

QueueStats AfXdpDevice::Stats() const {
  const std::lock_guard lock(statistics_lock_);
  QueueStats sum;
  for (const auto& queue : queues_) {
    for (std::size_t index = 0; index < queue->tx_count(); ++index) sum += queue->Stats(index);
  }
  for (std::size_t number = 0; engines_ != nullptr && number < config_.tx_queues; ++number) engines_->AddTo(sum, number);
  return sum;
}

std::vector<NamedCounter> AfXdpDevice::ExtendedStats() const {
  const std::lock_guard lock(statistics_lock_);
  std::vector<NamedCounter> stats;
  for (const auto& queue : queues_) queue->AppendExtendedStats(stats);
  if (engines_ != nullptr) engines_->AppendExtendedStats(stats);
  stats.push_back({"rx_steered_to_kernel", PassedPackets() - passed_baseline_});
  return stats;
}

void AfXdpDevice::ResetStats() {
  const std::lock_guard lock(statistics_lock_);
  for (auto& queue : queues_) queue->ResetStats();
  if (engines_ != nullptr) engines_->ResetStats();
  passed_baseline_ = PassedPackets();
}

uint64_t AfXdpDevice::PassedPackets() const {
  return passed_before_ + (program_ != nullptr ? program_->passed_packets() - passed_at_start_ : 0);
}

FeatureState AfXdpDevice::Scattering() const {
  const char* const asked[] = {"auto", "on", "off"};
  FeatureState state{.feature = kFeatureScattered, .asked = asked[static_cast<int>(options_.scatter)], .present = true};
  state.got = scattered_ ? absl::StrCat("up to ", mempool::kMostFramesOfPacket, " frames a packet") : "one frame a packet";
  if (!scattered_) {
    state.reason = options_.scatter == ScatterPolicy::kOff ? "sg=off was asked for"
                   : !config_.scattered                    ? "the program did not ask for others"
                   : !MayScatter()                         ? "the socket and its program are made by somebody else"
                                                           : absl::StrCat("MTU ", facts_.mtu, " fits in one");
  }
  return state;
}

std::vector<FeatureState> AfXdpDevice::Features() const {
  std::vector<FeatureState> features;
  if (program_ == nullptr) return features;
  interface_->AppendFeatures(features);
  if (options_.attach != AttachHook::kXdp) {
    features.push_back({.feature = kFeatureAttach,
                        .asked = options_.attach == AttachHook::kTc ? "tc" : "auto",
                        .got = hook_.tc ? "tc" : "xdp",
                        .present = hook_.tc,
                        .reason = hook_.reason});
  }
  const char* const asked[] = {"auto", "native", "generic"};
  const bool native = program_->native();
  features.push_back({.feature = kFeatureNative,
                      .asked = asked[static_cast<int>(options_.program.mode)],
                      .got = absl::StrCat(native ? "native" : "generic", program_->joined() ? ", attached by another process" : ""),
                      .present = native,
                      .reason = native ? "" : program_->fallback_reason()});
  for (const auto& queue : queues_) queue->AppendFeatures(native, facts_.features, features);
  const char* const asked_checksum[] = {"auto", "complete", "keep"};
  features.push_back({.feature = kFeatureRxChecksum,
                      .asked = asked_checksum[static_cast<int>(options_.rx_checksum)],
                      .got = CompletesChecksums(options_, facts_.driver) ? "complete" : "keep",
                      .present = true});
  features.push_back(RxVlan());
  features.push_back(RxMetadataState());
  features.push_back(Scattering());
  if (std::string why = WhyNoWakeLatency(); !why.empty()) {
    features.push_back({.feature = kFeatureWakeLatency, .asked = "auto", .got = "not measured", .reason = std::move(why)});
  }
  engines_->AppendFeatures(features);
  const mempool::RegionReport& memory = config_.pool->region().report();
  const bool huge = memory.pages == mempool::PageKind::kHuge2M || memory.pages == mempool::PageKind::kHuge1G;
  features.push_back({.feature = kFeatureHugepages,
                      .asked = std::string(mempool::PageKindName(memory.asked_pages)),
                      .got = std::string(mempool::PageKindName(memory.pages)),
                      .present = huge,
                      .reason = huge ? "" : memory.fallback});
  const std::optional<int>& node = facts_.numa_node;
  const bool near = !node.has_value() || memory.node == *node;
  features.push_back({.feature = kFeatureNuma,
                      .asked = node.has_value() ? absl::StrCat("node ", *node) : "any node",
                      .got = memory.node == mempool::kAnyNode ? "several nodes" : absl::StrCat("node ", memory.node),
                      .present = near,
                      .reason = near ? "" : "the frames are not on the interface's node"});
  return features;
}

// Most devices keep no tag beside a packet, or let themselves be told so: only where packets may lose theirs is it a finding.
FeatureState AfXdpDevice::RxVlan() const {
  FeatureState state{
      .feature = kFeatureRxVlan, .asked = options_.rx_vlan ? "auto" : "off", .got = "as the device has them", .present = true};
  if (program_->puts_vlan_tags()) {
    state.got = "put into the packet";
  } else if (program_->joined()) {
    state.got = "as the process that attached the program has it";
  } else if (options_.rx_vlan && facts_.driver == "veth") {
    state.present = false;
    state.reason =
        "a VLAN interface at the other end keeps its tags beside the packets, and they are lost here: this kernel, or the program, "
        "cannot ask for them (Linux 6.8, with flows 6.16; not with xdp_prog= or dispatcher=, nor in generic mode); at the other end: "
        "ethtool -K INTERFACE tx-vlan-offload off";
  }
  return state;
}

FeatureState AfXdpDevice::RxMetadataState() const {
  const uint32_t asked = AskedRxMetadata(), got = rx_metadata();
  FeatureState state{.feature = kFeatureRxMetadata,
                     .asked = asked == 0 ? "off" : DescribeRxMetadataKinds(asked),
                     .got = DescribeRxMetadataKinds(got),
                     .present = asked != 0 && got == asked};
  if (state.present) return state;
  const uint32_t told = static_cast<uint32_t>(facts_.features.rx_metadata) & asked;
  const std::string lacking = DescribeRxMetadataKinds(asked & ~got);
  state.reason = asked == 0               ? "not asked for"
                 : !facts_.features.known ? "the kernel does not say what the driver can tell (Linux 6.8)"
                 : told == got            ? absl::StrCat("driver ", facts_.driver, " cannot tell: ", lacking)
                 : program_->joined()     ? absl::StrCat("the process that attached the program does not ask for: ", lacking)
                 : !options_.broker.empty()
                     ? absl::StrCat("the broker's program does not ask for: ", lacking,
                                    " (\"rx_metadata\" of \"allow\" in its configuration, and what the interface's first client asked for)")
                     : absl::StrCat("this kernel, or the program, cannot ask for: ", lacking,
                                    " (Linux 6.3, vlan 6.8, with flows 6.16; not with xdp_prog= or dispatcher=, nor in "
                                    "generic mode)");
  return state;
}

// "": the program stamps what ends a sleep (lcore/idle_governor.h).
std::string AfXdpDevice::WhyNoWakeLatency() const {
  if (program_->wake_stamp(options_.start_queue) != nullptr) return "";
  return !options_.broker.empty()                ? "the broker keeps its program's stamps to itself"
         : !options_.program.object_file.empty() ? "the program of xdp_prog= stamps no packets"
         : program_->joined()                    ? "the process that attached the program is of a version that stamps no packets"
                                                 : "the program's stamps could not be mapped";
}

void AfXdpDevice::CollectFrames(mempool::FrameAudit& audit) const {
  for (const auto& queue : queues_) queue->CollectFrames(name_, audit);
  if (engines_ != nullptr) engines_->CollectFrames(name_, audit);
}

}  // namespace pollux::pmd::af_xdp
