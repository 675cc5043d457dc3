// SPDX-License-Identifier: Apache-2.0
// tx=inject and tx=auto on a veth whose other end takes XDP frames, stops taking them and takes them again, all under traffic.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <thread>

#include "pmd/af_xdp/af_xdp_device.h"
#include "pmd/visible_region.h"
#include "tests/pmd/af_xdp/veth_pair.h"
#include "tests/support/pool_fixture.h"
#include "tools/support/patience.h"

namespace pollux::pmd::af_xdp {
namespace {

using mempool::Pool;

constexpr std::size_t kBurst = 64;

class InjectionFallbackTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (!support::NetworkNamespace::MayCreate()) GTEST_SKIP() << "network namespaces need CAP_SYS_ADMIN";
    pair_ = support::VethPair::Create(1);
    ASSERT_NE(pair_, nullptr);
    pair_->Run({"ethtool", "-K", "x1", "gro", "off"});
    pool_ = support::MakePool({.frame_count = 8192, .slab_frames = 64}, &CreateVisibleRegion);
    ASSERT_NE(pool_, nullptr);
    ASSERT_GE(pool_->region().map_descriptor(), 0) << pool_->region().report().not_visible;
  }

  std::unique_ptr<Device> Open(const std::string& interface, const std::string& more, std::size_t tx_queues = 1) {
    auto arguments = DeviceArguments::Parse("net_af_xdp_" + interface + ",iface=" + interface + more);
    auto device = AfXdpDevice::Open(*std::move(arguments));
    if (!device.ok()) return ADD_FAILURE() << device.status(), nullptr;
    absl::Status status = (*device)->Configure({.tx_queues = tx_queues, .pool = pool_});
    if (status.ok()) status = (*device)->Start();
    EXPECT_TRUE(status.ok()) << status;
    return *std::move(device);
  }

  // Sends the next burst, as numbered packets of many lengths.
  void SendBurst(Device& sender) {
    std::array<Packet, kBurst> packets;
    ASSERT_EQ(pool_->Allocate(packets), kBurst);
    for (Packet& packet : packets)
      support::WriteContents(packet, LengthOf(next_sent_ + (&packet - packets.data())), next_sent_ + (&packet - packets.data()));
    const std::size_t taken = sender.tx_queue(0).Send(packets);
    next_sent_ += taken;
    Pool::Free(std::span(packets).subspan(taken));
  }
  // Every packet arrives, whole, once and in order, until all are here.
  void ReceiveAll(Device& sender, Device& receiver) {
    for (int waited_ms = 0; next_received_ < next_sent_ && waited_ms < 5000;) {
      std::array<Packet, kBurst> packets;
      const std::size_t count = receiver.rx_queue(0).Receive(packets);
      for (const Packet& packet : std::span(packets.data(), count)) {
        EXPECT_TRUE(support::HasContents(packet, LengthOf(next_received_), next_received_));
        ++next_received_;
      }
      Pool::Free({packets.data(), count});
      if (count > 0) continue;
      sender.tx_queue(0).Send({});
      poll(nullptr, 0, 1);
      ++waited_ms;
    }
    ASSERT_EQ(next_received_, next_sent_);
  }
  static std::size_t LengthOf(uint64_t number) { return 60 + number * 37 % 1440; }

  static uint64_t Counter(const Device& device, const std::string& name) {
    for (const NamedCounter& counter : device.ExtendedStats()) {
      if (counter.name == name) return counter.value;
    }
    ADD_FAILURE() << "no counter " << name;
    return 0;
  }
  // Sends until `counter` has moved.
  void SendUntil(Device& sender, Device* receiver, const std::string& counter) {
    const uint64_t before = Counter(sender, counter);
    for (int bursts = 0; bursts < 20000 && Counter(sender, counter) == before; ++bursts) {
      ASSERT_NO_FATAL_FAILURE(SendBurst(sender));
      if (receiver != nullptr) {
        ASSERT_NO_FATAL_FAILURE(ReceiveAll(sender, *receiver));
      }
      if (receiver == nullptr) sender.tx_queue(0).Send({});
    }
    EXPECT_GT(Counter(sender, counter), before) << counter;
  }

  std::unique_ptr<support::VethPair> pair_;
  std::shared_ptr<Pool> pool_;
  uint64_t next_sent_ = 0;
  uint64_t next_received_ = 0;
};
INSTANTIATE_TEST_SUITE_P(Policies, InjectionFallbackTest, testing::Values("inject", "auto"));

