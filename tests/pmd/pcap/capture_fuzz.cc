// SPDX-License-Identifier: Apache-2.0
// A bounded, repeatable fuzz of Capture::Read: good files with bytes changed, cut, doubled. Each is read, whole, or refused by name.
#include <random>

#include <gtest/gtest.h>

#include "pmd/pcap/capture.h"
#include "tests/pmd/pcap/pcap_files.h"
#include "tests/pmd/pcap/pcapng_builder.h"

namespace pollux::pmd {
namespace {

std::string Mutated(std::string text, std::mt19937& random) {
  for (uint32_t changes = 1 + random() % 4; changes > 0 && !text.empty(); --changes) {
    const std::size_t position = random() % text.size();
    switch (random() % 5) {
      case 0:
        text[position] = static_cast<char>(random());
        break;
      case 1:
        text[position] ^= static_cast<char>(1u << (random() % 8));
        break;
      case 2:
        text.resize(position);
        break;
      case 3:
        text.insert(position, text.substr(position, random() % 40));
        break;
      default:
        text.erase(position, random() % 40);
    }
  }
  return text;
}

TEST(CaptureFuzz, AnyFileIsReadOrRefused) {
  std::mt19937 random(7);
  const TemporaryFolder folder;
  const std::string path = folder.Path("mutated");
  const std::vector<std::vector<uint8_t>> packets = {{1, 2, 3, 4, 5, 6, 7}, std::vector<uint8_t>(90, 8), {9}, std::vector<uint8_t>(33, 1)};
  const std::string seeds[] = {
      PcapText(packets), PcapText(packets, {.magic = 0xA1B23C4D}), PcapngText(packets),
      PcapngBuilder(false)
              .Section()
              .Interface(1, 40)
              .Interface(1, 60)
              .Enhanced(1, "a packet")
              .Simple("another, of the first interface")
              .Text() +
          PcapngBuilder(true).Section().Interface(1, 0).Old(0, "the third").Block(5, "statistics").Enhanced(0, "the fourth").Text()};
  std::size_t read = 0;
  std::size_t cut = 0;
  std::size_t refused = 0;
  for (int round = 0; round < 6000; ++round) {
    WriteFile(path, Mutated(seeds[random() % std::size(seeds)], random));
    const absl::StatusOr<Capture> capture = Capture::Read(path);
    if (!capture.ok()) {
      ++refused;
      ASSERT_EQ(capture.status().code(), absl::StatusCode::kInvalidArgument) << capture.status();
      continue;
    }
    ++(capture->cut().empty() ? read : cut);
    std::size_t sum = 0;  // every byte that a record promises must be there to be read (AddressSanitizer looks)
    for (std::size_t index = 0; index < capture->size(); ++index) {
      for (const std::byte byte : capture->bytes(capture->record(index))) sum += static_cast<std::size_t>(byte);
    }
    ASSERT_LT(sum, std::size_t{1} << 30);
  }
  EXPECT_GT(read, 100u);
  EXPECT_GT(refused, 100u);
  EXPECT_GT(cut, 100u);
}

}  // namespace
}  // namespace pollux::pmd
