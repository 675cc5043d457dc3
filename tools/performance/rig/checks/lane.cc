// SPDX-License-Identifier: Apache-2.0
#include "tools/performance/rig/checks/lane.h"

#include <array>
#include <cstring>
#include <span>
#include <vector>

#include <absl/strings/str_cat.h>

#include "lcore/cycle_clock.h"
#include "pmd/drivers.h"
#include "pmd/visible_region.h"
#include "tools/support/veth_pair.h"

namespace pollux::performance {
namespace {

constexpr mempool::PoolOptions kPool = {.frame_count = 16384};

}  // namespace

absl::StatusOr<std::unique_ptr<Lane>> Lane::Open(const LaneOptions& options) {
  std::unique_ptr<Lane> lane(new Lane(options));
  for (auto* network : {&lane->near_, &lane->far_}) {
    auto created = support::NetworkNamespace::CreateUnnamed();
    if (!created.ok()) return created.status();
    *network = *std::move(created);
  }
  if (absl::Status status = support::AddVethPair({*lane->near_, "plxnear"}, {*lane->far_, "plxfar"}, {.arp = false, .gro = true});
      !status.ok())
    return status;
  auto sink = Sink::Create(*lane->far_, {.interface = "plxfar", .receiver = options.receiver});
  if (!sink.ok()) return sink.status();
  lane->sink_ = *std::move(sink);
  if (absl::Status status = lane->near_->Call([&] { return lane->OpenPort(); }); !status.ok()) return status;
  return lane;
}

absl::Status Lane::OpenPort() {
  const auto bytes = mempool::RegionBytes(kPool);
  if (!bytes.ok()) return bytes.status();
  const bool huge = options_.memory == LaneMemory::kHuge;
  const mempool::RegionOptions memory{
      .bytes = *bytes, .pages = huge ? mempool::PageKind::kHuge2M : mempool::PageKind::kOrdinary, .require_pages = huge};
  auto region = options_.memory == LaneMemory::kVisible ? pmd::CreateVisibleRegion(memory) : mempool::Region::Create(memory);
  if (!region.ok()) return region.status();
  auto pool = mempool::Pool::Create(*std::move(region), kPool);
  if (!pool.ok()) return pool.status();
  pool_ = *std::move(pool);
  auto device = pmd::OpenDevice(absl::StrCat("net_af_xdp0,iface=plxnear,tx=", options_.engine));
  if (!device.ok()) return device.status();
  device_ = *std::move(device);
  absl::Status status = device_->Configure({.pool = pool_});
  return status.ok() ? device_->Start() : status;
}

// Frames of nobody's addresses: a plain stack drops them at its first check.
void Lane::Fill(mempool::Packet& packet) const {
  static constexpr std::array<unsigned char, 14> kEthernet = {2, 0, 0, 0, 0, 0x22, 2, 0, 0, 0, 0, 0x11, 0x08, 0x00};
  std::memset(packet.data, 0, options_.frame_bytes);
  std::memcpy(packet.data, kEthernet.data(), kEthernet.size());
  packet.data[14] = std::byte{0x45};
  packet.length = static_cast<uint32_t>(options_.frame_bytes);
}

uint64_t Lane::Send(std::size_t depth, double milliseconds) {
  std::vector<mempool::Packet> packets(depth);
  pmd::TxQueue& queue = device_->tx_queue(0);
  const auto span = static_cast<uint64_t>(milliseconds * static_cast<double>(lcore::CyclesPerSecond()) / 1e3);
  uint64_t taken = 0, now = 0;
  const uint64_t begin = lcore::ReadCycles();
  do {
    const std::size_t count = pool_->Allocate(packets);
    for (std::size_t index = 0; index < count; ++index) Fill(packets[index]);
    const std::size_t sent = queue.Send({packets.data(), count});
    mempool::Pool::Free(std::span(packets).subspan(sent, count - sent));
    taken += sent;
    now = lcore::ReadCycles();
  } while (now - begin < span);
  while (device_->Stats().tx_pending > 0 && lcore::ReadCycles() - now < span) queue.Send({});
  return taken;
}

double Lane::NanosecondsAPacket(std::size_t depth, double milliseconds) {
  const uint64_t begin = lcore::ReadCycles();
  const uint64_t taken = Send(depth, milliseconds);
  const double ns = static_cast<double>(lcore::ReadCycles() - begin) * 1e9 / static_cast<double>(lcore::CyclesPerSecond());
  return taken > 0 ? ns / static_cast<double>(taken) : 0;
}

uint64_t Lane::Injected() const {
  for (const pmd::NamedCounter& counter : device_->ExtendedStats()) {
    if (counter.name == "tx_q0_inject_packets") return counter.value;
  }
  return 0;
}

}  // namespace pollux::performance
