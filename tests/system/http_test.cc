// SPDX-License-Identifier: Apache-2.0
// A file fetched over HTTP is the file that is served.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include <unistd.h>

#include <absl/strings/str_cat.h>

#include "tests/system/forwarding_test.h"

namespace pollux::system_tests {
namespace {

constexpr std::size_t kFileBytes = 8 << 20;

std::string FileContents(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream contents;
  contents << file.rdbuf();
  return contents.str();
}

class HttpTest : public ForwardingTest {
 protected:
  void SetUp() override {
    ForwardingTest::SetUp();
    const char* parent = std::getenv("TEST_TMPDIR");
    folder_ = std::filesystem::path(parent ? parent : "/tmp") / absl::StrCat("plx", getpid(), "-http");
    std::filesystem::create_directories(folder_);
    std::string bytes(kFileBytes, '\0');
    std::mt19937 random(1);
    for (char& byte : bytes) byte = static_cast<char>(random());
    std::ofstream(folder_ / "served", std::ios::binary) << bytes;
  }
  void TearDown() override {
    ForwardingTest::TearDown();
    std::filesystem::remove_all(folder_);
  }

  // `server` is an address of client 1, `url` names the file there.
  void Fetch(const std::string& server, const std::string& url) {
    const auto python = ChildProcess::Start(
        {"python3", "-u", "-m", "http.server", "8080", "--bind", server, "--directory", folder_.string()}, &rig().client(1));
    ASSERT_OK(python);
    ASSERT_OK((*python)->WaitForText("Serving HTTP"));
    const std::filesystem::path fetched = folder_ / "fetched";
    std::filesystem::remove(fetched);
    const auto curl = support::RunSuccessfully(
        {"curl", "--silent", "--show-error", "--fail", "--max-time", "30", "--globoff", "--output", fetched.string(), url},
        &rig().client(0), std::chrono::seconds(40));
    EXPECT_TRUE(curl.ok()) << curl.status() << Transcript();
    EXPECT_TRUE(FileContents(fetched) == FileContents(folder_ / "served")) << "the fetched file differs";
  }

  std::filesystem::path folder_;
};

TEST_F(HttpTest, AFileArrivesUnchangedOverIpv4) {
  ASSERT_NO_FATAL_FAILURE(StartForwarding());
  Fetch(VethRig::ClientIpv4(1), absl::StrCat("http://", VethRig::ClientIpv4(1), ":8080/served"));
  StopForwarding();
}

TEST_F(HttpTest, AFileArrivesUnchangedOverIpv6) {
  ASSERT_NO_FATAL_FAILURE(StartForwarding());
  Fetch(VethRig::ClientIpv6(1), absl::StrCat("http://[", VethRig::ClientIpv6(1), "]:8080/served"));
  StopForwarding();
}

}  // namespace
}  // namespace pollux::system_tests
