// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/flows/pattern_parser.h"

#include <cstring>
#include <map>
#include <utility>
#include <vector>

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>

namespace pollux::testpmd {
namespace {

using Bytes = std::vector<uint8_t>;
using Form = RuleWords::Form;
using pmd::FlowKey;

// Where a field stands in the key; a number narrower than its place has `shift` zero bits behind it.
struct Field {
  const char* item;
  const char* name;
  Form form;
  std::size_t offset;
  std::size_t bytes;
  unsigned bits;  // of a number
  unsigned shift;
};

constexpr std::size_t kSource = offsetof(FlowKey, source);
constexpr std::size_t kDestination = offsetof(FlowKey, destination);
constexpr std::size_t kSourcePort = offsetof(FlowKey, source_port);
constexpr std::size_t kDestinationPort = offsetof(FlowKey, destination_port);
constexpr std::size_t kArpHardware = 8;  // within an address

constexpr Field kFields[] = {
    {"eth", "dst", Form::kMac, offsetof(FlowKey, destination_mac), 6, 0, 0},
    {"eth", "src", Form::kMac, offsetof(FlowKey, source_mac), 6, 0, 0},
    {"eth", "type", Form::kNumber, offsetof(FlowKey, ether_type), 2, 16, 0},  // of what comes behind; else moved
    {"vlan", "vid", Form::kNumber, offsetof(FlowKey, tag), 2, 12, 0},
    {"vlan", "pcp", Form::kNumber, offsetof(FlowKey, tag), 2, 3, 13},
    {"vlan", "inner_type", Form::kNumber, offsetof(FlowKey, ether_type), 2, 16, 0},
    {"ipv4", "src", Form::kIpv4, kSource, 4, 0, 0},
    {"ipv4", "dst", Form::kIpv4, kDestination, 4, 0, 0},
    {"ipv4", "proto", Form::kNumber, offsetof(FlowKey, protocol), 1, 8, 0},
    {"ipv4", "tos", Form::kNumber, offsetof(FlowKey, type_of_service), 1, 8, 0},
    {"ipv4", "ttl", Form::kNumber, offsetof(FlowKey, time_to_live), 1, 8, 0},
    {"ipv6", "src", Form::kIpv6, kSource, 16, 0, 0},
    {"ipv6", "dst", Form::kIpv6, kDestination, 16, 0, 0},
    {"ipv6", "proto", Form::kNumber, offsetof(FlowKey, protocol), 1, 8, 0},
    {"ipv6", "tc", Form::kNumber, offsetof(FlowKey, type_of_service), 1, 8, 0},
    {"ipv6", "hop", Form::kNumber, offsetof(FlowKey, time_to_live), 1, 8, 0},
    {"tcp", "src", Form::kNumber, kSourcePort, 2, 16, 0},
    {"tcp", "dst", Form::kNumber, kDestinationPort, 2, 16, 0},
    {"tcp", "flags", Form::kNumber, offsetof(FlowKey, tcp_flags), 2, 8, 0},
    {"udp", "src", Form::kNumber, kSourcePort, 2, 16, 0},
    {"udp", "dst", Form::kNumber, kDestinationPort, 2, 16, 0},
    {"sctp", "src", Form::kNumber, kSourcePort, 2, 16, 0},
    {"sctp", "dst", Form::kNumber, kDestinationPort, 2, 16, 0},
    {"icmp", "type", Form::kNumber, kSourcePort, 2, 8, 0},
    {"icmp", "code", Form::kNumber, kDestinationPort, 2, 8, 0},
    {"icmp6", "type", Form::kNumber, kSourcePort, 2, 8, 0},
    {"icmp6", "code", Form::kNumber, kDestinationPort, 2, 8, 0},
    {"arp_eth_ipv4", "op", Form::kNumber, offsetof(FlowKey, protocol), 1, 8, 0},
    {"arp_eth_ipv4", "sha", Form::kMac, kSource + kArpHardware, 6, 0, 0},
    {"arp_eth_ipv4", "spa", Form::kIpv4, kSource, 4, 0, 0},
    {"arp_eth_ipv4", "tha", Form::kMac, kDestination + kArpHardware, 6, 0, 0},
    {"arp_eth_ipv4", "tpa", Form::kIpv4, kDestination, 4, 0, 0},
};

// What stands where in a packet: 2: Ethernet, 3: network, 4: transport.
struct Item {
  const char* name;
  int layer;
  uint16_t ether_type;  // 0: none of its own
  int protocol;         // -1: none of its own
};
constexpr Item kItems[] = {
    {"eth", 2, 0, -1}, {"vlan", 2, 0, -1}, {"ipv4", 3, 0x0800, -1}, {"ipv6", 3, 0x86dd, -1}, {"arp_eth_ipv4", 3, 0x0806, -1},
    {"tcp", 4, 0, 6},  {"udp", 4, 0, 17},  {"sctp", 4, 0, 132},     {"icmp", 4, 0x0800, 1},  {"icmp6", 4, 0x86dd, 58}};

class PatternParser {
 public:
  explicit PatternParser(RuleWords& words) : words_(words) {}

