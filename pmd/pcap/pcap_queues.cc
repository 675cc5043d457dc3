// SPDX-License-Identifier: Apache-2.0
#include "pmd/pcap/pcap_queues.h"

#include <algorithm>
#include <cstring>
#include <ctime>
#include <utility>

#include <absl/strings/str_cat.h>

#include "pmd/rx_metadata.h"

namespace pollux::pmd {
namespace {

enum RxRow { kRxPackets, kRxBytes, kRxNoFrame, kRxOversized, kRxEmpty, kRxCut, kRxLoops };
constexpr CounterRow kRxRows[] = {{"packets", &QueueStats::rx_packets},
                                  {"bytes", &QueueStats::rx_bytes},
                                  {"pool_empty", &QueueStats::rx_nombuf},
                                  {"dropped_oversized", &QueueStats::rx_errors},  // longer than a frame holds, or all a packet may have
                                  {"dropped_empty", &QueueStats::rx_errors},      // of no byte
                                  {"cut_in_capture", nullptr},                    // handed on, as far as the file has it
                                  {"loops", nullptr}};

enum TxRow { kTxPackets, kTxBytes, kTxWriteError, kTxPending };
constexpr CounterRow kTxRows[] = {{"packets", &QueueStats::tx_packets},
                                  {"bytes", &QueueStats::tx_bytes},
                                  {"dropped_write_error", &QueueStats::tx_dropped},
                                  {"pending", &QueueStats::tx_pending}};

enum NoFileRow { kNoFileDropped };
constexpr CounterRow kNoFileRows[] = {{"dropped_no_file", &QueueStats::tx_dropped}};

timespec Now(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return time;
}

uint64_t MonotonicNanoseconds() {
  const timespec time = Now(CLOCK_MONOTONIC);
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(time.tv_nsec);
}

// As the device stamped it that received the packet, else now.
timespec ArrivalTime(const Packet& packet, const timespec& now) {
  constexpr uint64_t kSecond = 1'000'000'000;
  const uint64_t time_ns = ArrivalNs(packet, 0);
  if (time_ns == 0) return now;
  return {.tv_sec = static_cast<time_t>(time_ns / kSecond), .tv_nsec = static_cast<long>(time_ns % kSecond)};
}

}  // namespace

ReplayQueue::ReplayQueue(std::shared_ptr<const Capture> capture, const ReplayOptions& options, std::shared_ptr<mempool::Pool> pool,
                         bool scattered)
    : BasicRxQueue(kRxRows), capture_(std::move(capture)), options_(options), pool_(std::move(pool)) {
  if (options_.rate != 0) pacer_.emplace(options_.rate, mempool::kMaximumBurst);
  for (std::size_t index = 0; scattered && !scattered_ && capture_ != nullptr && index < capture_->size(); ++index) {
    scattered_ = capture_->record(index).length > pool_->maximum_length();
  }
}

void ReplayQueue::Start() {
  next_ = 0;
  if (pacer_) pacer_->Start(MonotonicNanoseconds());
  BasicRxQueue::Start();
}

std::size_t ReplayQueue::Receive(std::span<Packet> packets) {
  if (!started() || capture_ == nullptr) return 0;
  std::size_t wanted = packets.size();
  if (!options_.loop) wanted = std::min(wanted, capture_->size() - next_);
  if (pacer_) wanted = std::min(wanted, pacer_->Due(MonotonicNanoseconds()));
  if (wanted == 0) return 0;
  if (scattered_) return ReceiveScattered(packets, wanted);

  const std::size_t frames = pool_->Allocate(packets.first(wanted));
  if (frames < wanted) counters().Add(kRxNoFrame, 1);
  const std::size_t count = Fill(packets.first(frames));
  if (count < frames) mempool::Pool::Free(packets.subspan(count, frames - count));
  if (pacer_) pacer_->Spend(frames);
  counters().Add(kRxPackets, count);
  counters().Add(kRxBytes, BytesOf(packets.first(count)));
  return count;
}

void ReplayQueue::Wrap() {
  if (next_ < capture_->size()) return;
  next_ = 0;
  counters().Add(kRxLoops, 1);
}

std::size_t ReplayQueue::ReceiveScattered(std::span<Packet> packets, std::size_t wanted) {
  const std::size_t room = pool_->maximum_length();
  const std::size_t most_frames = std::min(packets.size(), mempool::kMostFramesOfPacket);
  std::size_t used = 0, received = 0, examined = 0;
  for (; examined < wanted; ++examined) {
    Wrap();
    const Capture::Record& record = capture_->record(next_);
    const std::size_t frames = (record.length + room - 1) / room;
    if (frames == 0 || frames > most_frames) {
      counters().Add(frames == 0 ? kRxEmpty : kRxOversized, 1);
      ++next_;
      continue;
    }
    if (frames > packets.size() - used) break;  // not cut: in the next burst
    const std::span<Packet> packet = packets.subspan(used, frames);
    if (const std::size_t got = pool_->Allocate(packet); got < frames) {
      mempool::Pool::Free(packet.first(got));
      counters().Add(kRxNoFrame, 1);
      break;
    }
    const std::byte* bytes = capture_->bytes(record).data();
    for (std::size_t index = 0, left = record.length; index < frames; left -= packet[index].length, ++index) {
      packet[index].length = static_cast<uint32_t>(std::min(left, room));
      packet[index].flags = index + 1 < frames ? Packet::kContinues : uint16_t{0};
      std::memcpy(packet[index].data, bytes + index * room, packet[index].length);
    }
    if (record.length < record.wire_length) counters().Add(kRxCut, 1);
    ++next_;
    ++received;
    used += frames;
  }
  if (pacer_) pacer_->Spend(examined);
  counters().Add(kRxPackets, received);
  counters().Add(kRxBytes, BytesOf(packets.first(used)));
  return used;
}

std::size_t ReplayQueue::Fill(std::span<Packet> frames) {
  std::size_t used = 0;
  // One record for each frame, whether it fits or not: a capture of nothing that fits must not hold the caller.
  for (std::size_t examined = 0; examined < frames.size(); ++examined) {
    Wrap();
    if (CopyNext(frames[used])) ++used;
  }
  return used;
}

bool ReplayQueue::CopyNext(Packet& packet) {
  const Capture::Record& record = capture_->record(next_++);
  if (record.length == 0) {
    counters().Add(kRxEmpty, 1);
    return false;
  }
  if (record.length > pool_->maximum_length()) {
    counters().Add(kRxOversized, 1);
    return false;
  }
  if (record.length < record.wire_length) counters().Add(kRxCut, 1);
  packet.length = record.length;
  std::memcpy(packet.data, capture_->bytes(record).data(), record.length);
  return true;
}

RecordQueue::RecordQueue(std::shared_ptr<Recorder> recorder, std::string device)
    : BasicTxQueue(kTxRows), recorder_(std::move(recorder)), device_(std::move(device)) {}

void RecordQueue::Start() {
  lost_since_start_ = 0;
  BasicTxQueue::Start();
}

absl::Status RecordQueue::Stop() {
  absl::Status status = BasicTxQueue::Stop();
  Flush();
  if (lost_since_start_ != 0) {
    status.Update(absl::DataLossError(
        absl::StrCat(device_, ": ", recorder_->status().message(), "; ", lost_since_start_, " packets are not in the file")));
  }
  return status;
}

std::size_t RecordQueue::Send(std::span<const Packet> packets) {
  if (!started()) return 0;
  counters().Add(kTxPending, static_cast<int64_t>(mempool::CountPackets(packets)));
  const timespec now = Now(CLOCK_REALTIME);
  std::span<const Packet> rest = packets;
  while (!rest.empty()) {
    const std::span<const Packet> frames = rest.first(mempool::FramesOfFirst(rest));
    rest = rest.subspan(frames.size());
    const std::span<const std::byte> bytes = frames.size() == 1 ? frames.front().bytes() : Gather(frames);
    if (recorder_->status().ok()) recorder_->Write(ArrivalTime(frames.front(), now), bytes);
    ++pending_packets_;
    pending_bytes_ += bytes.size();
    if (recorder_->full()) Flush();
  }
  mempool::Pool::Free(packets);
  if (packets.empty() || !recorder_->status().ok()) Flush();
  return packets.size();
}

std::span<const std::byte> RecordQueue::Gather(std::span<const Packet> frames) {
  whole_packet_.clear();
  for (const Packet& frame : frames) whole_packet_.insert(whole_packet_.end(), frame.data, frame.data + frame.length);
  return whole_packet_;
}

void RecordQueue::Flush() {
  if (pending_packets_ == 0) return;
  counters().Add(kTxPending, -static_cast<int64_t>(pending_packets_));
  if (recorder_->Flush()) {
    counters().Add(kTxPackets, static_cast<int64_t>(pending_packets_));
    counters().Add(kTxBytes, static_cast<int64_t>(pending_bytes_));
  } else {
    counters().Add(kTxWriteError, static_cast<int64_t>(pending_packets_));
    lost_since_start_ += pending_packets_;
  }
  pending_packets_ = 0;
  pending_bytes_ = 0;
}

NoFileQueue::NoFileQueue() : BasicTxQueue(kNoFileRows) {}

std::size_t NoFileQueue::Send(std::span<const Packet> packets) {
  if (!started()) return 0;
  counters().Add(kNoFileDropped, static_cast<int64_t>(mempool::CountPackets(packets)));
  mempool::Pool::Free(packets);
  return packets.size();
}

}  // namespace pollux::pmd
