// SPDX-License-Identifier: Apache-2.0
#include "tests/pmd/af_xdp/injection_hazard.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>
#include <utility>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include "bpf/injector.h"
#include "bpf/unique_fd.h"
#include "pmd/af_xdp/af_xdp_device.h"
#include "pmd/visible_region.h"
#include "tests/support/packet_builder.h"
#include "tests/support/pool_fixture.h"
#include "tools/support/patience.h"

namespace pollux::support {
namespace {

using Clock = std::chrono::steady_clock;
using mempool::Packet;
using mempool::Pool;
using std::chrono::milliseconds;

constexpr uint16_t kPort = 9;
constexpr std::size_t kFrameBytes = 64;
constexpr int kReadings = 1000;     // of the clock; tens of microseconds
constexpr milliseconds kLookAt(5);  // a send that is under way for so long

std::string ReadAll(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// What the kernel logs of page pools from now on.
class KernelLog {
 public:
  KernelLog() : log_(open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC)) { lseek(log_.get(), 0, SEEK_END); }
  std::vector<std::string> Lines() const {
    std::vector<std::string> lines;
    char record[8192];
    // "6,1234,5678,-;text" and a line with each property.
    for (ssize_t length; (length = read(log_.get(), record, sizeof(record))) > 0;) {
      const std::string line(record, static_cast<std::size_t>(length));
      const std::size_t text = line.find(';') + 1;
      if (line.find("page_pool") != std::string::npos) lines.push_back(line.substr(text, line.find('\n', text) - text));
    }
    return lines;
  }

 private:
  const bpf::UniqueFd log_;
};

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

// Sends packets one by one until told to stop.
class Sender {
 public:
  void Run(pmd::TxQueue& queue, Pool& pool, std::span<const std::byte> frame, const std::atomic<bool>& stop) {
    thread_ = static_cast<pid_t>(syscall(SYS_gettid));
    ThreadTime time;
    while (!stop.load(std::memory_order_relaxed)) {
      Packet packet;
      if (pool.Allocate({&packet, 1}) == 0) {
        queue.Send({});
        continue;
      }
      std::memcpy(packet.data, frame.data(), frame.size());
      packet.length = static_cast<uint32_t>(frame.size());
      time.Begin();
      began_.store(Clock::now().time_since_epoch().count(), std::memory_order_relaxed);
      const std::size_t taken = queue.Send({&packet, 1});
      began_.store(0, std::memory_order_relaxed);
      const TimeSpent spent = time.End();
      if (spent.own() > longest_for_itself.own()) longest_for_itself = spent;
      if (spent.elapsed > longest.elapsed) longest = spent;
      if (taken == 0) Pool::Free({&packet, 1});
    }
    queue.Send({});
    pool.FlushThisThread();
  }

  // By another thread: where in the kernel a send sleeps that has been under way for long.
  void Look() {
    const int64_t began = began_.load(std::memory_order_relaxed);
    if (began == 0 || began == looked_at_ || Clock::now() - Clock::time_point(Clock::duration(began)) < kLookAt) return;
    looked_at_ = began;
    const std::string folder = absl::StrCat("/proc/self/task/", thread_.load(), "/");
    if (ReadAll(folder + "wchan") == "0") return;
    const std::string seen = ReadAll(folder + "stack");
    if (!seen.empty() && began_.load(std::memory_order_relaxed) == began) stack = seen;
  }

  TimeSpent longest_for_itself, longest;
  std::string stack;

