// SPDX-License-Identifier: Apache-2.0
#include "tests/system/http_download.h"

#include <chrono>
#include <fstream>
#include <random>
#include <sstream>

#include <absl/strings/str_cat.h>

#include "tools/support/child_process.h"
#include "tools/support/patience.h"

namespace pollux::system_tests {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::seconds kDeadline{30};

std::string Contents(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream contents;
  contents << file.rdbuf();
  return contents.str();
}

}  // namespace

HttpDownload::HttpDownload(std::size_t bytes) {
  std::string content(bytes, '\0');
  std::mt19937 random(1);
  for (char& byte : content) byte = static_cast<char>(random());
  std::ofstream(folder_.File("served"), std::ios::binary) << content;
}

absl::Status HttpDownload::Fetch(const support::NetworkNamespace& server, const std::string& address,
                                 const support::NetworkNamespace& client) {
  const auto python = support::ChildProcess::Start(
      {"python3", "-u", "-m", "http.server", "8080", "--bind", address, "--directory", folder_.File("")}, &server);
  if (!python.ok()) return python.status();
  if (const absl::Status serving = (*python)->WaitForText("Serving HTTP"); !serving.ok()) return serving;

  const std::filesystem::path fetched = folder_.File("fetched");
  std::filesystem::remove(fetched);
  const bool ipv6 = address.find(':') != std::string::npos;
  const std::string url = absl::StrCat("http://", ipv6 ? "[" : "", address, ipv6 ? "]" : "", ":8080/served");
  const auto curl = support::RunSuccessfully({"curl", "--silent", "--show-error", "--fail", "--globoff", "--max-time",
                                              absl::StrCat(support::Patience(kDeadline) / 1s), "--output", fetched.string(), url},
                                             &client, kDeadline + 10s);
  if (!curl.ok()) return curl.status();
  if (Contents(fetched) == Contents(folder_.File("served"))) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(url, ": the file that came is not the file that is served"));
}

}  // namespace pollux::system_tests
