// SPDX-License-Identifier: Apache-2.0
#include "pmd/flow_text.h"

#include <arpa/inet.h>
#include <net/ethernet.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include "pmd/mac_address.h"

namespace pollux::pmd {
namespace {

std::string Hexadecimal(uint16_t field) {
  return absl::StrFormat("0x%04x", ntohs(field));
}

std::string Decimal(uint16_t field) {
  return absl::StrCat(ntohs(field));
}

std::string Address(const uint8_t (&field)[6]) {
  MacAddress address;
  std::copy_n(field, address.bytes.size(), address.bytes.begin());
  return address.ToString();
}

template <int kFamily>
std::string Address(const __u32 (&field)[4]) {
  char text[INET6_ADDRSTRLEN];
  return inet_ntop(kFamily, field, text, sizeof(text));
}

class Words {
 public:
  // A field, unless its mask is empty.
  template <typename Field, typename Format>
  void Add(const char* name, const Field& value, const Field& mask, const Format& format) {
    Field none, whole;
    std::memset(&none, 0, sizeof(none));
    std::memset(&whole, 0xff, sizeof(whole));
    if (std::memcmp(&mask, &none, sizeof(mask)) == 0) return;
    absl::StrAppend(&text_, text_.empty() ? "" : " ", name, "=", format(value));
    if (std::memcmp(&mask, &whole, sizeof(mask)) != 0) absl::StrAppend(&text_, "/", format(mask));
  }
  std::string Take() { return std::move(text_); }

 private:
  std::string text_;
};

void AddAddresses(Words& words, const FlowMatch& match) {
  const FlowKey &value = match.value, &mask = match.mask;
  const auto longer = [](const __u32(&field)[4]) { return (field[1] | field[2] | field[3]) != 0; };
  if (longer(mask.source) || longer(mask.destination)) {
    words.Add("source", value.source, mask.source, &Address<AF_INET6>);
    words.Add("destination", value.destination, mask.destination, &Address<AF_INET6>);
    return;
  }
  const bool long_ones = mask.ether_type == 0xffff && value.ether_type == htons(ETHERTYPE_IPV6);
  const auto add = [&](const char* name, const __u32(&field)[4], const __u32(&of)[4]) {
    if (long_ones) return words.Add(name, field, of, &Address<AF_INET6>);
    const auto format = [](__u32 address) {
      const __u32 padded[4] = {address, 0, 0, 0};
      return Address<AF_INET>(padded);
    };
    words.Add(name, field[0], of[0], format);
  };
  add("source", value.source, mask.source);
  add("destination", value.destination, mask.destination);
}

}  // namespace

std::string DescribeFlowMatch(const FlowMatch& match) {
  const FlowKey &value = match.value, &mask = match.mask;
  const auto number = [](auto field) { return absl::StrCat(field); };
  Words words;
  words.Add("port", value.port, mask.port, number);
  words.Add("destination_mac", value.destination_mac, mask.destination_mac, [](const auto& field) { return Address(field); });
  words.Add("source_mac", value.source_mac, mask.source_mac, [](const auto& field) { return Address(field); });
  words.Add("tag_type", value.tag_type[0], mask.tag_type[0], &Hexadecimal);
  words.Add("tag", value.tag[0], mask.tag[0], &Hexadecimal);
  words.Add("inner_tag_type", value.tag_type[1], mask.tag_type[1], &Hexadecimal);
  words.Add("inner_tag", value.tag[1], mask.tag[1], &Hexadecimal);
  words.Add("ether_type", value.ether_type, mask.ether_type, &Hexadecimal);
  words.Add("protocol", value.protocol, mask.protocol, number);
  words.Add("type_of_service", value.type_of_service, mask.type_of_service, number);
  words.Add("time_to_live", value.time_to_live, mask.time_to_live, number);
  words.Add("fragment", value.fragment, mask.fragment, number);
  AddAddresses(words, match);
  words.Add("source_port", value.source_port, mask.source_port, &Decimal);
  words.Add("destination_port", value.destination_port, mask.destination_port, &Decimal);
  words.Add("tcp_flags", value.tcp_flags, mask.tcp_flags, &Hexadecimal);
  return words.Take();
}

}  // namespace pollux::pmd
