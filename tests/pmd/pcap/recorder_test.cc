// SPDX-License-Identifier: Apache-2.0
#include "pmd/pcap/recorder.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pmd/pcap/capture.h"
#include "tests/pmd/pcap/pcap_files.h"

namespace pollux::pmd {
namespace {

using ::testing::HasSubstr;

TEST(Recorder, NothingReachesTheFileBeforeFlush) {
  const TemporaryFolder folder;
  const std::string path = folder.Path("out.pcap");
  WriteFile(path, "what was there before");
  auto recorder = Recorder::Create(path);
  ASSERT_TRUE(recorder.ok()) << recorder.status();
  const std::vector<std::byte> packet(60, std::byte{5});
  (*recorder)->Write({.tv_sec = 1700000000, .tv_nsec = 123456789}, packet);
  EXPECT_EQ(ReadFile(path), "");
  ASSERT_TRUE((*recorder)->Flush());
  std::string expected = PcapText({std::vector<uint8_t>(60, 5)}, {.magic = 0xA1B23C4D});
  const uint32_t nanoseconds = 123456789;
  expected.replace(24 + 4, 4, reinterpret_cast<const char*>(&nanoseconds), 4);
  EXPECT_EQ(ReadFile(path), expected);
}

TEST(Recorder, IsFullBeforeItsBufferOverflows) {
  const TemporaryFolder folder;
  const std::string path = folder.Path("out.pcap");
  auto recorder = Recorder::Create(path);
  ASSERT_TRUE(recorder.ok());
  const std::vector<std::byte> packet(4096, std::byte{5});
  std::size_t count = 0;
  while (!(*recorder)->full()) {
    (*recorder)->Write({}, packet);
    ASSERT_LT(++count, 1000u);
  }
  EXPECT_EQ(ReadFile(path), "") << "written behind our back: its failure would not be seen";
  ASSERT_TRUE((*recorder)->Flush());
  EXPECT_FALSE((*recorder)->full());
  EXPECT_EQ(Capture::Read(path)->size(), count);
}

TEST(Recorder, AFullDiskIsSeenAndStays) {
  auto recorder = Recorder::Create("/dev/full");
  ASSERT_TRUE(recorder.ok());
  EXPECT_TRUE((*recorder)->status().ok());
  EXPECT_FALSE((*recorder)->Flush());
  EXPECT_THAT((*recorder)->status().message(), HasSubstr("write(/dev/full): No space left on device"));
  EXPECT_FALSE((*recorder)->Flush());
}

TEST(Recorder, FoldersThatAreNotThere) {
  const TemporaryFolder folder;
  const absl::Status status = Recorder::Create(folder.Path("no/such/out.pcap")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(status.message(), HasSubstr("no/such/out.pcap"));
}

}  // namespace
}  // namespace pollux::pmd
