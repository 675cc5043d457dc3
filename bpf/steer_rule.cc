// SPDX-License-Identifier: Apache-2.0
#include "bpf/steer_rule.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>
#include <string>

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

#include "lcore/parse_number.h"

namespace pollux::bpf {
namespace {

constexpr char kConditions[] = "arp, ip, ip6, icmp, icmp6, tcp, udp, port, src, dst, net, host, ether, vlan, proto or fragment";
constexpr uint16_t kEtherTypeArp = 0x0806;
constexpr uint8_t kProtocolIcmp = 1;
constexpr uint8_t kProtocolTcp = 6;
constexpr uint8_t kProtocolUdp = 17;
constexpr uint8_t kProtocolIcmp6 = 58;

std::vector<std::string> Words(absl::string_view text) {
  std::vector<std::string> words;
  bool inside = false;
  for (char c : text) {
    bool space = c == ' ' || c == '\t' || c == '\n';
    bool parenthesis = c == '(' || c == ')';
    if (parenthesis || (!space && !inside)) words.emplace_back();
    if (!space) words.back() += c;
    inside = !space && !parenthesis;
  }
  return words;
}

bool ParseNumber(const std::string& word, uint32_t maximum, uint32_t* value) {
  const absl::StatusOr<uint64_t> number = lcore::ParseNumber(word, 0, maximum);
  if (number.ok()) *value = static_cast<uint32_t>(*number);
  return number.ok();
}

bool ParseMac(const std::string& word, uint32_t address[4]) {
  const auto bytes = lcore::ParseMac(word);
  if (bytes.has_value()) std::memcpy(address, bytes->data(), bytes->size());
  return bytes.has_value();
}

// Takes a rule's words one after the other; each method adds what it read to `rule_` or returns the error.
class Parser {
 public:
  explicit Parser(absl::string_view text) : text_(text), words_(Words(text)) {}

  absl::StatusOr<SteerRule> Rule() {
    rule_.text = text_;
    bool negated = Take("not");
    bool parenthesised = Take("(");
    rule_.rule.negated = negated;
    do {
      if (rule_.rule.condition_count == STEER_MAXIMUM_CONDITIONS) {
        return Error(absl::StrCat("at most ", static_cast<int>(STEER_MAXIMUM_CONDITIONS), " conditions in a rule"));
      }
      absl::Status status = Condition();
      if (!status.ok()) return status;
      ++rule_.rule.condition_count;
    } while (Take("and"));
    if (parenthesised && !Take(")")) return Expected("'and' or ')'");
    if (negated && !parenthesised && rule_.rule.condition_count > 1) {
      return absl::InvalidArgumentError(
          absl::StrCat("steer rule '", text_, "': does 'not' speak of the first condition or of all? Write not (... and ...)"));
    }
    if (Peek() == "or") return Error("alternatives are rules of their own");
    if (!AtEnd()) return Expected(parenthesised ? "the end of the rule" : "'and' or the end of the rule");
    return rule_;
  }

 private:
  bool AtEnd() const { return next_ == words_.size(); }
  std::string Peek() const { return AtEnd() ? std::string() : words_[next_]; }

  bool Take(const char* word) {
    if (Peek() != word) return false;
    ++next_;
    return true;
  }

  absl::Status Error(absl::string_view what) const {
    std::string where = AtEnd() ? std::string("at the end") : absl::StrCat("at '", words_[next_], "'");
    return absl::InvalidArgumentError(absl::StrCat("steer rule '", text_, "', ", where, ": ", what));
  }
  absl::Status Expected(absl::string_view what) const { return Error(absl::StrCat("expected ", what)); }

  steer_condition& Current() { return rule_.rule.conditions[rule_.rule.condition_count]; }

  absl::Status Condition() {
    if (Peek() == "not")
      return Error("'not' stands first and speaks of the whole rule; packets that must not match are a 'not' rule of their own");
    if (Take("arp")) return EtherType(kEtherTypeArp);
    if (Take("ip")) return Family(4);
    if (Take("ip6")) return Family(6);
    if (Take("icmp")) return Protocol(4, kProtocolIcmp);
    if (Take("icmp6")) return Protocol(6, kProtocolIcmp6);
    if (Take("proto")) return ProtocolNumber(0);
    if (Take("tcp")) return Transport(kProtocolTcp);
    if (Take("udp")) return Transport(kProtocolUdp);
    if (Take("ether")) return Ether();
    if (Take("vlan")) return Vlan();
    if (Take("fragment")) {
      Current().kind = STEER_FRAGMENT;
      return absl::OkStatus();
    }
    uint8_t direction = Direction();
    if (Take("port")) return Port(0, direction);
    if (Take("net")) return Network(direction);
    if (Take("host")) return Host(direction);
    return Expected(direction == (STEER_SOURCE | STEER_DESTINATION) ? kConditions : "port, net or host");
  }

  uint8_t Direction() {
    if (Take("src")) return STEER_SOURCE;
    if (Take("dst")) return STEER_DESTINATION;
    return STEER_SOURCE | STEER_DESTINATION;
  }

  absl::Status EtherType(uint16_t type) {
    Current().kind = STEER_ETHER_TYPE;
    Current().value = type;
    return absl::OkStatus();
  }

  absl::Status Family(uint8_t family) {
    if (Take("proto")) return ProtocolNumber(family);
    Current().kind = STEER_FAMILY;
    Current().family = family;
    return absl::OkStatus();
  }

  absl::Status Protocol(uint8_t family, uint8_t protocol) {
    Current().kind = STEER_PROTOCOL;
    Current().family = family;
    Current().value = protocol;
    return absl::OkStatus();
  }

