// SPDX-License-Identifier: Apache-2.0
// Capture files for tests, written byte by byte: what they must not be is as easy as what they must be.
#ifndef TESTS_PMD_PCAP_PCAP_FILES_H_
#define TESTS_PMD_PCAP_PCAP_FILES_H_

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace pollux::pmd {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = testing::TempDir() + "/plx_pcap_XXXXXX";
    path_ = mkdtemp(name.data()) == nullptr ? "" : name;
    EXPECT_FALSE(path_.empty()) << name;
  }
  ~TemporaryFolder() {
    if (!path_.empty()) std::filesystem::remove_all(path_);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::string Path(const std::string& file) const { return path_ + "/" + file; }

 private:
  std::string path_;
};

struct PcapFormat {
  uint32_t magic = 0xA1B2C3D4;     // microseconds; 0xA1B23C4D: nanoseconds
  uint32_t link_type = 1;          // Ethernet
  uint32_t extra_wire_length = 0;  // added to every packet's length on the wire
};

inline void Append32(std::string& text, uint32_t value) {
  text.append(reinterpret_cast<const char*>(&value), sizeof(value));
}
inline void Append16(std::string& text, uint16_t value) {
  text.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

inline std::string PcapText(const std::vector<std::vector<uint8_t>>& packets, const PcapFormat& format = {}) {
  std::string text;
  Append32(text, format.magic);
  Append16(text, 2);
  Append16(text, 4);
  Append32(text, 0);
  Append32(text, 0);
  Append32(text, 262144);
  Append32(text, format.link_type);
  for (const std::vector<uint8_t>& packet : packets) {
    Append32(text, 1700000000);
    Append32(text, 1000);
    Append32(text, static_cast<uint32_t>(packet.size()));
    Append32(text, static_cast<uint32_t>(packet.size()) + format.extra_wire_length);
    text.append(packet.begin(), packet.end());
  }
  return text;
}

// pcapng: a section header, an interface, an enhanced packet block each.
inline std::string PcapngText(const std::vector<std::vector<uint8_t>>& packets, uint16_t link_type = 1) {
  std::string text;
  for (const uint32_t word : {0x0A0D0D0Au, 28u, 0x1A2B3C4Du, 0x00000001u, 0xFFFFFFFFu, 0xFFFFFFFFu, 28u}) Append32(text, word);
  for (const uint32_t word : {1u, 20u, uint32_t{link_type}, 262144u, 20u}) Append32(text, word);
  for (const std::vector<uint8_t>& packet : packets) {
    const uint32_t padded = static_cast<uint32_t>((packet.size() + 3) / 4 * 4);
    const auto length = static_cast<uint32_t>(packet.size());
    for (const uint32_t word : {6u, 32 + padded, 0u, 0u, 1000u, length, length}) Append32(text, word);
    text.append(packet.begin(), packet.end());
    text.append(padded - packet.size(), '\0');
    Append32(text, 32 + padded);
  }
  return text;
}

inline void WriteFile(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

inline std::string ReadFile(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

inline void WritePcap(const std::string& path, const std::vector<std::vector<uint8_t>>& packets, const PcapFormat& format = {}) {
  WriteFile(path, PcapText(packets, format));
}

}  // namespace pollux::pmd

#endif  // TESTS_PMD_PCAP_PCAP_FILES_H_
