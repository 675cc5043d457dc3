// SPDX-License-Identifier: Apache-2.0
// Runs the cases in C, and compiles pollux.h as C++.
#include <pollux.h>

#include <gtest/gtest.h>

#include <span>
#include <string>

#include "tests/pmd/af_xdp/veth_pair.h"
#include "tests/pmd/c/pollux_cases.h"

static_assert(noexcept(pollux_send(nullptr, nullptr, 0)), "no exception crosses into C");

namespace pollux {
namespace {

class PolluxC : public testing::TestWithParam<pollux_case> {};

TEST_P(PolluxC, Case) {
  const char* const wrong = GetParam().run();
  EXPECT_EQ(wrong, nullptr) << wrong;
}

INSTANTIATE_TEST_SUITE_P(Cases, PolluxC,
                         testing::ValuesIn(std::span(pollux_cases, pollux_case_count).begin(),
                                           std::span(pollux_cases, pollux_case_count).end()),
                         [](const testing::TestParamInfo<pollux_case>& info) { return std::string(info.param.name); });

TEST(PolluxCOnInterfaces, JoinedInterfaces) {
  if (!support::NetworkNamespace::MayCreate()) GTEST_SKIP() << "network namespaces need CAP_SYS_ADMIN";
  const auto pair = support::VethPair::Create(1);
  ASSERT_NE(pair, nullptr);
  const char* const wrong = pollux_case_joined_interfaces("x0", "x1");
  EXPECT_EQ(wrong, nullptr) << wrong;
  EXPECT_EQ(pair->Run({"ip", "-d", "link", "show"}).find("xdp"), std::string::npos) << "a program is left";
}

TEST(PolluxCOnInterfaces, JumboInterfaces) {
  if (!support::NetworkNamespace::MayCreate()) GTEST_SKIP() << "network namespaces need CAP_SYS_ADMIN";
  const auto pair = support::VethPair::Create(1);
  ASSERT_NE(pair, nullptr);
  const char* const wrong = pollux_case_jumbo_interfaces("x0", "x1");
  EXPECT_EQ(wrong, nullptr) << wrong;
}

TEST(PolluxCOnInterfaces, MetadataInterfaces) {
  if (!support::NetworkNamespace::MayCreate()) GTEST_SKIP() << "network namespaces need CAP_SYS_ADMIN";
  const auto pair = support::VethPair::Create(1);
  ASSERT_NE(pair, nullptr);
  const char* const wrong = pollux_case_metadata_interfaces("x0", "x1");
  EXPECT_EQ(wrong, nullptr) << wrong;
}

}  // namespace
}  // namespace pollux
