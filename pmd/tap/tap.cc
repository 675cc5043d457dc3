// SPDX-License-Identifier: Apache-2.0
#include "pmd/tap/tap.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <utility>

#include <absl/strings/str_cat.h>

#include "lcore/errno_status.h"
#include "pmd/rx_metadata.h"

namespace pollux::pmd {

using lcore::ErrnoStatus;

// --- data path ---

void TapRing::Write(std::span<const mempool::Packet> packets, bool received) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);  // no system call
  const uint64_t time_ns = static_cast<uint64_t>(now.tv_sec) * 1000000000 + static_cast<uint64_t>(now.tv_nsec);
  const uint64_t used = written_ - header_.read.load(std::memory_order_acquire);
  const uint64_t room = used <= memory_.size() ? memory_.size() - used : 0;  // a reader that is ahead lies
  Progress progress{.end = written_};
  for (std::size_t index = 0; index < packets.size() && index < progress_.size();) {
    const std::span<const mempool::Packet> frames = packets.subspan(index, mempool::FramesOfFirst(packets.subspan(index)));
    std::size_t length = 0;
    for (const mempool::Packet& frame : frames) length += frame.length;
    ++progress.passed;
    if (filter_.Takes(frames.front().bytes(), length)) {
      ++progress.taken;
      const uint64_t at_ns = received ? ArrivalNs(frames.front(), time_ns) : time_ns;
      if (!Append(frames, length, at_ns, room, progress.end)) ++progress.dropped;
    }
    for (std::size_t end = std::min(index + frames.size(), progress_.size()); index < end; ++index) progress_[index] = progress;
  }
}

bool TapRing::Append(std::span<const mempool::Packet> frames, std::size_t wire_length, uint64_t time_ns, uint64_t room, uint64_t& end) {
  const auto captured = static_cast<uint32_t>(std::min<std::size_t>(wire_length, snap_length_));
  const uint64_t length = TapRecordBytes(captured), place = end % memory_.size(), rest = memory_.size() - place;
  const uint64_t skipped = length <= rest ? 0 : rest;
  if (end - written_ + skipped + length > room) return false;
  if (skipped != 0) std::memset(&memory_[place], 0, sizeof(TapRecord::length));
  const TapRecord record{.length = static_cast<uint32_t>(length),
                         .captured = captured,
                         .wire_length = static_cast<uint32_t>(wire_length),
                         .reserved = 0,
                         .time_ns = time_ns};
  std::byte* target = &memory_[(end + skipped) % memory_.size()];
  std::memcpy(target, &record, sizeof(record));
  target += sizeof(record);
  std::size_t left = captured;
  for (const mempool::Packet& frame : frames) {
    const std::size_t some = std::min<std::size_t>(left, frame.length);
    if (some != 0) std::memcpy(target, frame.data, some);
    target += some;
    left -= some;
  }
  end += skipped + length;
  return true;
}

void TapRing::Publish(std::size_t count) {
  count = std::min(count, progress_.size());
  if (count == 0) return;
  const Progress& progress = progress_[count - 1];
  const auto add = [](std::atomic<uint64_t>& counter, uint64_t amount) {
    counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  };
  add(header_.packets, progress.passed);
  add(header_.taken, progress.taken);
  add(header_.dropped, progress.dropped);
  written_ = progress.end;
  header_.written.store(written_, std::memory_order_release);
}

// --- control path ---

absl::StatusOr<std::unique_ptr<Tap>> Tap::Create(std::size_t rx_queues, std::size_t tx_queues, const TapOptions& options,
                                                 PacketFilter filter) {
  const std::size_t rings = rx_queues + tx_queues;
  if (rings == 0) return absl::FailedPreconditionError("the port has no queue");
  if (options.bytes > kMostBytes)
    return absl::InvalidArgumentError(absl::StrCat("a buffer of ", options.bytes, " bytes: at most ", kMostBytes));
  const uint64_t ring_bytes = std::bit_floor(options.bytes / rings);
  if (ring_bytes < kFewestRingBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a buffer of ", options.bytes, " bytes: ", rings, " queues need ", rings * kFewestRingBytes, " at least"));
  }
  const uint64_t bytes = TapRingsOffset(rings) + rings * ring_bytes;
  bpf::UniqueFd file(memfd_create("pollux-tap", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file) return ErrnoStatus(errno, "memfd_create()");
  // The reader gets the file: were it to shrink it, the data path would end by SIGBUS.
  if (ftruncate(file.get(), static_cast<off_t>(bytes)) != 0 ||
      fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
    return ErrnoStatus(errno, absl::StrCat("ftruncate() and F_ADD_SEALS of ", bytes, " bytes"));
  // All of it now, so that the data path has no page faults, and a lack of memory is an error here.
  if (const int error = posix_fallocate(file.get(), 0, static_cast<off_t>(bytes)); error != 0)
    return ErrnoStatus(error, absl::StrCat("posix_fallocate() of ", bytes, " bytes"));
  void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, file.get(), 0);
  if (memory == MAP_FAILED) return ErrnoStatus(errno, absl::StrCat("mmap() of ", bytes, " bytes"));
  return std::unique_ptr<Tap>(new Tap(std::move(filter), std::move(file), {static_cast<std::byte*>(memory), bytes}, rx_queues, rings,
                                      ring_bytes, options.snap_length));
}

Tap::Tap(PacketFilter filter, bpf::UniqueFd file, std::span<std::byte> memory, std::size_t rx_queues, std::size_t rings,
         uint64_t ring_bytes, uint32_t snap_length)
    : filter_(std::move(filter)),
      file_(std::move(file)),
      memory_(memory),
      rx_queues_(rx_queues),
      ring_bytes_(ring_bytes),
      headers_(reinterpret_cast<TapRingHeader*>(memory.data() + sizeof(TapHeader))) {
  const uint64_t offset = TapRingsOffset(rings);
  for (std::size_t ring = 0; ring < rings; ++ring) {
    rings_.push_back(
        std::make_unique<TapRing>(headers_[ring], memory_.subspan(offset + ring * ring_bytes, ring_bytes), filter_, snap_length));
  }
}

Tap::~Tap() {
  munmap(memory_.data(), memory_.size());
}

void Tap::End() {
  reinterpret_cast<TapHeader*>(memory_.data())->ended.store(1, std::memory_order_release);
}

}  // namespace pollux::pmd
