// SPDX-License-Identifier: Apache-2.0
// Flows as programs in C describe them: compiled, or refused with the part that cannot be; and the same when asked again.
#include <pollux.h>

#include <cerrno>
#include <cstring>

#include "tests/fuzz/input.h"

namespace {

// Places in a key with what is to stand there: most of a key is zero.
void TakeKey(pollux::fuzz::Input& input, pollux_flow_key& key) {
  unsigned char bytes[sizeof(key)] = {};
  for (std::size_t places = input.Byte() % 16; places > 0; --places) {
    const std::size_t at = input.Byte() % sizeof(key);
    bytes[at] = input.Byte();
  }
  std::memcpy(&key, bytes, sizeof(key));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  pollux::fuzz::Input input(data, size);
  pollux_flow flow = {};
  flow.size = input.Byte() % 8 == 7 ? input.Byte() % sizeof(flow) : sizeof(flow);  // an older one is shorter
  flow.priority = input.Byte();
  TakeKey(input, flow.value);
  TakeKey(input, flow.mask);
  std::vector<pollux_flow_action> actions;
  while (!input.empty()) {
    pollux_flow_action action = {};
    action.kind = input.Byte();
    action.port = input.Byte() * 8u;
    action.tag_type = static_cast<uint16_t>(input.Byte() % 2 == 0 ? 0x8100 : 0x88a8);
    action.tag = static_cast<uint16_t>(input.Byte() << 8 | input.Byte());
    action.tag_mask = static_cast<uint16_t>(input.Byte() << 8 | input.Byte());
    TakeKey(input, action.value);
    TakeKey(input, action.mask);
    actions.push_back(action);
  }
  flow.actions = actions.data();
  flow.action_count = actions.size();
  const int error = pollux_flow_validate(&flow);
  FUZZ_REQUIRE(error == 0 || ((error == EINVAL || error == EOPNOTSUPP || error == ERANGE) && *pollux_last_error() != '\0'));
  FUZZ_REQUIRE(pollux_flow_validate(&flow) == error);
  return 0;
}
