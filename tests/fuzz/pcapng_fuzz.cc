// SPDX-License-Identifier: Apache-2.0
// pcapng: every byte that a packet promises is there, and a file that is cut has the packets that are whole. What `pollux capture` writes
// is read again as it was.
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <span>

#include "bpf/unique_fd.h"
#include "pmd/pcap/pcapng.h"
#include "tests/fuzz/input.h"
#include "tools/capture/pcapng_writer.h"

namespace pollux {
namespace {

using pmd::CapturedPacket;
using Bytes = std::span<const std::byte>;

bool Same(const CapturedPacket& left, const CapturedPacket& right) {
  return left.offset == right.offset && left.length == right.length && left.wire_length == right.wire_length;
}

void Read(const std::string& text) {
  // Of exactly this size, so that a sanitizer sees what lies beside it.
  std::vector<std::byte> file(text.size());
  if (!text.empty()) std::memcpy(file.data(), text.data(), text.size());
  std::vector<CapturedPacket> packets;
  const absl::Status status = pmd::ParsePcapng(file, packets);
  FUZZ_REQUIRE(status.ok() || absl::IsInvalidArgument(status) || absl::IsDataLoss(status));
  unsigned sum = 0;
  for (const CapturedPacket& packet : packets) {
    for (const std::byte byte : Bytes(file).subspan(packet.offset, packet.length)) sum += static_cast<unsigned>(byte);
  }
  FUZZ_REQUIRE(sum <= 255u * file.size());
  std::vector<CapturedPacket> of_half;
  (void)pmd::ParsePcapng(Bytes(file).first(file.size() / 2), of_half);
  FUZZ_REQUIRE(of_half.size() <= packets.size());
  for (std::size_t index = 0; index < of_half.size(); ++index) FUZZ_REQUIRE(Same(of_half[index], packets[index]));
}

// A length, what is missing of the packet, and that many bytes.
void WriteAndRead(fuzz::Input& input) {
  const bpf::UniqueFd memory(memfd_create("capture", MFD_CLOEXEC));
  FUZZ_REQUIRE(memory.get() >= 0);
  std::vector<std::vector<std::byte>> written;
  std::vector<uint32_t> wire_lengths;
  {
    const auto writer = capture::PcapngWriter::Create("/proc/self/fd/" + std::to_string(memory.get()), "p0", 96);
    FUZZ_REQUIRE(writer.ok());
    while (!input.empty()) {
      std::vector<std::byte> packet(input.Byte());
      const uint32_t missing = input.Byte();
      for (std::byte& byte : packet) byte = std::byte{input.Byte()};
      wire_lengths.push_back(static_cast<uint32_t>(packet.size()) + missing);
      FUZZ_REQUIRE((*writer)
                       ->Write({.received = missing % 2 == 0,
                                .queue = missing,
                                .time_ns = ~uint64_t{0} / (missing + 1),
                                .wire_length = wire_lengths.back(),
                                .bytes = packet})
                       .ok());
      written.push_back(std::move(packet));
    }
    FUZZ_REQUIRE((*writer)->WriteTotals({.passed = written.size()}, 1).ok() && (*writer)->Flush().ok());
  }
  const off_t size = lseek(memory.get(), 0, SEEK_END);
  FUZZ_REQUIRE(size > 0);
  std::vector<std::byte> file(static_cast<std::size_t>(size));
  FUZZ_REQUIRE(pread(memory.get(), file.data(), file.size(), 0) == size);
  std::vector<CapturedPacket> packets;
  FUZZ_REQUIRE(pmd::IsPcapng(file) && pmd::ParsePcapng(file, packets).ok() && packets.size() == written.size());
  for (std::size_t index = 0; index < packets.size(); ++index) {
    const Bytes read = Bytes(file).subspan(packets[index].offset, packets[index].length);
    FUZZ_REQUIRE(read.size() == written[index].size() && packets[index].wire_length == wire_lengths[index]);
    FUZZ_REQUIRE(read.empty() || std::memcmp(read.data(), written[index].data(), read.size()) == 0);
  }
}

}  // namespace
}  // namespace pollux

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  pollux::fuzz::Input input(data, size);
  if (input.Byte() == 'W') {
    pollux::WriteAndRead(input);
  } else {
    pollux::Read(input.Text());
  }
  return 0;
}
