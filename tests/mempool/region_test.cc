// SPDX-License-Identifier: Apache-2.0
#include "mempool/region.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "mempool/huge_pages.h"
#include "mempool/node_memory.h"

namespace pollux::mempool {
namespace {

using testing::HasSubstr;

TEST(Region, OrdinaryPagesAreThereAndVerified) {
  const auto region = Region::Create({.bytes = 1 << 20, .pages = PageKind::kOrdinary, .numa_node = 0});
  ASSERT_TRUE(region.ok()) << region.status();
  const RegionReport& report = (*region)->report();
  EXPECT_EQ(report.pages, PageKind::kOrdinary);
  EXPECT_EQ(report.pages_total, (1u << 20) / PageBytes(PageKind::kOrdinary));
  EXPECT_EQ(report.pages_on_node, report.pages_total) << report.fallback;
  EXPECT_EQ(report.node, 0) << report.fallback;
  EXPECT_EQ(report.fallback, "");
  (*region)->base()[(*region)->size() - 1] = std::byte{1};
}

TEST(Region, SizeIsRoundedToPages) {
  const auto region = Region::Create({.bytes = 5000, .pages = PageKind::kOrdinary});
  ASSERT_TRUE(region.ok());
  EXPECT_EQ((*region)->size(), 2 * PageBytes(PageKind::kOrdinary));
}

TEST(Region, ShortOfHugePagesFallsBackVisibly) {
  // 1 TiB of 1 GiB pages is more than a test machine has free.
  if (CheckFreeHugePages(PageKind::kHuge1G, std::size_t{1} << 30, kAnyNode).ok()) GTEST_SKIP() << "this machine has free 1 GiB pages";
  const auto region = Region::Create({.bytes = 1 << 20, .pages = PageKind::kHuge1G});
  ASSERT_TRUE(region.ok()) << region.status();
  EXPECT_EQ((*region)->report().asked_pages, PageKind::kHuge1G);
  EXPECT_NE((*region)->report().pages, PageKind::kHuge1G);
  EXPECT_THAT((*region)->report().fallback, HasSubstr("1G pages: this machine has"));
}

TEST(Region, RequiredPagesAreAnError) {
  if (CheckFreeHugePages(PageKind::kHuge1G, std::size_t{1} << 30, kAnyNode).ok()) GTEST_SKIP() << "this machine has free 1 GiB pages";
  const auto region = Region::Create({.bytes = 1 << 20, .pages = PageKind::kHuge1G, .require_pages = true});
  ASSERT_FALSE(region.ok());
  EXPECT_EQ(region.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(region.status().message()), HasSubstr("nr_hugepages"));
}

TEST(Region, BadRequestsNameTheValue) {
  EXPECT_THAT(std::string(Region::Create({.bytes = 0}).status().message()), HasSubstr("bytes=0"));
  const auto status = Region::Create({.bytes = 4096, .numa_node = 4000}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("numa_node=4000"));
}

TEST(Region, AdoptedMemoryIsReleasedOnce) {
  alignas(64) static std::byte memory[4096];
  int released = 0;
  {
    const auto region = Region::Adopt(memory, sizeof(memory), -1, {.pages = PageKind::kAdopted}, [&] { ++released; });
  }
  EXPECT_EQ(released, 1);
}

class HugePagesTest : public testing::Test {
 protected:
  HugePagesTest() : root_(std::filesystem::path(testing::TempDir()) / "plx_huge_pages") {
    folder_ = root_ / "devices/system/node/node1/hugepages/hugepages-2048kB";
    std::filesystem::create_directories(folder_);
  }
  ~HugePagesTest() override { std::filesystem::remove_all(root_); }
  void Write(const char* file, int value) { std::ofstream(folder_ / file) << value << "\n"; }

  const std::filesystem::path root_;
  std::filesystem::path folder_;
};

TEST_F(HugePagesTest, EnoughFreeIsOk) {
  Write("free_hugepages", 4);
  Write("nr_hugepages", 10);
  EXPECT_TRUE(CheckFreeHugePages(PageKind::kHuge2M, 8 << 20, 1, root_).ok());
}

TEST_F(HugePagesTest, ShortfallTellsWhatToReserve) {
  Write("free_hugepages", 3);
  Write("nr_hugepages", 10);
  const auto status = CheckFreeHugePages(PageKind::kHuge2M, 8 << 20, 1, root_);
  EXPECT_THAT(std::string(status.message()), HasSubstr("node 1 has 3 free of 4 (echo 11 >"));
}

TEST_F(HugePagesTest, NodeWithoutSuchPages) {
  EXPECT_THAT(std::string(CheckFreeHugePages(PageKind::kHuge1G, 1, 1, root_).message()), HasSubstr("node 1 has none"));
}

}  // namespace
}  // namespace pollux::mempool
