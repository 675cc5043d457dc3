// SPDX-License-Identifier: Apache-2.0
// Packets through every forwarding engine: the fixture's accounts balance, and what describes packets reads what is there.
#include <gtest/gtest.h>

#include "tests/fuzz/input.h"
#include "tests/tools/testpmd/engines/engine_fixture.h"
#include "tools/testpmd/engines/describe_packet.h"
#include "tools/testpmd/engines/forward_engine.h"

namespace {

class Stream : public pollux::testpmd::EngineTest {
 public:
  void TestBody() override {}
  void Pass(absl::string_view mode, const std::vector<pollux::testpmd::Frame>& frames) {
    Make(mode);
    for (const pollux::testpmd::Frame& frame : frames) Arrive(frame);
    // Generators receive nothing.
    for (std::size_t polls = 0; polls < 2; ++polls) engine->Poll(stream);
    TearDown();
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  static const bool prepared = [] {
    GTEST_FLAG_SET(break_on_failure, true);
    return true;
  }();
  (void)prepared;
  pollux::fuzz::Input input(data, size);
  const auto modes = pollux::testpmd::ForwardModes();
  const absl::string_view mode = modes[input.Byte() % modes.size()].name;
  std::vector<pollux::testpmd::Frame> frames;
  // A length, and that many bytes.
  while (!input.empty() && frames.size() < 8) {
    pollux::testpmd::Frame frame(std::size_t{input.Byte()} + 1);
    for (std::byte& byte : frame) byte = std::byte{input.Byte()};
    frames.push_back(std::move(frame));
  }
  if (frames.empty()) return 0;
  Stream().Pass(mode, frames);
  return 0;
}
