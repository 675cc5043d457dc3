// SPDX-License-Identifier: Apache-2.0
#include "pmd/drivers.h"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pollux::pmd {
namespace {

using ::testing::HasSubstr;

TEST(Drivers, TheNameChoosesTheDriver) {
  for (const char* const driver : {"net_null", "net_ring"}) {
    for (const char* const suffix : {"", "0", "17", "_left"}) {
      const std::string name = std::string(driver) + suffix;
      const absl::StatusOr<std::unique_ptr<Device>> device = OpenDevice(name);
      ASSERT_TRUE(device.ok()) << device.status();
      EXPECT_EQ((*device)->Info().name, name);
      EXPECT_EQ((*device)->Info().driver, driver);
    }
  }
}

TEST(Drivers, UnknownDriverNamesTheKnown) {
  for (const char* const text : {"net_tap0,iface=x", "net_nul", "null0", "xnet_null0"}) {
    const absl::Status status = OpenDevice(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kNotFound) << text;
    EXPECT_THAT(status.message(), HasSubstr("no driver has this name"));
    for (const DriverDescription& driver : Drivers()) EXPECT_THAT(status.message(), HasSubstr(driver.name));
  }
}

TEST(Drivers, SyntaxErrorsComeFromTheParser) {
  EXPECT_EQ(OpenDevice("").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(OpenDevice("net_null0,=1").status().code(), absl::StatusCode::kInvalidArgument);
}

// The text of --help lists exactly the keys that the driver takes: those it names when it meets an unknown one.
TEST(Drivers, DescriptionsNameTheKeysThatTheDriverTakes) {
  std::set<std::string> names;
  for (const DriverDescription& driver : Drivers()) {
    EXPECT_TRUE(names.insert(driver.name).second) << driver.name;
    EXPECT_FALSE(driver.summary.empty());
    const std::string required = driver.name == "net_af_xdp" ? ",iface=lo" : "";
    const absl::Status status = OpenDevice(driver.name + "0,no_such_key" + required).status();
    ASSERT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << driver.name << ": " << status;
    const std::string message(status.message());
    const std::size_t list = message.find("it takes ");
    ASSERT_NE(list, std::string::npos) << message;
    std::string keys = message.substr(list + 9) + ",";
    for (std::size_t comma; (comma = keys.find(',')) != std::string::npos; keys.erase(0, comma + 1)) {
      const std::size_t start = keys.find_first_not_of(' ');
      EXPECT_THAT(driver.arguments, HasSubstr(keys.substr(start, comma - start) + "=")) << driver.name;
    }
  }
}

}  // namespace
}  // namespace pollux::pmd
