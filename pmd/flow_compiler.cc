// SPDX-License-Identifier: Apache-2.0
#include "pmd/flow_compiler.h"

#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include <absl/strings/str_cat.h>

#include "pmd/network_order.h"

namespace pollux::pmd {
namespace {

constexpr uint16_t kIpv4 = NetworkOrder16(0x0800);
constexpr uint16_t kIpv6 = NetworkOrder16(0x86dd);
constexpr uint16_t kArp = NetworkOrder16(0x0806);
constexpr uint16_t kVlan = NetworkOrder16(0x8100);
constexpr uint16_t kServiceVlan = NetworkOrder16(0x88a8);
constexpr uint16_t kTagPresent = NetworkOrder16(FLOW_TAG_PRESENT);
constexpr std::size_t kMostTags = 2;

template <typename Field>
bool Any(const Field& field) {
  static constexpr Field kZero = {};
  return std::memcmp(&field, &kZero, sizeof(field)) == 0 ? false : true;
}

bool AnyFromWord(const __u32 (&address)[4], int first) {
  return std::any_of(address + first, address + 4, [](uint32_t word) { return word != 0; });
}

// What a match makes sure of.
class Certainty {
 public:
  explicit Certainty(const FlowMatch& match) : match_(match) {}
  bool ether_type(uint16_t type) const { return match_.mask.ether_type == 0xffff && match_.value.ether_type == type; }
  bool ip() const { return ether_type(kIpv4) || ether_type(kIpv6); }
  bool protocol(uint8_t number) const { return ip() && match_.mask.protocol == 0xff && match_.value.protocol == number; }
  bool icmp() const { return (ether_type(kIpv4) && protocol(IPPROTO_ICMP)) || (ether_type(kIpv6) && protocol(IPPROTO_ICMPV6)); }
  bool ports() const { return protocol(IPPROTO_TCP) || protocol(IPPROTO_UDP); }
  bool tag(std::size_t number) const { return number < kMostTags && (match_.value.tag[number] & kTagPresent) != 0; }

 private:
  const FlowMatch& match_;
};

absl::Status Wants(const char* what, const char* of) {
  return absl::InvalidArgumentError(absl::StrCat("flow match: ", what, " can be matched only where ", of, " is matched exactly"));
}

// One after the other, into a flow_action.
class ActionCompiler {
 public:
  explicit ActionCompiler(const FlowMatch& match) : sure_(match) {}

  absl::Status Add(const FlowAction& action) {
    if (ended_ && action.kind == FlowAction::Kind::kOutput)
      return absl::UnimplementedError("flow actions: more than one output, or an output beside a drop: a flow has one output");
    if (ended_) return absl::UnimplementedError("flow actions: an action behind the output, the drop or the way to user space");
    switch (action.kind) {
      case FlowAction::Kind::kOutput:
        return Output(action.port);
      case FlowAction::Kind::kDrop:
        return End(FLOW_DROP, "a drop");
      case FlowAction::Kind::kUserSpace:
        return End(FLOW_UP, "the way to user space");
      case FlowAction::Kind::kSet:
        return Set(action);
      case FlowAction::Kind::kPushVlan:
        return Push(action);
      case FlowAction::Kind::kPopVlan:
        return Pop();
      case FlowAction::Kind::kSetVlan:
        return SetVlan(action);
      case FlowAction::Kind::kExchangeMacs:
        return ExchangeMacs();
    }
    return absl::InvalidArgumentError(absl::StrCat("flow actions: there is no kind ", static_cast<int>(action.kind)));
  }

  absl::StatusOr<flow_action> Take() {
    if (!ended_) return absl::InvalidArgumentError("flow actions: neither an output, nor a drop, nor the way to user space");
    return action_;
  }

 private:
  absl::Status Output(uint32_t port) {
    if (port >= FLOW_MAXIMUM_PORTS)
      return absl::OutOfRangeError(absl::StrCat("flow actions: output to port ", port, ": ports are below ", int{FLOW_MAXIMUM_PORTS}));
    action_.output = port;
    action_.verdict = FLOW_OUTPUT;
    ended_ = true;
    return absl::OkStatus();
  }

  absl::Status End(uint8_t verdict, const char* what) {
    if (changed_) return absl::UnimplementedError(absl::StrCat("flow actions: ", what, " behind changes of the packet"));
    action_.verdict = verdict;
    ended_ = true;
    return absl::OkStatus();
  }

  absl::Status Push(const FlowAction& action) {
    const uint16_t type = NetworkOrder16(action.tag_type);
    if (type != kVlan && type != kServiceVlan)
      return absl::UnimplementedError(absl::StrCat("flow actions: push of a tag of type 0x", absl::Hex(action.tag_type, absl::kZeroPad4),
                                                   "; 0x8100 and 0x88a8 can be pushed"));
    if (action_.pushes == kMostTags) return absl::UnimplementedError("flow actions: push of more than two tags");
    // The new one is the outermost.
    action_.push_type[1] = action_.push_type[0];
    action_.push_tag[1] = action_.push_tag[0];
    action_.push_type[0] = type;
    action_.push_tag[0] = NetworkOrder16(action.tag);
    ++action_.pushes;
    changed_ = true;
    return absl::OkStatus();
  }

  absl::Status Pop() {
    changed_ = true;
    if (action_.pushes > 0) {
      --action_.pushes;
      action_.push_type[0] = action_.push_type[1];
      action_.push_tag[0] = action_.push_tag[1];
      action_.push_type[1] = action_.push_tag[1] = 0;
      return absl::OkStatus();
    }
    if (!sure_.tag(action_.pops)) return NoTag("pop of");
    ++action_.pops;
    action_.sets &= static_cast<uint8_t>(~FLOW_SETS_TAG);
    action_.tag_value = action_.tag_mask = 0;
    return absl::OkStatus();
  }

