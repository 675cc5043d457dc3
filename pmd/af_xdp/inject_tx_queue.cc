// SPDX-License-Identifier: Apache-2.0
// The injecting transmit path.
#include "pmd/af_xdp/inject_tx_queue.h"

#include <net/ethernet.h>

#include <algorithm>
#include <cerrno>

#include "lcore/cycle_clock.h"

namespace pollux::pmd::af_xdp {
namespace {

// A device that took no XDP frames is asked again after 1 ms, then after twice as long, up to a quarter of a second. Asking costs one
// call that sends nothing.
constexpr uint64_t kFirstRetriesPerSecond = 1000;
constexpr uint64_t kLastRetriesPerSecond = 4;

// Of one packet (EFAULT: not in memory), or of the machine (EBUSY: too many page pools), and not of the device.
bool IsAboutTheDevice(uint16_t error) {
  return error != EMSGSIZE && error != EINVAL && error != EFAULT && error != EBUSY;
}

// Page pools on the machine for each frame of a call that may add one. With bursts of one that is some 16 a second, since a pool lives
// for a second at least; calls of 64 frames come to the program's own bound.
constexpr uint64_t kPoolsPerFrame = 16;
static_assert(kPoolsPerFrame * INJECT_BATCH == INJECT_MOST_POOLS);

// How many of the elements end with a packet's end. `all`: these, if none does, lest nothing is ever staged of a burst that is no burst.
std::size_t WholePackets(std::span<const Packet> packets, bool all) {
  std::size_t count = packets.size();
  while (count > 0 && packets[count - 1].continues()) --count;
  return count == 0 && all ? packets.size() : count;
}

}  // namespace

InjectTxQueue::InjectTxQueue(std::shared_ptr<mempool::Pool> pool, const RingEnd& ring, Policy policy)
    : policy_(policy), ring_(*ring.queue), socket_(*ring.socket), owner_(*ring.owner), pool_(std::move(pool)) {}

// What an idle poll executes is kept short: it sends an empty burst.
std::size_t InjectTxQueue::Send(std::span<const Packet> packets) {
  const bool ring_only = packets.empty() ? staged_count_ == 0 : injection_ == nullptr;
  return ring_only ? ring_.Send(packets) : SendByCost(packets);
}

[[gnu::noinline]] std::size_t InjectTxQueue::SendByCost(std::span<const Packet> packets) {
  if (MustGoThroughRing(packets)) [[unlikely]]
    return SendInOrder(packets);
  if (staged_count_ == 0 && !PrefersInjection(packets.size())) return SendThroughRing(packets);
  std::size_t taken = 0;
  do {
    taken += Stage(packets.subspan(taken));
    Flush();
  } while (taken < packets.size() && staged_count_ == 0);
  return taken;
}

std::size_t InjectTxQueue::SendMore(std::span<const Packet> packets) {
  if (injection_ == nullptr) return ring_.SendMore(packets);
  if (MustGoThroughRing(packets)) [[unlikely]]
    return SendInOrder(packets);
  std::size_t taken = 0;
  do {
    if (staged_count_ == 0) timer_.Start();
    taken += Stage(packets.subspan(taken));
    if (!IsDue()) break;
    Flush();
  } while (taken < packets.size() && staged_count_ == 0);
  return taken;
}

// What is injected has one frame, and asks nothing. Others are looked for where the ring sends them; where it does not, MayInject finds
// those that come all the same, and the ring drops them by name, or does what they ask.
bool InjectTxQueue::MustGoThroughRing(std::span<const Packet> packets) {
  if (socket_.most_frames() > 1 && mempool::CountPackets(packets) < packets.size()) {
    counters_.scattered.Add(1);
    return true;
  }
  if (!socket_.takes_requests() ||
      std::none_of(packets.begin(), packets.end(), [](const Packet& packet) { return packet.has_tx_metadata(); }))
    return false;
  counters_.asking.Add(1);
  return true;
}

// In order: what is staged goes first, through the ring as well.
std::size_t InjectTxQueue::SendInOrder(std::span<const Packet> packets) {
  if (staged_count_ > 0) FlushToRing();
  return staged_count_ > 0 ? 0 : ring_.Send(packets);
}

bool InjectTxQueue::Poll() {
  if (staged_count_ > 0 && IsDue()) Flush();
  return ring_.Poll() || staged_count_ > 0;
}

bool InjectTxQueue::IsDue() const {
  return staged_count_ >= enough_ || timer_.Passed();
}

bool InjectTxQueue::PrefersInjection(std::size_t depth) {
  if (depth == 0) return false;
  if (policy_ == Policy::kCheapest && (cost_.Choose(depth) == TransmitEngine::kRing || prefers_ring_.load(std::memory_order_relaxed)))
    return false;
  if (!ready() && lcore::ReadCycles() < retry_at_) return false;
  if (injection_->pools() < std::min<uint64_t>(kPoolsPerFrame * depth, INJECT_MOST_POOLS)) [[likely]]
    return true;
  counters_.held_back.Add(1);
  return false;
}

std::size_t InjectTxQueue::Stage(std::span<const Packet> packets) {
  std::size_t count = std::min(packets.size(), staged_.size() - staged_count_);
  if (count < packets.size()) count = WholePackets(packets.first(count), staged_count_ == 0);
  std::copy_n(packets.begin(), count, staged_.begin() + staged_count_);
  staged_count_ += count;
  counters_.staged.Add(count);
  return count;
}

void InjectTxQueue::Flush() {
  if (PrefersInjection(staged_count_)) Inject();
  enough_ = staged_count_ > 0 ? XskTxRing::kEnough : staged_.size();
  if (staged_count_ > 0) FlushToRing();
  if (staged_count_ > 0) timer_.Start();  // the ring is full: for the next attempt
}

// What is left staged afterwards is for the ring.
void InjectTxQueue::Inject() {
  const Cycles begin = lcore::ReadCycles();
  if (!socket_.HasPassed(owner_)) {
    ring_.Send({});
    if (!socket_.HasPassed(owner_)) {
      counters_.kept_in_order.Add(1);
      return;
    }
  }
  // As many threads inject as there are blocks: this one takes the ring.
  inject_block* const block = injection_->TakeBlock(last_block_);
  if (block == nullptr) return;
  last_block_ = injection_->NumberOf(*block);
  InjectBlock(*block, begin);
  injection_->ReturnBlock(*block);
}

void InjectTxQueue::InjectBlock(inject_block& block, Cycles begin) {
  if (!Describe(block)) {
    counters_.not_injectable.Add(1);
    return;
  }
  const std::size_t depth = staged_count_;
  const bool measured = cost_.Measures(depth);
  const int error = injection_->Emit(block, described_longest_);
  Settle(block, error != 0);
  if (!measured || staged_count_ > 0) return;  // part of a burst says nothing of a whole one
  // Where a receiver holds frames, another thread of the kernel has work with what is left of the call.
  const Cycles elsewhere = block.held == 0 ? 0 : CyclesOfPool(injection_->pools(), lcore::CyclesPerSecond());
  // What the device had no room for was cheap, and is no use.
  const uint64_t sent = std::max<uint64_t>(block.sent, 1);
  cost_.Learn(TransmitEngine::kInject, depth, (lcore::ReadCycles() - begin + elsewhere) * depth / sent);
}

// Our pool's packets as the ring would take them, and any others that are not too short or too long.
bool InjectTxQueue::MayInject(const Packet& packet) const {
  if (socket_.MaySend(packet)) [[likely]]
    return true;
  return packet.pool != pool_->id() && !packet.continues() && !packet.has_tx_metadata() && packet.length >= ETH_HLEN &&
         packet.length <= socket_.maximum_length();
}

bool InjectTxQueue::Describe(inject_block& block) {
  __u64* descriptor = block.descriptors;
  uint32_t longest = 0;
  uint64_t bytes = 0;
  for (const Packet& packet : std::span(staged_.data(), staged_count_)) {
    if (!MayInject(packet)) return false;
    *descriptor++ = injection_->Describe(packet.data, packet.length);
    longest = std::max(longest, packet.length);
    bytes += packet.length;
  }
  block.count = static_cast<uint32_t>(staged_count_);
  described_longest_ = longest;
  described_bytes_ = bytes;
  return longest <= INJECT_LONGEST_FRAME;
}

// After a call: what the kernel copied, sent or not, is free.
void InjectTxQueue::Settle(const inject_block& block, bool failed) {
  counters_.calls.Add(1);
  counters_.injected.Add(block.sent);
  if (block.dropped != 0) counters_.dropped_no_room.Add(block.dropped);
  if (block.held != 0) counters_.pools_left.Add(1);
  const uint32_t told = block.sent + block.dropped + block.refused;
  if (told < block.emitted) [[unlikely]]
    counters_.dropped_untold.Add(block.emitted - told);
  if (block.sent == staged_count_) [[likely]] {
    mempool::Pool::Free({staged_.data(), staged_count_});
    counters_.bytes.Add(described_bytes_);
    staged_count_ = 0;
  } else {
    KeepUnsettled(block);
  }
  if (!ready() && block.sent > 0 && block.refused == 0) Recover();
  if (failed && block.emitted == 0) AskAgainLater();
}

// A call that a signal ended, or packets that were refused: they stay staged, in their order.
void InjectTxQueue::KeepUnsettled(const inject_block& block) {
  if (block.emitted < staged_count_) counters_.cut_short.Add(1);
  if (block.refused != 0) counters_.refused.Add(block.refused);
  std::size_t kept = 0;
  bool device_refuses = false;
  for (std::size_t index = 0; index < staged_count_; ++index) {
    const uint16_t error = block.errors[index];
    if (index < block.emitted && (error == 0 || error == INJECT_NO_ROOM)) {
      if (error == 0 && index < block.flushed) counters_.bytes.Add(staged_[index].length);
      mempool::Pool::Free({&staged_[index], 1});
      continue;
    }
    if (error == EFAULT) counters_.not_resident.Add(1);
    device_refuses |= error != 0 && IsAboutTheDevice(error);
    staged_[kept++] = staged_[index];
  }
  staged_count_ = kept;
  if (device_refuses) AskAgainLater();
}

void InjectTxQueue::AskAgainLater() {
  if (ready()) counters_.fallbacks.Add(1);
  ready_.store(false, std::memory_order_relaxed);
  const Cycles second = lcore::CyclesPerSecond();
  retry_in_ = std::clamp(2 * retry_in_, second / kFirstRetriesPerSecond, second / kLastRetriesPerSecond);
  retry_at_ = lcore::ReadCycles() + retry_in_;
}

void InjectTxQueue::Recover() {
  ready_.store(true, std::memory_order_relaxed);
  retry_in_ = 0;
  counters_.recoveries.Add(1);
}

void InjectTxQueue::FlushToRing() {
  const std::size_t taken = SendThroughRing({staged_.data(), staged_count_});
  counters_.to_ring.Add(taken);
  std::copy(staged_.begin() + taken, staged_.begin() + staged_count_, staged_.begin());
  staged_count_ -= taken;
}

std::size_t InjectTxQueue::SendThroughRing(std::span<const Packet> packets) {
  if (packets.empty() || policy_ == Policy::kAlwaysInject || !cost_.Measures(packets.size())) return ring_.Send(packets);
  const Cycles begin = lcore::ReadCycles();
  const uint64_t kicks = owner_.counters.kicks.value();
  const std::size_t taken = ring_.Send(packets);
  // Where another thread had the turn, it paid for the system call.
  if (taken == packets.size() && owner_.counters.kicks.value() != kicks)
    cost_.Learn(TransmitEngine::kRing, taken, lcore::ReadCycles() - begin);
  return taken;
}

void InjectTxQueue::Open(bpf::Injection* injection, bool ready, uint32_t flush_us) {
  injection_ = injection;
  cost_ = {};
  retry_in_ = 0;
  retry_at_ = 0;
  ready_.store(injection != nullptr && ready, std::memory_order_relaxed);
  enough_ = staged_.size();
  timer_.Configure(flush_us);
}

std::size_t InjectTxQueue::Drain() {
  if (injection_ != nullptr) Flush();
  return staged_count_;
}

void InjectTxQueue::Close() {
  mempool::Pool::Free({staged_.data(), staged_count_});
  counters_.dropped_at_stop.Add(staged_count_);
  staged_count_ = 0;
  injection_ = nullptr;
  ready_.store(false, std::memory_order_relaxed);
}

void InjectTxQueue::CollectFrames(absl::string_view holder, mempool::FrameAudit& audit) const {
  for (const Packet& packet : std::span(staged_.data(), staged_count_)) audit.Add(holder, packet);
}

}  // namespace pollux::pmd::af_xdp
