// SPDX-License-Identifier: Apache-2.0
// The table: masks and priorities, full tables, statistics, and what is true when a call has returned while packets go by.
#include <sched.h>
#include <sys/mman.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/bpf/flow_fixture.h"

namespace pollux::bpf {
namespace {

Frame Udp(uint16_t destination, const std::string& address = "10.0.0.2", std::size_t payload = 10) {
  return PacketBuilder().Ethernet().Ipv4({.destination = address}).Udp({.destination = destination}).Payload(payload).Build();
}

FlowMatch UdpTo(uint16_t destination, uint16_t mask = 0xffff) {
  FlowMatch match;
  match.value.ether_type = Wire16(0x0800);
  match.mask.ether_type = 0xffff;
  match.value.protocol = 17;
  match.mask.protocol = 0xff;
  match.value.destination_port = Wire16(destination & mask);
  match.mask.destination_port = Wire16(mask);
  return match;
}

FlowMatch Network(uint32_t address, int bits) {
  FlowMatch match;
  match.value.ether_type = Wire16(0x0800);
  match.mask.ether_type = 0xffff;
  const uint32_t mask = bits == 0 ? 0 : ~0u << (32 - bits);
  match.mask.destination[0] = __builtin_bswap32(mask);
  match.value.destination[0] = __builtin_bswap32(address & mask);
  return match;
}

class FlowTableTest : public FlowTest {};

// A program that has entered on a CPU and not left yet, as user space sees it. It may count meanwhile.
class LingeringProgram {
 public:
  LingeringProgram(const FlowTable& table, uint32_t cpu) : cpus_(Map(table, "flow_cpus")), statistics_(Map(table, "flow_statistics")) {
    cpu_ = static_cast<flow_cpu*>(cpus_) + cpu;
    __atomic_fetch_add(&cpu_->entered, 1, __ATOMIC_SEQ_CST);
  }
  ~LingeringProgram() {
    munmap(cpus_, kMapped);
    munmap(statistics_, kMapped);
  }
  void Count(FlowTable::Id flow, uint32_t slots) {
    flow_statistics& statistics = static_cast<flow_statistics*>(statistics_)[static_cast<uint32_t>(flow) * slots];
    __atomic_fetch_add(&statistics.packets, 1, __ATOMIC_SEQ_CST);
  }
  void Leave() { __atomic_fetch_add(&cpu_->left, 1, __ATOMIC_SEQ_CST); }

