// SPDX-License-Identifier: Apache-2.0
// A page pool of the kernel outlives the call that made it while a receiver holds a frame of it. Such pools are counted, and there is an
// end to them.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <cerrno>

#include "tests/bpf/injection_fixture.h"

namespace pollux::bpf {
namespace {

constexpr uint16_t kPort = 9;

class InjectionPoolsTest : public InjectionTest {
 protected:
  // A socket of the client that nobody reads, with room for a great many packets.
  UniqueFd Hold() {
    const auto scope = NamespaceScope::Enter(rig_->client(0));
    if (!scope.ok()) return ADD_FAILURE() << scope.status(), UniqueFd();
    UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const int room = 64 << 20;
    EXPECT_EQ(setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)), 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(kPort);
    EXPECT_EQ(bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    return socket;
  }

  void Send(uint32_t frames) {
    const auto frame = support::PacketBuilder()
                           .Ethernet({.source = VethRig::PortMac(0), .destination = VethRig::ClientMac(0)})
                           .Ipv4({.source = "10.77.0.2", .destination = VethRig::ClientIpv4(0)})
                           .Udp({.destination = kPort})
                           .FillTo(100)
                           .Build();
    block_->count = 0;
    for (uint32_t position = 0; position < frames; ++position) Put(*block_, position, frame, memory_->base());
    ASSERT_EQ(injection_->Emit(*block_, 100), 0);
  }

  template <typename Condition>
  static bool Soon(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + support::Patience(milliseconds(60'000));
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(milliseconds(10));
    }
    return true;
  }
};

TEST_F(InjectionPoolsTest, WhatAReceiverHoldsIsTold) {
  UniqueFd socket = Hold();
  Send(5);
  EXPECT_EQ(block_->held, 5u);
  EXPECT_GE(injection_->pools(), 1u);
  Send(3);
  EXPECT_EQ(block_->held, 3u);
  EXPECT_GE(injection_->pools(), 2u);
}

TEST_F(InjectionPoolsTest, WhereNobodyHoldsAnyNoPoolIsLeft) {
  // Nobody listens: the stack drops the packets at once.
  Send(20);
  EXPECT_EQ(block_->sent, 20u);
  EXPECT_EQ(block_->held, 0u);
}

// The count is the machine's, so what other processes do at the time shows as well.
TEST_F(InjectionPoolsTest, ThereIsAnEndToThemAndTheyGoWithTheReceiver) {
  UniqueFd socket = Hold();
  for (int call = 0; call < 3 * INJECT_MOST_POOLS && injection_->pools() < INJECT_MOST_POOLS; ++call) ASSERT_NO_FATAL_FAILURE(Send(1));
  ASSERT_GE(injection_->pools(), uint32_t{INJECT_MOST_POOLS});
  const uint32_t most = injection_->pools();
  for (int call = 0; call < 100; ++call) {
    Send(2);
    EXPECT_EQ(block_->emitted, 2u);
    EXPECT_EQ(block_->sent, 0u);
    EXPECT_EQ(block_->refused, 2u);
    EXPECT_EQ(block_->errors[1], EBUSY);
    EXPECT_EQ(block_->held, 0u);
  }
  EXPECT_LT(injection_->pools(), most + INJECT_MOST_POOLS / 8);
  socket = UniqueFd();
  EXPECT_TRUE(Soon([&] { return injection_->pools() < most / 2; })) << injection_->pools();
  Send(1);
  EXPECT_EQ(block_->sent, 1u);
}

TEST_F(InjectionPoolsTest, UserSpaceCannotChangeTheCount) {
  const auto injector = Injector::ForProcess(region_);
  ASSERT_TRUE(injector.ok());
  const int state = (*injector)->descriptors()[2];
  const uint32_t key = 0;
  inject_state value = {};
  ASSERT_EQ(bpf_map_lookup_elem(state, &key, &value), 0);
  EXPECT_EQ(bpf_map_update_elem(state, &key, &value, BPF_ANY), -EPERM);
  EXPECT_EQ(mmap(nullptr, sizeof(value), PROT_READ | PROT_WRITE, MAP_SHARED, state, 0), MAP_FAILED);
}

}  // namespace
}  // namespace pollux::bpf
