// SPDX-License-Identifier: Apache-2.0
// Capture: the packets of a capture file, in memory.
#ifndef PMD_PCAP_CAPTURE_H_
#define PMD_PCAP_CAPTURE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

namespace pollux::pmd {

// Immutable once read: any number of queues may replay it. In memory, because a data path must not wait for a disk, and because so
// the whole file is known to be sound before the first packet leaves.
class Capture {
 public:
  static constexpr uint64_t kMaximumFileBytes = uint64_t{4} << 30;

  struct Record {
    std::size_t offset = 0;    // in the bytes
    uint32_t length = 0;       // what the file holds of the packet
    uint32_t wire_length = 0;  // what the packet had; more than length where the capture was cut (snaplen)
  };

  // Reads what libpcap reads: pcap with microseconds or nanoseconds, pcapng. Errors name the file: NOT_FOUND, PERMISSION_DENIED;
  // INVALID_ARGUMENT (not a capture, link type other than Ethernet, cut off or damaged: with the number of the packet, from 1; too large).
  static absl::StatusOr<Capture> Read(const std::string& path);

  std::size_t size() const { return records_.size(); }
  const Record& record(std::size_t index) const { return records_[index]; }
  std::span<const std::byte> bytes(const Record& record) const { return {bytes_.data() + record.offset, record.length}; }

 private:
  std::vector<std::byte> bytes_;
  std::vector<Record> records_;
};

}  // namespace pollux::pmd

#endif  // PMD_PCAP_CAPTURE_H_
