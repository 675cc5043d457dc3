// SPDX-License-Identifier: Apache-2.0
// A whole forwarder: what one port receives, the other sends.
//
//   l2_forward net_af_xdp0,iface=p0 net_af_xdp1,iface=p1     until Ctrl-C; every AF_XDP device forwards to every other without a copy
//   l2_forward net_null0 net_null1                           no interface, no root
//   l2_forward DEVICE DEVICE adaptive                        sleeps while there is nothing to do (docs/idle.md); spin: never, as without
//
// Inside the tree: bazel run //tools:l2_forward -- ...
// Outside of it:   g++ -std=c++20 l2_forward.cc $(pkg-config --cflags --libs pollux)
#include <cstdio>
#include <iostream>

#include "lcore/capabilities.h"
#include "lcore/idle_governor.h"
#include "lcore/poll_loop.h"
#include "lcore/stop_signal.h"
#include "mempool/frame_audit.h"
#include "mempool/pool.h"
#include "pmd/drivers.h"

namespace {

using pollux::mempool::Packet;
using pollux::mempool::Pool;

struct Port {
  std::unique_ptr<pollux::pmd::Device> device;
  uint64_t not_taken = 0;  // received here, and not taken by the other port
};

// Memory first: one pool of frames, which all ports share, so that a packet is received, held and sent in the same place.
absl::StatusOr<std::shared_ptr<Pool>> MakePool() {
  const pollux::mempool::PoolOptions options;
  absl::StatusOr<std::size_t> bytes = RegionBytes(options);
  if (!bytes.ok()) return bytes.status();
  absl::StatusOr<std::unique_ptr<pollux::mempool::Region>> region = pollux::mempool::Region::Create({.bytes = *bytes});
  if (!region.ok()) return region.status();
  return Pool::Create(*std::move(region), options);
}

absl::Status Start(Port& port, const std::shared_ptr<Pool>& pool) {
  const absl::Status status = port.device->Configure({.pool = pool});
  return status.ok() ? port.device->Start() : status;
}

// One burst. What the tx queue does not take stays ours, and is dropped here rather than waited for.
std::size_t Forward(Port& from, Port& to) {
  Packet packets[pollux::mempool::kDefaultBurst];
  const std::size_t received = from.device->rx_queue(0).Receive(packets);
  const std::size_t taken = to.device->tx_queue(0).Send({packets, received});  // an empty burst pushes on what waits
  Pool::Free({packets + taken, received - taken});
  from.not_taken += received - taken;
  return received;
}

// Before a sleep: whether nothing of this port waits to be sent, and what tells that packets came.
bool PrepareToSleep(Port& port, std::vector<int>& descriptors) {
  descriptors.push_back(port.device->rx_queue(0).PrepareToWait());
  return !port.device->tx_queue(0).Poll() && descriptors.back() >= 0;
}

bool PrintTotals(const Port& port) {
  const pollux::pmd::QueueStats stats = port.device->Stats();
  std::printf("%s: received %lu, not taken by the other port %lu; sent %lu, dropped %lu\n", port.device->Info().name.c_str(),
              stats.rx_packets, port.not_taken, stats.tx_packets, stats.tx_dropped);
  return stats.tx_pending == 0;
}

absl::Status Run(const char* first, const char* second, const char* idle) {
  const absl::StatusOr<pollux::lcore::IdleMode> mode = pollux::lcore::ParseIdleMode(idle);
  if (!mode.ok()) return mode.status();
  absl::StatusOr<std::unique_ptr<pollux::lcore::StopSignal>> stop = pollux::lcore::StopSignal::Install();
  if (!stop.ok()) return stop.status();
  absl::StatusOr<std::shared_ptr<Pool>> pool = MakePool();
  if (!pool.ok()) return pool.status();
  absl::StatusOr<std::unique_ptr<pollux::pmd::Device>> opened[] = {pollux::pmd::OpenDevice(first), pollux::pmd::OpenDevice(second)};
  for (const auto& device : opened) {
    if (!device.ok()) return device.status();
  }
  Port a{*std::move(opened[0])};
  Port b{*std::move(opened[1])};
  absl::Status status = Start(a, *pool);
  if (status.ok()) status = Start(b, *pool);
  if (status.ok()) status = pollux::lcore::KeepCapabilities({});  // packets move by descriptors: no privilege is needed any more
  if (!status.ok()) return status;

  pollux::lcore::PollLoopStats loop;
  std::puts("Forwarding, without privileges; Ctrl-C ends it.");
  pollux::lcore::IdleGovernor governor(*mode,
                                       [&](auto& descriptors) { return PrepareToSleep(a, descriptors) && PrepareToSleep(b, descriptors); });
  RunPollLoop((*stop)->flag(), loop, [&] { return Forward(a, b) + Forward(b, a); }, governor);

  // Stop brings every frame back to the pool, so the audit must find them all free.
  status = a.device->Stop();
  status.Update(b.device->Stop());
  const bool settled = PrintTotals(a) & PrintTotals(b);
  if (!settled) status.Update(absl::DataLossError("a stopped port still has packets to send"));
  pollux::mempool::FrameAudit audit(**pool);
  status.Update(audit.Balance());
  if (status.ok()) std::printf("balanced: %zu of %zu frames are free\n", (*pool)->FreeCount(), (*pool)->frame_count());
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 && argc != 4)
    return std::cerr << "usage: l2_forward DEVICE DEVICE [spin|adaptive|sleep]   (such as net_af_xdp0,iface=eth0)\n", 2;
  const absl::Status status = Run(argv[1], argv[2], argc == 4 ? argv[3] : "spin");
  if (!status.ok()) std::cerr << "l2_forward: " << status.message() << "\n";
  return status.ok() ? 0 : 1;
}
