// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/engines/forward_engine.h"

#include <set>
#include <string>

#include <gtest/gtest.h>

#include "tests/tools/testpmd/engines/engine_fixture.h"

namespace pollux::testpmd {
namespace {

class ForwardEngineTest : public EngineTest {};

TEST_F(ForwardEngineTest, EveryModeCanBeMadeAndPolled) {
  std::set<std::string> names;
  for (const ForwardMode& mode : ForwardModes()) {
    SCOPED_TRACE(std::string(mode.name));
    names.insert(std::string(mode.name));
    EXPECT_EQ(FindForwardMode(mode.name), &mode);
    Make(mode.name);
    EXPECT_EQ(engine->Poll(stream) != 0, mode.generates);
    engine->End(stream);
  }
  EXPECT_EQ(names, (std::set<std::string>{"io", "mac", "macswap", "5tswap", "rxonly", "txonly", "flowgen", "icmpecho", "csum", "noisy"}));
}

// What a mode says that it does without, it does without.
TEST_F(ForwardEngineTest, ModesTouchOnlyWhatTheyDeclare) {
  for (const ForwardMode& mode : ForwardModes()) {
    SCOPED_TRACE(std::string(mode.name));
    stream.rx = mode.receives ? &rx : nullptr;
    stream.tx = mode.sends ? &tx : nullptr;
    stream.pool = mode.generates ? pool.get() : nullptr;
    Make(mode.name);
    if (mode.receives) Arrive(3);
    engine->Poll(stream);
    engine->Poll(stream);
    engine->End(stream);
  }
}

TEST_F(ForwardEngineTest, UnknownModeNamesThoseThatExist) {
  const absl::Status status = MakeForwardEngine("ieee1588", options, stream).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(status.message().find("io|mac|macswap|flowgen"), absl::string_view::npos) << status;
  EXPECT_EQ(FindForwardMode(""), nullptr);
}

TEST_F(ForwardEngineTest, StreamsThatCannotWork) {
  const auto refuse = [this](absl::string_view mode, absl::string_view text) {
    const absl::Status status = MakeForwardEngine(mode, options, stream).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(status.message().find(text), absl::string_view::npos) << status;
  };
  stream.burst = 0;
  refuse("io", "--burst");
  stream.burst = mempool::kMaximumBurst + 1;
  refuse("io", "--burst");
  stream.burst = 1;
  stream.rx = nullptr;
  refuse("io", "rx queue");
  stream.tx = nullptr;
  refuse("txonly", "tx queue");
  stream.tx = &tx;
  stream.pool = nullptr;
  refuse("txonly", "pool");
}

TEST(StreamCounters, NamesAreUniqueAndComplete) {
  std::set<std::string> names;
  for (const StreamCounter& each : kStreamCounters) names.insert(each.name);
  EXPECT_EQ(names.size(), std::size(kStreamCounters));
  // All members of StreamStats before the histograms, but for the three of cycles.
  EXPECT_EQ(std::size(kStreamCounters) + 3, offsetof(StreamStats, rx_bursts) / sizeof(Counter));
}

}  // namespace
}  // namespace pollux::testpmd
