// SPDX-License-Identifier: Apache-2.0
#include "lcore/lcore_options.h"

#include <string>

#include <gtest/gtest.h>

#include "lcore/affinity.h"

namespace pollux::lcore {
namespace {

std::string ToText(const std::vector<LcoreSpec>& lcores) {
  std::string text;
  for (const LcoreSpec& lcore : lcores) text += std::to_string(lcore.id) + "@" + lcore.cpus.ToString() + " ";
  return text;
}

struct Meaning {
  const char* text;
  const char* lcores;  // as ToText writes them
};

// The rows marked * are what dpdk-testpmd 22.11 printed for the same text ("lcore 1 is ready (cpuset=[0])").
TEST(LcoreOptionsTest, LcoresMeansWhatItMeansToDpdk) {
  const Meaning cases[] = {
      {"0", "0@0 "},
      {"0-2", "0@0 1@1 2@2 "},
      {"1@2", "1@2 "},
      {"(0,6)", "0@0,6 6@0,6 "},
      {"(1-3)@(31-33)", "1@31-33 2@31-33 3@31-33 "},
      {"0-2@(4-6)", "0@4-6 1@4-6 2@4-6 "},
      {"(0-3)@0,(4-5)@1", "0@0 1@0 2@0 3@0 4@1 5@1 "},
      {"1,2@(5-7),(3-5)@(0,2),(0,6),7-8", "0@0,6 1@1 2@5-7 3@0,2 4@0,2 5@0,2 6@0,6 7@7 8@8 "},  // the example in DPDK's own comment
      {"(0-1)@0", "0@0 1@0 "},                                                                  // *
      {"1-0", "0@0 1@1 "},                                                                      // *
      {"0,(0-1)", "0@0-1 1@0-1 "},                                                              // *
      {"(0-1)@1,0", "0@0 1@1 "},                                                                // *
      {"5@0-1", "5@0-1 "},                                                                      // *
      {"5@1,0", "0@0 5@1 "},                                                                    // *
      {" 0 , 1 ", "0@0 1@1 "},                                                                  // *
      {"5@(0 - 1)", "5@0-1 "},                                                                  // *
      {"(0-1)  @ 0", "0@0 1@0 "},                                                               // *
      {"3@0,3@1", "3@1 "},                                                                      // *
      {"(0,1),1@0,0", "0@0 1@0 "},                                                              // *
      {"(7)", "7@7 "},
      {"127@1023", "127@1023 "},
      {"(2-3,0)@(9,5-6)", "0@5-6,9 2@5-6,9 3@5-6,9 "},
  };
  for (const Meaning& meaning : cases) {
    const absl::StatusOr<std::vector<LcoreSpec>> lcores = ParseLcores(meaning.text);
    ASSERT_TRUE(lcores.ok()) << lcores.status();
    EXPECT_EQ(ToText(*lcores), meaning.lcores) << meaning.text;
  }
}

TEST(LcoreOptionsTest, ListAndMaskNameLcoresByTheirCpu) {
  const CoreSet process_cpus{40};
  EXPECT_EQ(ToText(MakeLcorePlan({.core_list = "0,2-4"}, process_cpus)->lcores), "0@0 2@2 3@3 4@4 ");
  EXPECT_EQ(ToText(MakeLcorePlan({.core_mask = "0x15"}, process_cpus)->lcores), "0@0 2@2 4@4 ");
  EXPECT_EQ(ToText(MakeLcorePlan({.lcores = "2@0,1@5"}, process_cpus)->lcores), "1@5 2@0 ");
}

TEST(LcoreOptionsTest, TheListTakesAMapToo) {
  EXPECT_EQ(ToText(MakeLcorePlan({.core_list = "0@5,(1,2)@7"}, {})->lcores), "0@5 1@7 2@7 ");
  EXPECT_EQ(MakeLcorePlan({.core_list = "0@x"}, {}).status().message(),
            "-l: \"0@x\": 'x' at position 3; expected a CPU number (0 to 1023)");
}

TEST(LcoreOptionsTest, NumbersLcoresAnew) {
  EXPECT_EQ(ToText(MakeLcorePlan({.core_list = "5,9", .remap = ""}, {})->lcores), "0@5 1@9 ");
  const LcorePlan plan = MakeLcorePlan({.core_list = "5,9", .main_lcore = "3", .remap = "2"}, {}).value();
  EXPECT_EQ(ToText(plan.lcores), "2@5 3@9 ");
  EXPECT_EQ(plan.main_lcore, 3u);
  EXPECT_EQ(MakeLcorePlan({.core_list = "0-1", .remap = "127"}, {}).status().message(),
            "--remap-lcore-ids: 2 lcores from 127 on; the last number is 127");
  EXPECT_FALSE(MakeLcorePlan({.core_list = "0-1", .remap = "x"}, {}).ok());
}

TEST(LcoreOptionsTest, WithoutOptionsEveryCpuOfTheProcessIsAnLcore) {
  const LcorePlan plan = MakeLcorePlan({}, CoreSet{3, 5, 127, 128, 200}).value();
  EXPECT_EQ(ToText(plan.lcores), "3@3 5@5 127@127 ");
  EXPECT_EQ(plan.main_lcore, 3u);

  const LcorePlan here = MakeLcorePlan(LcoreOptions{}).value();
  CoreSet cpus;
  for (const LcoreSpec& lcore : here.lcores) cpus = cpus | lcore.cpus;
  EXPECT_EQ(cpus, ThreadAffinity().value());
}

TEST(LcoreOptionsTest, TheMainLcoreIsTheLowestUnlessNamed) {
  const LcorePlan lowest = MakeLcorePlan({.lcores = "4@0,2@1,3"}, {}).value();
  EXPECT_EQ(lowest.main_lcore, 2u);
  EXPECT_EQ(lowest.WorkerIds(), (std::vector<unsigned>{3, 4}));

  const LcorePlan named = MakeLcorePlan({.core_list = "1-3", .main_lcore = "3"}, {}).value();
  EXPECT_EQ(named.main_lcore, 3u);
  EXPECT_EQ(named.WorkerIds(), (std::vector<unsigned>{1, 2}));
  ASSERT_NE(named.Find(2), nullptr);
  EXPECT_EQ(named.Find(2)->cpus, CoreSet{2});
  EXPECT_EQ(named.Find(4), nullptr);
}

struct Refusal {
  LcoreOptions options;
  const char* message;
};

TEST(LcoreOptionsTest, NamesTheOptionAndThePositionOfAMistake) {
  const Refusal cases[] = {
      {{.lcores = ""}, "--lcores: \"\": the text ends at position 1; expected an lcore number (0 to 127)"},
      {{.lcores = "0,"}, "--lcores: \"0,\": the text ends at position 3; expected an lcore number (0 to 127)"},
      {{.lcores = ",0"}, "--lcores: \",0\": ',' at position 1; expected an lcore number (0 to 127)"},
      {{.lcores = "128"}, "--lcores: \"128\": '128' at position 1; expected an lcore number (0 to 127)"},
      {{.lcores = "0@1024"}, "--lcores: \"0@1024\": '1024' at position 3; expected a CPU number (0 to 1023)"},
      {{.lcores = "0@"}, "--lcores: \"0@\": the text ends at position 3; expected a CPU number (0 to 1023)"},
      {{.lcores = "@0"}, "--lcores: \"@0\": '@' at position 1; expected an lcore number (0 to 127)"},
      {{.lcores = "()@0"}, "--lcores: \"()@0\": ')' at position 2; expected an lcore number (0 to 127)"},
      {{.lcores = "(0,1"}, "--lcores: \"(0,1\": the text ends at position 5; expected ',', '-' or the ')' that closes the group"},
      {{.lcores = "0@(1;2)"}, "--lcores: \"0@(1;2)\": ';' at position 5; expected ',', '-' or the ')' that closes the group"},
      {{.lcores = "((0))"}, "--lcores: \"((0))\": '(' at position 2; expected an lcore number (0 to 127)"},
      {{.lcores = "0)"}, "--lcores: \"0)\": ')' at position 2; expected ',', '@' or the end, as in LCORES[@CPUS],...: 0,1@2,(3-5)@(0,2)"},
      {{.lcores = "0@1@2"}, "--lcores: \"0@1@2\": '@' at position 4; expected ',' or the end, as in LCORES[@CPUS],...: 0,1@2,(3-5)@(0,2)"},
      {{.lcores = "(0)x@1"},
       "--lcores: \"(0)x@1\": 'x' at position 4; expected ',', '@' or the end, as in LCORES[@CPUS],...: 0,1@2,(3-5)@(0,2)"},
      {{.core_list = "0-x"}, "-l: \"0-x\": 'x' at position 3; expected a CPU number (0 to 1023)"},
      {{.core_list = "1-0"}, "-l: \"1-0\": falling range '1-0' at position 1; expected the lower number first, 0-1"},
      {{.core_list = "0,130"}, "-l: no lcore has the number 130, the last is 127; give the CPU a lower lcore number: --lcores ID@130"},
      {{.core_mask = "0xz"}, "-c: \"0xz\": 'z' at position 3; expected a hexadecimal digit"},
      {{.core_mask = "0"}, "-c: \"0\": no CPU in the mask; expected at least one bit set"},
      {{.core_mask = "1", .core_list = "0"}, "-c and -l exclude each other; give one of -c, -l and --lcores"},
      {{.core_list = "0", .lcores = "0"}, "-l and --lcores exclude each other; give one of -c, -l and --lcores"},
      {{.core_list = "0,2", .main_lcore = "1"}, "--main-lcore: \"1\": lcore 1 is not started; expected one of 0,2"},
      {{.core_list = "0", .main_lcore = "x"}, "--main-lcore: \"x\": 'x' at position 1; expected an lcore number (0 to 127)"},
      {{.core_list = "0", .main_lcore = "0,1"}, "--main-lcore: \"0,1\": ',' at position 2; expected the end of the number"},
  };
  for (const Refusal& refusal : cases) {
    const absl::StatusOr<LcorePlan> plan = MakeLcorePlan(refusal.options, CoreSet{0});
    EXPECT_EQ(plan.status().code(), absl::StatusCode::kInvalidArgument) << refusal.message;
    EXPECT_EQ(plan.status().message(), refusal.message);
  }
}

TEST(LcoreOptionsTest, NoUsableCpuIsAnError) {
  EXPECT_EQ(MakeLcorePlan({}, CoreSet{200}).status().message(),
            "no CPU from 0 to 127 in this process's affinity mask (200); name lcores and their CPUs with --lcores ID@CPU");
}

}  // namespace
}  // namespace pollux::lcore
