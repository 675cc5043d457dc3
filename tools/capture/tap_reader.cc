// SPDX-License-Identifier: Apache-2.0
#include "tools/capture/tap_reader.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <bit>
#include <cerrno>

#include <absl/strings/str_cat.h>

#include "lcore/errno_status.h"

namespace pollux::capture {

using pmd::TapRecord;
using pmd::TapRingHeader;

absl::StatusOr<std::unique_ptr<TapReader>> TapReader::Map(const bpf::UniqueFd& memory, const TapShape& shape) {
  constexpr std::size_t kMostRings = 4096;
  const uint64_t bytes = pmd::TapRingsOffset(shape.rings) + shape.rings * shape.ring_bytes;
  struct stat status = {};
  if (fstat(memory.get(), &status) != 0) return lcore::ErrnoStatus(errno, "fstat(tap)");
  if (shape.rings == 0 || shape.rings > kMostRings || shape.rx_rings > shape.rings || !std::has_single_bit(shape.ring_bytes) ||
      static_cast<uint64_t>(status.st_size) != bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a tap of ", status.st_size, " bytes cannot have ", shape.rings, " rings of ", shape.ring_bytes));
  }
  void* const mapped = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memory.get(), 0);
  if (mapped == MAP_FAILED) return lcore::ErrnoStatus(errno, absl::StrCat("mmap() of ", bytes, " bytes"));
  return std::unique_ptr<TapReader>(new TapReader({static_cast<std::byte*>(mapped), bytes}, shape));
}

TapReader::TapReader(std::span<std::byte> memory, const TapShape& shape)
    : memory_(memory), shape_(shape), headers_(reinterpret_cast<TapRingHeader*>(memory.data() + sizeof(pmd::TapHeader))) {}

TapReader::~TapReader() {
  munmap(memory_.data(), memory_.size());
}

absl::StatusOr<const TapRecord*> TapReader::Front(std::size_t ring) {
  TapRingHeader& header = headers_[ring];
  const std::byte* const data = memory_.data() + pmd::TapRingsOffset(shape_.rings) + ring * shape_.ring_bytes;
  for (;;) {
    const uint64_t read = header.read.load(std::memory_order_relaxed), written = header.written.load(std::memory_order_acquire);
    if (read == written) return nullptr;
    const uint64_t place = read % shape_.ring_bytes, rest = shape_.ring_bytes - place;
    const auto* const record = reinterpret_cast<const TapRecord*>(data + place);
    if (record->length == 0 && written - read > rest) {
      header.read.store(read + rest, std::memory_order_release);
      continue;
    }
    if (record->length < sizeof(TapRecord) || record->length > rest || record->length > written - read ||
        pmd::TapRecordBytes(record->captured) != record->length) {
      return absl::DataLossError(absl::StrCat("ring ", ring, " of the tap is damaged at byte ", read));
    }
    return record;
  }
}

absl::StatusOr<std::optional<TappedPacket>> TapReader::Next() {
  const TapRecord* oldest = nullptr;
  for (std::size_t ring = 0; ring < shape_.rings; ++ring) {
    const absl::StatusOr<const TapRecord*> record = Front(ring);
    if (!record.ok()) return record.status();
    if (*record == nullptr || (oldest != nullptr && oldest->time_ns <= (*record)->time_ns)) continue;
    oldest = *record;
    front_ring_ = ring;
  }
  if (oldest == nullptr) return std::optional<TappedPacket>();
  const bool received = front_ring_ < shape_.rx_rings;
  return std::optional<TappedPacket>(TappedPacket{.received = received,
                                                  .queue = static_cast<uint32_t>(received ? front_ring_ : front_ring_ - shape_.rx_rings),
                                                  .time_ns = oldest->time_ns,
                                                  .wire_length = oldest->wire_length,
                                                  .bytes = {reinterpret_cast<const std::byte*>(oldest + 1), oldest->captured}});
}

void TapReader::Consume() {
  const absl::StatusOr<const TapRecord*> record = Front(front_ring_);
  if (!record.ok() || *record == nullptr) return;
  TapRingHeader& header = headers_[front_ring_];
  header.read.store(header.read.load(std::memory_order_relaxed) + (*record)->length, std::memory_order_release);
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
