// SPDX-License-Identifier: Apache-2.0
// packet_source COUNT INTERFACE INTERFACE: sends COUNT packets of 64 bytes, half of them on each interface, and takes those that come back
// on the other. It keeps so many under way that whoever forwards them finds full bursts, and sleeps in between, which leaves the
// emulator's time to the forwarder.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>
#include <string>
#include <thread>

#include "mempool/pool.h"
#include "mempool/region.h"
#include "pmd/drivers.h"

namespace pollux::guest_machine {
namespace {

using mempool::Packet;
using mempool::Pool;

constexpr uint64_t kWindow = 1024;  // under way to one end; as long as a port's ring, since more would wait in the emulator
constexpr uint64_t kLot = 4 * mempool::kDefaultBurst;
constexpr auto kPatience = std::chrono::seconds(20);

struct End {
  std::unique_ptr<pmd::Device> device;
  uint64_t sent = 0;
  uint64_t received = 0;  // of what the other end sent
};

void SendLot(Pool& pool, pmd::TxQueue& queue, uint64_t wanted) {
  // To everybody, of a protocol that nobody speaks.
  constexpr unsigned char kHeader[14] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0, 0, 0, 0, 0x99, 0x88, 0xb5};
  Packet burst[mempool::kDefaultBurst];
  do {
    const std::size_t count = pool.Allocate({burst, std::min<uint64_t>(wanted, std::size(burst))});
    for (Packet& packet : std::span(burst, count)) {
      packet.length = 60;
      std::memset(packet.data, 0, packet.length);
      std::memcpy(packet.data, kHeader, sizeof(kHeader));
    }
    const std::size_t sent = queue.Send({burst, count});
    Pool::Free({burst + sent, count - sent});
    wanted -= sent;
  } while (wanted > 0);  // an empty burst pushes on what waits
}

uint64_t ReceiveAll(pmd::RxQueue& queue) {
  Packet burst[mempool::kDefaultBurst];
  uint64_t received = 0;
  while (const std::size_t count = queue.Receive(burst)) {
    Pool::Free({burst, count});
    received += count;
  }
  return received;
}

absl::Status Open(const std::string& interface, const std::shared_ptr<Pool>& pool, End& end) {
  auto device = pmd::OpenDevice("net_af_xdp_" + interface + ",bind_mode=zerocopy,iface=" + interface);
  if (!device.ok()) return device.status();
  end.device = *std::move(device);
  const absl::Status status = end.device->Configure({.pool = pool});
  return status.ok() ? end.device->Start() : status;
}

absl::Status Run(uint64_t count, const char* first, const char* second) {
  const mempool::PoolOptions options{.frame_count = 16384};
  auto region = mempool::Region::Create({.bytes = *mempool::RegionBytes(options), .pages = mempool::PageKind::kOrdinary});
  if (!region.ok()) return region.status();
  const auto pool = Pool::Create(*std::move(region), options);
  if (!pool.ok()) return pool.status();
  End ends[2];
  absl::Status status = Open(first, *pool, ends[0]);
  if (status.ok()) status = Open(second, *pool, ends[1]);
  if (!status.ok()) return status;
  auto last = std::chrono::steady_clock::now();
  while (ends[0].received + ends[1].received < count) {
    bool moved = false;
    for (End& end : ends) {
      const uint64_t received = ReceiveAll(end.device->rx_queue(0));
      end.received += received;
      const uint64_t under_way = end.sent - ends[&end == ends].received;
      const uint64_t lot = std::min(kLot, count / 2 - end.sent);
      const bool sends = lot > 0 && under_way + lot <= kWindow;
      SendLot(**pool, end.device->tx_queue(0), sends ? lot : 0);
      end.sent += sends ? lot : 0;
      moved |= sends || received > 0;
    }
    if (moved) {
      last = std::chrono::steady_clock::now();
    } else if (std::chrono::steady_clock::now() - last > kPatience) {
      return absl::DeadlineExceededError(absl::StrCat("lost packets: ", ends[0].sent, " sent on ", first, ", ", ends[1].received,
                                                      " came to ", second, "; ", ends[1].sent, " the other way, ", ends[0].received,
                                                      " came"));
    } else {
      std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
  }
  status = ends[0].device->Stop();
  return status.ok() ? ends[1].device->Stop() : status;
}

}  // namespace
}  // namespace pollux::guest_machine

int main(int argc, char** argv) {
  if (argc != 4 || std::atol(argv[1]) <= 0) {
    std::cerr << "packet_source COUNT INTERFACE INTERFACE\n";
    return 2;
  }
  const absl::Status status = pollux::guest_machine::Run(std::strtoull(argv[1], nullptr, 10) & ~1ull, argv[2], argv[3]);
  if (!status.ok()) std::cerr << "packet_source: " << status << '\n';
  return status.ok() ? 0 : 1;
}
