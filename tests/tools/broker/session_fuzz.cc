// SPDX-License-Identifier: Apache-2.0
// A bounded, repeatable fuzz of the broker's own protocol (session_conversation.h): random conversations near to one as it should be, and
// afterwards everything is undone. tests/fuzz/broker_session_fuzz.cc is the coverage-guided one.
#include <array>
#include <cstring>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "pmd/af_xdp/broker_protocol.h"
#include "tests/tools/broker/session_conversation.h"

namespace pollux::broker {
namespace {

using pmd::af_xdp::broker::Request;
using pmd::af_xdp::broker::Verb;

Request RightRequest(Verb verb) {
  Request request;
  request.verb = verb;
  if (verb == Verb::kOpen) std::strcpy(request.text, "p0");
  if (verb == Verb::kSteer) std::strcpy(request.text, "udp dst 4789");
  if (verb == Verb::kMtu) request.value = 1400;
  if (verb == Verb::kMac) request.mac[0] = 2;
  if (verb == Verb::kPromiscuous) request.value = 1;
  if (verb == Verb::kMemory) request.value = 1 << 19;
  if (verb == Verb::kSocket) {
    request.value = 1 << 19;
    request.rx_ring = request.tx_ring = request.fill_ring = request.completion_ring = 64;
    request.frame_size = 2048;
    request.headroom = 256;
  }
  return request;
}

// A conversation as it should be, of which messages are left out, repeated, changed.
std::string RandomConversation(std::mt19937& random) {
  const Verb order[] = {Verb::kOpen,    Verb::kInfo,   Verb::kSteer,       Verb::kAttach,   Verb::kMemory,  Verb::kSocket,
                        Verb::kReceive, Verb::kMtu,    Verb::kPromiscuous, Verb::kMac,      Verb::kPassed,  Verb::kSocket,
                        Verb::kRelease, Verb::kDetach, Verb::kInfo,        Verb::kInjector, Verb::kRestore, Verb::kEnd};
  std::string bytes;
  for (const Verb verb : order) {
    if (random() % 6 == 0) continue;
    for (std::size_t times = random() % 8 == 0 ? 2 : 1; times > 0; --times) {
      Request request = RightRequest(verb);
      auto* const raw = reinterpret_cast<uint8_t*>(&request);
      for (std::size_t flips = random() % 3 == 0 ? random() % 3 : 0; flips > 0; --flips) {
        raw[4 + random() % (random() % 2 == 0 ? 64 : sizeof(request) - 4)] = static_cast<uint8_t>(random());
      }
      const unsigned right = verb == Verb::kSocket || verb == Verb::kInjector ? 1 : 0;
      const unsigned kind = random() % (right == 1 ? 3 : 12) == 0 ? random() % 5 : right;
      bytes += static_cast<char>(kind);
      bytes.append(reinterpret_cast<const char*>(raw), sizeof(request));
    }
  }
  return bytes;
}

TEST(SessionFuzz, AnyConversationIsAnsweredOrEndedAndUndone) {
  SessionRig* const rig = SessionRig::Get();
  if (rig == nullptr) GTEST_SKIP() << "needs root";
  constexpr int kRounds = 40;
  const std::string before = rig->Link();
  std::mt19937 random(5);
  int sockets = 0, injectors = 0, refused = 0, ended = 0;
  for (int round = 0; round < kRounds; ++round) {
    const std::string bytes = RandomConversation(random);
    const SessionRig::Outcome outcome = rig->Converse({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
    sockets += outcome.sockets;
    injectors += outcome.injectors;
    refused += outcome.refused;
    ended += outcome.ended;
    ASSERT_EQ(rig->Link(), before) << "round " << round << " left something behind";
  }
  // The generator must reach to the bottom, and beside the right requests.
  EXPECT_GT(sockets, kRounds / 10);
  EXPECT_GT(injectors, kRounds / 10);
  EXPECT_GT(refused, kRounds / 4);
  EXPECT_GT(ended, 0);
}

}  // namespace
}  // namespace pollux::broker