 private:
  static constexpr std::size_t kMapped = 4096;
  static void* Map(const FlowTable& table, const std::string& name) {
    for (const auto& [map, descriptor] : table.maps().Descriptors()) {
      if (map == name) return mmap(nullptr, kMapped, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    }
    return MAP_FAILED;
  }

  void* cpus_;
  void* statistics_;
  flow_cpu* cpu_ = nullptr;
};

// Runs `change` while a program is in; it must not come back before that program has left.
class WaitingForPrograms : public FlowTableTest {
 protected:
  template <typename Change, typename Meanwhile>
  void ExpectWaits(Change change, Meanwhile meanwhile) {
    std::atomic<bool> back{false};
    LingeringProgram program(*table_, 1);
    std::thread thread([&] {
      change();
      back = true;
    });
    // Long enough for one that does not wait to come back.
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    EXPECT_FALSE(back);
    meanwhile(program);
    EXPECT_FALSE(back);
    program.Leave();
    thread.join();
  }
  void SetUp() override {
    FlowTableTest::SetUp();
    if (IsSkipped()) return;
    if (table_->maps().statistics_slots() < 2) GTEST_SKIP() << "one CPU: no other can be in a program meanwhile";
    // Programs that run here are not on the lingering one's CPU.
    cpu_set_t first;
    CPU_ZERO(&first);
    CPU_SET(0, &first);
    ASSERT_EQ(sched_setaffinity(0, sizeof(first), &first), 0);
  }
};

TEST_F(WaitingForPrograms, Modify) {
  const auto id = Add(UdpTo(5), {Drop()});
  ExpectWaits([&] { EXPECT_TRUE(table_->Modify(id, {Output()}).ok()); }, [](LingeringProgram&) {});
  EXPECT_EQ(Run(Udp(5)).verdict, XDP_REDIRECT);
}

TEST_F(WaitingForPrograms, RemoveCountsWhatThoseDoAndLetsNobodyElseIn) {
  const auto id = Add(UdpTo(5), {Drop()});
  Add(UdpTo(6), {Drop()});  // keeps the mask, whose end would be waited for too
  for (int run = 0; run < 3; ++run) EXPECT_EQ(Run(Udp(5)).verdict, XDP_DROP);
  ExpectWaits(
      [&] {
        const auto statistics = table_->Remove(id);
        ASSERT_TRUE(statistics.ok());
        EXPECT_EQ(statistics->packets, 4u);
      },
      [&](LingeringProgram& program) {
        EXPECT_EQ(Run(Udp(5)).verdict, XDP_PASS) << "by the cache";
        program.Count(id, table_->maps().statistics_slots());
      });
}

TEST_F(WaitingForPrograms, RemoveAllAndPorts) {
  Add(UdpTo(5), {Output()});
  ExpectWaits([&] { EXPECT_TRUE(table_->RemoveAll().ok()); }, [](LingeringProgram&) {});
  ExpectWaits([&] { table_->ClearPort(1); }, [](LingeringProgram&) {});
}

// More packets than would have places of their own in the cache.
TEST_F(FlowTableTest, PacketsThatShareAPlaceInTheCacheDoNotShareAFlow) {
  constexpr uint16_t kFlows = FLOW_CACHE_ENTRIES + 1000;
  for (uint16_t port = 0; port < kFlows; ++port) Add(UdpTo(port), {port % 2 == 0 ? Drop() : Output()});
  for (int round = 0; round < 2; ++round) {
    for (uint16_t port = 0; port < kFlows; ++port) {
      ASSERT_EQ(Run(Udp(port)).verdict, port % 2 == 0 ? XDP_DROP : XDP_REDIRECT) << port;
    }
  }
  EXPECT_GT(Counters()["flow_cache_hits"], 0u);
}

TEST_F(FlowTableTest, EveryFieldCounts) {
  const Frame frame = PacketBuilder().Ethernet().Vlan(3).Vlan(4).Ipv4({.type_of_service = 8}).Tcp({.flags = 0x12}).Payload(4).Build();
  const FlowKey key = ReferenceParse(frame, {}).key;
  // Another bit, whichever, is another packet; bit by bit, with the mask of that byte alone too.
  for (std::size_t bit = 32; bit < sizeof(FlowKey) * 8; ++bit) {
    FlowMatch match = Exactly(key);
    const std::size_t byte = bit / 8;
    reinterpret_cast<uint8_t*>(&match.value)[byte] ^= static_cast<uint8_t>(1u << bit % 8);
    const auto id = table_->Add({.match = match, .actions = {Drop()}});
    if (!id.ok()) continue;  // a protocol or EtherType that has no ports
    EXPECT_EQ(Run(frame).verdict, XDP_PASS) << "bit " << bit;
    EXPECT_TRUE(table_->Remove(*id).ok());
  }
  Add(Exactly(key), {Drop()});
  EXPECT_EQ(Run(frame).verdict, XDP_DROP);
}

TEST_F(FlowTableTest, MasksLeaveBitsOut) {
  Add(UdpTo(0x1200, 0xff00), {Drop()});
  EXPECT_EQ(Run(Udp(0x1234)).verdict, XDP_DROP);
  EXPECT_EQ(Run(Udp(0x12ff, "10.9.9.9")).verdict, XDP_DROP);
  EXPECT_EQ(Run(Udp(0x1334)).verdict, XDP_PASS);
}

TEST_F(FlowTableTest, LowerPriorityNumbersComeFirstWheneverTheyCame) {
  Add(Network(0x0a000000, 8), {Drop()}, 10);
  EXPECT_EQ(Run(Udp(5)).verdict, XDP_DROP);  // into the cache
  const auto output = Add(UdpTo(5), {Output()}, 3);
  EXPECT_EQ(Run(Udp(5)).verdict, XDP_REDIRECT);
  const auto up = Add(Everything(), {{.kind = FlowAction::Kind::kUserSpace}}, 1);
  EXPECT_EQ(Run(Udp(5)).verdict, XDP_PASS);
  Add(Network(0x0a000002, 32), {Drop()}, 20);
  EXPECT_EQ(Run(Udp(5)).verdict, XDP_PASS);
  EXPECT_TRUE(table_->Remove(up).ok());
  EXPECT_EQ(Run(Udp(5)).verdict, XDP_REDIRECT);
  EXPECT_TRUE(table_->Remove(output).ok());
  EXPECT_EQ(Run(Udp(5)).verdict, XDP_DROP);
}

TEST_F(FlowTableTest, TheCacheForgetsWhatWasRemoved) {
  const auto first = Add(UdpTo(5), {Drop()});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Run(Udp(5)).verdict, XDP_DROP);
  EXPECT_EQ(Counters()["flow_cache_hits"], 2u);
  EXPECT_TRUE(table_->Remove(first).ok());
  EXPECT_EQ(Run(Udp(5)).verdict, XDP_PASS);
  Add(UdpTo(6), {Output()});  // in the place of the first
  EXPECT_EQ(Run(Udp(5)).verdict, XDP_PASS);
  EXPECT_EQ(Run(Udp(6)).verdict, XDP_REDIRECT);
}

TEST_F(FlowTableTest, SixtyFourMasksAndNoMore) {
  MakeTable({.flows = 100, .masks = 64});
  for (int bits = 1; bits <= 32; ++bits) {
    Add(Network(0x0a000000u, bits), {Drop()}, 1);
    Add(Network(0x0b000000u, bits), {Drop()}, 2);
  }
  EXPECT_EQ(table_->mask_count(), 64u);
  const auto refused = table_->Add({.priority = 3, .match = UdpTo(9), .actions = {Drop()}});
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(std::string(refused.status().message()).find("all 64 pairs of priority and mask are in use"), std::string::npos)
      << refused.status();
  EXPECT_EQ(table_->flow_count(), 64u);
  EXPECT_EQ(Run(Udp(1, "10.1.2.3")).verdict, XDP_DROP);
  EXPECT_EQ(Run(Udp(1, "11.0.0.0")).verdict, XDP_DROP);
  EXPECT_EQ(Run(Udp(1, "192.168.0.1")).verdict, XDP_PASS);
  EXPECT_TRUE(table_->RemoveAll().ok());
  EXPECT_EQ(table_->mask_count(), 0u);
  EXPECT_EQ(Run(Udp(1, "10.1.2.3")).verdict, XDP_PASS);
}

TEST_F(FlowTableTest, AllOf65536FlowsAndNoMore) {
  MakeTable({});
  std::vector<FlowTable::Id> ids;
  for (uint32_t port = 0; port < 65536; ++port) {
    const auto id = table_->Add({.match = UdpTo(static_cast<uint16_t>(port)), .actions = {Drop()}});
    ASSERT_TRUE(id.ok()) << port << ": " << id.status();
    ids.push_back(*id);
  }
  const auto refused = table_->Add({.match = Network(0x0a000000, 8), .actions = {Drop()}});
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(std::string(refused.status().message()).find("all 65536 flows are in use"), std::string::npos) << refused.status();
  for (uint32_t port = 0; port < 65536; port += 4095) EXPECT_EQ(Run(Udp(static_cast<uint16_t>(port))).verdict, XDP_DROP) << port;
  EXPECT_TRUE(table_->Remove(ids[777]).ok());
  EXPECT_EQ(Run(Udp(777)).verdict, XDP_PASS);
  EXPECT_TRUE(table_->Add({.match = UdpTo(777), .actions = {Output()}}).ok());
  EXPECT_EQ(Run(Udp(777)).verdict, XDP_REDIRECT);
  EXPECT_TRUE(table_->RemoveAll().ok());
  EXPECT_EQ(table_->flow_count(), 0u);
  EXPECT_EQ(Run(Udp(0)).verdict, XDP_PASS);
}

TEST_F(FlowTableTest, FlowsAreListedByPagesOfPlaces) {
  MakeTable({.flows = 2 * FlowTable::kPlacesOfPage + 10});
  FlowMatch by_port = UdpTo(7);
  by_port.value.port = 1;
  by_port.mask.port = ~0u;
  std::vector<FlowTable::Id> flows;
  for (uint16_t port = 1; port <= 3; ++port) flows.push_back(*table_->Add({.priority = port, .match = UdpTo(port), .actions = {Drop()}}));
  ASSERT_TRUE(table_->Add({.match = by_port, .actions = {Drop()}}).ok());
  Run(Udp(2));
  const FlowTable::Page first = table_->List(0, 2);
  ASSERT_EQ(first.flows.size(), 2u);
  EXPECT_EQ(first.flows[1].flow, flows[1]);
  EXPECT_EQ(first.flows[1].priority, 2u);
  EXPECT_EQ(first.flows[1].match.value.destination_port, Wire16(2));
  EXPECT_EQ(first.flows[1].statistics.packets, 1u);
  EXPECT_EQ(first.flows[0].statistics.packets, 0u);
  ASSERT_TRUE(first.next.has_value());
  EXPECT_EQ(table_->List(*first.next, 100).flows.size(), 2u);
  EXPECT_EQ(table_->List(0, 100, 0).flows.size(), 3u) << "one is of port 1 alone";
  EXPECT_EQ(table_->List(0, 100, 1).flows.size(), 4u);
  // To the end, without a flow more.
  std::size_t pages = 0, listed = 0;
  for (std::optional<uint32_t> next = 0; next.has_value(); ++pages) {
    const FlowTable::Page page = table_->List(*next, 100);
    listed += page.flows.size();
    next = page.next;
  }
  EXPECT_EQ(listed, 4u);
  EXPECT_EQ(pages, 3u);
  const FlowTable::Page beyond = table_->List(~0u, 100);
  EXPECT_TRUE(beyond.flows.empty());
  EXPECT_FALSE(beyond.next.has_value());
}

TEST_F(FlowTableTest, TheSameTwiceIsRefused) {
  Add(UdpTo(5), {Drop()}, 1);
  EXPECT_EQ(table_->Add({.priority = 1, .match = UdpTo(5), .actions = {Output()}}).status().code(), absl::StatusCode::kAlreadyExists);
  Add(UdpTo(5), {Output()}, 2);
  EXPECT_EQ(table_->flow_count(), 2u);
}

TEST_F(FlowTableTest, StatisticsAreExactAndKept) {
  FlowMatch tcp;
  tcp.value.ether_type = Wire16(0x0800);
  tcp.mask.ether_type = 0xffff;
  tcp.value.protocol = 6;
  tcp.mask.protocol = 0xff;
  const auto id = Add(tcp, {Drop()});
  EXPECT_EQ(table_->Statistics(id)->packets, 0u);
  EXPECT_EQ(table_->Statistics(id)->last_use_ns, 0u);
  uint64_t bytes = 0;
  for (uint8_t flags : {0x02, 0x10, 0x18}) {
    const Frame frame = PacketBuilder().Ethernet().Ipv4().Tcp({.flags = flags}).Payload(flags).Build();
    bytes += frame.size();
    Run(frame);
  }
  auto statistics = table_->Statistics(id);
  ASSERT_TRUE(statistics.ok());
  EXPECT_EQ(statistics->packets, 3u);
  EXPECT_EQ(statistics->bytes, bytes);
  EXPECT_EQ(statistics->tcp_flags, 0x1a);
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const uint64_t now_ns = static_cast<uint64_t>(now.tv_sec) * 1000000000u + static_cast<uint64_t>(now.tv_nsec);
  EXPECT_LE(statistics->last_use_ns, now_ns);
  EXPECT_GT(statistics->last_use_ns + 60000000000u, now_ns);

  ASSERT_TRUE(table_->Modify(id, {Output()}).ok());
  const Frame more = PacketBuilder().Ethernet().Ipv4().Tcp({.flags = 0x11}).Build();
  EXPECT_EQ(Run(more).verdict, XDP_REDIRECT);
  statistics = table_->Remove(id);
  ASSERT_TRUE(statistics.ok());
  EXPECT_EQ(statistics->packets, 4u);
  EXPECT_EQ(statistics->bytes, bytes + more.size());
  EXPECT_EQ(statistics->tcp_flags, 0x1b);
  EXPECT_EQ(table_->Statistics(id).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(table_->Remove(id).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(table_->Modify(id, {Drop()}).code(), absl::StatusCode::kNotFound);

  // What goes up by another reason than the flow's action is not the flow's.
  const auto anew = Add(tcp, {Output()});
  EXPECT_EQ(table_->Statistics(anew)->packets, 0u) << "counters of the one before";
  ASSERT_TRUE(table_->SetPort(1, kLoopbackIndex, 0).ok());
  Run(more);
  EXPECT_EQ(table_->Statistics(anew)->packets, 0u);
}

// A thread runs packets without pause, and notes each verdict as (number of changes that had returned before, and had begun after). A
// verdict must be that of one of the actions that were in force meanwhile. Drops and outputs together are all packets, and all are counted.
TEST_F(FlowTableTest, NoPacketTakesAFormerAction) {
  constexpr int kChanges = 500;
  std::atomic<uint64_t> begun{0}, returned{0};
  std::atomic<bool> done{false};
  const FlowMatch match = UdpTo(5);
  // Of change c: 0: drop; 1: output; 2: the flow is removed.
  const auto verdict_of = [](uint64_t change) { return change % 3 == 0 ? XDP_DROP : change % 3 == 1 ? XDP_REDIRECT : XDP_PASS; };
  FlowTable::Id id = Add(match, {Drop()});
  std::atomic<uint64_t> wrong{0}, ran{0}, hits{0};
  std::vector<std::thread> sources;
  for (int source = 0; source < 2; ++source) {
    sources.emplace_back([&] {
      const Frame frame = Udp(5);
      while (!done) {
        const uint64_t before = returned.load();
        const int verdict = Run(frame).verdict;
        const uint64_t after = begun.load();
        bool right = false;
        for (uint64_t change = before; change <= after && !right; ++change) right = verdict == verdict_of(change);
        if (!right) ++wrong;
        if (verdict != XDP_PASS) ++hits;
        ++ran;
      }
    });
  }
  uint64_t counted = 0;
  for (uint64_t change = 1; change <= kChanges; ++change) {
    begun.store(change);
    if (change % 3 == 0) id = Add(match, {Drop()});
    if (change % 3 == 1) {
      EXPECT_TRUE(table_->Modify(id, {Output()}).ok());
    }
    if (change % 3 == 2) {
      const auto statistics = table_->Remove(id);
      ASSERT_TRUE(statistics.ok());
      counted += statistics->packets;
    }
    returned.store(change);
    // The sources have the machine now and then, or they would see nothing.
    const uint64_t seen = ran.load();
    while (ran.load() < seen + 2) std::this_thread::yield();
  }
  done = true;
  for (std::thread& source : sources) source.join();
  if (const auto last = table_->Statistics(id); last.ok()) counted += last->packets;
  EXPECT_EQ(wrong.load(), 0u) << "of " << ran.load();
  EXPECT_EQ(counted, hits.load());
  EXPECT_GE(ran.load(), 2u * kChanges);
}

TEST_F(FlowTableTest, RefusesAndSaysWhichPart) {
  const auto message = [&](const FlowMatch& match, const std::vector<FlowAction>& actions) {
    return std::string(table_->Add({.match = match, .actions = actions}).status().message());
  };
  EXPECT_NE(message(UdpTo(5), {Output(), Output(2)}).find("more than one output"), std::string::npos);
  EXPECT_NE(message(UdpTo(5), {}).find("neither an output"), std::string::npos);
  EXPECT_NE(message(UdpTo(5), {Output(5000)}).find("port 5000"), std::string::npos);
  EXPECT_NE(message(UdpTo(5), {{.kind = FlowAction::Kind::kPopVlan}, Output()}).find("VLAN tag 1"), std::string::npos);
  EXPECT_EQ(table_->flow_count(), 0u);
  EXPECT_EQ(table_->mask_count(), 0u);
}

TEST_F(FlowTableTest, PortsHaveOneInterface) {
  EXPECT_TRUE(table_->SetPort(1, kLoopbackIndex, 100).ok());
  EXPECT_EQ(table_->SetPort(1, 99, 100).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(table_->SetPort(FLOW_MAXIMUM_PORTS, kLoopbackIndex, 100).code(), absl::StatusCode::kOutOfRange);
}

}  // namespace
}  // namespace pollux::bpf
