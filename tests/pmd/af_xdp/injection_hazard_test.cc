// SPDX-License-Identifier: Apache-2.0
// What injection may do to the machine at its worst: two threads with bursts of one, into a socket that is read too slowly, or never.
// POLLUX_HAZARD_SECONDS=30 takes longer than the usual 3, and is stricter about the longest send: for a machine with nothing else to do.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <thread>

#include "bpf/injector.h"
#include "pmd/af_xdp/af_xdp_device.h"
#include "pmd/visible_region.h"
#include "tests/pmd/af_xdp/veth_pair.h"
#include "tests/support/packet_builder.h"
#include "tests/support/pool_fixture.h"
#include "tools/support/patience.h"

namespace pollux::pmd::af_xdp {
namespace {

using Clock = std::chrono::steady_clock;
using mempool::Pool;
using std::chrono::milliseconds;

constexpr std::size_t kThreads = 2;
constexpr uint16_t kPort = 9;
constexpr uint32_t kMostPools = 4000;

// Without an end to the pools a send took up to 900 ms. A CPU that the machine's host takes away, for tenths of a second on some, looks
// like a long send too: what is sure in a short run is the number of pools.
milliseconds LongestSend() {
  return std::getenv("POLLUX_HAZARD_SECONDS") == nullptr ? support::Patience(milliseconds(500)) : milliseconds(20);
}

std::chrono::seconds Duration() {
  const char* const seconds = std::getenv("POLLUX_HAZARD_SECONDS");
  return std::chrono::seconds(seconds == nullptr ? 3 : std::max(1, std::atoi(seconds)));
}

// How long this thread has waited for a CPU that others had, which is no fault of ours.
std::chrono::nanoseconds RunDelay() {
  std::ifstream file("/proc/thread-self/schedstat");
  int64_t run = 0, delay = 0;
  file >> run >> delay;
  return std::chrono::nanoseconds(delay);
}

// Objects of the size of a page pool, of the whole machine.
uint64_t SlabObjects() {
  std::ifstream file("/proc/slabinfo");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string name;
    uint64_t active = 0;
    if (words >> name >> active && name == "kmalloc-2k") return active;
  }
  return 0;
}

class InjectionHazardTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (!support::NetworkNamespace::MayCreate()) GTEST_SKIP() << "network namespaces need CAP_SYS_ADMIN";
    pair_ = support::VethPair::Create(2);
    ASSERT_NE(pair_, nullptr);
    pair_->Run({"ethtool", "-K", "x1", "gro", "on"});
    pair_->Run({"ip", "address", "add", "10.77.0.1/24", "dev", "x1"});
    pool_ = support::MakePool({.frame_count = 16384, .slab_frames = 64}, &CreateVisibleRegion);
    ASSERT_NE(pool_, nullptr);
    socket_ = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int room = 256 << 20;
    setsockopt(socket_, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
    sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(kPort), .sin_addr = {inet_addr("10.77.0.1")}, .sin_zero = {}};
    ASSERT_EQ(bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    frame_ = support::PacketBuilder()
                 .Ethernet({.source = "02:00:00:00:00:01", .destination = AddressOf("x1")})
                 .Ipv4({.source = "10.77.0.2", .destination = "10.77.0.1"})
                 .Udp({.destination = kPort})
                 .FillTo(64)
                 .Build();
  }
  void TearDown() override {
    if (socket_ >= 0) close(socket_);
  }

  std::string AddressOf(const std::string& interface) {
    const std::string text = pair_->Run({"cat", "/sys/class/net/" + interface + "/address"});
    return text.substr(0, 17);
  }

  std::unique_ptr<Device> Open(const std::string& more, std::size_t tx_queues) {
    auto device = AfXdpDevice::Open(*DeviceArguments::Parse("net_af_xdp_x0,iface=x0" + more));
    if (!device.ok()) return ADD_FAILURE() << device.status(), nullptr;
    absl::Status status = (*device)->Configure({.tx_queues = tx_queues, .pool = pool_});
    if (status.ok()) status = (*device)->Start();
    EXPECT_TRUE(status.ok()) << status;
    return status.ok() ? *std::move(device) : nullptr;
  }

