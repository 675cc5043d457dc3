// SPDX-License-Identifier: Apache-2.0
#include "tests/bpf/flow_reference.h"

#include <algorithm>
#include <cstring>

namespace pollux::bpf {
namespace {

constexpr char kTruncated[] = "flow_truncated";
constexpr char kHeaders[] = "flow_unknown_headers";
constexpr char kChecksum[] = "flow_unfinished_checksum";

// Bytes of a frame, by their place; asking beyond the end is a mistake of this file.
class Bytes {
 public:
  Bytes(const Frame& frame, std::size_t end) : frame_(frame), end_(end) {}
  std::size_t end() const { return end_; }
  bool Has(std::size_t at, std::size_t length) const { return at + length <= end_; }
  uint8_t At(std::size_t at) const { return static_cast<uint8_t>(frame_.at(at)); }
  uint16_t Two(std::size_t at) const { return static_cast<uint16_t>(At(at) << 8 | At(at + 1)); }

 private:
  const Frame& frame_;
  const std::size_t end_;
};

uint16_t Wire(uint16_t value) {
  uint8_t bytes[2] = {static_cast<uint8_t>(value >> 8), static_cast<uint8_t>(value)};
  uint16_t wire;
  std::memcpy(&wire, bytes, 2);
  return wire;
}

void Copy(const Frame& frame, std::size_t at, std::size_t length, void* to) {
  std::memcpy(to, frame.data() + at, length);
}

// Where the parts of an IP packet are.
struct Layout {
  std::size_t tags = 0;
  std::size_t network = 14;
  uint16_t ether_type = 0;
  std::size_t transport = 0;  // 0: none
  std::size_t end = 0;        // of the IP packet
  uint8_t protocol = 0;
  bool other_addresses = false;
  bool fragment = false;
};

uint32_t AddWords(const Frame& frame, std::size_t from, std::size_t to, uint32_t sum) {
  for (std::size_t at = from; at < to; at += 2) {
    const auto high = static_cast<uint32_t>(frame[at]) << 8;
    sum += high | (at + 1 < to ? static_cast<uint32_t>(frame[at + 1]) : 0u);
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return sum;
}

uint32_t PseudoHeader(const Frame& frame, const Layout& layout, std::size_t length) {
  const bool ipv4 = layout.ether_type == 0x0800;
  const std::size_t addresses = layout.network + (ipv4 ? 12 : 8);
  uint32_t sum = AddWords(frame, addresses, addresses + (ipv4 ? 8 : 32), 0);
  sum += layout.protocol + static_cast<uint32_t>(length);
  sum = (sum & 0xffff) + (sum >> 16);
  return (sum & 0xffff) + (sum >> 16);
}

struct Parser {
  const Frame& frame;
  const ReferenceOptions& options;
  std::size_t most_tags = 2;
  ReferenceKey result = {};
  Layout layout = {};

  bool Refuse(const char* reason) {
    result.refused = reason;
    return false;
  }

  bool Ethernet(const Bytes& bytes) {
    pmd::FlowKey& key = result.key;
    key.port = options.port;
    Copy(frame, 0, 6, key.destination_mac);
    Copy(frame, 6, 6, key.source_mac);
    std::size_t at = 12;
    const auto tag = [&] { return bytes.Two(at) == 0x8100 || bytes.Two(at) == 0x88a8; };
    while (layout.tags < most_tags && tag()) {
      if (!bytes.Has(at, 6)) return Refuse(kTruncated);
      if (layout.tags < 2) {
        key.tag_type[layout.tags] = Wire(bytes.Two(at));
        key.tag[layout.tags] = Wire(bytes.Two(at + 2) | 0x1000);
      }
      ++layout.tags;
      at += 4;
    }
    layout.ether_type = bytes.Two(at);
    layout.network = at + 2;
    key.ether_type = Wire(layout.ether_type);
    if (tag() || layout.ether_type < 0x600) return Refuse(kHeaders);
    return true;
  }

  bool Arp(const Bytes& bytes) {
    const std::size_t at = layout.network;
    if (!bytes.Has(at, 28)) return Refuse(kTruncated);
    if (bytes.Two(at) != 1 || bytes.Two(at + 2) != 0x0800 || bytes.At(at + 4) != 6 || bytes.At(at + 5) != 4 || bytes.Two(at + 6) > 255)
      return Refuse(kHeaders);
    pmd::FlowKey& key = result.key;
    key.protocol = static_cast<uint8_t>(bytes.Two(at + 6));
    Copy(frame, at + 8, 6, reinterpret_cast<char*>(key.source) + 8);
    Copy(frame, at + 14, 4, key.source);
    Copy(frame, at + 18, 6, reinterpret_cast<char*>(key.destination) + 8);
    Copy(frame, at + 24, 4, key.destination);
    return true;
  }

  bool Ipv4(const Bytes& bytes) {
    const std::size_t at = layout.network;
    if (!bytes.Has(at, 20)) return Refuse(kTruncated);
    const std::size_t header = (bytes.At(at) & 15) * 4u;
    const std::size_t total = bytes.Two(at + 2);
    if (bytes.At(at) >> 4 != 4 || header < 20 || total < header) return Refuse(kHeaders);
    if (!bytes.Has(at, total)) return Refuse(kTruncated);
    layout.end = at + total;
    layout.other_addresses = header > 20;
    pmd::FlowKey& key = result.key;
    key.type_of_service = bytes.At(at + 1);
    key.time_to_live = bytes.At(at + 8);
    key.protocol = layout.protocol = bytes.At(at + 9);
    Copy(frame, at + 12, 4, key.source);
    Copy(frame, at + 16, 4, key.destination);
    const uint16_t fragment = bytes.Two(at + 6);
    if ((fragment & 0x3fff) != 0) key.fragment = (fragment & 0x1fff) != 0 ? 3 : 1;
    layout.fragment = key.fragment != 0;
    return (fragment & 0x1fff) != 0 || Transport(at + header);
  }

  bool Ipv6(const Bytes& bytes) {
    std::size_t at = layout.network;
    if (!bytes.Has(at, 40)) return Refuse(kTruncated);
    if (bytes.At(at) >> 4 != 6) return Refuse(kHeaders);
    layout.end = at + 40 + bytes.Two(at + 4);
    if (layout.end > bytes.end()) return Refuse(kTruncated);
    pmd::FlowKey& key = result.key;
    key.type_of_service = static_cast<uint8_t>(bytes.Two(at) >> 4);
    key.time_to_live = bytes.At(at + 7);
    Copy(frame, at + 8, 16, key.source);
    Copy(frame, at + 24, 16, key.destination);
    uint8_t next = bytes.At(at + 6);
    at += 40;
    for (int count = 0; next == 0 || next == 43 || next == 60 || next == 44; ++count) {
      if (count == 8) return Refuse(kHeaders);
      if (at + 8 > layout.end) return Refuse(kTruncated);
      if (next != 44) {
        layout.other_addresses |= next != 0;
        const std::size_t length = 8u + 8u * bytes.At(at + 1);
        next = bytes.At(at);
        if (at + length > layout.end) return Refuse(kTruncated);
        at += length;
        continue;
      }
      const uint16_t offset = bytes.Two(at + 2) >> 3;
      const bool more = (bytes.At(at + 3) & 1) != 0;
      if ((bytes.At(at + 3) & 6) != 0) return Refuse(kHeaders);  // reserved bits
      next = bytes.At(at);
      at += 8;
      if (offset == 0 && !more) continue;  // an atomic fragment is no fragment
      key.fragment = offset != 0 ? 3 : 1;
      layout.fragment = true;
      key.protocol = layout.protocol = next;
      if (offset != 0) return true;
    }
    key.protocol = layout.protocol = next;
    if (next == 51 || next == 135 || next == 139 || next == 140) return Refuse(kHeaders);
    return Transport(at);
  }

  // Whether the checksum at `field` is that of the pseudo header alone.
  bool Unfinished(std::size_t field, std::size_t length) const {
    const Bytes bytes(frame, layout.end);
    return options.unfinished && !layout.fragment && bytes.Two(field) == PseudoHeader(frame, layout, length);
  }

  bool Transport(std::size_t at) {
    const Bytes bytes(frame, layout.end);
    pmd::FlowKey& key = result.key;
    const std::size_t length = layout.end - at;
    const auto ports = [&](uint16_t source, uint16_t destination) {
      key.source_port = Wire(source);
      key.destination_port = Wire(destination);
      layout.transport = at;
    };
    if (layout.protocol == 6) {
      if (!bytes.Has(at, 20)) return Refuse(kTruncated);
      const std::size_t header = (bytes.At(at + 12) >> 4) * 4u;
      if (header < 20 || header > length) return Refuse(kHeaders);
      ports(bytes.Two(at), bytes.Two(at + 2));
      key.tcp_flags = Wire(bytes.Two(at + 12) & 0xfff);
      return !Unfinished(at + 16, length) || Refuse(kChecksum);
    }
    if (layout.protocol == 17) {
      if (!bytes.Has(at, 8)) return Refuse(kTruncated);
      const std::size_t udp_length = bytes.Two(at + 4);
      if (udp_length < 8 || (!layout.fragment && udp_length > length)) return Refuse(kHeaders);
      ports(bytes.Two(at), bytes.Two(at + 2));
      const uint16_t destination = bytes.Two(at + 2);
      const bool tunnel = destination == 4789 || destination == 8472 || destination == 6081;
      if (options.unfinished && tunnel) return Refuse(kChecksum);
      return bytes.Two(at + 6) == 0 || !Unfinished(at + 6, udp_length) || Refuse(kChecksum);
    }
    if (layout.protocol == 132) {
      if (!bytes.Has(at, 12)) return Refuse(kTruncated);
      ports(bytes.Two(at), bytes.Two(at + 2));
      return !options.unfinished || bytes.Two(at + 8) != 0 || bytes.Two(at + 10) != 0 || Refuse(kChecksum);
    }
    if (layout.protocol == (layout.ether_type == 0x0800 ? 1 : 58)) {
      if (!bytes.Has(at, 8)) return Refuse(kTruncated);
      ports(bytes.At(at), bytes.At(at + 1));
      return true;
    }
    return !options.unfinished || (layout.protocol != 4 && layout.protocol != 41) || Refuse(kChecksum);
  }

  void Run() {
    const Bytes bytes(frame, frame.size());
    if (!Ethernet(bytes)) return;
    if (layout.ether_type == 0x0806) Arp(bytes);
    if (layout.ether_type == 0x0800) Ipv4(bytes);
    if (layout.ether_type == 0x86dd) Ipv6(bytes);
  }
};

template <typename Field>
void SetMasked(Frame& frame, std::size_t at, const Field& value, const Field& mask) {
  const auto* values = reinterpret_cast<const uint8_t*>(&value);
  const auto* masks = reinterpret_cast<const uint8_t*>(&mask);
  for (std::size_t byte = 0; byte < sizeof(Field); ++byte) {
    const auto old = static_cast<uint8_t>(frame[at + byte]);
    frame[at + byte] = static_cast<std::byte>((old & ~masks[byte]) | (values[byte] & masks[byte]));
  }
}

void Set(Frame& frame, const Layout& layout, const pmd::FlowAction& action) {
  const pmd::FlowKey &value = action.value, &mask = action.mask;
  SetMasked(frame, 0, value.destination_mac, mask.destination_mac);
  SetMasked(frame, 6, value.source_mac, mask.source_mac);
  const std::size_t network = layout.network;
  if (layout.ether_type == 0x0800) {
    SetMasked(frame, network + 1, value.type_of_service, mask.type_of_service);
    SetMasked(frame, network + 8, value.time_to_live, mask.time_to_live);
    SetMasked(frame, network + 12, value.source[0], mask.source[0]);
    SetMasked(frame, network + 16, value.destination[0], mask.destination[0]);
  }
  if (layout.ether_type == 0x86dd) {
    // The traffic class lies across two bytes.
    SetMasked(frame, network, static_cast<uint8_t>(value.type_of_service >> 4), static_cast<uint8_t>(mask.type_of_service >> 4));
    SetMasked(frame, network + 1, static_cast<uint8_t>(value.type_of_service << 4), static_cast<uint8_t>(mask.type_of_service << 4));
    SetMasked(frame, network + 7, value.time_to_live, mask.time_to_live);
    SetMasked(frame, network + 8, value.source, mask.source);
    SetMasked(frame, network + 24, value.destination, mask.destination);
  }
  if (layout.transport != 0 && (layout.protocol == 6 || layout.protocol == 17)) {
    SetMasked(frame, layout.transport, value.source_port, mask.source_port);
    SetMasked(frame, layout.transport + 2, value.destination_port, mask.destination_port);
  }
}

void Store(Frame& frame, std::size_t at, uint16_t value) {
  frame[at] = static_cast<std::byte>(value >> 8);
  frame[at + 1] = static_cast<std::byte>(value);
}

void FinishChecksums(Frame& frame, const Layout& layout) {
  const std::size_t network = layout.network;
  if (layout.ether_type == 0x0800) {
    Store(frame, network + 10, 0);
    const std::size_t header = (static_cast<uint8_t>(frame[network]) & 15) * 4u;
    Store(frame, network + 10, static_cast<uint16_t>(~AddWords(frame, network, network + header, 0)));
  }
  if (layout.transport == 0) return;
  std::size_t field = 0, end = layout.end;
  const Bytes bytes(frame, frame.size());
  if (layout.protocol == 6) field = layout.transport + 16;
  if (layout.protocol == 17) {
    field = layout.transport + 6;
    end = layout.transport + bytes.Two(layout.transport + 4);
    if (bytes.Two(field) == 0) return;
  }
  if (layout.protocol == 58 && layout.ether_type == 0x86dd) field = layout.transport + 2;
  if (field == 0) return;
  Store(frame, field, 0);
  auto sum = static_cast<uint16_t>(~AddWords(frame, layout.transport, end, PseudoHeader(frame, layout, end - layout.transport)));
  if (sum == 0 && layout.protocol == 17) sum = 0xffff;
  Store(frame, field, sum);
}

bool PseudoHeaderIsKnown(uint8_t protocol) {
  for (const int known : {1, 2, 6, 17, 47, 58, 132}) {
    if (protocol == known) return true;
  }
  return false;
}

}  // namespace

ReferenceKey ReferenceParse(const Frame& frame, const ReferenceOptions& options) {
  Parser parser{frame, options};
  parser.Run();
  return parser.result;
}

ReferenceResult ReferenceApply(const Frame& frame, const std::vector<pmd::FlowAction>& actions) {
  ReferenceResult result{frame, ""};
  Frame& out = result.frame;
  for (const pmd::FlowAction& action : actions) {
    const ReferenceOptions options;
    Parser parser{out, options, /*most_tags=*/4};
    parser.Run();
    using Kind = pmd::FlowAction::Kind;
    if (action.kind == Kind::kPushVlan) {
      const std::byte zero{};
      out.insert(out.begin() + 12, 4, zero);
      Store(out, 12, action.tag_type);
      Store(out, 14, action.tag);
    }
    if (action.kind == Kind::kPopVlan) out.erase(out.begin() + 12, out.begin() + 16);
    if (action.kind == Kind::kSetVlan) SetMasked(out, 14, Wire(action.tag), Wire(action.tag_mask));
    if (action.kind == Kind::kExchangeMacs) std::swap_ranges(out.begin(), out.begin() + 6, out.begin() + 6);
    if (action.kind != Kind::kSet) continue;
    static constexpr uint32_t kNoAddress[4] = {};
    const bool addresses =
        std::memcmp(action.mask.source, kNoAddress, 16) != 0 || std::memcmp(action.mask.destination, kNoAddress, 16) != 0;
    if (addresses && (parser.layout.other_addresses || !PseudoHeaderIsKnown(parser.layout.protocol))) return {{}, kChecksum};
    if ((action.mask.source_port | action.mask.destination_port) != 0 && parser.layout.transport == 0) return {{}, kHeaders};
    Set(out, parser.layout, action);
    FinishChecksums(out, parser.layout);
  }
  return result;
}

}  // namespace pollux::bpf
