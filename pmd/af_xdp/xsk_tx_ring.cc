// SPDX-License-Identifier: Apache-2.0
#include "pmd/af_xdp/xsk_tx_ring.h"

#include <net/ethernet.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "bpf/uapi.h"
#include "lcore/full_fence.h"
#include "pmd/af_xdp/two_words.h"

namespace pollux::pmd::af_xdp {
namespace {

// A packet that the kernel drops costs a system call: after so many in a row the rest waits, and the ring fills.
constexpr int kMostBusyInARow = 4;
// What does not end within microseconds: no memory, a link that is down.
constexpr uint32_t kPauseUs = 1000;
constexpr uint32_t kGonePauseUs = 1'000'000;

}  // namespace

// --- Data path ------------------------------------------------------------------------------------------------------------------

std::size_t XskTxRing::Put(std::span<const Packet> packets, Owner& owner) {
  uint32_t room = tx_.Room(static_cast<uint32_t>(packets.size()));
  std::size_t done = 0;
  while (room > 0) {
    const uint32_t in_a_row = std::min(room, tx_.InARow(0));
    const auto some = packets.subspan(done, in_a_row);
    const auto [put, bytes] = grant_.registered ? PutInARow<true>(some, owner.tag) : PutInARow<false>(some, owner.tag);
    owner.counters.bytes.Add(bytes);
    done += put;
    room -= static_cast<uint32_t>(put);
    if (put < in_a_row) break;
  }
  if (done > 0) {
    owner.put_to = tx_.next();
  } else if (!packets.empty() && (packets.front().flags & (Packet::kContinues | Packet::kTxMetadata)) != 0) {
    return PutByItself(packets.first(mempool::FramesOfFirst(packets)), owner);
  }
  return done;
}

// All at once, so that the kernel never sees a part of it.
std::size_t XskTxRing::PutByItself(std::span<const Packet> frames, Owner& owner) {
  const auto count = static_cast<uint32_t>(frames.size());
  if (!MaySendByItself(frames) || tx_.Room(count) < count) return 0;
  const Packet& first = frames.front();
  const uint64_t handed_on = first.has_tx_metadata() ? SettleRequest(grant_, frames, pool_->Headroom(first), owner.counters.requests) : 0;
  if ((handed_on & TxMetadata::kTimestamp) != 0) stamped_->Insert(pool_->FrameOf(first));
  for (uint32_t index = 0; index < count; ++index) {
    const Packet& frame = frames[index];
    const auto number = pool_->FrameOf(frame);
    const bool last = index + 1 == count;
    const uint32_t options = (last ? 0 : bpf::kXdpPacketContinues) | (index == 0 && handed_on != 0 ? bpf::kXdpTxMetadata : 0);
    tx_.At(index) = {.addr = pool_->Offset(frame.data), .len = frame.length, .options = options};
    held_.writer().Insert(number, owner.tag);
    if (!last) continuing_->Insert(number);
    owner.counters.bytes.Add(frame.length);
  }
  tx_.Submit(count);
  outstanding_ += count;
  owner.put_to = tx_.next();
  if (count > 1) owner.counters.scattered.Add(1);
  return count;
}

// The kernel refuses a frame of no byte, in whatever place.
bool XskTxRing::MaySendByItself(std::span<const Packet> frames) const {
  if (frames.size() > most_frames()) return false;
  std::size_t length = 0;
  for (const Packet& frame : frames) {
    const std::size_t room = limits_.frame_mask + 1 - (pool_->Offset(frame.data) & limits_.frame_mask);
    if (frame.pool != pool_->id() || frame.length == 0 || frame.length > room || !IsRoomBefore(frame)) return false;
    length += frame.length;
  }
  return length >= ETH_HLEN && length <= maximum_length();
}

// Descriptors for the first packets, as many as can be sent as they are; the ring has them all in a row. What the loop needs of the
// ring is copied first, since the compiler must assume that a store to the ledger's bytes could change it.
template <bool kRegistered>
[[gnu::noinline]] XskTxRing::Amount XskTxRing::PutInARow(std::span<const Packet> packets, uint8_t tag) {
  const Limits limits = limits_;
  const uint64_t length_range = length_range_.load(std::memory_order_relaxed);
  const mempool::FrameSet::Writer held = held_.writer();
  const TwoWords origin = {reinterpret_cast<uint64_t>(limits.base), 0};
  TwoWords sum = {0, 0};
  xdp_desc* const begin = &tx_.At(0);
  xdp_desc* end = begin;
  for (const Packet& packet : packets) {
    const TwoWords descriptor = (LoadTwoWords(&packet) & kAddressAndLength) - origin;
    const uint64_t address = descriptor[0];
    if (!limits.Allow(length_range, address, packet)) [[unlikely]]
      break;
    if (kRegistered && (address & limits.frame_mask) < kTxMetadataBytes) [[unlikely]]
      break;
    StoreTwoWords(end++, descriptor);
    held.Insert(static_cast<mempool::FrameNumber>(address >> limits.frame_shift), tag);
    sum += descriptor;
  }
  const auto count = static_cast<uint32_t>(end - begin);
  if (count == 0) return {0, 0};
  tx_.Submit(count);
  outstanding_ += count;
  return {count, sum[1]};
}

std::size_t XskTxRing::TakeCompleted(std::span<mempool::FrameNumber> frames) {
  const uint32_t count = std::min(completion_.Available(static_cast<uint32_t>(frames.size())), completion_.InARow(0));
  if (count == 0) return 0;
  const unsigned frame_shift = limits_.frame_shift;
  const mempool::FrameSet::Writer held = held_.writer();
  const uint64_t* const addresses = &completion_.At(0);
  if (owners_.size() == 1) {
    Credit(owners_.front()->counters, CountPackets({addresses, count}));
  } else {
    CreditOwners({addresses, count});
  }
  if (stamped_ != nullptr) KeepTimestamps({addresses, count});
  for (uint32_t index = 0; index < count; ++index) {
    frames[index] = static_cast<mempool::FrameNumber>(addresses[index] >> frame_shift);
    held.Erase(frames[index]);
  }
  if (continuing_ != nullptr) {
    for (const mempool::FrameNumber frame : frames.first(count)) continuing_->Erase(frame);
  }
  completion_.Release(count);
  outstanding_ -= count;
  return count;
}

// The kernel has written them over the requests, in front of the packets that asked.
void XskTxRing::KeepTimestamps(std::span<const uint64_t> addresses) {
  for (const uint64_t address : addresses) {
    const auto frame = static_cast<mempool::FrameNumber>(address >> limits_.frame_shift);
    if (!stamped_->Contains(frame)) continue;
    stamped_->Erase(frame);
    const TxMetadata metadata = MetadataBefore(limits_.base + address);
    TxTimestamp stamp{.cookie = metadata.cookie};
    std::memcpy(&stamp.time, &metadata.checksum_start, sizeof(stamp.time));  // completion.tx_timestamp of struct xsk_tx_metadata
    Owner& owner = *owners_[held_.Tag(frame) - 1u];
    if (!owner.timestamps->Add(stamp)) owner.counters.completed.timestamps_lost.Add(1);
  }
}

// A packet is counted by its last frame.
inline uint32_t XskTxRing::CountPackets(std::span<const uint64_t> addresses) {
  auto count = static_cast<uint32_t>(addresses.size());
  if (continuing_ == nullptr) return count;
  for (const uint64_t address : addresses) {
    if (continuing_->Contains(static_cast<mempool::FrameNumber>(address >> limits_.frame_shift))) --count;
  }
  return count;
}

// Packets of one burst come back in a row: a sum for each row, since each sum is a line taken from another core.
void XskTxRing::CreditOwners(std::span<const uint64_t> addresses) {
  uint8_t tag = 0;
  uint32_t count = 0;
  for (const uint64_t address : addresses) {
    const uint8_t next = held_.Tag(static_cast<mempool::FrameNumber>(address >> limits_.frame_shift));
    if (next != tag) {
      if (tag > 0) Credit(owners_[tag - 1]->counters, count);
      tag = next;
      count = 0;
    }
    count += CountPackets({&address, 1});
  }
  if (tag > 0) Credit(owners_[tag - 1]->counters, count);
}

// As many of these packets as the kernel said EBUSY about were dropped. Each counts once, as sent or as dropped, so that neither count
// goes down while it runs. (Between owners: a drop that is noted after its frame came back counts on the next, or in Close.)
inline void XskTxRing::Credit(TxCounters& counters, uint32_t count) {
  const uint32_t busy = std::min(count, unassigned_busy_.load(std::memory_order_relaxed));
  if (busy > 0) [[unlikely]] {
    unassigned_busy_.fetch_sub(busy, std::memory_order_relaxed);
    counters.completed.dropped_busy.Add(busy);
  }
  counters.completed.sent.Add(count - busy);
}

bool XskTxRing::push_is_due(Push push) const {
  if (tx_.Waiting() == 0) return false;
  const uint32_t fresh = untold();
  if (fresh > 0 && !device_gone() && (push == Push::kAsked || fresh >= kEnough)) return true;
  return tx_.NeedsWakeup() && timer_.Passed();
}

bool XskTxRing::Kick(TxCounters& counters) {
  told_to_.store(tx_.submitted(), std::memory_order_relaxed);
  if (!tx_.NeedsWakeup()) {
    // "Write the producer's index, then read the flag" here against "set the flag, then read the index" in the driver.
    lcore::FullFence();
    if (!tx_.NeedsWakeup()) return true;
  }
  if (!CallUntilDone(counters)) return false;
  guard_.Forget();
  return true;
}

// One system call for all that waits, as a rule. Before Linux 6.17 a call sends 32 packets at most, and then says EAGAIN without publishing
// how far it got, so the repeats are bounded by what waits. EAGAIN also says that nothing can be sent now; an attempt that moved nothing
// makes the next a single call.
bool XskTxRing::CallUntilDone(TxCounters& counters) {
  const uint32_t waiting = tx_.Waiting();
  uint32_t calls_again = stalled_ ? 0 : waiting / packets_a_call_;
  int busy_in_a_row = 0;
  stalled_ = false;
  while (tx_.Waiting() > 0) {
    const uint32_t passed = tx_.passed();
    const int error = calls_.WakeTx(socket_);
    counters.kicks.Add(1);
    CountUnsaid(error, tx_.passed() != passed);
    if (error != ENXIO && device_gone()) device_gone_.store(false, std::memory_order_relaxed);
    switch (error) {
      case 0:
        timer_.Start();
        return true;
      case EBUSY:
        unassigned_busy_.fetch_add(1, std::memory_order_relaxed);
        if (++busy_in_a_row < kMostBusyInARow) break;
        timer_.Start();
        return true;
      case EAGAIN:
      case EINTR:
        counters.kicks_again.Add(1);
        busy_in_a_row = 0;
        if (calls_again-- > 0) break;
        stalled_ = tx_.Waiting() >= waiting;
        timer_.Start();
        return true;
      case ENOBUFS:
      case ENOMEM:
        counters.kicks_no_buffer.Add(1);
        timer_.StartPause(kPauseUs);
        return true;
      case ENETDOWN:
        counters.kicks_link_down.Add(1);
        timer_.StartPause(kPauseUs);
        return false;
      case ENXIO:
        counters.kicks_failed.Add(1);
        timer_.StartPause(kGonePauseUs);
        device_gone_.store(true, std::memory_order_relaxed);
        return true;
      default:
        counters.kicks_failed.Add(1);
        timer_.StartPause(kPauseUs);
        return true;
    }
  }
  return true;
}

// The kernel takes entries by an index of its own, and writes it where we see it when it has emptied the ring; since Linux 6.17 also at the
// end of a call that sent something. A call that drops a packet (EBUSY) and sends none never did (__xsk_generic_xmit in net/xdp/xsk.c).
// Were such an entry taken back, its frame would come back twice, and the kernel's index would be ahead of ours.
inline void XskTxRing::CountUnsaid(int error, bool said_something) {
  if (error == 0) {
    unsaid_ = 0;
  } else if (error != ENETDOWN && error != ENXIO) {  // these come before it looks at the ring
    if (said_something) unsaid_ = 0;
    const auto most = says_what_it_sent_ ? (error == EBUSY ? static_cast<uint32_t>(most_frames()) : 0) : packets_a_call_;
    unsaid_ = std::min(unsaid_ + most, tx_.size());
  }
}

std::size_t XskTxRing::TakeBack(std::span<mempool::FrameNumber> frames) {
  if (zero_copy_ || !guard_.BeginTake()) return 0;
  const std::size_t count = TakeBackNow(frames);
  guard_.EndTake(says_what_it_sent_ || tx_.Waiting() == 0);
  return count;
}

// The last ones first: the ring's other end is the kernel's. In copy mode it reads the ring in our system calls alone, and poll(2) is one.
std::size_t XskTxRing::TakeBackNow(std::span<mempool::FrameNumber> frames) {
  if (zero_copy_) return 0;
  const uint32_t waiting = tx_.Waiting();
  const uint32_t kept = KeptAtHead(waiting);
  const uint32_t count = std::min(waiting - kept, static_cast<uint32_t>(frames.size()));
  tx_.TakeBack(count);
  told_to_.store(tx_.submitted(), std::memory_order_relaxed);
  const mempool::FrameSet::Writer held = held_.writer();
  for (uint32_t index = 0; index < count; ++index) {
    const uint64_t address = tx_.At(index).addr;
    frames[index] = static_cast<mempool::FrameNumber>(address >> limits_.frame_shift);
    const uint32_t packets = CountPackets({&address, 1});
    owners_[held_.Tag(frames[index]) - 1u]->counters.completed.dropped_link_down.Add(packets);
    held.Erase(frames[index]);
    if (continuing_ != nullptr) continuing_->Erase(frames[index]);
    if (stamped_ != nullptr) stamped_->Erase(frames[index]);
  }
  outstanding_ -= count;
  return count;
}

// Entries at the head of the ring that were there when another thread's last poll(2) for packets of the socket ended. Before Linux 6.17 the
// kernel may have sent any of them there and not said so, while their frames are still on their way: one such call looks at the ring
// each time that it is woken, and once more at its end, so that not even their number has a bound.
uint32_t XskTxRing::PolledAtHead(uint32_t waiting) const {
  const uint32_t polled = polled_to_.load(std::memory_order_relaxed) - (tx_.next() - waiting);
  return polled <= waiting ? polled : 0;
}

// What stays at the head of the ring: what the kernel may have taken already, in whole packets. What it took and dropped in another
// thread's poll(2) is back from the completion ring, and so is not held any more.
uint32_t XskTxRing::KeptAtHead(uint32_t waiting) {
  uint32_t kept = std::min(PolledAtHead(waiting) + unsaid_, waiting);
  while (kept < waiting && !held_.Contains(static_cast<mempool::FrameNumber>(tx_.At(kept - waiting).addr >> limits_.frame_shift))) ++kept;
  if (continuing_ == nullptr || waiting == 0) return kept;
  kept = std::max(kept, RestOfFirst(waiting));
  while (kept > 0 && kept < waiting && (tx_.At(kept - 1 - waiting).options & bpf::kXdpPacketContinues) != 0) ++kept;
  return kept;
}

// Entries at the head of the ring that belong to a packet of which the kernel has some frames already: it would take what comes next for
// the rest of it. Where the entry before was written anew, nobody can tell.
uint32_t XskTxRing::RestOfFirst(uint32_t waiting) {
  const auto continues = [this](uint32_t offset) { return (tx_.At(offset).options & bpf::kXdpPacketContinues) != 0; };
  const uint32_t first = 0 - waiting;
  if (waiting < tx_.size() && !continues(first - 1)) return 0;
  uint32_t rest = 0;
  while (rest < waiting && continues(first + rest)) ++rest;
  return std::min(rest + 1, waiting);
}

// --- Control path ---------------------------------------------------------------------------------------------------------------

XskTxRing::XskTxRing(std::shared_ptr<mempool::Pool> pool, XskCalls& calls)
    : limits_{.base = pool->region().base(),
              .shortest_of_pool = uint64_t{pool->id()} << 32 | ETH_HLEN,
              .frame_mask = pool->frame_size() - 1,
              .frame_shift = pool->frame_shift()},
      held_(pool->frame_count()),
      pool_(std::move(pool)),
      calls_(calls) {}

XskTxRing::Owner& XskTxRing::AddOwner() {
  owners_.push_back(std::make_unique<Owner>());
  owners_.back()->tag = static_cast<uint8_t>(owners_.size());
  return *owners_.back();
}

void XskTxRing::Open(int socket, const RingMemory& tx, const RingMemory& completion, std::size_t maximum_length, const Pace& pace) {
  tx_ = ProducerRing<xdp_desc>(tx);
  completion_ = ConsumerRing<uint64_t>(completion);
  socket_ = socket;
  told_to_.store(tx_.submitted(), std::memory_order_relaxed);
  timer_.Configure(pace.flush_us);
  packets_a_call_ = pace.packets_a_call;
  zero_copy_ = pace.zero_copy;
  stalled_ = false;
  unsaid_ = 0;
  says_what_it_sent_ = pace.says_what_it_sent;
  polled_to_.store(tx_.submitted(), std::memory_order_relaxed);
  guard_.EndWait();  // of a thread that went to sleep, and then was told to stop
  guard_.Forget();
  device_gone_.store(false, std::memory_order_relaxed);
  SetMaximumLength(maximum_length);
}

void XskTxRing::SetScattered(bool on) {
  if (on && continuing_ == nullptr) continuing_ = std::make_unique<mempool::FrameSet>(pool_->frame_count());
  if (!on) continuing_.reset();
}

void XskTxRing::SetGrant(const TxGrant& grant) {
  grant_ = grant;
  const bool stamps = (grant.asks & TxMetadata::kTimestamp) != 0;
  stamped_ = stamps ? std::make_unique<mempool::FrameSet>(pool_->frame_count()) : nullptr;
  for (const auto& owner : owners_) {
    if (stamps && owner->timestamps == nullptr) owner->timestamps = std::make_unique<KeptTimestamps>();
  }
}

void XskTxRing::SetMaximumLength(std::size_t bytes) {
  length_range_.store(bytes - ETH_HLEN, std::memory_order_relaxed);
}

std::size_t XskTxRing::maximum_length() const {
  return length_range_.load(std::memory_order_relaxed) + ETH_HLEN;
}

void XskTxRing::ReclaimAll() {
  std::array<mempool::FrameNumber, 64> frames;
  while (const std::size_t count = TakeCompleted(frames)) pool_->Put({frames.data(), count});
}

std::size_t XskTxRing::Drain() {
  if (guard_.waiting()) EndWait();  // of a thread that was told to stop meanwhile
  ReclaimAll();
  if (outstanding_ > 0 && !device_gone()) {
    std::array<mempool::FrameNumber, 64> frames;
    const bool up = Kick(owners_.front()->counters);
    ReclaimAll();
    while (const std::size_t count = up ? 0 : TakeBackNow(frames)) pool_->Put({frames.data(), count});
    ReclaimAll();
  }
  return outstanding_;
}

void XskTxRing::Close(bool released) {
  tx_ = {};
  completion_ = {};
  socket_ = -1;
  outstanding_ = 0;
  if (released) {
    held_.ForEach([this](mempool::FrameNumber frame) { pool_->Put({&frame, 1}); });
    held_.Clear();
    if (continuing_ != nullptr) continuing_->Clear();
  }
  if (stamped_ != nullptr) stamped_->Clear();
  SettleLateDrops();
  for (const auto& owner : owners_) owner->counters.dropped_at_stop.Add(owner->counters.pending());
}

// A drop that was noted after another thread had taken its frame back, and that no frame came after, still stands as sent.
void XskTxRing::SettleLateDrops() {
  for (const auto& owner : owners_) {
    TxCounters::Completed& completed = owner->counters.completed;
    const uint64_t late = std::min<uint64_t>(unassigned_busy_.load(std::memory_order_relaxed), completed.sent.value());
    unassigned_busy_.fetch_sub(static_cast<uint32_t>(late), std::memory_order_relaxed);
    completed.dropped_busy.Add(late);
    completed.sent.Add(-late);
  }
  unassigned_busy_.store(0, std::memory_order_relaxed);
}

}  // namespace pollux::pmd::af_xdp