TEST_P(InjectionFallbackTest, TheOtherEndsProgramLeavesAndComesBack) {
  auto receiver = Open("x1", ",tx=ring");
  auto sender = Open("x0", std::string(",tx=") + GetParam());
  ASSERT_TRUE(CheckRequired(sender->Features(), {kFeatureInject}).ok()) << CheckRequired(sender->Features(), {kFeatureInject});
  ASSERT_NO_FATAL_FAILURE(SendUntil(*sender, receiver.get(), "tx_q0_inject_packets"));

  ASSERT_TRUE(receiver->Stop().ok());  // with its program, and nobody receives now
  ASSERT_NO_FATAL_FAILURE(SendUntil(*sender, nullptr, "tx_q0_inject_fallbacks"));
  EXPECT_FALSE(CheckRequired(sender->Features(), {kFeatureInject}).ok());
  for (int burst = 0; burst < 20; ++burst) ASSERT_NO_FATAL_FAILURE(SendBurst(*sender));

  ASSERT_TRUE(receiver->Start().ok());
  next_received_ = next_sent_;
  ASSERT_NO_FATAL_FAILURE(SendUntil(*sender, receiver.get(), "tx_q0_inject_recoveries"));
  ASSERT_NO_FATAL_FAILURE(SendUntil(*sender, receiver.get(), "tx_q0_inject_packets"));
  EXPECT_TRUE(CheckRequired(sender->Features(), {kFeatureInject}).ok());

  ASSERT_TRUE(sender->Stop().ok());
  const QueueStats stats = sender->Stats();
  EXPECT_EQ(stats.tx_packets + stats.tx_dropped, next_sent_);
  EXPECT_EQ(stats.tx_pending, 0u);
  ASSERT_TRUE(receiver->Stop().ok());
  EXPECT_TRUE(support::FramesAreFree(*pool_));
}

