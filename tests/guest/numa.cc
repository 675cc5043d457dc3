// SPDX-License-Identifier: Apache-2.0
// A machine of two nodes: port0 and port1 are on node 0, port2 and port3 on node 1; node 0 has 16 hugepages, node 1 none.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lcore/device_node.h"
#include "lcore/placement.h"
#include "lcore/topology.h"
#include "pmd/drivers.h"
#include "tests/guest/chain.h"
#include "tests/support/pool_fixture.h"

namespace pollux::guest {
namespace {

using mempool::PageKind;
using mempool::Region;
using pmd::Device;
using testing::HasSubstr;

// Asks the kernel itself (move_pages(2) without nodes only looks).
std::vector<int> NodesOf(const Region& region) {
  const std::size_t page_bytes = 4096;
  std::vector<void*> pages;
  for (std::size_t offset = 0; offset < region.size(); offset += page_bytes) pages.push_back(region.base() + offset);
  std::vector<int> nodes(pages.size(), -1);
  EXPECT_EQ(syscall(SYS_move_pages, 0, pages.size(), pages.data(), nullptr, nodes.data(), 0), 0);
  return nodes;
}

std::shared_ptr<mempool::Pool> PoolOnNode(int node, PageKind pages = PageKind::kOrdinary) {
  const mempool::PoolOptions options{.frame_count = 8192, .slab_frames = 64};
  auto region = Region::Create({.bytes = *mempool::RegionBytes(options), .pages = pages, .numa_node = node, .require_node = true});
  EXPECT_TRUE(region.ok()) << region.status();
  return *mempool::Pool::Create(*std::move(region), options);
}

TEST(Numa, TheMachineHasTwoNodesAndPortsOnBoth) {
  const auto topology = lcore::Topology::FromMachine();
  ASSERT_TRUE(topology.ok()) << topology.status();
  EXPECT_EQ(topology->numa_nodes().size(), 2u) << topology->ToTable();
  EXPECT_EQ(lcore::DeviceNumaNode("port0"), 0u);
  EXPECT_EQ(lcore::DeviceNumaNode("port1"), 0u);
  EXPECT_EQ(lcore::DeviceNumaNode("port2"), 1u);
  EXPECT_EQ(lcore::DeviceNumaNode("port3"), 1u);
  EXPECT_EQ((*pmd::OpenDevice("net_af_xdp0,iface=port2"))->Info().numa_node, 1);
}

TEST(Numa, RegionsAreWhereTheyWereAskedFor) {
  for (const int node : {0, 1}) {
    auto region = Region::Create({.bytes = 8 << 20, .pages = PageKind::kOrdinary, .numa_node = node, .require_node = true});
    ASSERT_TRUE(region.ok()) << region.status();
    EXPECT_THAT(NodesOf(**region), testing::Each(node));
    EXPECT_EQ((*region)->report().node, node);
    EXPECT_EQ((*region)->report().pages_on_node, (*region)->report().pages_total);
  }
  EXPECT_EQ(Region::Create({.bytes = 1 << 20, .numa_node = 2}).status().code(), absl::StatusCode::kNotFound);
}

TEST(Numa, HugepagesOfTheNodeAreTakenUntilThereAreNone) {
  auto first = Region::Create({.bytes = 24 << 20, .numa_node = 0});
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ((*first)->report().pages, PageKind::kHuge2M) << (*first)->report().fallback;
  EXPECT_THAT(NodesOf(**first), testing::Each(0));
  // Four of sixteen are left: mmap and mbind would succeed, and the first touch of the fifth be SIGBUS.
  auto second = Region::Create({.bytes = 24 << 20, .numa_node = 0});
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ((*second)->report().pages, PageKind::kOrdinary);
  EXPECT_THAT((*second)->report().fallback, HasSubstr("node 0 has 4 free of 12"));
  EXPECT_THAT(NodesOf(**second), testing::Each(0));
}

TEST(Numa, HugepagesThatOnlyTheOtherNodeHasAreNone) {
  auto region = Region::Create({.bytes = 8 << 20, .numa_node = 1});
  ASSERT_TRUE(region.ok()) << region.status();
  EXPECT_EQ((*region)->report().pages, PageKind::kOrdinary);
  EXPECT_THAT((*region)->report().fallback, HasSubstr("node 1 has 0 free of 4"));
  EXPECT_THAT(NodesOf(**region), testing::Each(1));
  const auto required = Region::Create({.bytes = 8 << 20, .pages = PageKind::kHuge2M, .numa_node = 1, .require_pages = true});
  EXPECT_EQ(required.status().code(), absl::StatusCode::kResourceExhausted) << required.status();
}

TEST(Numa, PortsOfTwoNodesForwardWithOneCopyAPacket) {
  const auto near = PoolOnNode(0, PageKind::kAutomatic), far = PoolOnNode(1);
  {
    const auto start = [](const std::string& interface, const std::shared_ptr<mempool::Pool>& pool) {
      pmd::DeviceConfig config;
      config.rx_ring = config.tx_ring = 512;
      config.pool = pool;
      return StartPort(interface, ",bind_mode=zerocopy", config);
    };
    auto source = start("port0", near), in = start("port1", near), out = start("port2", far), sink = start("port3", far);
    EXPECT_TRUE(pmd::CheckRequired(in->Features(), {"zerocopy", "numa", "hugepages"}).ok());
    EXPECT_TRUE(pmd::CheckRequired(out->Features(), {"zerocopy", "numa"}).ok());
    EXPECT_EQ(Chain(*source, *in, *out, *sink).Pass(*near, {.packets = 5000}), Whole(5000));
    EXPECT_EQ(CounterSum(*out, "tx_copied"), 5000u);
    EXPECT_EQ(Chain(*sink, *out, *in, *source).Pass(*far, {.packets = 5000}), Whole(5000));
    EXPECT_EQ(CounterSum(*in, "tx_copied"), 5000u);
    EXPECT_EQ(CounterSum(*out, "tx_copied"), 5000u) << "none on the way out of the other pool";
    for (const auto& pool : {near, far}) {
      EXPECT_TRUE((support::FramesBalance<Device>(*pool, {source.get(), in.get(), out.get(), sink.get()})));
    }
  }
  EXPECT_TRUE(support::FramesAreFree(*near));
  EXPECT_TRUE(support::FramesAreFree(*far));
}

TEST(Numa, AFarPortIsReported) {
  const auto near = PoolOnNode(0);
  pmd::DeviceConfig config;
  config.rx_ring = config.tx_ring = 256;
  config.pool = near;
  auto port = StartPort("port2", ",bind_mode=zerocopy", config);
  const absl::Status status = pmd::CheckRequired(port->Features(), {"numa"});
  EXPECT_THAT(std::string(status.message()), HasSubstr("asked node 1, got node 0"));
}

TEST(Numa, LcoresAwayFromTheirPortAreNamed) {
  const auto topology = lcore::Topology::FromMachine();
  ASSERT_TRUE(topology.ok()) << topology.status();
  const auto node_of = [&](unsigned cpu) { return topology->Find(cpu)->numa_node; };
  const lcore::Placement good{
      .lcore = 1, .lcore_node = node_of(1), .port = "port2", .port_node = lcore::DeviceNumaNode("port2"), .memory_node = 1};
  EXPECT_TRUE(lcore::PlacementWarnings(good, &*topology).empty());
  lcore::Placement bad = good;
  bad.lcore = 0;
  bad.lcore_node = node_of(0);
  bad.memory_node = 0;
  EXPECT_EQ(lcore::PlacementWarnings(bad, &*topology).size(), 2u) << "the lcore, and the memory";
}

}  // namespace
}  // namespace pollux::guest
