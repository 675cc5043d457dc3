// SPDX-License-Identifier: Apache-2.0
// Zero-copy ports of pollux-broker: a worker without any capability, in a network namespace without the interfaces, sends from port0 to
// port1, and the frames are those of the broker's memory.
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <set>
#include <string>

#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>

#include "lcore/capabilities.h"
#include "lcore/errno_status.h"
#include "pmd/drivers.h"
#include "tests/guest/chain.h"
#include "tests/support/pool_fixture.h"
#include "tools/support/child_process.h"
#include "tools/support/patience.h"

namespace pollux::guest {
namespace {

constexpr uid_t kNobody = 65534;
constexpr std::size_t kLength = 1000;
constexpr std::size_t kPackets = 2000;
constexpr std::size_t kWindow = 128;
constexpr std::chrono::minutes kPatience(2);  // emulated, and others may be at work

absl::Status BecomeNobody() {
  if (unshare(CLONE_NEWNET) != 0) return lcore::ErrnoStatus(errno, "unshare(CLONE_NEWNET)");
  if (setresgid(kNobody, kNobody, kNobody) != 0 || setresuid(kNobody, kNobody, kNobody) != 0)
    return lcore::ErrnoStatus(errno, "setresuid()");
  if (auto status = lcore::KeepCapabilities({}); !status.ok()) return status;
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("CapEff", 0) == 0 && line.find("0000000000000000") == std::string::npos) return absl::InternalError(line);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<pmd::Device>> Open(const std::string& interface, const std::string& broker) {
  return pmd::OpenDevice(absl::StrCat("net_af_xdp_", interface, ",iface=", interface, ",bind_mode=zerocopy,broker=", broker));
}

// All packets come, whole and each once. The fill ring is empty until the receiver has it, and QEMU's hub turns the order of packets round
// that come before (docs/guest.md).
absl::Status Pass(pmd::Device& sender, pmd::Device& receiver, mempool::Pool& pool) {
  std::size_t sent = 0;
  std::set<std::size_t> under_way;
  bool whole = true;
  const auto take = [&](const mempool::Packet& packet) {
    if (packet.length != kLength) return;  // a kernel's own
    const auto found =
        std::find_if(under_way.begin(), under_way.end(), [&](std::size_t number) { return support::HasContents(packet, kLength, number); });
    whole &= found != under_way.end();
    if (found != under_way.end()) under_way.erase(found);
  };
  const bool all = support::Eventually(
      [&] {
        for (int round = 0; round < 1000 && (sent < kPackets || !under_way.empty()); ++round) {
          if (sent < kPackets && under_way.size() < kWindow) {
            std::vector<mempool::Packet> packets = support::AllocatePackets(pool, std::min<std::size_t>(32, kPackets - sent));
            for (std::size_t index = 0; index < packets.size(); ++index) support::WriteContents(packets[index], kLength, sent + index);
            const std::size_t taken = sender.tx_queue(0).Send(packets);
            mempool::Pool::Free(std::span(packets).subspan(taken));
            for (std::size_t index = 0; index < taken; ++index) under_way.insert(sent++);
          }
          sender.tx_queue(0).Send({});
          std::array<mempool::Packet, 64> burst;
          const std::size_t got = receiver.rx_queue(0).Receive(burst);
          for (const mempool::Packet& packet : std::span(burst).first(got)) take(packet);
          mempool::Pool::Free(std::span(burst).first(got));
        }
        return sent == kPackets && under_way.empty();
      },
      kPatience);
  if (!all) return absl::DataLossError(absl::StrCat(sent, " packets were sent and ", under_way.size(), " did not come"));
  return whole ? absl::OkStatus() : absl::DataLossError("packets came changed, or twice");
}

absl::Status Work(const std::string& broker) {
  if (auto status = BecomeNobody(); !status.ok()) return status;
  auto sender = Open("port0", broker), receiver = Open("port1", broker);
  if (!sender.ok()) return sender.status();
  if (!receiver.ok()) return receiver.status();
  const mempool::PoolOptions options{.frame_count = 8192, .frame_size = (*sender)->Info().recommended_frame_size, .slab_frames = 64};
  const auto bytes = mempool::RegionBytes(options);
  if (!bytes.ok()) return bytes.status();
  auto region = (*sender)->MakeRegion({.bytes = *bytes});
  if (!region.ok()) return region.status();
  const auto pool = mempool::Pool::Create(*std::move(region), options);
  if (!pool.ok()) return pool.status();
  for (pmd::Device* device : {receiver->get(), sender->get()}) {
    absl::Status status = device->Configure({.rx_ring = 512, .tx_ring = 512, .pool = *pool});
    if (status.ok()) status = device->Start();
    if (status.ok()) status = pmd::CheckRequired(device->Features(), {pmd::kFeatureZeroCopy});
    if (!status.ok()) return status;
  }
  if (auto status = Pass(**sender, **receiver, **pool); !status.ok()) return status;
  for (pmd::Device* device : {receiver->get(), sender->get()}) {
    if (auto status = device->Stop(); !status.ok()) return status;
  }
  return support::FramesAreFree(**pool) ? absl::OkStatus() : absl::InternalError("frames are missing");
}

TEST(ZeroCopyBroker, AWorkerWithoutCapabilitiesHasZeroCopyPorts) {
  char folder[] = "/tmp/plx-broker-XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  chmod(folder, 0755);
  const std::string socket = absl::StrCat(folder, "/broker.sock"), configuration = absl::StrCat(folder, "/broker.json");
  std::ofstream(configuration) << R"({"socket": ")" << socket << R"(", "clients": [{"users": [65534], "ports": [)"
                               << R"({"interface": "port0", "memory_mib": 64}, {"interface": "port1", "memory_mib": 64}]}]})";
  for (const char* port : {"port0", "port1"}) RunTool({"ip", "link", "set", port, "promisc", "on", "up"});
  auto broker = support::ChildProcess::Start({std::getenv("POLLUX_BROKER"), absl::StrCat("--config=", configuration)});
  ASSERT_TRUE(broker.ok()) << broker.status();
  ASSERT_TRUE((*broker)->WaitForText("serving at", kPatience).ok()) << (*broker)->Transcript();
  const pid_t worker = fork();
  if (worker == 0) {
    const absl::Status status = Work(socket);
    if (!status.ok()) std::cerr << "the worker: " << status << std::endl;
    _exit(status.ok() ? 0 : 1);
  }
  int ended = 0;
  ASSERT_EQ(waitpid(worker, &ended, 0), worker);
  EXPECT_TRUE(WIFEXITED(ended) && WEXITSTATUS(ended) == 0) << (*broker)->Transcript();
}

}  // namespace
}  // namespace pollux::guest
