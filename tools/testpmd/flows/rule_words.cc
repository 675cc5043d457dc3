// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/flows/rule_words.h"

#include <arpa/inet.h>

#include <optional>

#include <absl/strings/str_cat.h>

#include "lcore/parse_number.h"

namespace pollux::testpmd {

const std::string& RuleWords::Peek() const {
  static const std::string kNothing;
  return finished() ? kNothing : words_[next_];
}

const std::string& RuleWords::Take() {
  const std::string& word = Peek();
  if (!finished()) ++next_;
  return word;
}

bool RuleWords::Skip(absl::string_view word) {
  if (finished() || Peek() != word) return false;
  ++next_;
  return true;
}

absl::Status RuleWords::Expect(absl::string_view word) {
  return Skip(word) ? absl::OkStatus() : Fault(absl::StrCat("'", word, "' is expected"));
}

absl::Status RuleWords::Fault(absl::string_view what) const {
  return absl::InvalidArgumentError(absl::StrCat("Bad arguments: ", finished() ? "the end" : absl::StrCat("'", Peek(), "'"), ": ", what));
}

absl::StatusOr<uint64_t> RuleWords::Number(uint64_t maximum) {
  const auto number = lcore::ParseNumber(Peek(), 0, maximum);
  if (!number.ok()) return Fault(absl::StrCat("a number from 0 to ", maximum, " is expected"));
  Take();
  return *number;
}

absl::StatusOr<std::vector<uint8_t>> RuleWords::Value(Form form, std::size_t bytes) {
  std::vector<uint8_t> value(bytes);
  if (form == Form::kNumber) {
    const auto number = Number(bytes < 8 ? (uint64_t{1} << 8 * bytes) - 1 : UINT64_MAX);
    if (!number.ok()) return number.status();
    for (std::size_t byte = 0; byte < bytes; ++byte) value[byte] = static_cast<uint8_t>(*number >> 8 * (bytes - 1 - byte));
    return value;
  }
  if (form == Form::kMac) {
    const auto mac = lcore::ParseMac(Peek());
    if (!mac) return Fault("a MAC address is expected");
    value.assign(mac->begin(), mac->end());
  } else if (inet_pton(form == Form::kIpv4 ? AF_INET : AF_INET6, Peek().c_str(), value.data()) != 1) {
    return Fault(form == Form::kIpv4 ? "an IPv4 address is expected" : "an IPv6 address is expected");
  }
  Take();
  return value;
}

std::vector<uint8_t> PrefixMask(std::size_t bytes, std::size_t bits) {
  std::vector<uint8_t> mask(bytes);
  for (std::size_t bit = 0; bit < bits; ++bit) mask[bit / 8] |= static_cast<uint8_t>(0x80u >> bit % 8);
  return mask;
}

}  // namespace pollux::testpmd
