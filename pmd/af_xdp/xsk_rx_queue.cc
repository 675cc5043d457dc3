// SPDX-License-Identifier: Apache-2.0
// The receive path.
#include "pmd/af_xdp/xsk_rx_queue.h"

#include <array>
#include <atomic>
#include <cstring>
#include <utility>

#include "bpf/rx_metadata_shared.h"
#include "bpf/uapi.h"
#include "bpf/xdp_shared.h"
#include "pmd/af_xdp/checksum_completion.h"
#include "pmd/af_xdp/two_words.h"

namespace pollux::pmd::af_xdp {
namespace {

constexpr uint32_t kIdlePollsALook = 1024;
constexpr uint32_t kPollsAfterRefusal = 1024;  // without a system call

// Flags the packets that have metadata in front. A mark of the program is turned into one of ours: were it to stay, a later packet of the
// frame, that comes without metadata, would be given that of this one.
void FindMetadata(std::span<Packet> packets) {
  constexpr std::size_t kAhead = 4;
  bool begins = true;
  for (std::size_t index = 0; index < packets.size(); ++index) {
    if (index + kAhead < packets.size()) __builtin_prefetch(packets[index + kAhead].data - sizeof(rx_metadata));
    Packet& packet = packets[index];
    if (std::exchange(begins, !packet.continues())) {
      std::byte* const place = packet.data - sizeof(rx_metadata::mark);
      uint32_t mark;
      std::memcpy(&mark, place, sizeof(mark));
      if (mark != RX_METADATA_WRITTEN) continue;
      mark = RX_METADATA_RECEIVED;
      std::memcpy(place, &mark, sizeof(mark));
      packet.flags |= Packet::kRxMetadata;
    }
  }
}

}  // namespace

XskCalls& XskCalls::Kernel() {
  static XskCalls kernel;
  return kernel;
}

XskRxQueue::XskRxQueue(std::shared_ptr<mempool::Pool> pool, XskCalls& calls)
    : held_(pool->frame_count()),
      base_(pool->region().base()),
      pool_id_(pool->id()),
      frame_shift_(pool->frame_shift()),
      pool_(std::move(pool)),
      calls_(calls) {}

// What an empty poll executes is kept short: the compiler saves no register before it knows that there is a packet.
std::size_t XskRxQueue::Receive(std::span<Packet> packets) {
  // The first call after PrepareToWait looks once more; a wait may follow that, and is over at the second.
  if (receives_until_awake_ != 0 && --receives_until_awake_ == 0) [[unlikely]]
    tx_ring_->EndWait();
  if (scattered_) [[unlikely]]
    return ReceiveScattered(packets);
  const uint32_t count = rx_.Available(static_cast<uint32_t>(packets.size()));
  return count == 0 ? Idle() : ReceiveSome(packets.first(count));
}

[[gnu::noinline]] std::size_t XskRxQueue::ReceiveSome(std::span<Packet> packets) {
  const auto count = static_cast<uint32_t>(packets.size());
  const uint32_t before_end = std::min(count, rx_.InARow(0));
  uint64_t bytes = Take(&rx_.At(0), packets.data(), before_end);
  if (before_end < count) bytes += Take(&rx_.At(before_end), packets.data() + before_end, count - before_end);
  Count(count, count, bytes);
  if (completes_checksums_) counters_.checksums_completed.Add(CompleteChecksums(packets));
  if (has_metadata_) FindMetadata(packets);
  return count;
}

// Gives the places of `frames` descriptors back to the kernel, and frames in their stead.
inline void XskRxQueue::Count(uint32_t frames, uint64_t packets, uint64_t bytes) {
  rx_.Release(frames);
  outstanding_.Add(-uint64_t{frames});
  counters_.packets.Add(packets);
  counters_.bytes.Add(bytes);
  counters_.bursts.Add(1);
  if (target_.Count(frames)) target_.Look(calls_.Nanoseconds(), *pool_);
  if (Outstanding() + target_.batch() <= target_.frames()) Refill();
}

// What of a packet does not go into this burst stays in the ring for the next one. One that has more frames than any burst takes, or than a
// burst of this size, is dropped: its frames go back to the pool as they come.
std::size_t XskRxQueue::ReceiveScattered(std::span<Packet> packets) {
  const uint32_t available = rx_.Available(static_cast<uint32_t>(packets.size()));
  const std::size_t most_frames = std::min(packets.size(), mempool::kMostFramesOfPacket);
  const mempool::FrameSet::Writer held = held_.writer();
  uint32_t used = 0;      // descriptors that are done with
  std::size_t begin = 0;  // of the packet that is being put together
  std::size_t end = 0;
  uint64_t received = 0, scattered = 0, bytes = 0;
  for (uint32_t index = 0; index < available; ++index) {
    const xdp_desc descriptor = rx_.At(index);
    const bool continues = (descriptor.options & bpf::kXdpPacketContinues) != 0;
    packets[end++] = {
        .data = base_ + descriptor.addr, .length = descriptor.len, .pool = pool_id_, .flags = continues ? Packet::kContinues : uint16_t{0}};
    const std::span<const Packet> packet = packets.subspan(begin, end - begin);
    const bool too_large = continues && packet.size() == most_frames;
    if (continues && !too_large && !drops_rest_) continue;
    used = index + 1;
    for (const Packet& frame : packet) held.Erase(pool_->FrameOf(frame));
    if (too_large || drops_rest_) {
      if (!drops_rest_) counters_.dropped_too_many_frames.Add(1);
      drops_rest_ = continues;
      mempool::Pool::Free(packet);
      end = begin;
      continue;
    }
    for (const Packet& frame : packet) bytes += frame.length;
    if (packet.size() > 1) ++scattered;
    ++received;
    begin = end;
  }
  if (used == 0) return Idle();
  Count(used, received, bytes);
  counters_.scattered.Add(scattered);
  if (completes_checksums_) {
    counters_.checksums_completed.Add(CompleteChecksums(packets.first(begin), whole_packet_));
  }
  if (has_metadata_) FindMetadata(packets.first(begin));
  return begin;
}

void XskRxQueue::SetScattered(bool on) {
  scattered_ = on;
  drops_rest_ = false;
  if (on && completes_checksums_) whole_packet_.resize(mempool::kMostFramesOfPacket * pool_->frame_size());
}

// What comes while the lcore wakes needs frames that are there already. With too few of them, only polls make up for it; and who asked for
// busy polling does not want to wait for an interrupt.
int XskRxQueue::PrepareToWait() {
  if (busy_polling_) return -1;
  target_.Expect(*pool_);
  if (Outstanding() < target_.frames()) Refill();
  if (fill_.NeedsWakeup() && fill_.Waiting() > 0) Wake();
  if (short_ || socket_ < 0) return -1;
  if (tx_ring_ != nullptr) {
    if (receives_until_awake_ != 0) tx_ring_->EndWait();
    receives_until_awake_ = tx_ring_->BeginWait() ? 2 : 0;
    if (receives_until_awake_ == 0) return -1;
  }
  if (wake_stamp_ != nullptr) std::atomic_ref(*wake_stamp_).store(WAKE_STAMP_ARMED, std::memory_order_relaxed);
  return socket_;
}

uint64_t XskRxQueue::FirstArrivalNs() {
  if (wake_stamp_ == nullptr) return 0;
  const uint64_t stamp = std::atomic_ref(*wake_stamp_).load(std::memory_order_relaxed);
  return stamp == WAKE_STAMP_ARMED ? 0 : stamp;
}

// A descriptor and a Packet are 16 bytes each: the address first, and then the length with 32 bits that say other things. So both are
// handled as two words at once, in a vector register.
uint64_t XskRxQueue::Take(const xdp_desc* descriptors, Packet* packets, uint32_t count) {
  // Copied first, since the compiler must assume that a store to the ledger's bytes could change them.
  const unsigned frame_shift = frame_shift_;
  const mempool::FrameSet::Writer held = held_.writer();
  const TwoWords origin = {reinterpret_cast<uint64_t>(base_), uint64_t{pool_id_} << 32};
  TwoWords sum = {0, 0};
  for (const xdp_desc* const end = descriptors + count; descriptors != end; ++descriptors, ++packets) {
    const TwoWords descriptor = LoadTwoWords(descriptors) & kAddressAndLength;
    StoreTwoWords(packets, descriptor + origin);
    held.Erase(static_cast<mempool::FrameNumber>(descriptor[0] >> frame_shift));
    sum += descriptor;
  }
  return sum[1];
}

std::size_t XskRxQueue::Idle() {
  idle_polls_.Add(1);
  const bool wakes = busy_polling_ || (fill_.NeedsWakeup() && fill_.Waiting() > 0);
  const bool looks = idle_polls_.value() % kIdlePollsALook == 0;
  if (wakes || looks || Outstanding() < target_.frames()) [[unlikely]]
    return IdleWithWork(wakes, looks);
  pool_->GiveBack();
  return 0;
}

[[gnu::noinline]] std::size_t XskRxQueue::IdleWithWork(bool wakes, bool looks) {
  const uint32_t before = Outstanding();
  if (before < target_.frames()) Refill();
  pool_->GiveBack();
  if (looks && socket_ >= 0) target_.Look(calls_.Nanoseconds(), *pool_);
  if (wakes || (Outstanding() != before && fill_.NeedsWakeup())) Wake();
  return 0;
}

void XskRxQueue::Wake() {
  if (polls_without_wakeup_ > 0) {
    --polls_without_wakeup_;
  } else if (calls_.WakeRx(socket_) == 0) {
    counters_.wakeups.Add(1);
  } else {
    counters_.wakeups_failed.Add(1);
    polls_without_wakeup_ = kPollsAfterRefusal;
  }
}

void XskRxQueue::Refill() {
  std::array<mempool::FrameNumber, 64> frames;
  const unsigned frame_shift = frame_shift_;
  const mempool::FrameSet::Writer held = held_.writer();
  uint32_t missing = fill_.Room(target_.frames() - Outstanding());
  while (missing > 0) {
    const uint32_t wanted = std::min({missing, static_cast<uint32_t>(frames.size()), fill_.InARow(0)});
    const auto got = static_cast<uint32_t>(pool_->Get({frames.data(), wanted}));
    uint64_t* const addresses = &fill_.At(0);
    for (uint32_t index = 0; index < got; ++index) {
      addresses[index] = uint64_t{frames[index]} << frame_shift;
      held.Insert(frames[index]);
    }
    fill_.Submit(got);
    outstanding_.Add(got);
    missing -= got;
    if (got < wanted) {
      if (!short_) counters_.no_frame.Add(1);
      short_ = true;
      return;
    }
  }
  // A device that found the fill ring empty waits for a call, though packets may still come from the rx ring.
  if (short_ && fill_.NeedsWakeup()) Wake();
  short_ = false;
}

std::size_t XskRxQueue::Open(int socket, const RingMemory& fill, const RingMemory& rx, const FillLimits& limits) {
  socket_ = socket;
  fill_ = ProducerRing<uint64_t>(fill);
  rx_ = ConsumerRing<xdp_desc>(rx);
  target_.Open(limits, calls_.Nanoseconds());
  short_ = false;
  polls_without_wakeup_ = 0;
  receives_until_awake_ = 0;
  Refill();
  return Outstanding();
}

void XskRxQueue::Discard() {
  target_.Open({}, 0);  // what is taken out is not made up for
  while (const uint32_t count = rx_.Available(rx_.size())) {
    uint32_t packets = 0;
    for (uint32_t index = 0; index < count; ++index) {
      const bool ends = (rx_.At(index).options & bpf::kXdpPacketContinues) == 0;
      if (ends && !drops_rest_) ++packets;
      if (ends) drops_rest_ = false;
      const auto frame = static_cast<mempool::FrameNumber>(rx_.At(index).addr >> frame_shift_);
      held_.Erase(frame);
      pool_->Put({&frame, 1});
    }
    rx_.Release(count);
    outstanding_.Add(-uint64_t{count});
    counters_.discarded_at_stop.Add(packets);
  }
}

void XskRxQueue::Close(bool released) {
  rx_ = {};
  fill_ = {};
  target_.Open({}, 0);
  socket_ = -1;
  busy_polling_ = false;
  outstanding_.Add(-outstanding_.value());
  if (!released) return;
  std::array<mempool::FrameNumber, 64> frames;
  std::size_t count = 0;
  held_.ForEach([&](mempool::FrameNumber frame) {
    frames[count++] = frame;
    if (count == frames.size()) pool_->Put({frames.data(), std::exchange(count, 0)});
  });
  pool_->Put({frames.data(), count});
  held_.Clear();
}

}  // namespace pollux::pmd::af_xdp
