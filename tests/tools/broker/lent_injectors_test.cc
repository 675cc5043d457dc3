// SPDX-License-Identifier: Apache-2.0
// An injector that the broker lends: whose it is, and for how long.
#include <gtest/gtest.h>

#include <array>
#include <csignal>
#include <memory>
#include <utility>
#include <vector>

#include "bpf/injection.h"
#include "pmd/af_xdp/broker_connection.h"
#include "tests/tools/broker/broker_rig.h"
#include "tools/support/patience.h"

namespace pollux {
namespace {

using bpf::Injection;
using bpf::Injector;
using pmd::af_xdp::BrokerAnswer;
using pmd::af_xdp::BrokerConnection;
using pmd::af_xdp::broker::Request;
using pmd::af_xdp::broker::Verb;

class LentInjectorsTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!support::NetworkNamespace::MayCreate()) GTEST_SKIP() << "needs root";
    rig_ = support::BrokerRig::Create();
    ASSERT_NE(rig_, nullptr);
    rig_->Run({"ethtool", "-K", "p1", "gro", "on"});  // now p0 takes XDP frames
    rig_->Start(R"("clients": [{"users": ["root"], "ports": [{"interface": "p0", "allow": ["inject"]}, {"interface": "p1"}]}])");
    connection_ = Open("p0");
    ASSERT_NE(connection_, nullptr);
    auto memory = connection_->Ask(Of(Verb::kMemory, 1 << 20));
    ASSERT_TRUE(memory.ok()) << memory.status();
    memory_ = std::move(memory->descriptors.front());
  }

  std::unique_ptr<BrokerConnection> Open(const std::string& interface) {
    auto connection = BrokerConnection::Open(rig_->socket(), interface);
    EXPECT_TRUE(connection.ok()) << connection.status();
    return connection.ok() ? *std::move(connection) : nullptr;
  }
  static Request Of(Verb verb, uint64_t value = 0) {
    Request request;
    request.verb = verb;
    request.value = value;
    return request;
  }
  absl::StatusOr<BrokerAnswer> Lend(BrokerConnection& connection, std::vector<int> more = {}) {
    more.insert(more.begin(), memory_.get());
    return connection.Ask(Of(Verb::kInjector), more);
  }
  // How many of 64 frames leave through the port.
  static uint32_t Sent(const std::shared_ptr<Injector>& injector, uint32_t port) {
    static const std::array<std::byte, 60> frame{};
    const auto injection = Injection::Join(injector, port);
    inject_block* const block = injection->TakeBlock(0);
    block->count = 64;
    for (uint32_t index = 0; index < block->count; ++index) block->descriptors[index] = injection->Describe(frame.data(), frame.size());
    EXPECT_EQ(injection->Emit(*block, frame.size()), 0);
    const uint32_t sent = block->sent;
    injection->ReturnBlock(*block);
    return sent;
  }

  std::unique_ptr<support::BrokerRig> rig_;
  std::unique_ptr<BrokerConnection> connection_;
  bpf::UniqueFd memory_;
};

TEST_F(LentInjectorsTest, ThePortLeavesItWithTheConnectionWhoeverKeepsTheDescriptors) {
  auto lent = Lend(*connection_);
  ASSERT_TRUE(lent.ok()) << lent.status();
  const auto port = static_cast<uint32_t>(lent->reply.value);
  const auto injector = Injector::FromDescriptors(std::move(lent->descriptors));
  ASSERT_TRUE(injector.ok()) << injector.status();
  EXPECT_EQ(Sent(*injector, port), 64u);
  connection_.reset();
  EXPECT_TRUE(support::Eventually([&] { return Sent(*injector, port) == 0; }));
}

TEST_F(LentInjectorsTest, SoItDoesIfTheBrokerWasKilledInBetween) {
  auto lent = Lend(*connection_);
  ASSERT_TRUE(lent.ok()) << lent.status();
  const auto port = static_cast<uint32_t>(lent->reply.value);
  const auto injector = Injector::FromDescriptors(std::move(lent->descriptors));
  ASSERT_TRUE(injector.ok()) << injector.status();
  ASSERT_TRUE(rig_->broker().Signal(SIGKILL).ok());
  ASSERT_TRUE(rig_->broker().Wait().ok());
  EXPECT_EQ(Sent(*injector, port), 64u);
  rig_->Restart();
  EXPECT_EQ(Sent(*injector, port), 64u);
  connection_.reset();
  EXPECT_TRUE(support::Eventually([&] { return Sent(*injector, port) == 0; }));
}

TEST_F(LentInjectorsTest, IsOneClientsUnlessHeShowsThatHeHasIt) {
  auto first = Lend(*connection_);
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_EQ(first->descriptors.size(), Injector::kDescriptors);
  const auto stranger = Open("p0"), sibling = Open("p0");
  const auto apart = Lend(*stranger);
  ASSERT_TRUE(apart.ok()) << apart.status();
  ASSERT_EQ(apart->descriptors.size(), Injector::kDescriptors);
  EXPECT_NE(*Injector::ProgramId(first->descriptors.front().get()), *Injector::ProgramId(apart->descriptors.front().get()));
  const auto joined = Lend(*sibling, {first->descriptors.front().get()});
  ASSERT_TRUE(joined.ok()) << joined.status();
  EXPECT_TRUE(joined->descriptors.empty());
  EXPECT_NE(joined->reply.value, first->reply.value);
}

TEST_F(LentInjectorsTest, IsRefusedWithoutTheGrantAndWithoutMemory) {
  const auto other = Open("p1");
  EXPECT_TRUE(absl::IsPermissionDenied(Lend(*other).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(connection_->Ask(Of(Verb::kInjector)).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(Lend(*connection_, {memory_.get()}).status())) << "no program";
}

}  // namespace
}  // namespace pollux
