// SPDX-License-Identifier: Apache-2.0
// PcapngWriter: a capture file in pcapng (draft-ietf-opsawg-pcapng), which libpcap reads and does not write, with each packet's direction
// and queue.
#ifndef TOOLS_CAPTURE_PCAPNG_WRITER_H_
#define TOOLS_CAPTURE_PCAPNG_WRITER_H_

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "tools/capture/tap_reader.h"

namespace pollux::capture {

class PcapngWriter {
 public:
  // Creates the file, or empties it, and writes what stands before packets; "-" is the standard output. Errors: of open(2) and write(2).
  static absl::StatusOr<std::unique_ptr<PcapngWriter>> Create(const std::string& path, const std::string& interface, uint32_t snap_length);
  ~PcapngWriter();

  absl::Status Write(const TappedPacket& packet);
  absl::Status Flush();
  // The last block: what passed and what was lost.
  absl::Status WriteTotals(const TapReader::Totals& totals, uint64_t time_ns);

 private:
  PcapngWriter(std::FILE* file, std::string path) : file_(file), path_(std::move(path)) {}
  absl::Status WriteBlock(uint32_t type);

  std::FILE* const file_;
  const std::string path_;
  std::string body_;  // of the block at hand
};

}  // namespace pollux::capture

#endif  // TOOLS_CAPTURE_PCAPNG_WRITER_H_
