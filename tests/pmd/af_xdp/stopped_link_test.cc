// SPDX-License-Identifier: Apache-2.0
// A link whose far end stands still: a veth with a qdisc stops its queue, the kernel puts off what the ring holds, and all of it arrives
// as soon as the far end goes on, though nothing more is sent. A real kernel's NAPI is what stands still.
#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>

#include <array>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>

#include "pmd/af_xdp/af_xdp_device.h"
#include "pmd/visible_region.h"
#include "tests/pmd/af_xdp/veth_pair.h"
#include "tests/support/packet_builder.h"
#include "tests/support/pool_fixture.h"
#include "tools/support/patience.h"

namespace pollux::pmd::af_xdp {
namespace {

using mempool::Pool;
using support::Eventually;

constexpr std::size_t kPackets = 1000;  // the far end of a veth has 256 places

// The kernel thread that polls an interface with threaded NAPI.
std::optional<pid_t> NapiThread(const std::string& interface) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::ifstream file(entry.path() / "comm");
    std::string name;
    if (std::getline(file, name) && name.starts_with("napi/" + interface + "-")) return std::stoi(entry.path().filename());
  }
  return std::nullopt;
}

void PinThread(pid_t thread, int cpu) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(cpu, &cpus);
  EXPECT_EQ(sched_setaffinity(thread, sizeof(cpus), &cpus), 0) << std::strerror(errno);
}

// Keeps a CPU from everything of ordinary priority while it lives. Not for long: the kernel gives such threads 95 % of a second.
class CpuHolder {
 public:
  explicit CpuHolder(int cpu)
      : thread_([this, cpu] {
          PinThread(0, cpu);
          const sched_param priority = {.sched_priority = 1};
          holds_ = pthread_setschedparam(pthread_self(), SCHED_FIFO, &priority) == 0;
          started_ = true;
          while (!stop_.load(std::memory_order_relaxed)) {
          }
        }) {
    while (!started_) std::this_thread::yield();
  }
  ~CpuHolder() {
    stop_ = true;
    thread_.join();
  }
  bool holds() const { return holds_; }

 private:
  std::atomic<bool> started_ = false, holds_ = false, stop_ = false;
  std::thread thread_;
};

class StoppedLinkTest : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Policies, StoppedLinkTest, testing::Values("ring", "auto", "inject"),
                         [](const auto& policy) { return policy.param; });

TEST_P(StoppedLinkTest, WhatWasPutOffArrivesWithoutAnotherPacket) {
  if (!support::NetworkNamespace::MayCreate()) GTEST_SKIP() << "network namespaces need CAP_SYS_ADMIN";
  cpu_set_t allowed;
  ASSERT_EQ(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
  if (!CPU_ISSET(0, &allowed) || !CPU_ISSET(1, &allowed)) GTEST_SKIP() << "needs CPUs 0 and 1";
  auto pair = support::VethPair::Create(1);
  ASSERT_NE(pair, nullptr);
  const struct Unpinned {
    cpu_set_t cpus;
    ~Unpinned() { sched_setaffinity(0, sizeof(cpus), &cpus); }
  } unpinned{allowed};
  const std::string far = "n" + std::to_string(getpid());
  pair->Run({"ip", "link", "set", "x1", "down"});
  pair->Run({"ip", "link", "set", "x1", "name", far});
  pair->Run({"ip", "link", "set", far, "up"});
  // To NAPI goes what comes from an end without TSO: veth_skb_is_eligible_for_gro() in drivers/net/veth.c.
  pair->Run({"ethtool", "-K", "x0", "tso", "off"});
  pair->Run({"ethtool", "-K", far, "gro", "on"});
  pair->Run({"sh", "-c", "echo 1 > /sys/class/net/" + far + "/threaded"});

  auto pool = support::MakePool({.frame_count = 8192, .slab_frames = 64}, &CreateVisibleRegion);
  ASSERT_NE(pool, nullptr);
  auto device = AfXdpDevice::Open(*DeviceArguments::Parse(std::string("net_af_xdp0,iface=x0,tx=") + GetParam()));
  ASSERT_TRUE(device.ok()) << device.status();
  ASSERT_TRUE((*device)->Configure({.tx_queues = 1, .pool = pool}).ok());
  ASSERT_TRUE((*device)->Start().ok());
  // Not before: a program that comes onto the other end makes the thread anew.
  std::optional<pid_t> napi;
  ASSERT_TRUE(Eventually([&] { return (napi = NapiThread(far)).has_value(); })) << "no threaded NAPI";
  PinThread(*napi, 1);
  PinThread(0, 0);
  TxQueue& queue = (*device)->tx_queue(0);
  // An administrator's, while the port runs.
  pair->Run({"tc", "qdisc", "replace", "dev", "x0", "root", "pfifo"});
  bool told = false;
  EXPECT_TRUE(Eventually([&] {
    for (const DeviceEvent& event : (*device)->PollEvents()) told |= event.text.find("has a qdisc") != std::string::npos;
    return told;
  }));
  const std::vector<std::byte> frame = support::PacketBuilder().Ethernet({}).FillTo(64).Build();
  const auto received = [&] { return std::stoull(pair->Run({"cat", "/sys/class/net/" + far + "/statistics/rx_packets"})); };
  const auto arrived_before = received();
  {
    const CpuHolder holder(1);
    if (!holder.holds()) GTEST_SKIP() << "SCHED_FIFO needs CAP_SYS_NICE";
    std::size_t sent = 0;
    for (int attempt = 0; sent < kPackets && attempt < 100'000; ++attempt) {
      std::array<Packet, 32> burst;
      const std::size_t count = std::min(burst.size(), kPackets - sent);
      ASSERT_EQ(pool->Allocate({burst.data(), count}), count);
      for (Packet& packet : std::span(burst).first(count)) {
        std::memcpy(packet.data, frame.data(), frame.size());
        packet.length = static_cast<uint32_t>(frame.size());
      }
      const std::size_t taken = queue.Send({burst.data(), count});
      Pool::Free({burst.data() + taken, count - taken});
      sent += taken;
    }
    ASSERT_EQ(sent, kPackets);
    // The recipe is only one if the link has stopped. What is injected meets a full far end and is dropped there, by name.
    if (GetParam() != std::string_view("inject")) {
      EXPECT_TRUE(queue.Poll());
    }
  }
  EXPECT_TRUE(Eventually([&] { return !queue.Poll(); }));
  const QueueStats stats = (*device)->Stats();
  EXPECT_EQ(stats.tx_packets + stats.tx_dropped, kPackets);
  if (GetParam() != std::string_view("inject")) {
    EXPECT_EQ(stats.tx_dropped, 0u);
  }
  EXPECT_TRUE(Eventually([&] { return received() - arrived_before == stats.tx_packets; })) << received() - arrived_before << " arrived";
  ASSERT_TRUE((*device)->Stop().ok());
  EXPECT_TRUE(support::FramesAreFree(*pool));
}

}  // namespace
}  // namespace pollux::pmd::af_xdp
