// SPDX-License-Identifier: Apache-2.0
#include "pmd/pcap/pcapng.h"

#include <algorithm>
#include <cstring>

#include <absl/strings/str_cat.h>

namespace pollux::pmd {
namespace {

using Bytes = std::span<const std::byte>;

constexpr uint32_t kSectionHeader = 0x0A0D0D0A;  // the same in both byte orders
constexpr uint32_t kInterfaceDescription = 1;
constexpr uint32_t kOldPacket = 2;
constexpr uint32_t kSimplePacket = 3;
constexpr uint32_t kEnhancedPacket = 6;
constexpr uint32_t kByteOrder = 0x1A2B3C4D;
constexpr uint16_t kMajorVersion = 1;
constexpr uint16_t kEthernet = 1;
// A block is its type, its length, a body, and its length again.
constexpr std::size_t kBlockHeader = 8;
constexpr std::size_t kBlockFrame = 12;
constexpr uint32_t kLargestBlock = 16 << 20;  // a length beyond is damage and not a file that was cut

class Parser {
 public:
  Parser(Bytes file, std::vector<CapturedPacket>& packets) : file_(file), packets_(packets) {}

  absl::Status Run() {
    while (at_ < file_.size()) {
      if (auto status = Block(); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

 private:
  struct Interface {
    uint16_t link_type;
    uint32_t snap_length;  // 0: no limit
  };

  uint32_t Load32(std::size_t offset) const {
    uint32_t value;
    std::memcpy(&value, file_.data() + offset, sizeof(value));
    return swapped_ ? __builtin_bswap32(value) : value;
  }
  uint16_t Load16(std::size_t offset) const {
    uint16_t value;
    std::memcpy(&value, file_.data() + offset, sizeof(value));
    return swapped_ ? __builtin_bswap16(value) : value;
  }
  std::size_t Left() const { return file_.size() - at_; }

  absl::Status Damaged(absl::string_view what) const {
    return absl::InvalidArgumentError(absl::StrCat("packet ", packets_.size() + 1, " cannot be read: ", what, " at byte ", at_));
  }
  absl::Status Cut() const { return absl::DataLossError(absl::StrCat("cut off within the block that begins at byte ", at_)); }

  absl::Status Block() {
    if (Left() < kBlockFrame) return Cut();
    const uint32_t type = Load32(at_);
    if (type == kSectionHeader) {
      if (auto status = ByteOrder(); !status.ok()) return status;
    }
    const uint32_t length = Load32(at_ + 4);
    if (length < kBlockFrame || length % 4 != 0 || length > kLargestBlock) return Damaged(absl::StrCat("a block of ", length, " bytes"));
    if (length > Left()) return Cut();
    if (Load32(at_ + length - 4) != length) return Damaged("a block with two lengths");
    const std::size_t body = at_ + kBlockHeader;
    const absl::Status status = Body(type, body, length - kBlockFrame);
    at_ += length;
    return status;
  }

  // The first word of a section header's body tells how to read the block's length.
  absl::Status ByteOrder() {
    swapped_ = false;
    const uint32_t order = Load32(at_ + kBlockHeader);
    swapped_ = order == __builtin_bswap32(kByteOrder);
    return order == kByteOrder || swapped_ ? absl::OkStatus() : Damaged("a section of an unknown byte order");
  }

  absl::Status Body(uint32_t type, std::size_t body, std::size_t length) {
    switch (type) {
      case kSectionHeader:
        interfaces_.clear();
        if (length < 16) return Damaged("a short section header");
        return Load16(body + 4) == kMajorVersion ? absl::OkStatus() : Damaged(absl::StrCat("a section of version ", Load16(body + 4)));
      case kInterfaceDescription:
        if (length < 8) return Damaged("a short interface description");
        interfaces_.push_back({Load16(body), Load32(body + 4)});
        return absl::OkStatus();
      case kEnhancedPacket:
      case kOldPacket:
        if (length < 20) return Damaged("a short packet block");
        return Append(type == kOldPacket ? Load16(body) : Load32(body), body + 20, length - 20, Load32(body + 12), Load32(body + 16));
      case kSimplePacket: {
        if (length < 4) return Damaged("a short packet block");
        const uint32_t wire_length = Load32(body);
        const uint32_t limit = interfaces_.empty() || interfaces_[0].snap_length == 0 ? wire_length : interfaces_[0].snap_length;
        return Append(0, body + 4, length - 4, std::min(wire_length, limit), wire_length);
      }
      default:
        return absl::OkStatus();  // names, statistics, and what others have made up
    }
  }

  absl::Status Append(uint32_t interface, std::size_t data, std::size_t room, uint32_t length, uint32_t wire_length) {
    if (interface >= interfaces_.size()) return Damaged(absl::StrCat("a packet of interface ", interface, ", which the section lacks,"));
    if (const uint16_t link_type = interfaces_[interface].link_type; link_type != kEthernet) {
      return absl::InvalidArgumentError(absl::StrCat("packet ", packets_.size() + 1, " is of interface ", interface,
                                                     ", whose link type is ", link_type, ", must be 1 (EN10MB, Ethernet)"));
    }
    if (length > room) return Damaged(absl::StrCat("a packet of ", length, " bytes in a block for ", room));
    packets_.push_back({.offset = data, .length = length, .wire_length = wire_length});
    return absl::OkStatus();
  }

  const Bytes file_;
  std::vector<CapturedPacket>& packets_;
  std::size_t at_ = 0;  // the block at hand
  bool swapped_ = false;
  std::vector<Interface> interfaces_;  // of the section at hand
};

}  // namespace

bool IsPcapng(Bytes file) {
  uint32_t type;
  if (file.size() < sizeof(type)) return false;
  std::memcpy(&type, file.data(), sizeof(type));
  return type == kSectionHeader;
}

absl::Status ParsePcapng(Bytes file, std::vector<CapturedPacket>& packets) {
  return Parser(file, packets).Run();
}

}  // namespace pollux::pmd
