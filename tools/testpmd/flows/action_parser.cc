// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/flows/action_parser.h"

#include <cstring>

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>

namespace pollux::testpmd {
namespace {

using Bytes = std::vector<uint8_t>;
using Form = RuleWords::Form;
using Kind = pmd::FlowAction::Kind;
using pmd::FlowAction;
using pmd::FlowKey;

constexpr uint8_t kDscpShift = 2;
constexpr uint8_t kDscpMask = 0xfc;  // the rest is congestion notification
constexpr uint64_t kMostPorts = FLOW_MAXIMUM_PORTS - 1;

struct SetField {
  const char* action;
  const char* argument;
  Form form;
  std::size_t offset;
  std::size_t bytes;
};
constexpr SetField kSets[] = {{"set_mac_src", "mac_addr", Form::kMac, offsetof(FlowKey, source_mac), 6},
                              {"set_mac_dst", "mac_addr", Form::kMac, offsetof(FlowKey, destination_mac), 6},
                              {"set_ipv4_src", "ipv4_addr", Form::kIpv4, offsetof(FlowKey, source), 4},
                              {"set_ipv4_dst", "ipv4_addr", Form::kIpv4, offsetof(FlowKey, destination), 4},
                              {"set_ipv6_src", "ipv6_addr", Form::kIpv6, offsetof(FlowKey, source), 16},
                              {"set_ipv6_dst", "ipv6_addr", Form::kIpv6, offsetof(FlowKey, destination), 16},
                              {"set_tp_src", "port", Form::kNumber, offsetof(FlowKey, source_port), 2},
                              {"set_tp_dst", "port", Form::kNumber, offsetof(FlowKey, destination_port), 2},
                              {"set_ttl", "ttl_value", Form::kNumber, offsetof(FlowKey, time_to_live), 1}};

FlowAction SetBytes(std::size_t offset, const Bytes& value, const Bytes& mask) {
  FlowAction action = {.kind = Kind::kSet};
  std::memcpy(reinterpret_cast<char*>(&action.value) + offset, value.data(), value.size());
  std::memcpy(reinterpret_cast<char*>(&action.mask) + offset, mask.data(), mask.size());
  return action;
}

class ActionParser {
 public:
  explicit ActionParser(RuleWords& words) : words_(words) {}

  absl::StatusOr<ParsedActions> Run() {
    while (!words_.Skip("end")) {
      if (auto status = OneAction(); !status.ok()) return status;
      if (words_.Peek() != "/") return words_.Fault("'/' is expected behind an action, and 'end' at last");
      words_.Take();
    }
    if (!has_fate_) result_.actions.push_back({.kind = Kind::kUserSpace});
    return result_;
  }

 private:
  absl::Status OneAction() {
    if (words_.Skip("void")) return absl::OkStatus();
    const std::string name = words_.Peek();
    absl::StrAppend(&result_.names, result_.names.empty() ? "" : " ", absl::AsciiStrToUpper(name));
    for (const SetField& set : kSets) {
      if (name == set.action) return Set(set);
    }
    if (name == "drop") return TakeFate({.kind = Kind::kDrop});
    if (name == "count") return Count();
    if (name == "port_id") return Output("id");
    if (name == "represented_port") return Output("ethdev_port_id");
    if (name == "queue") return Queue();
    if (name == "mac_swap") return Add({.kind = Kind::kExchangeMacs});
    if (name == "of_pop_vlan") return Add({.kind = Kind::kPopVlan});
    if (name == "of_push_vlan") return PushVlan();
    if (name == "of_set_vlan_vid") return SetVlan("vlan_vid", 0xfff, 0);
    if (name == "of_set_vlan_pcp") return SetVlan("vlan_pcp", 7, 13);
    if (name == "set_ipv4_dscp" || name == "set_ipv6_dscp") return SetDscp();
    return words_.Fault(
        "this action is not there; there are port_id, represented_port, drop, count, queue, mac_swap, set_mac_src, set_mac_dst, "
        "set_ipv4_src, set_ipv4_dst, "
        "set_ipv6_src, set_ipv6_dst, set_tp_src, set_tp_dst, set_ttl, set_ipv4_dscp, set_ipv6_dscp, of_push_vlan, of_pop_vlan, "
        "of_set_vlan_vid, "
        "of_set_vlan_pcp, void and end");
  }

  absl::Status Add(FlowAction action) {
    words_.Take();
    result_.actions.push_back(action);
    return absl::OkStatus();
  }
  absl::Status TakeFate(FlowAction action) {
    has_fate_ = true;
    return Add(action);
  }

  absl::Status Count() {
    words_.Take();
    result_.counts = true;
    // A counter may have a number; each rule has one of its own.
    if (words_.Skip("identifier")) return words_.Number(UINT32_MAX).status();
    return absl::OkStatus();
  }

  absl::StatusOr<uint64_t> Argument(const char* name, uint64_t maximum) {
    words_.Take();
    if (auto status = words_.Expect(name); !status.ok()) return status;
    return words_.Number(maximum);
  }

  absl::Status Output(const char* argument) {
    const auto port = Argument(argument, kMostPorts);
    if (!port.ok()) return port.status();
    has_fate_ = true;
    result_.output = static_cast<uint32_t>(*port);
    result_.actions.push_back({.kind = Kind::kOutput, .port = *result_.output});
    return absl::OkStatus();
  }

  absl::Status Queue() {
    const auto queue = Argument("index", UINT16_MAX);
    if (!queue.ok()) return queue.status();
    has_fate_ = true;
    result_.queue = static_cast<uint32_t>(*queue);
    result_.actions.push_back({.kind = Kind::kUserSpace});
    return absl::OkStatus();
  }

  absl::Status Set(const SetField& set) {
    words_.Take();
    if (auto status = words_.Expect(set.argument); !status.ok()) return status;
    const auto value = words_.Value(set.form, set.bytes);
    if (!value.ok()) return value.status();
    result_.actions.push_back(SetBytes(set.offset, *value, Bytes(set.bytes, 0xff)));
    return absl::OkStatus();
  }

  absl::Status SetDscp() {
    const auto value = Argument("dscp_value", 63);
    if (!value.ok()) return value.status();
    result_.actions.push_back(SetBytes(offsetof(FlowKey, type_of_service), {static_cast<uint8_t>(*value << kDscpShift)}, {kDscpMask}));
    return absl::OkStatus();
  }

  absl::Status PushVlan() {
    const auto type = Argument("ethertype", 0xffff);
    if (!type.ok()) return type.status();
    result_.actions.push_back({.kind = Kind::kPushVlan, .tag_type = static_cast<uint16_t>(*type), .tag = 0});
    return absl::OkStatus();
  }

  absl::Status SetVlan(const char* argument, uint64_t maximum, unsigned shift) {
    const auto value = Argument(argument, maximum);
    if (!value.ok()) return value.status();
    result_.actions.push_back(
        {.kind = Kind::kSetVlan, .tag = static_cast<uint16_t>(*value << shift), .tag_mask = static_cast<uint16_t>(maximum << shift)});
    return absl::OkStatus();
  }

  RuleWords& words_;
  ParsedActions result_;
  bool has_fate_ = false;
};

}  // namespace

absl::StatusOr<ParsedActions> ParseActions(RuleWords& words) {
  return ActionParser(words).Run();
}

}  // namespace pollux::testpmd
