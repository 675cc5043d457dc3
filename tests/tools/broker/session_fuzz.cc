// SPDX-License-Identifier: Apache-2.0
// A bounded, repeatable fuzz of the broker's own protocol, down to the kernel: a real session on a veth in a network namespace of its own;
// with libFuzzer, LLVMFuzzerTestOneInput is the entry. Whatever a client asks: one whole answer, or the end; descriptors with what gives
// some, and nothing else; and afterwards everything is undone.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "pmd/af_xdp/descriptor_message.h"
#include "tests/support/scratch_folder.h"
#include "tools/broker/session.h"
#include "tools/support/child_process.h"
#include "tools/support/network_namespace.h"

namespace pollux::broker {
namespace {

using pmd::af_xdp::broker::Reply;
using pmd::af_xdp::broker::Request;
using pmd::af_xdp::broker::Verb;
namespace protocol = pmd::af_xdp::broker;

constexpr char kConfiguration[] = R"({"clients": [{"users": [0], "ports": [
  {"interface": "p0", "queues": "0-1", "memory_mib": 4, "allow": ["inject", "busy_poll", "steer", "promiscuous", "mtu", "mac"]}]}]})";

// What all sessions share, in a namespace with the veth pair p0-p1. The calling thread is in it for good.
struct Rig {
  support::ScratchFolder scratch{"/tmp", 0700};  // a short path, for a socket
  std::unique_ptr<support::NetworkNamespace> network;
  absl::StatusOr<Configuration> configuration = Configuration::Parse(kConfiguration);
  absl::StatusOr<DescriptorStore> store;
  std::unique_ptr<PortPrograms> programs;
  LentInjectors injectors;
  unsigned sessions = 0;

  Rig() : store(DescriptorStore::Open(scratch.File("keeper"))) {
    setenv("POLLUX_STATE_FOLDER", scratch.File("state").c_str(), 1);
    auto made = support::NetworkNamespace::CreateUnnamed();
    if (!made.ok() || !store.ok() || !configuration.ok()) std::abort();
    network = *std::move(made);
    for (const support::Arguments& words :
         {support::Arguments{"ip", "link", "add", "p0", "numrxqueues", "2", "numtxqueues", "2", "type", "veth", "peer", "name", "p1"},
          {"ip", "link", "set", "p0", "up"},
          {"ip", "link", "set", "p1", "up"}}) {
      if (!support::RunSuccessfully(words, network.get()).ok()) std::abort();
    }
    if (!network->Enter().ok()) std::abort();
    programs = std::make_unique<PortPrograms>(*store);
  }

  std::string Link() const { return support::RunSuccessfully({"ip", "-d", "link", "show", "p0"}, network.get()).value_or(""); }
};

// Null without root.
Rig* TheRig() {
  static Rig* const rig = support::NetworkNamespace::MayCreate() ? new Rig : nullptr;
  return rig;
}

struct Outcome {
  int sockets = 0;
  int injectors = 0;
  int refused = 0;
  bool ended = false;
};

// A message is a byte, which says what descriptors come with it, and the request's bytes as far as they go. The request is the one of the
// verb in its first byte, so that a mutation of a byte is one of a field.
Outcome TryConversation(Rig& rig, std::span<const uint8_t> bytes) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) std::abort();
  const bpf::UniqueFd client(ends[0]);
  const bpf::UniqueFd file(memfd_create("frames", MFD_CLOEXEC));
  if (ftruncate(file.get(), 1 << 20) != 0) std::abort();
  std::vector<bpf::UniqueFd> memory;
  Session session(++rig.sessions, bpf::UniqueFd(ends[1]), Peer{}, {*rig.configuration, *rig.programs, *rig.store, rig.injectors});
  Outcome outcome;
  while (!outcome.ended && bytes.size() >= 2) {
    const unsigned kind = bytes[0] % 5;
    Request request;
    const std::size_t length = std::min(bytes.size() - 1, sizeof(request));
    std::memcpy(static_cast<void*>(&request), bytes.data() + 1, length);
    bytes = bytes.subspan(1 + length);
    std::vector<int> descriptors;
    if (kind == 1 && !memory.empty()) descriptors = {memory.back().get()};
    if (kind == 2) descriptors = {file.get()};
    if (kind == 3) descriptors = {client.get(), rig.network->fd(), file.get()};
    const std::size_t sent = kind == 4 ? length / 2 + 1 : sizeof(request);
    if (pmd::af_xdp::SendMessage(client.get(), std::as_bytes(std::span(&request, 1)).first(sent), descriptors, 0) != 0) std::abort();
    outcome.ended = !session.Serve();
    Reply reply;
    auto received = pmd::af_xdp::ReceiveMessage(client.get(), std::as_writable_bytes(std::span(&reply, 1)), MSG_DONTWAIT);
    if (received.error != 0) {
      if (!outcome.ended) std::abort();  // neither an answer nor the end
      continue;
    }
    if (received.bytes != sizeof(reply) || reply.version != protocol::kVersion || reply.error < 0) std::abort();
    if (memchr(reply.text, 0, sizeof(reply.text)) == nullptr) std::abort();
    if (reply.sequence != request.sequence) std::abort();
    const bool lends = reply.error == 0 && request.verb == Verb::kInjector;
    const bool gives = reply.error == 0 && (request.verb == Verb::kMemory || request.verb == Verb::kSocket);
    if (received.descriptors.size() != (lends ? bpf::Injector::kDescriptors : gives ? 1 : 0)) std::abort();
    outcome.injectors += lends;
    if (gives && request.verb == Verb::kSocket && kind != 1) std::abort();  // of memory that is not the broker's
    outcome.refused += reply.error != 0;
    if (!gives) continue;
    outcome.sockets += request.verb == Verb::kSocket;
    if (request.verb == Verb::kMemory) memory.push_back(std::move(received.descriptors.front()));
  }
  return outcome;
}

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
  Rig* const rig = TheRig();
  if (rig == nullptr) GTEST_SKIP() << "needs root";
  constexpr int kRounds = 40;
  const std::string before = rig->Link();
  std::mt19937 random(5);
  int sockets = 0, injectors = 0, refused = 0, ended = 0;
  for (int round = 0; round < kRounds; ++round) {
    const std::string bytes = RandomConversation(random);
    const Outcome outcome = TryConversation(*rig, {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
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

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (pollux::broker::TheRig() != nullptr) pollux::broker::TryConversation(*pollux::broker::TheRig(), {data, size});
  return 0;
}