  absl::Status SetVlan(const FlowAction& action) {
    const uint16_t mask = NetworkOrder16(action.tag_mask);
    const uint16_t value = NetworkOrder16(action.tag) & mask;
    changed_ = true;
    if (action_.pushes > 0) {
      action_.push_tag[0] = static_cast<uint16_t>((action_.push_tag[0] & ~mask) | value);
      return absl::OkStatus();
    }
    if (!sure_.tag(action_.pops)) return NoTag("a change of");
    action_.tag_value = static_cast<uint16_t>((action_.tag_value & ~mask) | value);
    action_.tag_mask |= mask;
    action_.sets |= FLOW_SETS_TAG;
    return absl::OkStatus();
  }

  // The program exchanges first: what was set before is set at the other place.
  absl::Status ExchangeMacs() {
    changed_ = true;
    for (FlowKey* key : {&action_.value, &action_.mask}) std::swap(key->destination_mac, key->source_mac);
    action_.sets ^= FLOW_EXCHANGES_MACS;
    return absl::OkStatus();
  }

  absl::Status NoTag(const char* what) const {
    return absl::InvalidArgumentError(
        absl::StrCat("flow actions: ", what, " VLAN tag ", action_.pops + 1, ", and the match does not make sure that there is one"));
  }

  absl::Status Set(const FlowAction& action) {
    const FlowKey& mask = action.mask;
    if (mask.port != 0 || mask.ether_type != 0 || Any(mask.tag_type) || Any(mask.tag) || mask.protocol != 0 || mask.fragment != 0 ||
        mask.tcp_flags != 0 || mask.subtable != 0)
      return absl::UnimplementedError(
          "flow actions: set of anything but MAC and IP addresses, type of service, time to live, and ports; VLAN tags have actions of "
          "their "
          "own");
    uint8_t sets = 0;
    if (Any(mask.destination_mac) || Any(mask.source_mac)) sets |= FLOW_SETS_MAC;
    if (mask.type_of_service != 0 || mask.time_to_live != 0) sets |= FLOW_SETS_HEADER;
    if (Any(mask.source) || Any(mask.destination)) sets |= FLOW_SETS_ADDRESS;
    if (mask.source_port != 0 || mask.destination_port != 0) sets |= FLOW_SETS_PORTS;
    if ((sets & (FLOW_SETS_HEADER | FLOW_SETS_ADDRESS)) != 0 && !sure_.ip())
      return absl::InvalidArgumentError(
          "flow actions: set of IP addresses, type of service or time to live, and the match does not make sure that it is IPv4 or IPv6");
    if ((sets & FLOW_SETS_ADDRESS) != 0 && sure_.ether_type(kIpv4) && (AnyFromWord(mask.source, 1) || AnyFromWord(mask.destination, 1)))
      return absl::InvalidArgumentError("flow actions: set of an IPv6 address, and the match is for IPv4");
    if ((sets & FLOW_SETS_PORTS) != 0 && !sure_.ports())
      return absl::UnimplementedError(
          "flow actions: set of ports, and the match does not make sure that it is TCP or UDP (of SCTP they cannot be set)");
    for (int word = 0; word < FLOW_KEY_WORDS; ++word) {
      action_.value.words[word] = (action_.value.words[word] & ~mask.words[word]) | (action.value.words[word] & mask.words[word]);
      action_.mask.words[word] |= mask.words[word];
    }
    action_.sets |= sets;
    if (sets != 0) changed_ = true;
    return absl::OkStatus();
  }

  const Certainty sure_;
  flow_action action_ = {};
  bool ended_ = false;
  bool changed_ = false;
};

}  // namespace

absl::Status CheckFlowMatch(const FlowMatch& match) {
  const FlowKey& mask = match.mask;
  for (int word = 0; word < FLOW_KEY_WORDS; ++word) {
    if ((match.value.words[word] & ~mask.words[word]) != 0)
      return absl::InvalidArgumentError(
          absl::StrCat("flow match: the value has bits outside the mask, in bytes ", word * 8, " to ", word * 8 + 7, " of the key"));
  }
  if (mask.subtable != 0) return absl::InvalidArgumentError("flow match: `subtable` is not part of a match");
  // 0 is what a packet without the field has, and may be asked of any.
  const FlowKey& value = match.value;
  const Certainty sure(match);
  const bool arp = sure.ether_type(kArp);
  if (value.protocol != 0 && !sure.ip() && !arp) return Wants("a protocol", "the EtherType of IPv4, IPv6 or ARP");
  if ((Any(value.source) || Any(value.destination)) && !sure.ip() && !arp) return Wants("an address", "the EtherType of IPv4, IPv6 or ARP");
  if ((value.type_of_service != 0 || value.time_to_live != 0 || value.fragment != 0) && !sure.ip())
    return Wants("type of service, time to live or fragment", "the EtherType of IPv4 or IPv6");
  const bool ports = sure.ports() || sure.protocol(IPPROTO_SCTP) || sure.icmp();
  if ((value.source_port != 0 || value.destination_port != 0) && !ports)
    return Wants("a port, or ICMP's type and code,", "the protocol TCP, UDP, SCTP or ICMP");
  if (value.tcp_flags != 0 && !sure.protocol(IPPROTO_TCP)) return Wants("TCP flags", "the protocol TCP");
  return absl::OkStatus();
}

absl::StatusOr<flow_action> CompileFlowActions(const FlowMatch& match, const std::vector<FlowAction>& actions) {
  ActionCompiler compiler(match);
  for (const FlowAction& action : actions) {
    if (auto status = compiler.Add(action); !status.ok()) return status;
  }
  return compiler.Take();
}

}  // namespace pollux::pmd
