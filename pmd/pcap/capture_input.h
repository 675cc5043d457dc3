// SPDX-License-Identifier: Apache-2.0
// What a file or a pipe holds, in memory.
#ifndef PMD_PCAP_CAPTURE_INPUT_H_
#define PMD_PCAP_CAPTURE_INPUT_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

namespace pollux::pmd {

// Reads an ordinary file, or a pipe to its end, as in rx_pcap=<(zcat FILE). Errors name the path: NOT_FOUND, PERMISSION_DENIED;
// INVALID_ARGUMENT (neither of the two, more than `most_bytes`); DEADLINE_EXCEEDED (nothing came through the pipe for `patience`).
absl::StatusOr<std::vector<std::byte>> ReadCaptureInput(const std::string& path, uint64_t most_bytes, std::chrono::milliseconds patience);

}  // namespace pollux::pmd

#endif  // PMD_PCAP_CAPTURE_INPUT_H_
