// SPDX-License-Identifier: Apache-2.0
// The reader's end of a tap, whose memory another process fills as it likes: packets that lie in the memory, or the end.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "tests/fuzz/input.h"
#include "tools/capture/tap_reader.h"

namespace pollux {
namespace {

template <typename Number>
Number Take(fuzz::Input& input) {
  Number number = 0;
  for (std::size_t byte = 0; byte < sizeof(number); ++byte) number |= static_cast<Number>(Number{input.Byte()} << (8 * byte));
  return number;
}

}  // namespace
}  // namespace pollux

// A shape, whether the file may get shorter, what the headers say, and what the first ring begins with.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace pollux;  // NOLINT
  constexpr uint64_t kLargest = 1 << 20;
  fuzz::Input input(data, size);
  const uint8_t kind = input.Byte();
  capture::TapShape shape;
  if (kind == 'S') {
    shape = {.rx_rings = Take<std::size_t>(input), .rings = Take<std::size_t>(input), .ring_bytes = Take<uint64_t>(input)};
  } else {
    shape = {.rx_rings = kind % 3u, .rings = 1 + kind % 3u, .ring_bytes = 4096};
  }
  const uint64_t bytes = pmd::TapRingsOffset(shape.rings) + shape.rings * shape.ring_bytes;
  bpf::UniqueFd file(memfd_create("tap", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  FUZZ_REQUIRE(file.get() >= 0 && ftruncate(file.get(), static_cast<off_t>(std::min(bytes, kLargest))) == 0);
  if (kind != 'U') FUZZ_REQUIRE(fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK) == 0);
  const auto reader = capture::TapReader::Map(file, shape);
  if (!reader.ok()) return 0;
  FUZZ_REQUIRE(kind != 'U' && bytes <= kLargest && shape.ring_bytes < bytes);
  auto* const memory = static_cast<std::byte*>(mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0));
  FUZZ_REQUIRE(memory != MAP_FAILED);
  auto* const headers = reinterpret_cast<pmd::TapRingHeader*>(memory + sizeof(pmd::TapHeader));
  for (std::size_t ring = 0; ring < shape.rings; ++ring) {
    headers[ring].written.store(Take<uint64_t>(input));
    headers[ring].read.store(Take<uint64_t>(input));
  }
  const std::string records = input.Text();
  const uint64_t room = bytes - pmd::TapRingsOffset(shape.rings);
  std::memcpy(memory + pmd::TapRingsOffset(shape.rings), records.data(), std::min<uint64_t>(room, records.size()));
  unsigned sum = 0;
  for (int packets = 0; packets < 64; ++packets) {
    const auto packet = (*reader)->Next();
    if (!packet.ok()) {
      FUZZ_REQUIRE(absl::IsDataLoss(packet.status()));
      break;
    }
    if (!packet->has_value()) break;
    FUZZ_REQUIRE((*packet)->bytes.size() <= shape.ring_bytes);
    for (const std::byte byte : (*packet)->bytes) sum += static_cast<unsigned>(byte);
    (*reader)->Consume();
  }
  FUZZ_REQUIRE(sum <= 64 * 255u * shape.ring_bytes);
  (void)(*reader)->totals();
  (void)(*reader)->ended();
  munmap(memory, bytes);
  return 0;
}
