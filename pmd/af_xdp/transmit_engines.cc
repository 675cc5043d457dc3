// SPDX-License-Identifier: Apache-2.0
#include "pmd/af_xdp/transmit_engines.h"

#include <poll.h>

#include <algorithm>

#include <absl/strings/str_cat.h>

#include "bpf/uapi.h"

namespace pollux::pmd::af_xdp {
namespace {

constexpr char kNotReady[] =
    "the device takes no XDP frames now (a veth does while its other end has GRO on or an XDP program); it is asked again as it runs";

// The fast way needs no remark.
std::string HowFramesAreRead(const mempool::Region& memory) {
  if (memory.map_descriptor() >= 0) return "";
  const std::string& why = memory.report().not_visible;
  return absl::StrCat("frames are read as user memory, which takes a little longer than a BPF map does", why.empty() ? "" : ": ", why);
}

}  // namespace

TransmitEngines::TransmitEngines(TransmitPolicy policy, uint32_t flush_us, std::shared_ptr<mempool::Pool> pool, std::vector<RingEnd> rings)
    : policy_(policy), flush_us_(flush_us), pool_(std::move(pool)), rings_(std::move(rings)) {
  if (policy_ == TransmitPolicy::kRing) return;
  const auto choice = policy_ == TransmitPolicy::kInject ? InjectTxQueue::Policy::kAlwaysInject : InjectTxQueue::Policy::kCheapest;
  for (const RingEnd& ring : rings_) queues_.push_back(std::make_unique<InjectTxQueue>(pool_, ring, choice));
  ResetStats();
}

void TransmitEngines::Start(PortInterface& interface, const bpf::DeviceFeatures& driver, const std::vector<bool>& zero_copy) {
  refused_.clear();
  const auto is_useful = [&](const RingEnd& ring) { return !zero_copy[ring.pair]; };
  if (queues_.empty()) {
    refused_ = "tx=ring was asked for";
  } else if (std::none_of(rings_.begin(), rings_.end(), is_useful)) {
    refused_ = "zero-copy needs no other engine than the ring";
  } else if (auto injection = interface.OpenInjection(pool_->region()); !injection.ok()) {
    refused_ = std::string(injection.status().message());
  } else {
    injection_ = *std::move(injection);
  }
  // A kernel that cannot tell is asked by the first call.
  const bool ready = !driver.known || (driver.xdp_actions & bpf::kXdpActionTransmit) != 0;
  for (std::size_t number = 0; number < queues_.size(); ++number) {
    queues_[number]->Open(is_useful(rings_[number]) ? injection_.get() : nullptr, ready, flush_us_);
  }
}

void TransmitEngines::PreferRing(bool prefer) {
  prefers_ring_ = prefer && policy_ == TransmitPolicy::kAutomatic;
  for (const auto& queue : queues_) queue->PreferRing(prefers_ring_);
}

void TransmitEngines::Stop(int patience_ms) {
  for (const auto& queue : queues_) {
    for (int waited_ms = 0; queue->Drain() > 0 && waited_ms < patience_ms; ++waited_ms) poll(nullptr, 0, 1);
    queue->Close();
  }
  injection_.reset();
}

QueueStats TransmitEngines::Totals(std::size_t number) const {
  QueueStats stats;
  if (number >= queues_.size()) return stats;
  const InjectCounters& counters = queues_[number]->counters();
  stats.tx_packets = counters.injected.value();
  stats.tx_bytes = counters.bytes.value();
  stats.tx_dropped = counters.dropped_no_room.value() + counters.dropped_untold.value() + counters.dropped_at_stop.value();
  const uint64_t known = stats.tx_packets + stats.tx_dropped + counters.to_ring.value();
  const uint64_t staged = counters.staged.value();
  stats.tx_pending = staged > known ? staged - known : 0;
  return stats;
}

void TransmitEngines::AddTo(QueueStats& stats, std::size_t number) const {
  if (number >= queues_.size()) return;
  QueueStats own = Totals(number);
  own.tx_packets -= totals_baseline_[number].tx_packets;
  own.tx_bytes -= totals_baseline_[number].tx_bytes;
  own.tx_dropped -= totals_baseline_[number].tx_dropped;
  stats += own;
}

std::vector<NamedCounter> TransmitEngines::Counters(std::size_t number) const {
  const InjectCounters& counters = queues_[number]->counters();
  const std::string queue = absl::StrCat("tx_q", number, "_"), prefix = queue + "inject_";
  return {{prefix + "packets", counters.injected.value()},
          {prefix + "bytes", counters.bytes.value()},
          {prefix + "calls", counters.calls.value()},
          {prefix + "calls_cut_short", counters.cut_short.value()},
          {prefix + "staged", counters.staged.value()},
          {prefix + "to_ring", counters.to_ring.value()},
          {prefix + "refused", counters.refused.value()},
          {prefix + "not_resident", counters.not_resident.value()},
          {prefix + "held_back", counters.held_back.value()},
          {prefix + "pools_left", counters.pools_left.value()},
          {queue + "dropped_no_room", counters.dropped_no_room.value()},
          {queue + "dropped_untold", counters.dropped_untold.value()},
          {queue + "dropped_staged_at_stop", counters.dropped_at_stop.value()},
          {prefix + "fallbacks", counters.fallbacks.value()},
          {prefix + "recoveries", counters.recoveries.value()},
          {prefix + "kept_in_order", counters.kept_in_order.value()},
          {prefix + "not_injectable", counters.not_injectable.value()},
          {prefix + "scattered", counters.scattered.value()},
          {prefix + "asking", counters.asking.value()}};
}

void TransmitEngines::AppendExtendedStats(std::vector<NamedCounter>& stats) const {
  for (std::size_t number = 0; number < queues_.size(); ++number) {
    // A queue's totals have been the ring's so far.
    QueueStats own;
    AddTo(own, number);
    for (NamedCounter& counter : stats) {
      if (counter.name == absl::StrCat("tx_q", number, "_packets")) counter.value += own.tx_packets;
      if (counter.name == absl::StrCat("tx_q", number, "_bytes")) counter.value += own.tx_bytes;
    }
    std::vector<NamedCounter> counters = Counters(number);
    for (std::size_t index = 0; index < counters.size(); ++index) {
      counters[index].value -= baseline_[number][index].value;
      stats.push_back(std::move(counters[index]));
    }
  }
}

void TransmitEngines::ResetStats() {
  baseline_.clear();
  totals_baseline_.clear();
  for (std::size_t number = 0; number < queues_.size(); ++number) {
    baseline_.push_back(Counters(number));
    totals_baseline_.push_back(Totals(number));
  }
}

void TransmitEngines::AppendFeatures(std::vector<FeatureState>& features) const {
  const char* const asked[] = {"auto", "ring", "inject"};
  FeatureState state{.feature = kFeatureInject, .asked = asked[static_cast<int>(policy_)], .got = "ring", .reason = refused_};
  if (injection_ != nullptr) {
    state.present = std::any_of(queues_.begin(), queues_.end(), [](const auto& queue) { return queue->ready(); });
    state.got = !state.present ? "ring" : policy_ == TransmitPolicy::kInject ? "inject" : "the cheaper one";
    state.reason = state.present ? HowFramesAreRead(pool_->region()) : kNotReady;
    if (state.present && prefers_ring_) {
      state.got = "ring";
      state.reason = "the interface has a qdisc: packets of the ring wait there for room, injected ones would be dropped";
    }
  }
  features.push_back(std::move(state));
}

void TransmitEngines::CollectFrames(const std::string& device, mempool::FrameAudit& audit) const {
  for (std::size_t number = 0; number < queues_.size(); ++number) {
    if (queues_[number]->staged() > 0) queues_[number]->CollectFrames(absl::StrCat(device, " queue ", number, ": staged"), audit);
  }
}

}  // namespace pollux::pmd::af_xdp
