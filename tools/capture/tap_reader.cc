// SPDX-License-Identifier: Apache-2.0
#include "tools/capture/tap_reader.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <bit>
#include <cerrno>
#include <cstring>

#include <absl/strings/str_cat.h>

#include "lcore/errno_status.h"

namespace pollux::capture {

using pmd::TapRecord;
using pmd::TapRingHeader;

absl::StatusOr<std::unique_ptr<TapReader>> TapReader::Map(const bpf::UniqueFd& memory, const TapShape& shape) {
  constexpr std::size_t kMostRings = 4096;
  struct stat status = {};
  if (fstat(memory.get(), &status) != 0) return lcore::ErrnoStatus(errno, "fstat(tap)");
  const auto file_bytes = static_cast<uint64_t>(status.st_size);
  // No ring is longer than the file, so that the sum does not wrap.
  const bool may_be = shape.rings > 0 && shape.rings <= kMostRings && shape.rx_rings <= shape.rings &&
                      std::has_single_bit(shape.ring_bytes) && shape.ring_bytes >= sizeof(TapRecord) && shape.ring_bytes <= file_bytes;
  const uint64_t bytes = may_be ? pmd::TapRingsOffset(shape.rings) + shape.rings * shape.ring_bytes : 0;
  if (!may_be || bytes != file_bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a tap of ", file_bytes, " bytes cannot have ", shape.rings, " rings of ", shape.ring_bytes));
  }
  const int seals = fcntl(memory.get(), F_GET_SEALS);
  if (seals < 0 || (seals & F_SEAL_SHRINK) == 0) return absl::InvalidArgumentError("a tap whose file is not sealed: it could get shorter");
  void* const mapped = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memory.get(), 0);
  if (mapped == MAP_FAILED) return lcore::ErrnoStatus(errno, absl::StrCat("mmap() of ", bytes, " bytes"));
  return std::unique_ptr<TapReader>(new TapReader({static_cast<std::byte*>(mapped), bytes}, shape));
}

TapReader::TapReader(std::span<std::byte> memory, const TapShape& shape)
    : memory_(memory), shape_(shape), headers_(reinterpret_cast<TapRingHeader*>(memory.data() + sizeof(pmd::TapHeader))) {}

TapReader::~TapReader() {
  munmap(memory_.data(), memory_.size());
}

absl::StatusOr<TapReader::Front> TapReader::FrontOf(std::size_t ring) {
  TapRingHeader& header = headers_[ring];
  const std::byte* const data = memory_.data() + pmd::TapRingsOffset(shape_.rings) + ring * shape_.ring_bytes;
  for (;;) {
    const uint64_t read = header.read.load(std::memory_order_relaxed), written = header.written.load(std::memory_order_acquire);
    if (read == written) return Front{};
    const uint64_t place = read % shape_.ring_bytes, rest = shape_.ring_bytes - place, filled = written - read;
    Front front;
    if (filled <= shape_.ring_bytes && place % pmd::kTapAlignment == 0) {
      std::memcpy(&front.record.length, data + place, sizeof(front.record.length));
      if (front.record.length == 0 && filled > rest) {
        header.read.store(read + rest, std::memory_order_release);
        continue;
      }
      if (rest >= sizeof(TapRecord)) {
        std::memcpy(&front.record, data + place, sizeof(front.record));
        front.bytes = data + place + sizeof(TapRecord);
      }
    }
    const uint32_t length = front.record.length;
    if (front.bytes == nullptr || length > rest || length > filled || pmd::TapRecordBytes(front.record.captured) != length)
      return absl::DataLossError(absl::StrCat("ring ", ring, " of the tap is damaged at byte ", read));
    return front;
  }
}

absl::StatusOr<std::optional<TappedPacket>> TapReader::Next() {
  Front oldest;
  front_length_ = 0;
  for (std::size_t ring = 0; ring < shape_.rings; ++ring) {
    const absl::StatusOr<Front> front = FrontOf(ring);
    if (!front.ok()) return front.status();
    if (front->bytes == nullptr || (oldest.bytes != nullptr && oldest.record.time_ns <= front->record.time_ns)) continue;
    oldest = *front;
    front_ring_ = ring;
  }
  if (oldest.bytes == nullptr) return std::optional<TappedPacket>();
  front_length_ = oldest.record.length;
  const bool received = front_ring_ < shape_.rx_rings;
  return std::optional<TappedPacket>(TappedPacket{.received = received,
                                                  .queue = static_cast<uint32_t>(received ? front_ring_ : front_ring_ - shape_.rx_rings),
                                                  .time_ns = oldest.record.time_ns,
                                                  .wire_length = oldest.record.wire_length,
                                                  .bytes = {oldest.bytes, oldest.record.captured}});
}

void TapReader::Consume() {
  TapRingHeader& header = headers_[front_ring_];
  header.read.store(header.read.load(std::memory_order_relaxed) + front_length_, std::memory_order_release);
  front_length_ = 0;
}

bool TapReader::ended() const {
  return reinterpret_cast<const pmd::TapHeader*>(memory_.data())->ended.load(std::memory_order_acquire) != 0;
}

TapReader::Totals TapReader::totals() const {
  Totals totals;
  for (std::size_t ring = 0; ring < shape_.rings; ++ring) {
    totals.passed += headers_[ring].packets.load(std::memory_order_relaxed);
    totals.taken += headers_[ring].taken.load(std::memory_order_relaxed);
    totals.dropped += headers_[ring].dropped.load(std::memory_order_relaxed);
  }
  return totals;
}

}  // namespace pollux::capture
