// SPDX-License-Identifier: Apache-2.0
// PcapngBuilder: pcapng files for tests, block by block.
#ifndef TESTS_PMD_PCAP_PCAPNG_BUILDER_H_
#define TESTS_PMD_PCAP_PCAPNG_BUILDER_H_

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace pollux::pmd {

class PcapngBuilder {
 public:
  // `swapped`: in the byte order that is not this machine's.
  explicit PcapngBuilder(bool swapped) : swapped_(swapped) {}

  PcapngBuilder& Section() { return Block(0x0A0D0D0A, Word(0x1A2B3C4D) + Half(1) + Half(0) + std::string(8, '\xFF')); }
  PcapngBuilder& Interface(uint16_t link_type, uint32_t snap_length) { return Block(1, Half(link_type) + Half(0) + Word(snap_length)); }
  // `wire_length` 0: the packet's.
  PcapngBuilder& Enhanced(uint32_t interface, std::string_view packet, uint32_t wire_length = 0) {
    return Block(6, Word(interface) + Packet(packet, wire_length));
  }
  PcapngBuilder& Old(uint16_t interface, std::string_view packet, uint32_t wire_length = 0) {
    return Block(2, Half(interface) + Half(7) + Packet(packet, wire_length));
  }
  // The block says how long the packet was; how much of it there is the first interface's snap length says.
  PcapngBuilder& Simple(std::string_view packet) { return Block(3, Word(static_cast<uint32_t>(packet.size())) + std::string(packet)); }
  PcapngBuilder& Block(uint32_t type, std::string body) {
    body.resize((body.size() + 3) / 4 * 4);
    const std::string length = Word(static_cast<uint32_t>(body.size()) + 12);
    text_ += Word(type) + length + body + length;
    return *this;
  }

  const std::string& Text() const { return text_; }

 private:
  template <typename Number>
  std::string Bytes(Number number) const {
    std::string bytes(reinterpret_cast<const char*>(&number), sizeof(number));
    if (swapped_) std::reverse(bytes.begin(), bytes.end());
    return bytes;
  }
  std::string Word(uint32_t number) const { return Bytes(number); }
  std::string Half(uint16_t number) const { return Bytes(number); }
  std::string Packet(std::string_view packet, uint32_t wire_length) const {
    const auto length = static_cast<uint32_t>(packet.size());
    return Word(0) + Word(1000) + Word(length) + Word(wire_length == 0 ? length : wire_length) + std::string(packet);
  }

  const bool swapped_;
  std::string text_;
};

}  // namespace pollux::pmd

#endif  // TESTS_PMD_PCAP_PCAPNG_BUILDER_H_
