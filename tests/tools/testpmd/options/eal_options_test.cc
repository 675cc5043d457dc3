// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/options/eal_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>

namespace pollux::testpmd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> Words(absl::string_view line) {
  return absl::StrSplit(line, ' ', absl::SkipEmpty());
}

TEST(EalOptions, TheCommandLineOfADpdkUser) {
  absl::StatusOr<EalOptions> options =
      ParseEalOptions(Words("-l 0,1 --no-huge -m 512 --no-pci --vdev net_af_xdp0,iface=p0,start_queue=0,queue_count=1,busy_budget=0 "
                            "--vdev=net_af_xdp1,iface=p1"));
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->lcores.core_list, "0,1");
  EXPECT_TRUE(options->no_huge);
  EXPECT_EQ(options->memory_limit_mib, 512u);
  EXPECT_THAT(options->vdevs, ElementsAre("net_af_xdp0,iface=p0,start_queue=0,queue_count=1,busy_budget=0", "net_af_xdp1,iface=p1"));
  EXPECT_EQ(DescribeWithoutMeaning(*options), "EAL options without meaning here, accepted: --no-pci");
}

TEST(EalOptions, NamesOnceWhatHasNoMeaning) {
  absl::StatusOr<EalOptions> options = ParseEalOptions(
      Words("--lcores (1-3)@(31-33) --main-lcore 1 --in-memory --file-prefix plx --huge-unlink=always -n 4 -a 0000:01:00.0 --block=02:00.0 "
            "--log-level=8 --iova-mode=va --proc-type=auto --legacy-mem --single-file-segments --no-telemetry --no-hpet"));
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->lcores.lcores, "(1-3)@(31-33)");
  EXPECT_EQ(options->lcores.main_lcore, "1");
  EXPECT_EQ(absl::StrJoin(options->without_meaning, ", "),
            "--in-memory, --huge-unlink always, -n 4, -a 0000:01:00.0, -b 02:00.0, --log-level 8, --iova-mode va, "
            "--proc-type auto, --legacy-mem, --single-file-segments, --no-hpet");
  EXPECT_EQ(options->file_prefix, "plx");
  EXPECT_FALSE(options->telemetry);
}

// Every option of DPDK 25.11's eal_option_list.h by its long name.
TEST(EalOptions, TheLongNamesOfDpdk2511) {
  absl::StatusOr<EalOptions> options = ParseEalOptions(Words(
      "--memory-channels 4 --memory-ranks=2 --driver-path x.so --service-coremask=1 --service-corelist 1 --numa-limit 64 "
      "--socket-limit=64 --allow a --block b --base-virtaddr 0x1 --force-max-simd-bitwidth=256 --huge-unlink --in-memory --iova-mode va "
      "--legacy-mem --log-color --log-level 8 --log-timestamp=iso --mbuf-pool-ops-name ring_mp_mc --no-hpet --no-pci --no-shconf "
      "--no-telemetry --single-file-segments --telemetry --vmware-tsc-map --syslog=daemon --trace x --trace-bufsz 1M --trace-dir d "
      "--trace-mode discard --create-uio-dev --file-prefix plx --huge-dir d --huge-worker-stack --match-allocations --vfio-intr msi "
      "--vfio-vf-token t --proc-type primary --memory-size 512 --numa-mem 64,32 --no-huge --vdev net_null0 --main-lcore 3 "
      "--lcores 3@0,4@0"));
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->memory_limit_mib, 512u);
  EXPECT_THAT(options->node_limit_mib, ElementsAre(64, 32));
  EXPECT_EQ(ParseEalOptions(Words("--coremask 0x3"))->lcores.core_mask, "0x3");
  EXPECT_EQ(ParseEalOptions({"-R"})->lcores.remap, "");
  EXPECT_EQ(ParseEalOptions({"-R4"})->lcores.remap, "4");
  EXPECT_EQ(ParseEalOptions({"--remap-lcore-ids=4"})->lcores.remap, "4");
}

TEST(EalOptions, SaysNothingWithoutSuchOptions) {
  EXPECT_EQ(DescribeWithoutMeaning(*ParseEalOptions({"-l", "0,1"})), "");
}

TEST(EalOptions, RefusesWithAReason) {
  const struct {
    const char* line;
    const char* message;
  } kCases[] = {
      {"--vdef net_null0", "--vdef: unknown EAL option; did you mean --vdev?"},
      {"--rxq=1", "--rxq=1: unknown EAL option; it belongs behind --"},
      {"-m x", "-m x: 'x': a number from 1 to 16777216 is expected"},
      {"-m", "-m: needs a value MB"},
      {"--socket-mem 1,x", "'x': a number from 0 to 16777216 is expected"},
      {"--proc-type=secondary", "there are no secondary processes"},
      {"net_null0", "'net_null0': not an option"},
      {"--no-huge=1", "this option takes no value"},
  };
  for (const auto& test_case : kCases) {
    absl::StatusOr<EalOptions> options = ParseEalOptions(Words(test_case.line));
    ASSERT_FALSE(options.ok()) << test_case.line;
    EXPECT_EQ(options.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(options.status().message()), HasSubstr(test_case.message));
  }
}

TEST(CheckMemoryLimits, LimitsTheWholeAndEachNode) {
  constexpr std::size_t kMib = 1 << 20;
  EalOptions options;
  EXPECT_TRUE(CheckMemoryLimits(options, {1000 * kMib, 1000 * kMib}).ok());
  options.memory_limit_mib = 64;
  EXPECT_TRUE(CheckMemoryLimits(options, {32 * kMib, 32 * kMib}).ok());
  EXPECT_EQ(CheckMemoryLimits(options, {32 * kMib, 32 * kMib + 1}).message(),
            "the frames need 65 MiB, and -m allows 64; raise -m, or lower --total-num-mbufs");
  options.memory_limit_mib = 0;
  options.node_limit_mib = {64};
  EXPECT_TRUE(CheckMemoryLimits(options, {64 * kMib}).ok());
  EXPECT_THAT(std::string(CheckMemoryLimits(options, {64 * kMib, 1}).message()), HasSubstr("1 MiB on node 1, and --socket-mem allows 0"));
}

}  // namespace
}  // namespace pollux::testpmd