  absl::StatusOr<ParsedPattern> Run() {
    while (!words_.Skip("end")) {
      if (auto status = OneItem(); !status.ok()) return status;
      if (words_.Peek() != "/") return words_.Fault("'/' is expected behind an item, and 'end' at last");
      words_.Take();
    }
    return result_;
  }

 private:
  absl::Status OneItem() {
    if (words_.Skip("void")) return absl::OkStatus();
    const Item* item = nullptr;
    for (const Item& one : kItems) {
      if (words_.Peek() == one.name) item = &one;
    }
    if (item == nullptr)
      return words_.Fault(
          "eth, vlan, ipv4, ipv6, arp_eth_ipv4, tcp, udp, sctp, icmp, icmp6, void or end is expected; other items are not there");
    if (auto status = Place(*item); !status.ok()) return status;
    words_.Take();
    absl::StrAppend(&result_.names, result_.names.empty() ? "" : " ", absl::AsciiStrToUpper(item->name));
    while (words_.Peek() != "/" && !words_.finished()) {
      if (auto status = OneField(*item); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  // What it means that the header is there, and there.
  absl::Status Place(const Item& item) {
    const absl::string_view name = item.name;
    const bool first = layer_ == 0;
    if (name == "eth" ? !first : item.layer < layer_ || (item.layer == layer_ && name != "vlan"))
      return words_.Fault(
          "this item cannot come here: the order is eth, vlan, ipv4 | ipv6 | arp_eth_ipv4, tcp | udp | sctp | icmp | icmp6");
    if (name == "vlan") {
      if (tags_ == 2) return absl::UnimplementedError("flow pattern: more than two vlan items");
      // The EtherType in front was that of the tag.
      MoveTypeTo(tags_);
      Match(offsetof(FlowKey, tag) + 2 * tags_, {0x10, 0}, {0x10, 0});
      ++tags_;
    }
    if (item.layer == 3) {
      if (auto status = MatchType(item.ether_type); !status.ok()) return status;
      if (tags_ < 2) Match(offsetof(FlowKey, tag) + 2 * tags_, {0, 0}, {0x10, 0});
      network_ = item.ether_type;
    }
    if (item.layer == 4) {
      if (network_ != 0x0800 && network_ != 0x86dd) return words_.Fault("this item wants ipv4 or ipv6 before it");
      if (item.ether_type != 0 && item.ether_type != network_) return words_.Fault("this item belongs to the other version of IP");
      const auto protocol = static_cast<uint8_t>(item.protocol);
      if ((protocol & result_.match.mask.protocol) != result_.match.value.protocol)
        return words_.Fault("this item is another protocol than the one that was asked for before");
      Match(offsetof(FlowKey, protocol), {protocol}, {0xff});
      Match(offsetof(FlowKey, fragment), {0}, {FLOW_FRAGMENT_LATER});
    }
    layer_ = item.layer;
    return absl::OkStatus();
  }

  void Match(std::size_t offset, const Bytes& value, const Bytes& mask) {
    auto* values = reinterpret_cast<uint8_t*>(&result_.match.value);
    auto* masks = reinterpret_cast<uint8_t*>(&result_.match.mask);
    for (std::size_t byte = 0; byte < value.size(); ++byte) {
      values[offset + byte] = static_cast<uint8_t>((values[offset + byte] & ~mask[byte]) | (value[byte] & mask[byte]));
      masks[offset + byte] |= mask[byte];
    }
  }

  absl::Status MatchType(uint16_t type) {
    const Bytes wire = {static_cast<uint8_t>(type >> 8), static_cast<uint8_t>(type)};
    const FlowKey& mask = result_.match.mask;
    uint16_t asked;
    std::memcpy(&asked, wire.data(), 2);
    if ((asked & mask.ether_type) != result_.match.value.ether_type)
      return words_.Fault("this item has another EtherType than the one that was asked for before");
    Match(offsetof(FlowKey, ether_type), wire, {0xff, 0xff});
    return absl::OkStatus();
  }

  void MoveTypeTo(std::size_t tag) {
    FlowKey &value = result_.match.value, &mask = result_.match.mask;
    value.tag_type[tag] = value.ether_type;
    mask.tag_type[tag] = mask.ether_type;
    value.ether_type = mask.ether_type = 0;
  }

  absl::Status OneField(const Item& item) {
    const Field* field = nullptr;
    std::string known;
    for (const Field& one : kFields) {
      if (absl::string_view(one.item) != item.name) continue;
      absl::StrAppend(&known, known.empty() ? "" : ", ", one.name);
      if (words_.Peek() == one.name) field = &one;
    }
    if (field == nullptr) return words_.Fault(absl::StrCat("'/' or a field of ", item.name, " is expected: ", known));
    words_.Take();
    std::size_t offset = field->offset;
    if (offset == offsetof(FlowKey, tag)) offset += 2 * (tags_ - 1);
    const std::string how = words_.Take();
    if (how == "prefix") {
      const std::size_t bits = field->form == Form::kNumber ? field->bits : 8 * field->bytes;
      const auto length = words_.Number(bits);
      if (!length.ok()) return length.status();
      const Bytes mask = field->form == Form::kNumber ? NumberPrefix(*field, *length) : PrefixMask(field->bytes, *length);
      return SetMask(*field, offset, masks_[{field->name, offset}] = mask);
    }
    if (how != "is" && how != "spec" && how != "mask" && how != "last")
      return absl::InvalidArgumentError(absl::StrCat("Bad arguments: '", how, "': is, spec, last, mask or prefix is expected"));
    auto value = Read(*field);
    if (!value.ok()) return value.status();
    if (how == "mask") return SetMask(*field, offset, masks_[{field->name, offset}] = *value);
    if (how == "last") {
      const auto spec = specs_.find({field->name, offset});
      if (spec != specs_.end() && spec->second == *value) return absl::OkStatus();
      return absl::UnimplementedError(
          absl::StrCat("flow pattern: a range of ", item.name, " ", field->name, " (last): a match is by masks"));
    }
    const auto mask = masks_.find({field->name, offset});
    specs_[{field->name, offset}] = *value;
    return SetMask(*field, offset, how == "spec" && mask != masks_.end() ? Bytes(mask->second) : Full(*field));
  }

  // In its place among the bytes.
  absl::StatusOr<Bytes> Read(const Field& field) {
    if (field.form != Form::kNumber) return words_.Value(field.form, field.bytes);
    const auto number = words_.Number((1u << field.bits) - 1);
    if (!number.ok()) return number.status();
    return NumberBytes(field, *number << field.shift);
  }
  static Bytes NumberBytes(const Field& field, uint64_t number) {
    if (field.bytes == 1) return {static_cast<uint8_t>(number)};
    return {static_cast<uint8_t>(number >> 8), static_cast<uint8_t>(number)};
  }
  static Bytes NumberPrefix(const Field& field, std::size_t length) {
    const uint64_t all = (uint64_t{1} << field.bits) - 1;
    return NumberBytes(field, (all & ~(all >> length)) << field.shift);
  }
  static Bytes Full(const Field& field) {
    // Of ICMP's bytes and TCP's flags the rest of the place is 0 or other flags.
    if (field.form == Form::kNumber) return NumberBytes(field, ((uint64_t{1} << field.bits) - 1) << field.shift);
    return Bytes(field.bytes, 0xff);
  }

  // What of the field is asked for: the mask that was given, wherever it stands, or all.
  absl::Status SetMask(const Field& field, std::size_t offset, const Bytes& mask) {
    auto* values = reinterpret_cast<uint8_t*>(&result_.match.value) + offset;
    auto* masks = reinterpret_cast<uint8_t*>(&result_.match.mask) + offset;
    const Bytes full = Full(field);
    const auto spec = specs_.find({field.name, offset});
    for (std::size_t byte = 0; byte < mask.size(); ++byte) {
      masks[byte] = static_cast<uint8_t>((masks[byte] & ~full[byte]) | mask[byte]);
      const uint8_t value = spec == specs_.end() ? 0 : spec->second[byte];
      values[byte] = static_cast<uint8_t>((values[byte] & ~full[byte]) | (value & mask[byte]));
    }
    return absl::OkStatus();
  }

  RuleWords& words_;
  ParsedPattern result_;
  int layer_ = 0;
  std::size_t tags_ = 0;
  uint16_t network_ = 0;
  std::map<std::pair<std::string, std::size_t>, Bytes> specs_, masks_;
};

}  // namespace

absl::StatusOr<ParsedPattern> ParsePattern(RuleWords& words) {
  return PatternParser(words).Run();
}

}  // namespace pollux::testpmd