  // Sends packets one by one until told to stop; returns the longest Send.
  std::chrono::nanoseconds Flood(TxQueue& queue, const std::atomic<bool>& stop) {
    std::chrono::nanoseconds longest(0);
    while (!stop.load(std::memory_order_relaxed)) {
      Packet packet;
      if (pool_->Allocate({&packet, 1}) == 0) {
        queue.Send({});
        continue;
      }
      std::memcpy(packet.data, frame_.data(), frame_.size());
      packet.length = static_cast<uint32_t>(frame_.size());
      const auto delayed = RunDelay();
      const auto begin = Clock::now();
      const std::size_t taken = queue.Send({&packet, 1});
      longest = std::max<std::chrono::nanoseconds>(longest, Clock::now() - begin - (RunDelay() - delayed));
      if (taken == 0) Pool::Free({&packet, 1});
    }
    queue.Send({});
    pool_->FlushThisThread();
    return longest;
  }

  // `reading`: the socket is emptied all the time, but no faster than one packet in 20 us.
  void Run(bool reading) {
    auto device = Open(std::string(",queue_count=1,tx=") + GetParam(), kThreads);
    ASSERT_NE(device, nullptr);
    const auto injector = *bpf::Injector::ForProcess({});
    const uint64_t objects_before = SlabObjects();
    std::atomic<bool> stop = false;
    std::array<std::chrono::nanoseconds, kThreads> longest;
    std::vector<std::thread> threads;
    for (std::size_t thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&, thread] { longest[thread] = Flood(device->tx_queue(thread), stop); });
    }
    uint32_t most_pools = 0;
    uint64_t most_objects = 0;
    const auto end = Clock::now() + Duration();
    for (int round = 0; Clock::now() < end; ++round) {
      char byte;
      if (reading) (void)!recv(socket_, &byte, 1, 0);
      most_pools = std::max(most_pools, injector->pools());
      if (round % 1000 == 0) most_objects = std::max(most_objects, SlabObjects());
      usleep(20);
    }
    // While all of that is alive.
    const auto begin = Clock::now();
    auto second = Open(",start_queue=1,tx=ring", 1);
    EXPECT_NE(second, nullptr);
    EXPECT_LT(Clock::now() - begin, support::Patience(milliseconds(3000)));
    stop = true;
    for (std::thread& thread : threads) thread.join();
    for (const auto send : longest) EXPECT_LT(send, LongestSend()) << send.count() / 1e6 << " ms";
    EXPECT_LT(most_pools, kMostPools);
    EXPECT_LT(most_objects, objects_before + kMostPools);
    ASSERT_TRUE(device->Stop().ok());
    if (second != nullptr) {
      ASSERT_TRUE(second->Stop().ok());
    }
    const QueueStats stats = device->Stats();
    EXPECT_GT(stats.tx_packets, 1000u);
    EXPECT_EQ(stats.tx_pending, 0u);
    EXPECT_EQ(stats.tx_bytes, stats.tx_packets * 64);
    EXPECT_TRUE(support::FramesAreFree(*pool_));
    RecordProperty("packets", std::to_string(stats.tx_packets));
    RecordProperty("pools", std::to_string(most_pools));
    std::printf("%llu packets, at most %u pools and %llu objects more, longest sends %.1f and %.1f ms\n",
                static_cast<unsigned long long>(stats.tx_packets), most_pools,
                static_cast<unsigned long long>(most_objects - std::min(most_objects, objects_before)),
                static_cast<double>(longest[0].count()) / 1e6, static_cast<double>(longest[1].count()) / 1e6);
  }

  std::unique_ptr<support::VethPair> pair_;
  std::shared_ptr<Pool> pool_;
  std::vector<std::byte> frame_;
  int socket_ = -1;
};
INSTANTIATE_TEST_SUITE_P(Policies, InjectionHazardTest, testing::Values("inject", "auto"), [](const auto& policy) { return policy.param; });

TEST_P(InjectionHazardTest, ASocketThatIsReadTooSlowly) {
  Run(true);
}

TEST_P(InjectionHazardTest, ASocketThatIsNeverRead) {
  Run(false);
}

}  // namespace
}  // namespace pollux::pmd::af_xdp
