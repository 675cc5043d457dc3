// SPDX-License-Identifier: Apache-2.0
// Measures the transmit engines burst by burst: what a packet costs through the ring, injected, and with tx=auto, at every depth from 1
// to 1024, and how long auto takes to find the better one. Each has a veth of its own, and they take turns.
//   bazel run //tools/performance/checks:engine_check -- [ROUNDS [MILLISECONDS [CPU]]]      (as root)
#include <sched.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <absl/strings/str_cat.h>

#include "lcore/cycle_clock.h"
#include "pmd/drivers.h"
#include "pmd/visible_region.h"
#include "tools/performance/campaign/statistics.h"
#include "tools/performance/rig/sink.h"
#include "tools/support/network_namespace.h"
#include "tools/support/veth_pair.h"

namespace pollux::performance {
namespace {

constexpr std::array<const char*, 3> kEngines = {"ring", "inject", "auto"};
constexpr std::array<std::size_t, 11> kDepths = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024};
constexpr std::size_t kFrameBytes = 64;
constexpr mempool::PoolOptions kPool = {.frame_count = 16384};

// A port that sends, and who receives at the other end of its veth.
struct Lane {
  std::unique_ptr<support::NetworkNamespace> near, far;
  std::unique_ptr<Sink> sink;
  std::shared_ptr<mempool::Pool> pool;
  std::unique_ptr<pmd::Device> device;
};

absl::Status OpenPort(const char* engine, Lane& lane) {
  const auto bytes = mempool::RegionBytes(kPool);
  if (!bytes.ok()) return bytes.status();
  auto region = pmd::CreateVisibleRegion({.bytes = *bytes, .pages = mempool::PageKind::kOrdinary});
  if (!region.ok()) return region.status();
  auto pool = mempool::Pool::Create(*std::move(region), kPool);
  if (!pool.ok()) return pool.status();
  lane.pool = *std::move(pool);
  auto device = pmd::OpenDevice(absl::StrCat("net_af_xdp0,iface=plxnear,tx=", engine));
  if (!device.ok()) return device.status();
  lane.device = *std::move(device);
  absl::Status status = lane.device->Configure({.pool = lane.pool});
  return status.ok() ? lane.device->Start() : status;
}

absl::Status Open(const char* engine, Receiver receiver, Lane& lane) {
  for (auto* network : {&lane.near, &lane.far}) {
    auto created = support::NetworkNamespace::CreateUnnamed();
    if (!created.ok()) return created.status();
    *network = *std::move(created);
  }
  if (absl::Status status = support::AddVethPair({*lane.near, "plxnear"}, {*lane.far, "plxfar"}, {.arp = false, .gro = true}); !status.ok())
    return status;
  auto sink = Sink::Create(*lane.far, {.interface = "plxfar", .receiver = receiver});
  if (!sink.ok()) return sink.status();
  lane.sink = *std::move(sink);
  return lane.near->Call([&] { return OpenPort(engine, lane); });
}

// Frames of nobody's addresses: a plain stack drops them at its first check.
void Fill(mempool::Packet& packet) {
  static constexpr std::array<unsigned char, 14> kEthernet = {2, 0, 0, 0, 0, 0x22, 2, 0, 0, 0, 0, 0x11, 0x08, 0x00};
  std::memset(packet.data, 0, kFrameBytes);
  std::memcpy(packet.data, kEthernet.data(), kEthernet.size());
  packet.data[14] = std::byte{0x45};
  packet.length = kFrameBytes;
}

// Nanoseconds for each packet that was taken: allocated, sent, and its frame reclaimed, in bursts of `depth`.
double Run(Lane& lane, std::size_t depth, double milliseconds) {
  std::vector<mempool::Packet> packets(depth);
  pmd::TxQueue& queue = lane.device->tx_queue(0);
  const auto span = static_cast<uint64_t>(milliseconds * static_cast<double>(lcore::CyclesPerSecond()) / 1e3);
  uint64_t taken = 0, now = 0;
  const uint64_t begin = lcore::ReadCycles();
  do {
    const std::size_t count = lane.pool->Allocate(packets);
    for (std::size_t index = 0; index < count; ++index) Fill(packets[index]);
    const std::size_t sent = queue.Send({packets.data(), count});
    mempool::Pool::Free(std::span(packets).subspan(sent, count - sent));
    taken += sent;
    now = lcore::ReadCycles();
  } while (now - begin < span);
  while (lane.device->Stats().tx_pending > 0 && lcore::ReadCycles() - now < span) queue.Send({});
  const double ns = static_cast<double>(lcore::ReadCycles() - begin) * 1e9 / static_cast<double>(lcore::CyclesPerSecond());
  return taken > 0 ? ns / static_cast<double>(taken) : 0;
}

uint64_t Injected(const pmd::Device& device) {
  for (const pmd::NamedCounter& counter : device.ExtendedStats()) {
    if (counter.name == "tx_q0_inject_packets") return counter.value;
  }
  return 0;
}

absl::Status Check(Receiver receiver, int rounds, double milliseconds) {
  std::array<Lane, kEngines.size()> lanes;
  for (std::size_t engine = 0; engine < kEngines.size(); ++engine) {
    if (absl::Status status = Open(kEngines[engine], receiver, lanes[engine]); !status.ok()) return status;
  }
  std::printf("receiver %s: ns a packet of %zu bytes, median of %d rounds of %.0f ms\n  %5s  %8s %8s %8s  %8s  %s\n",
              ReceiverName(receiver), kFrameBytes, rounds, milliseconds, "depth", kEngines[0], kEngines[1], kEngines[2], "injected",
              "auto / better: median (lowest to highest)");
  for (const std::size_t depth : kDepths) {
    std::array<std::vector<double>, kEngines.size()> ns;
    std::vector<double> better;
    for (std::size_t engine = 0; engine < kEngines.size(); ++engine) Run(lanes[engine], depth, milliseconds);  // auto learns here
    const pmd::Device& automatic = *lanes.back().device;
    const uint64_t sent_before = automatic.Stats().tx_packets, injected_before = Injected(automatic);
    for (int round = 0; round < rounds; ++round) {
      for (std::size_t turn = 0; turn < kEngines.size(); ++turn) {
        const std::size_t engine = (turn + static_cast<std::size_t>(round)) % kEngines.size();  // each comes behind each
        ns[engine].push_back(Run(lanes[engine], depth, milliseconds));
      }
    }
    const std::size_t best = SpreadOf(ns[1]).median < SpreadOf(ns[0]).median;
    const Spread ratio = RatioOf(ns[2], ns[best]);
    const auto sent = static_cast<double>(automatic.Stats().tx_packets - sent_before);
    const double injected = sent > 0 ? static_cast<double>(Injected(automatic) - injected_before) * 100 / sent : 0;
    std::printf("  %5zu  %8.0f %8.0f %8.0f  %7.1f%%  %.3f (%.3f to %.3f) %s\n", depth, SpreadOf(ns[0]).median, SpreadOf(ns[1]).median,
                SpreadOf(ns[2]).median, injected, ratio.median, ratio.minimum, ratio.maximum, kEngines[best]);
    std::fflush(stdout);
  }
  for (Lane& lane : lanes) {
    if (absl::Status status = lane.device->Stop(); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace pollux::performance

int main(int count, char** words) {
  using pollux::performance::Receiver;
  const int rounds = count > 1 ? std::atoi(words[1]) : 9;
  const double milliseconds = count > 2 ? std::atof(words[2]) : 50;
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(count > 3 ? std::atoi(words[3]) : 1, &cpus);
  if (rounds < 1 || milliseconds <= 0 || sched_setaffinity(0, sizeof(cpus), &cpus) != 0) {
    std::fprintf(stderr, "usage: engine_check [ROUNDS [MILLISECONDS [CPU]]]: at least 1, more than 0, a CPU that is there\n");
    return 2;
  }
  for (const Receiver receiver : {Receiver::kXdp, Receiver::kStack}) {
    const absl::Status status = pollux::performance::Check(receiver, rounds, milliseconds);
    if (status.ok()) continue;
    std::fprintf(stderr, "%s\n", status.ToString().c_str());
    return 1;
  }
}
