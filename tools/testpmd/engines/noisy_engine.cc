// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/engines/noisy_engine.h"

#include <algorithm>
#include <new>
#include <utility>

#include <absl/strings/str_cat.h>

#include "lcore/cache_line.h"

namespace pollux::testpmd {
namespace {

constexpr std::size_t kBytesPerMib = std::size_t{1} << 20;
constexpr std::size_t kMaximumMib = std::size_t{1} << 20;
constexpr std::size_t kMaximumFifo = std::size_t{1} << 24;

}  // namespace

absl::StatusOr<std::unique_ptr<ForwardEngine>> NoisyEngine::Make(const NoisyOptions& options, std::unique_ptr<BurstRewriter> rewriter) {
  const bool looks_up = options.lookup_reads + options.lookup_writes + options.lookup_reads_writes != 0;
  if (looks_up && options.lookup_memory_mib == 0) {
    return absl::InvalidArgumentError("--noisy-lkup-num-*: nothing to read or write (give --noisy-lkup-memory, in MiB)");
  }
  if (options.lookup_memory_mib > kMaximumMib) {
    return absl::InvalidArgumentError(absl::StrCat("--noisy-lkup-memory=", options.lookup_memory_mib, ": at most ", kMaximumMib, " MiB"));
  }
  if (options.buffer_packets > kMaximumFifo) {
    return absl::InvalidArgumentError(
        absl::StrCat("--noisy-tx-sw-buffer-size=", options.buffer_packets, ": at most ", kMaximumFifo, " packets"));
  }
  const std::size_t bytes = options.lookup_memory_mib * kBytesPerMib;
  std::unique_ptr<uint8_t[]> memory(bytes != 0 ? new (std::nothrow) uint8_t[bytes] : nullptr);
  if (bytes != 0 && memory == nullptr) {
    return absl::ResourceExhaustedError(absl::StrCat("--noisy-lkup-memory=", options.lookup_memory_mib, ": no such amount of memory"));
  }
  // Touched, so that lookups meet memory and not page faults.
  if (bytes != 0) std::fill_n(memory.get(), bytes, uint8_t{0});
  return std::unique_ptr<ForwardEngine>(new NoisyEngine(options, std::move(rewriter), std::unique_ptr<volatile uint8_t[]>(memory.release()),
                                                        std::vector<Packet>(options.buffer_packets)));
}

NoisyEngine::NoisyEngine(const NoisyOptions& options, std::unique_ptr<BurstRewriter> rewriter, std::unique_ptr<volatile uint8_t[]> memory,
                         std::vector<Packet> fifo)
    : options_(options),
      rewriter_(std::move(rewriter)),
      memory_(std::move(memory)),
      memory_lines_(options.lookup_memory_mib * kBytesPerMib / lcore::kCacheLineBytes),
      fifo_(std::move(fifo)) {}

std::size_t NoisyEngine::Poll(Stream& stream) {
  const std::span<Packet> received = ReceiveBurst(stream, received_);
  std::span<Packet> packets = received;
  if (rewriter_ != nullptr && !packets.empty()) packets = rewriter_->Rewrite(stream, packets);
  LookUp(packets.size());
  Exchange(stream, packets);
  const std::size_t waiting = held_;
  if (FlushIsDue()) Flush(stream);
  return received.size() + (waiting - held_);
}

void NoisyEngine::End(Stream& stream) {
  Flush(stream);
}

void NoisyEngine::CollectFrames(absl::string_view holder, mempool::FrameAudit& audit) const {
  for (std::size_t index = 0; index < held_; ++index) audit.Add(holder, fifo_[(oldest_ + index) % fifo_.size()]);
}

// xorshift64: a few cycles, where a better generator would cost as much as the miss.
volatile uint8_t& NoisyEngine::RandomByte() {
  random_ ^= random_ << 13;
  random_ ^= random_ >> 7;
  random_ ^= random_ << 17;
  return memory_[random_ % memory_lines_ * lcore::kCacheLineBytes];
}

void NoisyEngine::LookUp(std::size_t packets) {
  if (memory_lines_ == 0) return;
  for (std::size_t packet = 0; packet < packets; ++packet) {
    for (std::size_t count = 0; count < options_.lookup_writes; ++count) RandomByte() = static_cast<uint8_t>(count);
    for (std::size_t count = 0; count < options_.lookup_reads; ++count) static_cast<void>(static_cast<uint8_t>(RandomByte()));
    for (std::size_t count = 0; count < options_.lookup_reads_writes; ++count) {
      static_cast<void>(static_cast<uint8_t>(RandomByte()));
      RandomByte() = static_cast<uint8_t>(count);
    }
  }
}

void NoisyEngine::Exchange(Stream& stream, std::span<const Packet> packets) {
  const std::size_t wanted = held_ + packets.size();
  const std::size_t pushed_out = wanted > fifo_.size() ? wanted - fifo_.size() : 0;
  const std::size_t taken = Take(std::span(leaving_).first(std::min(pushed_out, held_)));
  // A burst larger than the whole buffer: its first packets pass through.
  const std::size_t passing = pushed_out - taken;
  std::copy_n(packets.begin(), passing, leaving_.begin() + static_cast<std::ptrdiff_t>(taken));
  Append(packets.subspan(passing));
  SendBurst(stream, std::span(leaving_).first(pushed_out));
}

void NoisyEngine::Append(std::span<const Packet> packets) {
  if (packets.empty()) return;
  if (held_ == 0 && options_.flush_time_ms != 0) {
    flush_time_ = std::chrono::steady_clock::now() + std::chrono::milliseconds(options_.flush_time_ms);
  }
  std::size_t at = (oldest_ + held_) % fifo_.size();
  for (const Packet& packet : packets) {
    fifo_[at] = packet;
    if (++at == fifo_.size()) at = 0;
  }
  held_ += packets.size();
}

std::size_t NoisyEngine::Take(std::span<Packet> packets) {
  const std::size_t count = std::min(packets.size(), held_);
  for (Packet& packet : packets.first(count)) {
    packet = fifo_[oldest_];
    if (++oldest_ == fifo_.size()) oldest_ = 0;
  }
  held_ -= count;
  return count;
}

bool NoisyEngine::FlushIsDue() const {
  return options_.flush_time_ms != 0 && held_ != 0 && std::chrono::steady_clock::now() >= flush_time_;
}

void NoisyEngine::Flush(Stream& stream) {
  while (held_ != 0) SendBurst(stream, std::span(leaving_).first(Take(std::span(leaving_).first(stream.burst))));
}

}  // namespace pollux::testpmd
