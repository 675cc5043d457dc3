// SPDX-License-Identifier: Apache-2.0
// The record of an interface's settings, which another process may have left in any state.
#include "pmd/af_xdp/saved_settings.h"
#include "tests/fuzz/input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using pollux::pmd::af_xdp::ChangedSettings;
  const auto read = ChangedSettings::Parse(pollux::fuzz::Input(data, size).Text());
  if (!read.has_value()) return 0;
  // What is accepted is written as it was meant.
  const auto again = ChangedSettings::Parse(read->ToText());
  FUZZ_REQUIRE(again.has_value() && again->ToText() == read->ToText());
  FUZZ_REQUIRE(again->mtu == read->mtu && again->mac == read->mac);
  return 0;
}
