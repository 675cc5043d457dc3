// SPDX-License-Identifier: Apache-2.0
// injection_hazards [SECONDS]: the hazards of docs/inject.md, for as long as they take: 30 s into a socket that is read too slowly and 90 s
// into one that never is, with each engine, or SECONDS each. Exit code 1 if a bound was not kept. For a machine with nothing else to do.
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include <absl/strings/numbers.h>
#include <gtest/gtest.h>

#include "tests/pmd/af_xdp/injection_hazard.h"

namespace pollux::support {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kLongestSend(20);
constexpr milliseconds kLongestBinding(1000);
constexpr uint32_t kMostPools = 4000;

// What was found to be beyond its bound, and the bound.
std::vector<std::string> Breaches(const HazardFindings& found) {
  std::vector<std::string> breaches;
  // A thread that only reads the clock shows what the machine's host does without saying so.
  const nanoseconds machine = found.longest_reading.elapsed - found.longest_reading.waited;
  if (found.longest_for_itself.own() > kLongestSend + machine) breaches.push_back("a send took longer than 20 ms for itself");
  if (found.most_pools >= kMostPools) breaches.push_back("4000 page pools or more");
  if (found.binding > kLongestBinding) breaches.push_back("another port took longer than 1 s to start");
  if (found.pools_left > 0) breaches.push_back("page pools were left");
  if (found.packets == 0) breaches.push_back("nothing was sent");
  return breaches;
}

bool Run(const HazardOptions& options) {
  std::printf("tx=%s, a socket that is %s, %lld s: ", options.engine, options.reading ? "read too slowly" : "never read",
              static_cast<long long>(options.duration.count()));
  std::fflush(stdout);
  const auto hazard = InjectionHazard::Create();
  if (hazard == nullptr) return false;
  const HazardFindings found = hazard->Run(options);
  std::printf("%s", Describe(found).c_str());
  const auto breaches = Breaches(found);
  for (const std::string& breach : breaches) std::printf("  FAILED: %s\n", breach.c_str());
  std::fflush(stdout);
  return breaches.empty();
}

int Main(int count, char** words) {
  int64_t given = 0;
  if (count > 2 || (count == 2 && (!absl::SimpleAtoi(words[1], &given) || given < 1 || given > 3600))) {
    std::fprintf(stderr, "usage: injection_hazards [SECONDS], from 1 to 3600\n");
    return 2;
  }
  if (!NetworkNamespace::MayCreate()) {
    std::fprintf(stderr, "injection_hazards: network namespaces need root\n");
    return 2;
  }
  testing::GTEST_FLAG(throw_on_failure) = true;
  bool kept = true;
  for (const char* engine : {"inject", "auto"}) {
    for (const bool reading : {true, false}) {
      kept &= Run({.engine = engine, .reading = reading, .duration = seconds(given > 0 ? given : reading ? 30 : 90)});
    }
  }
  return kept ? 0 : 1;
}

}  // namespace
}  // namespace pollux::support

int main(int count, char** words) {
  testing::InitGoogleTest();
  return pollux::support::Main(count, words);
}
