// SPDX-License-Identifier: Apache-2.0
// What Pollux gets of this kernel, a line each: FEATURE<TAB>works | falls back | absent<TAB>why. docs/kernels.md is made of it.
#include <linux/if_xdp.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <cstdio>
#include <string>

#include "bpf/feature_probe.h"
#include "bpf/uapi.h"
#include "mempool/pool.h"
#include "mempool/region.h"
#include "pmd/drivers.h"
#include "pmd/visible_region.h"

namespace pollux::guest_machine {
namespace {

void Say(const std::string& feature, const char* verdict, const std::string& why = "") {
  std::printf("%s\t%s\t%s\n", feature.c_str(), verdict, why.c_str());
}

// Starts a port as the user would, and tells of one feature what was asked for and what was got.
void Ask(const std::string& title, const std::string& port, const std::string& feature, decltype(&mempool::Region::Create) create) {
  const mempool::PoolOptions options{.frame_count = 8192};
  auto region = create({.bytes = *mempool::RegionBytes(options), .pages = mempool::PageKind::kOrdinary});
  if (!region.ok()) return Say(title, "absent", std::string(region.status().message()));
  pmd::DeviceConfig config;
  config.rx_ring = config.tx_ring = 256;
  config.pool = *mempool::Pool::Create(*std::move(region), options);
  auto device = pmd::OpenDevice("net_af_xdp0," + port);
  absl::Status status = device.status();
  if (status.ok()) status = (*device)->Configure(config);
  if (status.ok()) status = (*device)->Start();
  if (!status.ok()) return Say(title, "absent", std::string(status.message()));
  status = pmd::CheckRequired((*device)->Features(), {feature});
  Say(title, status.ok() ? "works" : "falls back", std::string(status.message()));
}

void Ask(const std::string& title, const std::string& port, const std::string& feature) {
  Ask(title, port, feature, &mempool::Region::Create);
}

void AskSocketOption(const std::string& title, int option) {
  const int descriptor = socket(AF_XDP, SOCK_RAW, 0);
  const uint32_t value = 1024;
  setsockopt(descriptor, SOL_XDP, XDP_TX_RING, &value, sizeof(value));  // the limit may not be more than the ring holds
  const bool taken = setsockopt(descriptor, SOL_XDP, option, &value, sizeof(value)) == 0;
  Say(title, taken ? "works" : "falls back", taken ? "" : "a sendto sends 32 packets at most");
}

void AskPopulate() {
#ifndef MADV_POPULATE_WRITE
  constexpr int MADV_POPULATE_WRITE = 23;
#endif
  void* const page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const bool done = madvise(page, 4096, MADV_POPULATE_WRITE) == 0;
  Say("hugepages without SIGBUS (MADV_POPULATE_WRITE)", done ? "works" : "falls back", done ? "" : "free pages are counted beforehand");
}

int Main() {
  Ask("native XDP, virtio-net", "iface=port0", "native");
  Ask("zero-copy, virtio-net", "iface=port0", "zerocopy");
  Ask("native XDP, veth", "iface=v0", "native");
  Ask("wakeups on demand", "iface=v0", "need_wakeup");
  Ask("dispatcher of libxdp", "iface=v0,dispatcher=1", "native");
  Ask("sending without sk_buffs, veth (tx=auto)", "iface=v0,tx=auto", "inject", &pmd::CreateVisibleRegion);
  Ask("preferred busy polling, virtio-net in copy mode", "iface=port0,bind_mode=copy,busy_budget=64", "busy_poll");
  const auto features = bpf::ProbeDevice("port0");
  const bool known = features.ok() && features->known;
  Say("features told by netlink (netdev family)", known ? "works" : "falls back", known ? "" : "tried, and seen what bind answers");
  const bool napi = bpf::QueueNapiId("port0", 0, bpf::QueueDirection::kRx).has_value();
  Say("NAPI instance of a queue told by netlink", napi ? "works" : "absent", napi ? "" : "the kernel or virtio-net does not tell");
  AskSocketOption("more than 32 packets a sendto", bpf::kXdpMaximumTxBudgetOption);
  AskPopulate();
  return 0;
}

}  // namespace
}  // namespace pollux::guest_machine

int main() {
  return pollux::guest_machine::Main();
}
