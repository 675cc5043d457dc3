// SPDX-License-Identifier: Apache-2.0
// Who has the frames of a socket that was closed while the device still used them: its interface says when they are anybody's again.
#include "pmd/af_xdp/queue_pair.h"

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <utility>

#include "pmd/af_xdp/local_interface.h"
#include "tests/pmd/af_xdp/veth_pair.h"
#include "tests/support/pool_fixture.h"

namespace pollux::pmd::af_xdp {
namespace {

// A real interface, but when it lets go of frames is scripted.
class ScriptedRelease final : public PortInterface {
 public:
  explicit ScriptedRelease(std::unique_ptr<PortInterface> real) : real_(std::move(real)) {}

  bool AwaitRelease(int, uint32_t, int) override {
    ++asked;
    return released;
  }
  bool released = false;
  int asked = 0;

  std::string name() const override { return real_->name(); }
  int index() const override { return real_->index(); }
  absl::StatusOr<InterfaceFacts> Facts() const override { return real_->Facts(); }
  absl::StatusOr<LinkState> Link() const override { return real_->Link(); }
  absl::Status Follow() override { return real_->Follow(); }
  absl::StatusOr<Netdev::Visit> Enter() const override { return real_->Enter(); }
  void Watch(bool any) override { real_->Watch(any); }
  InterfaceNews News() override { return real_->News(); }
  absl::Status SetPromiscuous(bool on) override { return real_->SetPromiscuous(on); }
  absl::Status SetMtu(std::size_t mtu) override { return real_->SetMtu(mtu); }
  absl::Status SetMac(const MacAddress& mac) override { return real_->SetMac(mac); }
  std::vector<std::string> RestoreSettings(bool deleted) override { return real_->RestoreSettings(deleted); }
  absl::StatusOr<std::vector<std::string>> RestoreAbandoned() override { return real_->RestoreAbandoned(); }
  absl::StatusOr<std::unique_ptr<bpf::XdpProgram>> Attach(const bpf::ProgramOptions& options) override { return real_->Attach(options); }
  absl::StatusOr<MadeSocket> MakeSocket(const SocketOrder& order) override { return real_->MakeSocket(order); }
  absl::Status BindSocket(const SocketOrder& order, MadeSocket& made) override { return real_->BindSocket(order, made); }
  absl::StatusOr<std::unique_ptr<bpf::Injection>> OpenInjection(const mempool::Region& memory) override {
    return real_->OpenInjection(memory);
  }
  absl::StatusOr<std::unique_ptr<mempool::Region>> MakeRegion(const mempool::RegionOptions& options, bool visible) override {
    return real_->MakeRegion(options, visible);
  }

 private:
  const std::unique_ptr<PortInterface> real_;
};

// The kernel puts off whatever it is asked to send.
class PuttingOff final : public XskCalls {
 public:
  int WakeTx(int) override { return EAGAIN; }
};

class QueuePairTest : public testing::Test {
 protected:
  static constexpr std::size_t kFrames = 1024, kSent = 3;

  void SetUp() override {
    if (!support::NetworkNamespace::MayCreate()) GTEST_SKIP() << "network namespaces need CAP_SYS_ADMIN";
    veth_ = support::VethPair::Create(1);
    ASSERT_NE(veth_, nullptr);
    pool_ = support::MakePool({.frame_count = kFrames, .slab_frames = 64});
    ASSERT_NE(pool_, nullptr);
    auto real = LocalInterface::Open("x0");
    ASSERT_TRUE(real.ok()) << real.status();
    interface_ = std::make_unique<ScriptedRelease>(*std::move(real));
    auto program = interface_->Attach({});
    ASSERT_TRUE(program.ok()) << program.status();
    program_ = *std::move(program);
  }

  void MakePair(bool sends_from_frames) {
    pair_ = std::make_unique<QueuePair>(0,
                                        QueuePairOptions{.interface = "x0",
                                                         .sizes = {.rx = 64, .tx = 64, .fill = 128, .completion = 64},
                                                         .copy_mode = CopyMode::kCopy,
                                                         .sends_from_frames = sends_from_frames},
                                        *interface_, pool_, calls_);
  }

  // Starts, and stops while packets are with the device.
  void StopWithPacketsUnderWay() {
    const absl::Status status = pair_->Start(nullptr, *program_, 1514, "", false);
    ASSERT_TRUE(status.ok()) << status;
    std::array<Packet, kSent> packets;
    ASSERT_EQ(pool_->Allocate(packets), kSent);
    for (Packet& packet : packets) packet.length = 64;
    ASSERT_EQ(pair_->tx(0).queue->Send(packets), kSent);
    pair_->Stop(*program_, interface_->index(), 0);
    pool_->FlushThisThread();
  }

  PuttingOff calls_;
  std::unique_ptr<support::VethPair> veth_;
  std::shared_ptr<mempool::Pool> pool_;
  std::unique_ptr<ScriptedRelease> interface_;
  std::unique_ptr<bpf::XdpProgram> program_;
  std::unique_ptr<QueuePair> pair_;
};

TEST_F(QueuePairTest, WhatWasCopiedIsFreeAtOnce) {
  MakePair(false);
  StopWithPacketsUnderWay();
  EXPECT_EQ(interface_->asked, 0);
  EXPECT_EQ(pool_->FreeCount(), kFrames);
  EXPECT_EQ(pair_->Stats(0).tx_dropped, kSent);
}

TEST_F(QueuePairTest, WhatTheDeviceSendsFromIsHeldUntilItLetsGo) {
  MakePair(true);
  StopWithPacketsUnderWay();
  EXPECT_EQ(interface_->asked, 1);
  // Received frames were copied into: those are free.
  EXPECT_EQ(pool_->FreeCount(), kFrames - kSent);
  mempool::FrameAudit audit(*pool_);
  pair_->CollectFrames("x0", audit);
  EXPECT_TRUE(audit.Balance().ok()) << audit.Balance();
  // It is asked again at the next start,
  const absl::Status status = pair_->Start(nullptr, *program_, 1514, "", false);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(interface_->asked, 2);
  pair_->Stop(*program_, interface_->index(), 0);
  pool_->FlushThisThread();
  EXPECT_EQ(interface_->asked, 3) << "a stop without a packet under way does not give back what the start before left";
  EXPECT_LE(pool_->FreeCount(), kFrames - kSent);
  // and at the end.
  interface_->released = true;
  pair_.reset();
  pool_->FlushThisThread();
  EXPECT_EQ(pool_->FreeCount(), kFrames);
}

TEST_F(QueuePairTest, AnotherStartFindsThemBack) {
  MakePair(true);
  StopWithPacketsUnderWay();
  interface_->released = true;
  const absl::Status status = pair_->Start(nullptr, *program_, 1514, "", false);
  ASSERT_TRUE(status.ok()) << status;
  pair_->Stop(*program_, interface_->index(), 0);
  pool_->FlushThisThread();
  EXPECT_EQ(pool_->FreeCount(), kFrames);
}

}  // namespace
}  // namespace pollux::pmd::af_xdp
