// SPDX-License-Identifier: Apache-2.0
#include "pmd/af_xdp/queue_pair.h"

#include <poll.h>

#include <algorithm>

#include <absl/strings/str_cat.h>

#include "bpf/uapi.h"

namespace pollux::pmd::af_xdp {
namespace {

constexpr int kReleasePatienceMs = 3000;
constexpr uint32_t kPacketsACall = 32;  // of a socket whose limit cannot be raised (TX_BATCH_SIZE, before Linux 6.17)

uint64_t Minus(uint64_t larger, uint64_t smaller) {
  return larger > smaller ? larger - smaller : 0;
}

void Accumulate(xdp_statistics& sum, const xdp_statistics& addend) {
  sum.rx_dropped += addend.rx_dropped;
  sum.rx_invalid_descs += addend.rx_invalid_descs;
  sum.tx_invalid_descs += addend.tx_invalid_descs;
  sum.rx_ring_full += addend.rx_ring_full;
  sum.rx_fill_ring_empty_descs += addend.rx_fill_ring_empty_descs;
  sum.tx_ring_empty_descs += addend.tx_ring_empty_descs;
}

}  // namespace

QueuePair::QueuePair(std::size_t number, QueuePairOptions options, PortInterface& interface, std::shared_ptr<mempool::Pool> pool,
                     XskCalls& calls)
    : number_(number),
      options_(std::move(options)),
      interface_(interface),
      pool_(pool),
      calls_(calls),
      rx_(pool, calls),
      tx_ring_(pool, calls),
      sharing_(tx_ring_),
      baselines_(std::max<std::size_t>(options_.tx_queues, 1)) {
  if (options_.tx_queues <= 1) tx_queues_.push_back(std::make_unique<XskTxQueue>(tx_ring_));
  while (tx_queues_.size() < options_.tx_queues) tx_queues_.push_back(std::make_unique<SharedTxQueue>(sharing_));
  rx_.SetTxRing(tx_ring_);
  rx_.SetChecksumCompletion(options_.completes_checksums);
  ResetStats();
}

QueuePair::~QueuePair() {
  RetryRelease(kReleasePatienceMs);
}

absl::Status QueuePair::Start(const XskSocket* first, bpf::XdpProgram& program, std::size_t maximum_length, const std::string& why_copy,
                              bool scattered) {
  RetryRelease(1);
  const bool may_copy_only = !why_copy.empty() || options_.copy_mode == CopyMode::kCopy;
  const SocketOrder order{.queue = options_.queue,
                          .sizes = options_.sizes,
                          .pool = pool_.get(),
                          .first = first,
                          .mode = why_copy.empty() ? options_.copy_mode : CopyMode::kCopy,
                          .need_wakeup = options_.need_wakeup,
                          .scattered = scattered,
                          .tx_metadata_bytes = WantsTxMetadata() ? static_cast<uint32_t>(kTxMetadataBytes) : 0,
                          .software_checksum = options_.tx_metadata.checksum == TxMetadataPolicy::Checksum::kSoftware,
                          .busy_polling = options_.busy_polling,
                          .others = program.joined() ? XskSocket::Others::kMayUseIt : XskSocket::Others::kDoNot};
  auto made = interface_.MakeSocket(order);
  if (!made.ok()) return made.status();
  XskSocket& socket = *made->socket;
  why_copy_ = why_copy;
  rx_.SetScattered(scattered);
  tx_ring_.SetScattered(scattered);

  const FillLimits limits = LimitsOfFill(!may_copy_only);
  absl::Status status;
  // Asked first: what cannot be had is not taken away from others for a moment either.
  std::size_t filled = std::min<std::size_t>(pool_->FreeCount(), limits.fewest);
  if (filled == limits.fewest) filled = rx_.Open(socket.descriptor(), socket.fill(), socket.rx(), limits);
  if (filled < limits.fewest) {
    status = absl::ResourceExhaustedError(absl::StrCat(options_.interface, " queue ", options_.queue, ": the pool had ", filled, " of the ",
                                                       limits.fewest, " frames for the fill ring; ask for more frames or smaller rings"));
  }
  if (status.ok()) status = interface_.BindSocket(order, *made);
  if (status.ok() && options_.receives) status = program.AddSocket(options_.queue, socket.descriptor());
  busy_polling_refused_ = made->busy_polling_refused;
  if (!status.ok()) {
    CloseSocket(std::move(made->socket), interface_.index());
    return status;
  }
  if (limits.fewest != limits.most && !socket.zero_copy()) rx_.Limit(LimitsOfFill(false));
  rx_.SetWakeStamp(options_.receives ? program.wake_stamp(options_.queue) : nullptr);
  rx_.SetBusyPolling(options_.busy_polling.budget > 0 && busy_polling_refused_.empty());
  tx_ring_.Open(socket.descriptor(), socket.tx(), socket.completion(), maximum_length,
                {.flush_us = options_.flush_us,
                 .packets_a_call = made->sends_whole_ring ? options_.sizes.tx : kPacketsACall,
                 .zero_copy = socket.zero_copy(),
                 .says_what_it_sent = made->sends_whole_ring});
  grant_ = GrantOf(socket);
  tx_ring_.SetGrant(grant_);
  socket_ = std::move(made->socket);
  watch_.Forget();
  return absl::OkStatus();
}

// In copy mode the kernel does it for any device: it leaves a checksum to the device as it does those of its own stack, and computes it
// where the device does not; its time stamp says when it was done with the packet. It sends at once, whatever time is asked for.
TxGrant QueuePair::GrantOf(const XskSocket& socket) const {
  TxGrant grant{.registered = socket.takes_tx_metadata()};
  if (!grant.registered) return grant;
  const TxMetadataPolicy& policy = options_.tx_metadata;
  const bool software = policy.checksum == TxMetadataPolicy::Checksum::kSoftware;
  const auto does = [&](uint64_t feature) { return (options_.xsk_features & feature) != 0; };
  const bool zero_copy = socket.zero_copy();
  if (policy.checksum != TxMetadataPolicy::Checksum::kOff && (!zero_copy || does(bpf::kXskFeatureChecksum)))
    grant.asks |= TxMetadata::kChecksum;
  if (policy.timestamp && (!zero_copy || does(bpf::kXskFeatureTimestamp))) grant.asks |= TxMetadata::kTimestamp;
  if (policy.launch_time && zero_copy && does(bpf::kXskFeatureLaunchTime)) grant.asks |= TxMetadata::kLaunchTime;
  grant.checksums_several = !software;  // the kernel computes it when it has seen the first frame
  return grant;
}

TxOffloads QueuePair::tx_offloads() const {
  if (socket_ == nullptr) return {};
  const auto has = [this](uint64_t ask) { return (grant_.asks & ask) != 0; };
  return {.checksum = has(TxMetadata::kChecksum), .timestamp = has(TxMetadata::kTimestamp), .launch_time = has(TxMetadata::kLaunchTime)};
}

// A queue that does not receive needs frames only where the device has to have some before the program lets its packets pass.
FillLimits QueuePair::LimitsOfFill(bool zero_copy) const {
  const uint32_t hardware = zero_copy ? options_.hardware_frames : 0;
  if (!options_.receives && hardware == 0) return FillLimits::Fixed(0);
  if (options_.receives && !options_.fill_follows_load) return FillLimits::Fixed(options_.sizes.fill);
  const FillLimits limits = FillLimits::Following(*pool_, hardware, options_.sizes.fill);
  return options_.receives ? limits : FillLimits::Fixed(limits.smallest);
}

void QueuePair::Stop(bpf::XdpProgram& program, int interface_index, int patience_ms) {
  if (socket_ == nullptr) return;
  if (options_.receives) program.RemoveSocket(options_.queue).IgnoreError();  // gone already where the device is
  for (int waited_ms = 0; tx_ring_.Drain() > 0 && waited_ms < patience_ms && !tx_ring_.device_gone(); ++waited_ms) poll(nullptr, 0, 1);
  rx_.SetWakeStamp(nullptr);
  rx_.Discard();
  Accumulate(closed_sockets_, socket_->Statistics());
  CloseSocket(std::move(socket_), interface_index);
}

// A device that uses our frames itself does so until the kernel has taken the queue down, which it does later, in a worker: they are
// anybody's again once the queue can be bound again.
void QueuePair::CloseSocket(std::unique_ptr<XskSocket> socket, int interface_index) {
  const bool earlier = unreleased_on_ != 0;  // what a former socket left is held with the rest
  const bool receives_into_frames = socket->zero_copy() || earlier;
  const bool sends_from_frames = receives_into_frames || (options_.sends_from_frames && tx_ring_.outstanding() > 0);
  socket.reset();
  const bool released = !sends_from_frames || interface_.AwaitRelease(interface_index, options_.queue, kReleasePatienceMs);
  rx_.Close(released || !receives_into_frames);
  tx_ring_.Close(released);
  unreleased_on_ = released ? 0 : interface_index;
}

void QueuePair::RetryRelease(int timeout_ms) {
  if (unreleased_on_ == 0 || !interface_.AwaitRelease(unreleased_on_, options_.queue, timeout_ms)) return;
  unreleased_on_ = 0;
  rx_.Close();
  tx_ring_.Close();
}

xdp_statistics QueuePair::KernelStatistics() const {
  xdp_statistics sum = closed_sockets_;
  if (socket_ != nullptr) Accumulate(sum, socket_->Statistics());
  return sum;
}

QueueStats QueuePair::Totals(std::size_t index) const {
  QueueStats stats;
  if (index == 0) {
    const RxCounters& rx = rx_.counters();
    const xdp_statistics kernel = KernelStatistics();
    stats.rx_packets = rx.packets.value();
    stats.rx_bytes = rx.bytes.value();
    stats.rx_missed = kernel.rx_dropped + kernel.rx_ring_full + rx.dropped_too_many_frames.value() + rx.discarded_at_stop.value();
    stats.rx_errors = kernel.rx_invalid_descs;
    stats.rx_nombuf = rx.no_frame.value();
  }
  const TxCounters& tx = tx_ring_.owner(index).counters;
  stats.tx_packets = tx.completed.sent.value();
  stats.tx_bytes = tx.bytes.value();
  stats.tx_dropped = tx.dropped();
  stats.tx_pending = Minus(tx.taken.value(), stats.tx_packets + stats.tx_dropped);
  return stats;
}

QueueStats QueuePair::Stats(std::size_t index) const {
  QueueStats stats = Totals(index);
  const QueueStats& before = baselines_[index].totals;
  stats.rx_packets -= before.rx_packets;
  stats.rx_bytes -= before.rx_bytes;
  stats.rx_missed -= before.rx_missed;
  stats.rx_errors -= before.rx_errors;
  stats.rx_nombuf -= before.rx_nombuf;
  stats.tx_packets = Minus(stats.tx_packets, before.tx_packets);  // Close may find that one was dropped
  stats.tx_bytes -= before.tx_bytes;
  stats.tx_dropped -= before.tx_dropped;
  return stats;
}

std::vector<NamedCounter> QueuePair::Counters(std::size_t index) const {
  std::vector<NamedCounter> counters;
  if (index == 0) {
    const RxCounters& rx = rx_.counters();
    const xdp_statistics kernel = KernelStatistics();
    counters = {{"rx_packets", rx.packets.value()},
                {"rx_bytes", rx.bytes.value()},
                {"rx_bursts", rx.bursts.value()},
                {"rx_no_frame", rx.no_frame.value()},
                {"rx_wakeups", rx.wakeups.value()},
                {"rx_wakeups_failed", rx.wakeups_failed.value()},
                {"rx_checksums_completed", rx.checksums_completed.value()},
                {"rx_scattered", rx.scattered.value()},
                {"rx_dropped_too_many_frames", rx.dropped_too_many_frames.value()},
                {"rx_discarded_at_stop", rx.discarded_at_stop.value()},
                {"rx_dropped", kernel.rx_dropped},
                {"rx_ring_full", kernel.rx_ring_full},
                {"rx_fill_ring_empty", kernel.rx_fill_ring_empty_descs},
                {"rx_invalid_descriptors", kernel.rx_invalid_descs},
                {"tx_invalid_descriptors", kernel.tx_invalid_descs},
                {"tx_ring_empty", kernel.tx_ring_empty_descs}};
  }
  const TxCounters& tx = tx_ring_.owner(index).counters;
  counters.insert(counters.end(), {{"tx_taken", tx.taken.value()},
                                   {"tx_packets", tx.completed.sent.value()},
                                   {"tx_bytes", tx.bytes.value()},
                                   {"tx_copied", tx.copied.value()},
                                   {"tx_scattered", tx.scattered.value()},
                                   {"tx_with_metadata", tx.requests.handed_on.value()},
                                   {"tx_checksums_finished", tx.requests.checksums_finished.value()},
                                   {"tx_metadata_no_room", tx.requests.no_room.value()},
                                   {"tx_metadata_out_of_range", tx.requests.out_of_range.value()},
                                   {"tx_metadata_unavailable", tx.requests.unavailable.value()},
                                   {"tx_timestamps_lost", tx.completed.timestamps_lost.value()},
                                   {"tx_dropped_too_short", tx.dropped_too_short.value()},
                                   {"tx_dropped_too_long", tx.dropped_too_long.value()},
                                   {"tx_dropped_too_many_frames", tx.dropped_too_many_frames.value()},
                                   {"tx_dropped_busy", tx.completed.dropped_busy.value()},
                                   {"tx_dropped_link_down", tx.completed.dropped_link_down.value()},
                                   {"tx_dropped_at_stop", tx.dropped_at_stop.value()},
                                   {"tx_kicks", tx.kicks.value()},
                                   {"tx_kicks_again", tx.kicks_again.value()},
                                   {"tx_kicks_no_buffer", tx.kicks_no_buffer.value()},
                                   {"tx_kicks_link_down", tx.kicks_link_down.value()},
                                   {"tx_kicks_failed", tx.kicks_failed.value()},
                                   {"tx_ring_full", tx.ring_full.value()},
                                   {"tx_no_frame", tx.no_frame.value()},
                                   {"tx_refused_gone", tx.refused_gone.value()}});
  return counters;
}

void QueuePair::AppendExtendedStats(std::vector<NamedCounter>& stats) const {
  for (std::size_t index = 0; index < tx_count(); ++index) {
    const std::string queue = absl::StrCat("q", number_ + index * options_.tx_stride, "_");
    std::vector<NamedCounter> counters = Counters(index);
    for (std::size_t row = 0; row < counters.size(); ++row) {
      NamedCounter& counter = counters[row];
      counter.value = Minus(counter.value, baselines_[index].counters[row].value);
      counter.name.insert(3, queue);  // DPDK's form of a queue's counter: rx_q0_packets
      stats.push_back(std::move(counter));
    }
    // No counter: how many frames the queue has with the kernel just now.
    if (index == 0) {
      stats.push_back({absl::StrCat("rx_", queue, "frames_held"), rx_.outstanding()});
      stats.push_back({absl::StrCat("rx_", queue, "stalls"), watch_.rx_stalls()});
      stats.push_back({absl::StrCat("tx_", queue, "stalls"), watch_.tx_stalls()});
    }
  }
}

bool QueuePair::Watch(bool link_up) {
  return socket_ != nullptr && watch_.Look(MotionOf(rx_, tx_ring_, options_.receives, *pool_), link_up, calls_.Nanoseconds());
}

void QueuePair::AppendStalls(std::vector<Stall>& stalls) const {
  for (std::optional<Stall> stall : {watch_.rx(), watch_.tx()}) {
    if (!stall.has_value()) continue;
    stall->queue = number_;
    stalls.push_back(*std::move(stall));
  }
}

void QueuePair::ResetStats() {
  for (std::size_t index = 0; index < tx_count(); ++index) baselines_[index] = {Counters(index), Totals(index)};
}

std::string QueuePair::WhyCopy(bool native, const bpf::DeviceFeatures& driver) const {
  if (options_.copy_mode == CopyMode::kCopy) return "copy was asked for";
  if (driver.known && (driver.xdp_actions & bpf::kXdpActionZeroCopy) == 0) return "the driver has no zero-copy";
  if (!why_copy_.empty()) return why_copy_;
  if (!native) return "the XDP program is not attached natively";
  return "the driver refused zero-copy for this queue as the interface is set up";
}

void QueuePair::AppendFeatures(bool native, const bpf::DeviceFeatures& driver, std::vector<FeatureState>& features) const {
  if (socket_ == nullptr) return;
  const int queue = static_cast<int>(number_);
  const char* const asked_mode[] = {"auto", "zero-copy", "copy"};
  // A program that is attached generically is given copies, whatever the socket says.
  const bool zero_copy = socket_->zero_copy() && native;
  features.push_back({.feature = kFeatureZeroCopy,
                      .queue = queue,
                      .asked = asked_mode[static_cast<int>(options_.copy_mode)],
                      .got = zero_copy ? "zero-copy" : "copy",
                      .present = zero_copy,
                      .reason = zero_copy ? "" : WhyCopy(native, driver)});
  features.push_back({.feature = kFeatureNeedWakeup,
                      .queue = queue,
                      .asked = options_.need_wakeup ? "on" : "off",
                      .got = options_.need_wakeup ? "on" : "off",
                      .present = options_.need_wakeup,
                      .reason = options_.need_wakeup ? "" : "need_wakeup=0 was asked for"});
  FeatureState busy{.feature = kFeatureBusyPoll, .queue = queue, .asked = "off", .got = "off", .reason = "not asked for"};
  if (options_.busy_polling.budget > 0) {
    busy.asked = absl::StrCat("budget ", options_.busy_polling.budget);
    const uint32_t napi = socket_->NapiId();
    busy.present = busy_polling_refused_.empty() && napi != 0;
    busy.got = busy.present ? absl::StrCat("NAPI ", napi) : "off";
    busy.reason = busy.present                     ? ""
                  : !busy_polling_refused_.empty() ? busy_polling_refused_
                                                   : "the driver has not linked this queue to a NAPI instance";
  }
  features.push_back(std::move(busy));
  AppendTxMetadata(features);
}

// A row for each thing that was asked for.
void QueuePair::AppendTxMetadata(std::vector<FeatureState>& features) const {
  const TxMetadataPolicy& policy = options_.tx_metadata;
  const bool zero_copy = socket_->zero_copy();
  const std::string why = !options_.why_no_tx_metadata.empty() ? options_.why_no_tx_metadata
                          : !grant_.registered                 ? "the kernel takes no metadata with packets to send (Linux 6.11)"
                          : zero_copy                          ? "the driver does not do it in zero-copy mode"
                                                               : "in copy mode the kernel sends at once";
  const auto append = [&](const char* feature, const char* asked, uint64_t bit, const char* in_copy_mode, const char* otherwise) {
    const bool present = (grant_.asks & bit) != 0;
    features.push_back({.feature = feature,
                        .queue = static_cast<int>(number_),
                        .asked = asked,
                        .got = !present    ? otherwise
                               : zero_copy ? "the device"
                                           : in_copy_mode,
                        .present = present,
                        .reason = present ? "" : why});
  };
  using Checksum = TxMetadataPolicy::Checksum;
  if (policy.checksum != Checksum::kOff) {
    const bool software = policy.checksum == Checksum::kSoftware;
    append(kFeatureTxChecksum, software ? "sw_checksum" : "checksum", TxMetadata::kChecksum,
           software ? "the kernel" : "the device, or the kernel", "computed here");
  }
  if (policy.timestamp) append(kFeatureTxTimestamp, "timestamp", TxMetadata::kTimestamp, "the kernel's clock", "none");
  if (policy.launch_time) append(kFeatureTxLaunchTime, "launch_time", TxMetadata::kLaunchTime, "", "none");
}

void QueuePair::CollectFrames(const std::string& device, mempool::FrameAudit& audit) const {
  if (&audit.pool() != pool_.get()) return;
  audit.Add(absl::StrCat(device, " queue ", number_, ": fill and rx"), rx_.held());
  audit.Add(absl::StrCat(device, " queue ", number_, ": tx and completion"), tx_ring_.held());
}

}  // namespace pollux::pmd::af_xdp
