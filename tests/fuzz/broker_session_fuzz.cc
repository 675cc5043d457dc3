// SPDX-License-Identifier: Apache-2.0
// Conversations with pollux-broker by its own protocol, with programs, sockets and injectors of the kernel: as session_conversation.h has
// it.
#include "tests/fuzz/input.h"
#include "tests/tools/broker/session_conversation.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  pollux::broker::SessionRig* const rig = pollux::broker::SessionRig::Get();
  if (rig != nullptr) rig->Converse({data, size});
  return 0;
}