  absl::Status ProtocolNumber(uint8_t family) {
    uint32_t number = 0;
    if (!ParseNumber(Peek(), 255, &number)) return Expected("an IP protocol number, 0 to 255");
    ++next_;
    return Protocol(family, static_cast<uint8_t>(number));
  }

  absl::Status Transport(uint8_t protocol) {
    std::string word = Peek();
    if (word.empty() || word == "and" || word == "or" || word == ")") return Protocol(0, protocol);
    uint8_t direction = Direction();
    bool port = Take("port");
    if (!port && direction == (STEER_SOURCE | STEER_DESTINATION)) return Expected("src, dst, port, 'and' or the end of the rule");
    return Port(protocol, direction);
  }

  absl::Status Port(uint8_t protocol, uint8_t direction) {
    uint32_t number = 0;
    if (!ParseNumber(Peek(), 65535, &number)) return Expected("a port, 0 to 65535");
    ++next_;
    Current().kind = STEER_PORT;
    Current().protocol = protocol;
    Current().direction = direction;
    Current().value = static_cast<uint16_t>(number);
    return absl::OkStatus();
  }

  absl::Status Ether() {
    if (Take("proto")) {
      uint32_t number = 0;
      if (!ParseNumber(Peek(), 0xffff, &number)) return Expected("an EtherType, 0x0600 to 0xffff");
      if (number < 0x600) return Expected("an EtherType, 0x0600 to 0xffff (below is a length)");
      ++next_;
      return EtherType(static_cast<uint16_t>(number));
    }
    uint8_t direction = Direction();
    if (direction == (STEER_SOURCE | STEER_DESTINATION) && !Take("host")) return Expected("src, dst, host or proto");
    if (!ParseMac(Peek(), Current().address)) return Expected("a MAC address such as 02:00:00:00:00:01");
    ++next_;
    Current().kind = STEER_ETHER_ADDRESS;
    Current().direction = direction;
    return absl::OkStatus();
  }

  absl::Status Vlan() {
    Current().kind = STEER_VLAN;
    Current().value = STEER_ANY_VLAN;
    std::string word = Peek();
    if (word.empty() || word == "and" || word == "or" || word == ")") return absl::OkStatus();
    uint32_t number = 0;
    if (!ParseNumber(word, 4095, &number)) return Expected("a VLAN id, 0 to 4095, 'and' or the end of the rule");
    ++next_;
    Current().value = static_cast<uint16_t>(number);
    return absl::OkStatus();
  }

  absl::Status Host(uint8_t direction) {
    bool ipv6 = Peek().find(':') != std::string::npos;
    if (!Address(Peek(), ipv6 ? 128 : 32)) return Expected("an IPv4 or IPv6 address");
    ++next_;
    Current().direction = direction;
    return absl::OkStatus();
  }

  absl::Status Network(uint8_t direction) {
    std::string word = Peek();
    size_t slash = word.find('/');
    uint32_t length = 0;
    bool ipv6 = word.find(':') != std::string::npos;
    if (slash == std::string::npos || !ParseNumber(word.substr(slash + 1), ipv6 ? 128 : 32, &length) ||
        !Address(word.substr(0, slash), length)) {
      return Expected("a prefix such as 10.1.0.0/16 or 2001:db8::/32");
    }
    for (int i = 0; i < 4; ++i) {
      if ((Current().address[i] & ~Current().mask[i]) != 0) {
        return Error(absl::StrCat("the address has bits set after the first ", length, " (host takes a single address)"));
      }
    }
    ++next_;
    Current().direction = direction;
    return absl::OkStatus();
  }

  // The first `length` bits count.
  bool Address(const std::string& word, uint32_t length) {
    bool ipv6 = word.find(':') != std::string::npos;
    if (word.size() != std::strlen(word.c_str())) return false;
    if (inet_pton(ipv6 ? AF_INET6 : AF_INET, word.c_str(), Current().address) != 1) return false;
    unsigned char mask[16] = {};
    for (uint32_t bit = 0; bit < length; ++bit) mask[bit / 8] = static_cast<unsigned char>(mask[bit / 8] | 0x80 >> bit % 8);
    std::memcpy(Current().mask, mask, sizeof(mask));
    Current().kind = STEER_NETWORK;
    Current().family = ipv6 ? 6 : 4;
    return true;
  }

  std::string text_;
  std::vector<std::string> words_;
  size_t next_ = 0;
  SteerRule rule_ = {};
};

}  // namespace

absl::StatusOr<SteerRule> ParseSteerRule(absl::string_view text) {
  return Parser(text).Rule();
}

absl::StatusOr<steer_options> MakeSteerOptions(const std::vector<SteerRule>& rules) {
  if (rules.size() > STEER_MAXIMUM_RULES) {
    return absl::InvalidArgumentError(
        absl::StrCat(rules.size(), " steer rules; at most ", static_cast<int>(STEER_MAXIMUM_RULES), " (prefixes and 'and' may join some)"));
  }
  steer_options options = {};
  options.default_ours = 1;
  for (const SteerRule& rule : rules) {
    options.rules[options.rule_count++] = rule.rule;
    if (!rule.rule.negated) options.default_ours = 0;
  }
  // Their order has no meaning: sorted, so that two processes with the same rules have the same bytes.
  std::sort(options.rules, options.rules + options.rule_count,
            [](const steer_rule& a, const steer_rule& b) { return std::memcmp(&a, &b, sizeof(a)) < 0; });
  return options;
}

}  // namespace pollux::bpf
