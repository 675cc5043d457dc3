// SPDX-License-Identifier: Apache-2.0
// Captures of all formats: every byte that a record promises is there.
#include <sys/mman.h>
#include <unistd.h>

#include "pmd/pcap/capture.h"
#include "tests/fuzz/input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  const int file = memfd_create("capture", MFD_CLOEXEC);
  FUZZ_REQUIRE(file >= 0 && write(file, data, size) == static_cast<ssize_t>(size) && lseek(file, 0, SEEK_SET) == 0);
  const auto capture = pollux::pmd::Capture::Read("/proc/self/fd/" + std::to_string(file));
  if (capture.ok()) {
    unsigned sum = 0;
    for (std::size_t index = 0; index < capture->size(); ++index) {
      for (const std::byte byte : capture->bytes(capture->record(index))) sum += static_cast<unsigned>(byte);
    }
    FUZZ_REQUIRE(sum <= 255u * size);
  } else {
    FUZZ_REQUIRE(capture.status().code() == absl::StatusCode::kInvalidArgument);
  }
  close(file);
  return 0;
}
