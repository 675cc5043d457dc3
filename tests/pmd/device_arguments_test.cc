// SPDX-License-Identifier: Apache-2.0
#include "pmd/device_arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pollux::pmd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

DeviceArguments Parsed(const char* text) {
  absl::StatusOr<DeviceArguments> arguments = DeviceArguments::Parse(text);
  EXPECT_TRUE(arguments.ok()) << arguments.status();
  return arguments.ok() ? *std::move(arguments) : DeviceArguments();
}

TEST(DeviceArguments, NameAlone) {
  DeviceArguments arguments = Parsed("net_null_a");
  EXPECT_EQ(arguments.name(), "net_null_a");
  EXPECT_TRUE(arguments.Finish().ok());
  EXPECT_FALSE(arguments.Has("size"));
}

TEST(DeviceArguments, TakesValuesOfEveryType) {
  DeviceArguments arguments = Parsed("net_x0,iface=p0,start_queue=3,mask=0xfF,force_copy,inject=0,tx=ring");
  EXPECT_EQ(arguments.TakeText("iface", "none").value(), "p0");
  EXPECT_EQ(arguments.TakeNumber("start_queue", 0, 0, 63).value(), 3u);
  EXPECT_EQ(arguments.TakeNumber("mask", 0, 0, 255).value(), 255u);
  EXPECT_TRUE(arguments.TakeFlag("force_copy", false).value());
  EXPECT_FALSE(arguments.TakeFlag("inject", true).value());
  EXPECT_EQ(arguments.TakeChoice("tx", "auto", {"auto", "ring", "inject"}).value(), "ring");
  EXPECT_TRUE(arguments.Finish().ok()) << arguments.Finish();
}

TEST(DeviceArguments, AbsentKeysGiveTheFallback) {
  DeviceArguments arguments = Parsed("net_x0");
  EXPECT_EQ(arguments.TakeText("iface", "none").value(), "none");
  EXPECT_EQ(arguments.TakeNumber("queues", 7, 1, 4).value(), 7u);  // a fallback outside of the limits is the driver's affair
  EXPECT_TRUE(arguments.TakeFlag("wakeup", true).value());
  EXPECT_EQ(arguments.TakeChoice("tx", "auto", {"ring"}).value(), "auto");
  EXPECT_THAT(arguments.TakeAll("rx_pcap"), IsEmpty());
}

TEST(DeviceArguments, CommasInBracketsAndQuotesDoNotPart) {
  DeviceArguments arguments = Parsed("net_x0,a=(1,2),b=[3,{4,5}],c=\"6,(7\",d=x=y");
  EXPECT_EQ(arguments.TakeText("a", "").value(), "(1,2)");
  EXPECT_EQ(arguments.TakeText("b", "").value(), "[3,{4,5}]");
  EXPECT_EQ(arguments.TakeText("c", "").value(), "6,(7");
  EXPECT_EQ(arguments.TakeText("d", "").value(), "x=y");
  EXPECT_TRUE(arguments.Finish().ok());
}

TEST(DeviceArguments, EmptyFieldsAreNothing) {
  DeviceArguments arguments = Parsed("net_pcap0,rx_pcap=F,,infinite_rx=0,");
  EXPECT_EQ(arguments.TakeText("rx_pcap", "").value(), "F");
  EXPECT_FALSE(arguments.TakeFlag("infinite_rx", true).value());
  EXPECT_TRUE(arguments.Finish().ok());
}

TEST(DeviceArguments, RepeatedKeysOnlyThroughTakeAll) {
  DeviceArguments arguments = Parsed("net_pcap0,rx_pcap=a,rx_pcap=b,rx_pcap");
  EXPECT_THAT(arguments.TakeText("rx_pcap", "").status().message(), HasSubstr("net_pcap0: key rx_pcap stands more than once"));
  EXPECT_THAT(arguments.TakeAll("rx_pcap"), ElementsAre("a", "b", ""));
  EXPECT_TRUE(arguments.Finish().ok());
}

TEST(DeviceArguments, FinishNamesTheUnknownAndTheKnown) {
  DeviceArguments arguments = Parsed("net_null0,size=64,sise=65");
  EXPECT_TRUE(arguments.TakeNumber("size", 64, 1, 100).ok());
  EXPECT_TRUE(arguments.TakeFlag("copy", false).ok());
  const absl::Status status = arguments.Finish();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "net_null0: unknown key sise; it takes size, copy");
}

TEST(DeviceArguments, MalformedValuesNameKeyValueAndLimits) {
  const char* const numbers[] = {"", "=", "=-1", "=+1", "= 1", "=1x", "=0x", "=0xg", "=0x-1", "=18446744073709551616", "=101", "=0"};
  for (const char* const number : numbers) {
    DeviceArguments arguments = Parsed((std::string("net_null0,size") + number).c_str());
    const absl::Status status = arguments.TakeNumber("size", 64, 1, 100).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << number;
    EXPECT_EQ(status.message(), std::string("net_null0: size") + number + ": must be a number from 1 to 100");
  }
  EXPECT_EQ(Parsed("n,f=yes").TakeFlag("f", false).status().message(), "n: f=yes: must be 0 or 1");
  EXPECT_EQ(Parsed("n,t").TakeText("t", "").status().message(), "n: t: must be a text that is not empty");
  EXPECT_EQ(Parsed("n,c=z").TakeChoice("c", "a", {"a", "b"}).status().message(), "n: c=z: must be one of a, b");
}

TEST(DeviceArguments, SyntaxErrorsNameThePosition) {
  const struct {
    const char* text;
    const char* message;
  } cases[] = {
      {"", "character 1: a name"},
      {",size=1", "character 1: a name"},
      {"net null", "character 1: a name"},
      {"net=1", "character 1: a name"},
      {"net,=1", "character 5: a key"},
      {"net,size=(1", "character 10: '(' is never closed"},
      {"net,size=\"1", "character 10: '\"' is never closed"},
      {"net,size=1)", "character 11: ')' closes nothing"},
      {"net,size=(1]", "character 12: ']' closes nothing"},
      {"net,size=1\n", "character 11: control character"},
  };
  for (const auto& bad : cases) {
    const absl::Status status = DeviceArguments::Parse(bad.text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << bad.text;
    EXPECT_THAT(status.message(), HasSubstr(bad.message));
  }
}

}  // namespace
}  // namespace pollux::pmd
