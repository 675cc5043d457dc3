// SPDX-License-Identifier: Apache-2.0
#include "pmd/pcap/capture.h"

#include <sys/stat.h>

#include <algorithm>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <absl/strings/str_cat.h>

#include "pmd/pcap/capture_input.h"
#include "tests/pmd/pcap/pcap_files.h"

namespace pollux::pmd {
namespace {

using ::testing::HasSubstr;

const std::vector<std::vector<uint8_t>> kPackets = {{1, 2, 3}, std::vector<uint8_t>(1514, 7), {}, {9}};

std::vector<std::vector<uint8_t>> PacketsOf(const Capture& capture) {
  std::vector<std::vector<uint8_t>> packets;
  for (std::size_t index = 0; index < capture.size(); ++index) {
    std::vector<uint8_t> packet;
    for (const std::byte byte : capture.bytes(capture.record(index))) packet.push_back(static_cast<uint8_t>(byte));
    packets.push_back(packet);
  }
  return packets;
}

TEST(Capture, ReadsEveryFormat) {
  const TemporaryFolder folder;
  const std::pair<const char*, std::string> files[] = {
      {"micro", PcapText(kPackets)}, {"nano", PcapText(kPackets, {.magic = 0xA1B23C4D})}, {"ng", PcapngText(kPackets)}};
  for (const auto& [name, text] : files) {
    WriteFile(folder.Path(name), text);
    const absl::StatusOr<Capture> capture = Capture::Read(folder.Path(name));
    ASSERT_TRUE(capture.ok()) << capture.status();
    EXPECT_EQ(PacketsOf(*capture), kPackets) << name;
  }
}

TEST(Capture, KeepsTheLengthOnTheWireOfACutPacket) {
  const TemporaryFolder folder;
  WritePcap(folder.Path("cut"), {{1, 2, 3, 4}}, {.extra_wire_length = 96});
  const absl::StatusOr<Capture> capture = Capture::Read(folder.Path("cut"));
  ASSERT_TRUE(capture.ok()) << capture.status();
  EXPECT_EQ(capture->record(0).length, 4u);
  EXPECT_EQ(capture->record(0).wire_length, 100u);
}

TEST(Capture, AFileWithoutPacketsIsACapture) {
  const TemporaryFolder folder;
  WritePcap(folder.Path("none"), {});
  EXPECT_EQ(Capture::Read(folder.Path("none"))->size(), 0u);
}

TEST(Capture, SaysWhatIsWrongWithAFile) {
  const TemporaryFolder folder;
  const std::string good = PcapText({{1, 2, 3}, std::vector<uint8_t>(100, 4)});
  std::string claims_too_much = good;
  claims_too_much[24 + 8 + 3] = 0x7F;  // the first packet's captured length
  const struct {
    const char* name;
    std::string text;
    const char* message;
  } cases[] = {{"empty", "", "not a capture that libpcap reads"},
               {"words", "this is no capture, whatever its name says", "not a capture that libpcap reads"},
               {"header-cut", good.substr(0, 20), "not a capture that libpcap reads"},
               {"zipped", "\x1f\x8b\x08 and so on, compressed", "rx_pcap=<(zcat FILE)"},
               {"first-record-header-cut", good.substr(0, 24 + 5), "packet 1 cannot be read: cut off"},
               {"first-packet-cut", good.substr(0, 24 + 16 + 2), "packet 1 cannot be read: cut off"},
               {"huge-packet", claims_too_much, "packet 1 cannot be read"},
               {"linux-cooked", PcapText({{1}}, {.link_type = 113}), "its link type is 113 (LINUX_SLL), must be 1"},
               {"raw-ng", PcapngText({{1}}, 101), "must be 1 (EN10MB, Ethernet)"},
               {"unknown-link", PcapText({{1}}, {.link_type = 60000}), "must be 1 (EN10MB, Ethernet)"},
               {"ng-cut", PcapngText({{1, 2, 3}}).substr(0, 60), "packet 1 cannot be read: cut off"}};
  for (const auto& bad : cases) {
    const std::string path = folder.Path(bad.name);
    WriteFile(path, bad.text);
    const absl::Status status = Capture::Read(path).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << bad.name;
    EXPECT_THAT(status.message(), HasSubstr(path));
    EXPECT_THAT(status.message(), HasSubstr(bad.message));
  }
}

// Each of the file's beginnings is replayed as far as its packets are whole, if there is one.
TEST(Capture, OfACutFileTheWholePacketsCount) {
  const TemporaryFolder folder;
  const std::vector<std::vector<uint8_t>> packets = {{1, 2, 3}, {4}, std::vector<uint8_t>(50, 5)};
  const struct {
    const char* name;
    std::string text;
    std::vector<std::size_t> ends;  // of the packets
  } files[] = {{"micro", PcapText(packets), {43, 60, 126}}, {"ng", PcapngText(packets), {48 + 36, 84 + 36, 120 + 84}}};
  for (const auto& file : files) {
    ASSERT_EQ(file.ends.back(), file.text.size());
    for (std::size_t length = file.ends[0]; length <= file.text.size(); ++length) {
      WriteFile(folder.Path(file.name), file.text.substr(0, length));
      const absl::StatusOr<Capture> capture = Capture::Read(folder.Path(file.name));
      ASSERT_TRUE(capture.ok()) << capture.status();
      const auto whole = std::count_if(file.ends.begin(), file.ends.end(), [length](std::size_t end) { return end <= length; });
      ASSERT_EQ(PacketsOf(*capture), std::vector(packets.begin(), packets.begin() + whole)) << file.name << " of " << length;
      if (std::find(file.ends.begin(), file.ends.end(), length) != file.ends.end()) {
        EXPECT_EQ(capture->cut(), "") << length;
      } else {
        EXPECT_THAT(capture->cut(), HasSubstr(absl::StrCat("the ", whole, " packets before are replayed"))) << length;
        EXPECT_THAT(capture->cut(), HasSubstr("cut off"));
      }
    }
  }
}

TEST(Capture, ReadsAPipeToItsEnd) {
  const TemporaryFolder folder;
  const std::string path = folder.Path("pipe");
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  const std::vector<std::vector<uint8_t>> packets(3000, std::vector<uint8_t>(1000, 6));  // more than a pipe holds
  for (const std::string& text : {PcapText(packets), PcapngText(packets)}) {
    std::thread writer([&] { WriteFile(path, text); });
    const absl::StatusOr<Capture> capture = Capture::Read(path);
    writer.join();
    ASSERT_TRUE(capture.ok()) << capture.status();
    EXPECT_EQ(capture->size(), packets.size());
    EXPECT_EQ(capture->cut(), "");
  }
}

TEST(Capture, APipeThatIsSilentIsGivenUp) {
  const TemporaryFolder folder;
  const std::string path = folder.Path("pipe");
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  const auto input = ReadCaptureInput(path, 1000, std::chrono::milliseconds(10));
  EXPECT_EQ(input.status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(input.status().message(), HasSubstr("nothing came through the pipe for 10 ms"));
}

TEST(Capture, APipeThatDoesNotEndIsRefused) {
  const TemporaryFolder folder;
  const std::string path = folder.Path("pipe");
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  std::thread writer([&] { WriteFile(path, std::string(3000, 'x')); });
  const auto input = ReadCaptureInput(path, 2999, std::chrono::seconds(30));
  writer.join();
  EXPECT_THAT(input.status().message(), HasSubstr("3000 bytes, must be at most 2999"));
}

TEST(Capture, OnlyFilesAndPipes) {
  const TemporaryFolder folder;
  EXPECT_EQ(Capture::Read(folder.Path("missing")).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(Capture::Read(folder.Path("")).status().message(), HasSubstr("neither an ordinary file nor a pipe"));
  EXPECT_THAT(Capture::Read("/dev/zero").status().message(), HasSubstr("neither an ordinary file nor a pipe"));
  EXPECT_EQ(Capture::Read("-").status().code(), absl::StatusCode::kNotFound) << "no standard input";
}

TEST(Capture, TooLargeAFileIsRefusedUnread) {
  const TemporaryFolder folder;
  const std::string path = folder.Path("large");
  WritePcap(path, {});
  std::filesystem::resize_file(path, Capture::kMaximumFileBytes + 1);  // sparse
  EXPECT_THAT(Capture::Read(path).status().message(), HasSubstr("must be at most 4294967296"));
}

}  // namespace
}  // namespace pollux::pmd