TEST_P(InjectionFallbackTest, SeveralThreadsSendToOnePort) {
  constexpr std::size_t kThreads = 3;
  constexpr uint64_t kEach = 20000;
  auto receiver = Open("x1", ",tx=ring");
  auto sender = Open("x0", std::string(",tx=") + GetParam(), kThreads);
  std::atomic<std::size_t> running{kThreads};
  std::vector<std::thread> threads;
  for (std::size_t queue = 0; queue < kThreads; ++queue) {
    threads.emplace_back([&, queue] {
      std::array<Packet, kBurst> packets;
      for (uint64_t sent = 0; sent < kEach;) {
        const std::size_t count = pool_->Allocate(packets);
        for (std::size_t index = 0; index < count; ++index) packets[index].length = 64;
        const std::size_t taken = sender->tx_queue(queue).Send({packets.data(), count});
        Pool::Free({packets.data() + taken, count - taken});
        sent += taken;
      }
      sender->tx_queue(queue).Send({});
      pool_->FlushThisThread();
      --running;
    });
  }
  uint64_t received = 0;
  for (int idle_ms = 0; running > 0 || idle_ms < 100;) {
    std::array<Packet, kBurst> packets;
    const std::size_t count = receiver->rx_queue(0).Receive(packets);
    Pool::Free({packets.data(), count});
    received += count;
    if (count == 0) poll(nullptr, 0, 1);
    idle_ms = count > 0 || running > 0 ? 0 : idle_ms + 1;
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_TRUE(sender->Stop().ok());
  ASSERT_TRUE(receiver->Stop().ok());
  const QueueStats sent = sender->Stats(), got = receiver->Stats();
  EXPECT_EQ(sent.tx_pending, 0u);
  EXPECT_GE(sent.tx_packets + sent.tx_dropped, kThreads * kEach);
  EXPECT_EQ(got.rx_packets, received);
  EXPECT_LE(got.rx_packets + got.rx_missed, sent.tx_packets);
  EXPECT_TRUE(support::FramesAreFree(*pool_));
}

// What the frames are in, and whose program the port has, is all the same to the injector.
class InjectionSetupTest : public InjectionFallbackTest {
 protected:
  static const FeatureState& Inject(const std::vector<FeatureState>& features) {
    return *std::find_if(features.begin(), features.end(), [](const FeatureState& state) { return state.feature == kFeatureInject; });
  }
  void ExpectInjection(Device& sender, Device& receiver) {
    ASSERT_TRUE(CheckRequired(sender.Features(), {kFeatureInject}).ok()) << CheckRequired(sender.Features(), {kFeatureInject});
    SendUntil(sender, &receiver, "tx_q0_inject_packets");
  }
};

TEST_F(InjectionSetupTest, FramesInOrdinaryMemory) {
  pool_ = support::MakePool({.frame_count = 8192, .slab_frames = 64});
  auto receiver = Open("x1", ",tx=ring"), sender = Open("x0", ",tx=inject");
  ASSERT_NO_FATAL_FAILURE(ExpectInjection(*sender, *receiver));
  EXPECT_THAT(Inject(sender->Features()).reason, testing::HasSubstr("read as user memory"));
}

TEST_F(InjectionSetupTest, FramesOfAnotherPool) {
  auto receiver = Open("x1", ",tx=ring"), sender = Open("x0", ",tx=inject");
  EXPECT_EQ(Inject(sender->Features()).reason, "");
  const auto sending = pool_;
  pool_ = support::MakePool();
  ASSERT_NO_FATAL_FAILURE(ExpectInjection(*sender, *receiver));
  EXPECT_EQ(Counter(*sender, "tx_q0_copied"), 0u);
  EXPECT_EQ(Counter(*sender, "tx_q0_inject_not_injectable"), 0u);
  EXPECT_EQ(pool_->FreeCount(), 4096u);
  pool_ = sending;
}

TEST_F(InjectionSetupTest, AProgramOfTheUser) {
  auto receiver = Open("x1", ",tx=ring"), sender = Open("x0", ",tx=inject,xdp_prog=tests/bpf/custom_redirect.bpf.o");
  ExpectInjection(*sender, *receiver);
}

TEST_F(InjectionSetupTest, BehindTheDispatcher) {
  auto probe = bpf::XdpProgram::Attach("x0", {.mode = bpf::AttachMode::kAutomatic, .steer = {}, .dispatcher = true, .object_file = ""});
  if (absl::IsUnimplemented(probe.status())) GTEST_SKIP() << probe.status();
  probe->reset();
  auto receiver = Open("x1", ",tx=ring"), sender = Open("x0", ",tx=inject,dispatcher=1");
  ExpectInjection(*sender, *receiver);
}

TEST_F(InjectionSetupTest, AProgramThatIsAttachedGenerically) {
  auto receiver = Open("x1", ",tx=ring"), sender = Open("x0", ",tx=inject,mode=skb");
  ExpectInjection(*sender, *receiver);
}

TEST_F(InjectionSetupTest, AProgramThatWasThereBefore) {
  pair_ = nullptr;
  pair_ = support::VethPair::Create(2);
  auto receiver = Open("x1", ",tx=ring,queue_count=1");
  auto first = Open("x0", ",tx=ring,queue_count=1"), sender = Open("x0", ",tx=inject,start_queue=1");
  ASSERT_TRUE(CheckRequired(sender->Features(), {kFeatureInject}).ok()) << CheckRequired(sender->Features(), {kFeatureInject});
  SendUntil(*sender, nullptr, "tx_q0_inject_packets");
}

// The frames of an injecting call come from "lo": those that really do are not meant.
TEST_F(InjectionSetupTest, ThePortLoIsLeftAsItIs) {
  pair_->Run({"ip", "link", "set", "lo", "up", "mtu", "1500"});
  auto device = Open("lo", ",steer=udp dst 4789");
  const int receiver = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), sender = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(5000), .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
  ASSERT_EQ(bind(receiver, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(sendto(sender, "passes", 6, 0, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 6);
  pollfd readable = {.fd = receiver, .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&readable, 1, static_cast<int>(support::Patience(std::chrono::milliseconds(5000)).count())), 1);
  address.sin_port = htons(4789);
  ASSERT_EQ(sendto(sender, "is ours", 7, 0, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 7);
  const auto end = std::chrono::steady_clock::now() + support::Patience(std::chrono::milliseconds(5000));
  std::array<Packet, kBurst> packets;
  std::size_t count = 0;
  while (count == 0 && std::chrono::steady_clock::now() < end) count = device->rx_queue(0).Receive(packets);
  EXPECT_EQ(count, 1u);
  Pool::Free({packets.data(), count});
  close(receiver);
  close(sender);
}

}  // namespace
}  // namespace pollux::pmd::af_xdp