 private:
  std::atomic<pid_t> thread_ = 0;
  std::atomic<int64_t> began_ = 0;
  int64_t looked_at_ = 0;
};

}  // namespace

std::unique_ptr<InjectionHazard> InjectionHazard::Create() {
  std::unique_ptr<InjectionHazard> hazard(new InjectionHazard);
  hazard->Prepare();
  return testing::Test::HasFatalFailure() ? nullptr : std::move(hazard);
}

void InjectionHazard::Prepare() {
  pair_ = VethPair::Create(2);
  ASSERT_NE(pair_, nullptr);
  pair_->Run({"ethtool", "-K", "x1", "gro", "on"});
  pair_->Run({"ip", "address", "add", "10.77.0.1/24", "dev", "x1"});
  pool_ = MakePool({.frame_count = 16384, .slab_frames = 64}, &pmd::CreateVisibleRegion);
  ASSERT_NE(pool_, nullptr);
  socket_ = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int room = 256 << 20;
  setsockopt(socket_, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
  sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(kPort), .sin_addr = {inet_addr("10.77.0.1")}, .sin_zero = {}};
  ASSERT_EQ(bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  frame_ = PacketBuilder()
               .Ethernet({.source = "02:00:00:00:00:01", .destination = pair_->Run({"cat", "/sys/class/net/x1/address"}).substr(0, 17)})
               .Ipv4({.source = "10.77.0.2", .destination = "10.77.0.1"})
               .Udp({.destination = kPort})
               .FillTo(kFrameBytes)
               .Build();
}

InjectionHazard::~InjectionHazard() {
  if (socket_ >= 0) close(socket_);
}

std::unique_ptr<pmd::Device> InjectionHazard::Open(const std::string& arguments, std::size_t tx_queues) {
  auto device = pmd::af_xdp::AfXdpDevice::Open(*pmd::DeviceArguments::Parse("net_af_xdp_x0,iface=x0" + arguments));
  if (!device.ok()) return ADD_FAILURE() << device.status(), nullptr;
  absl::Status status = (*device)->Configure({.tx_queues = tx_queues, .pool = pool_});
  if (status.ok()) status = (*device)->Start();
  EXPECT_TRUE(status.ok()) << status;
  return status.ok() ? *std::move(device) : nullptr;
}

HazardFindings InjectionHazard::Run(const HazardOptions& options) {
  HazardFindings findings;
  auto device = Open(absl::StrCat(",queue_count=1,tx=", options.engine), HazardFindings::kThreads);
  const auto injector = bpf::Injector::ForProcess({});
  EXPECT_TRUE(injector.ok()) << injector.status();
  if (device == nullptr || !injector.ok()) return findings;
  const KernelLog log;
  const uint64_t objects_before = SlabObjects();
  const uint32_t pools_before = (*injector)->pools();
  std::atomic<bool> stop = false;
  std::array<Sender, HazardFindings::kThreads> senders;
  std::vector<std::thread> threads;
  for (std::size_t index = 0; index < senders.size(); ++index) {
    threads.emplace_back([&, index] { senders[index].Run(device->tx_queue(index), *pool_, frame_, stop); });
  }
  // It competes for a CPU as the senders do.
  threads.emplace_back([&] {
    ThreadTime time;
    while (!stop.load(std::memory_order_relaxed)) {
      time.Begin();
      for (int times = 0; times < kReadings; ++times) (void)Clock::now();
      const TimeSpent spent = time.End();
      if (spent.elapsed - spent.waited > findings.longest_reading.elapsed - findings.longest_reading.waited) {
        findings.longest_reading = spent;
      }
    }
  });
  const auto end = Clock::now() + options.duration;
  for (int round = 0; Clock::now() < end; ++round) {
    char byte;
    if (options.reading) (void)!recv(socket_, &byte, 1, 0);
    findings.most_pools = std::max(findings.most_pools, (*injector)->pools());
    if (round % 1000 == 0) findings.most_objects = std::max(findings.most_objects, SlabObjects());
    for (Sender& sender : senders) sender.Look();
    usleep(20);
  }
  const auto begin = Clock::now();
  auto second = Open(",start_queue=1,tx=ring", 1);
  findings.binding = Clock::now() - begin;
  stop = true;
  for (std::thread& thread : threads) thread.join();
  for (const Sender& sender : senders) {
    if (sender.longest_for_itself.own() >= findings.longest_for_itself.own()) {
      findings.longest_for_itself = sender.longest_for_itself;
    }
    if (sender.longest.elapsed > findings.longest.elapsed) findings.longest = sender.longest;
    if (!sender.stack.empty()) findings.stack = sender.stack;
  }
  findings.most_objects -= std::min(findings.most_objects, objects_before);
  EXPECT_TRUE(device->Stop().ok());
  if (second != nullptr) {
    EXPECT_TRUE(second->Stop().ok());
  }
  const pmd::QueueStats stats = device->Stats();
  findings.packets = stats.tx_packets;
  EXPECT_EQ(stats.tx_pending, 0u);
  EXPECT_EQ(stats.tx_bytes, stats.tx_packets * kFrameBytes);
  EXPECT_TRUE(FramesAreFree(*pool_));
  // Who held the frames gives them back.
  close(std::exchange(socket_, -1));
  if (!Eventually([&] { return (*injector)->pools() <= pools_before; })) findings.pools_left = (*injector)->pools() - pools_before;
  findings.kernel_log = log.Lines();
  return findings;
}

std::string Describe(const HazardFindings& findings) {
  const auto ms = [](nanoseconds time) { return static_cast<double>(time.count()) / 1e6; };
  const auto parts = [&](const TimeSpent& spent) {
    return absl::StrFormat("%.1f ms (ran %.1f, slept %.1f, waited for a CPU %.1f, the host or interrupts %.1f)", ms(spent.elapsed),
                           ms(spent.ran), ms(spent.slept), ms(spent.waited), ms(spent.taken() - spent.waited));
  };
  return absl::StrFormat(
      "%d packets; at most %d page pools that outlived their call, %d objects of their size more; another port's start %.1f ms\n"
      "  left of them afterwards: %d; the kernel said %d lines of them%s\n  longest send for itself: %s\n  longest send: %s\n  longest "
      "reading of "
      "the clock: %s\n%s",
      findings.packets, findings.most_pools, findings.most_objects, ms(findings.binding), findings.pools_left, findings.kernel_log.size(),
      findings.kernel_log.empty() ? "" : absl::StrCat(", the last: ", findings.kernel_log.back()), parts(findings.longest_for_itself),
      parts(findings.longest), parts(findings.longest_reading),
      findings.stack.empty() ? "" : absl::StrCat("  where a send slept for more than ", kLookAt.count(), " ms:\n", findings.stack));
}

}  // namespace pollux::support
