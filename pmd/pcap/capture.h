// SPDX-License-Identifier: Apache-2.0
// Capture: the packets of a capture file, in memory.
#ifndef PMD_PCAP_CAPTURE_H_
#define PMD_PCAP_CAPTURE_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "pmd/pcap/captured_packet.h"

namespace pollux::pmd {

// Immutable once read: any number of queues may replay it. In memory, because a data path must not wait for a disk, and because so
// the whole file is known to be sound before the first packet leaves.
class Capture {
 public:
  static constexpr uint64_t kMaximumFileBytes = uint64_t{4} << 30;

  using Record = CapturedPacket;

  // Reads a file, or a pipe to its end: what libpcap reads of the older formats, and pcapng with all its interfaces and sections. Of a
  // capture that ends within a packet those before count (cut()). Errors name the file: those of ReadCaptureInput; INVALID_ARGUMENT
  // (not a capture, link type other than Ethernet, damaged, or cut off in the first packet: with the number of the packet, from 1).
  static absl::StatusOr<Capture> Read(const std::string& path);

  // Empty, or where the file ended too early, and how many packets are whole.
  const std::string& cut() const { return cut_; }
  std::size_t size() const { return records_.size(); }
  const Record& record(std::size_t index) const { return records_[index]; }
  std::span<const std::byte> bytes(const Record& record) const { return {bytes_.data() + record.offset, record.length}; }

  static constexpr std::chrono::seconds kPipePatience{10};

 private:
  absl::Status ReadPcap(std::vector<std::byte> file);
  absl::Status ReadPcapng(std::vector<std::byte> file);

  std::string cut_;
  std::vector<std::byte> bytes_;
  std::vector<Record> records_;
};

}  // namespace pollux::pmd

#endif  // PMD_PCAP_CAPTURE_H_
