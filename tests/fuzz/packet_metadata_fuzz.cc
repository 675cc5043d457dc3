// SPDX-License-Identifier: Apache-2.0
// What packets ask of the device that sends them, settled before the kernel sees it, against a plain model of it; and what a device told of
// packets, as words and back.
#include <algorithm>
#include <cstring>
#include <span>

#include <absl/strings/str_replace.h>

#include "pmd/af_xdp/tx_requests.h"
#include "pmd/rx_metadata.h"
#include "pmd/tx_metadata.h"
#include "tests/fuzz/input.h"

namespace pollux::pmd {
namespace {

using mempool::Packet;

constexpr std::size_t kEthernetBytes = 14;

void DescribeKinds(const std::string& text) {
  const auto kinds = ParseRxMetadataKinds(text);
  if (!kinds.ok()) {
    FUZZ_REQUIRE(absl::IsInvalidArgument(kinds.status()));
    return;
  }
  FUZZ_REQUIRE(*kinds != 0 && (*kinds & ~RxMetadata::kAll) == 0);
  const auto again = ParseRxMetadataKinds(absl::StrReplaceAll(DescribeRxMetadataKinds(*kinds), {{" ", ""}}));
  FUZZ_REQUIRE(again.ok() && *again == *kinds);
}

void ReadReceived(const std::string& text) {
  std::vector<std::byte> frame(text.size());
  if (frame.size() < sizeof(rx_metadata)) return;
  std::memcpy(frame.data(), text.data(), text.size());
  const Packet packet = {.data = frame.data() + sizeof(rx_metadata),
                         .length = static_cast<uint32_t>(frame.size() - sizeof(rx_metadata)),
                         .flags = Packet::kRxMetadata};
  const auto metadata = ReadRxMetadata(packet);
  uint32_t mark;
  std::memcpy(&mark, packet.data - sizeof(mark), sizeof(mark));
  FUZZ_REQUIRE(metadata.has_value() == (mark == RX_METADATA_RECEIVED));
  if (metadata.has_value()) FUZZ_REQUIRE(DescribeRxMetadata(*metadata).empty() == ((metadata->valid & RxMetadata::kAll) == 0));
}

// The folded ones' complement sum of big-endian words, as RFC 1071 writes it down.
uint16_t PlainSum(std::span<const std::byte> bytes) {
  uint32_t sum = 0;
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    sum += static_cast<uint32_t>(bytes[at]) << (at % 2 == 0 ? 8 : 0);
    sum = (sum & 0xFFFF) + (sum >> 16);
  }
  return static_cast<uint16_t>(sum);
}

std::vector<std::byte> Joined(std::span<const Packet> frames) {
  std::vector<std::byte> bytes;
  for (const Packet& frame : frames) bytes.insert(bytes.end(), frame.data, frame.data + frame.length);
  return bytes;
}

// A grant, the number of frames, the headroom, the request, and the frames, each with its length.
void Settle(fuzz::Input& input) {
  using af_xdp::TxGrant;
  const uint8_t granted = input.Byte();
  const TxGrant grant = {.registered = true, .asks = granted % 8u, .checksums_several = (granted & 8) != 0};
  const std::size_t headroom = std::min<std::size_t>(input.Byte(), 2 * kTxMetadataBytes);
  TxMetadata metadata;
  auto* const raw = reinterpret_cast<uint8_t*>(&metadata);
  // Of the numbers of 64 bits the lowest bytes, and of what is asked the highest too.
  raw[0] = input.Byte();
  raw[7] = input.Byte();
  for (const std::size_t at : {8, 9, 10, 11}) raw[at] = input.Byte();
  // Each frame of exactly its size, so that a sanitizer sees what lies beside it.
  std::vector<std::vector<std::byte>> memory;
  std::vector<Packet> frames;
  do {
    const std::size_t before = memory.empty() ? headroom : 0;
    std::vector<std::byte> frame(before + std::max<std::size_t>(input.Byte(), memory.empty() ? kEthernetBytes : 1));
    for (std::size_t at = before; at < frame.size(); ++at) frame[at] = std::byte{input.Byte()};
    memory.push_back(std::move(frame));
    frames.push_back({.data = memory.back().data() + before, .length = static_cast<uint32_t>(memory.back().size() - before)});
  } while (!input.empty() && frames.size() < 4);
  for (Packet& frame : std::span(frames).first(frames.size() - 1)) frame.flags = Packet::kContinues;
  Packet& first = frames.front();
  first.flags |= Packet::kTxMetadata;
  const bool readable = headroom >= kTxMetadataBytes;
  if (readable) std::memcpy(first.data - kTxMetadataBytes, &metadata, sizeof(metadata));
  const std::vector<std::byte> before = Joined(frames);

  // The request goes with a copy that has room.
  std::vector<std::byte> room(kTxMetadataBytes + first.length);
  Packet copy = {.data = room.data() + kTxMetadataBytes, .length = first.length};
  af_xdp::CopyRequest(first, headroom, copy);
  FUZZ_REQUIRE(copy.has_tx_metadata());
  const TxMetadata copied = MetadataBefore(copy.data);
  FUZZ_REQUIRE(readable ? std::memcmp(&copied, &metadata, sizeof(metadata)) == 0 : copied.asks == af_xdp::kAskedUnreadably);

  af_xdp::TxRequestCounters counters;
  const uint64_t handed_on = af_xdp::SettleRequest(grant, frames, headroom, counters);
  const std::vector<std::byte> after = Joined(frames);
  std::size_t changed = 0;
  for (std::size_t at = 0; at < before.size(); ++at) changed += before[at] != after[at] ? 1 : 0;

  FUZZ_REQUIRE((handed_on & ~grant.asks) == 0 && counters.handed_on.value() == (handed_on != 0 ? 1 : 0));
  if (!readable || (metadata.asks & af_xdp::kAskedUnreadably) != 0) {
    FUZZ_REQUIRE(handed_on == 0 && counters.no_room.value() == 1 && changed <= 8);
    return;
  }
  FUZZ_REQUIRE(counters.no_room.value() == 0 && (handed_on & ~metadata.asks) == 0);
  if (handed_on != 0) {
    const TxMetadata left = MetadataBefore(first.data);
    FUZZ_REQUIRE(left.asks == handed_on && left.checksum_start == metadata.checksum_start && left.launch_time == metadata.launch_time);
  }
  const std::size_t start = metadata.checksum_start, field = start + metadata.checksum_offset;
  const bool asks_checksum = (metadata.asks & TxMetadata::kChecksum) != 0;
  const bool possible = start >= kEthernetBytes && field + 2 <= first.length;
  FUZZ_REQUIRE(counters.out_of_range.value() == (asks_checksum && !possible ? 1 : 0));
  if (asks_checksum && !possible) {
    // The packet's own headers say what is to finish, if anything.
    FUZZ_REQUIRE((handed_on & TxMetadata::kChecksum) == 0 && changed <= 8);
    return;
  }
  const bool by_device = (grant.asks & TxMetadata::kChecksum) != 0 && (frames.size() == 1 || grant.checksums_several);
  FUZZ_REQUIRE(((handed_on & TxMetadata::kChecksum) != 0) == (asks_checksum && by_device));
  FUZZ_REQUIRE(counters.checksums_finished.value() == (asks_checksum && !by_device ? 1 : 0));
  if (!asks_checksum || by_device) {
    FUZZ_REQUIRE(changed == 0);
    return;
  }
  uint16_t expected = static_cast<uint16_t>(~PlainSum(std::span(before).subspan(start)));
  if (expected == 0) expected = 0xFFFF;
  FUZZ_REQUIRE(after[field] == std::byte(expected >> 8) && after[field + 1] == std::byte(expected & 0xFF));
  std::size_t elsewhere = changed;
  for (const std::size_t at : {field, field + 1}) elsewhere -= before[at] != after[at] ? 1 : 0;
  FUZZ_REQUIRE(elsewhere == 0);
}

}  // namespace
}  // namespace pollux::pmd

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  pollux::fuzz::Input input(data, size);
  switch (input.Byte()) {
    case 'K':
      pollux::pmd::DescribeKinds(input.Text());
      break;
    case 'R':
      pollux::pmd::ReadReceived(input.Text());
      break;
    default:
      pollux::pmd::Settle(input);
  }
  return 0;
}
