// SPDX-License-Identifier: Apache-2.0
#include "tests/guest/chain.h"

#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <fstream>
#include <stdexcept>

#include "pmd/drivers.h"
#include "tests/support/packet_builder.h"
#include "tests/support/pool_fixture.h"
#include "tools/support/child_process.h"

namespace pollux::guest {
namespace {

using mempool::Packet;
using mempool::Pool;

constexpr uint32_t kMagic = 0x506c7578;

// Behind Ethernet, IPv4 and UDP headers, which make the flow one for a hash as well.
struct Mark {
  uint32_t magic = kMagic;  // and the number of the run
  uint32_t flow = 0;
  uint64_t number = 0;
  uint32_t length = 0;
  uint32_t checksum = 0;  // of the mark with 0 here, and of all behind it
};
constexpr std::size_t kMarkOffset = 42;

uint32_t Checksum(const std::byte* bytes, std::size_t count) {
  uint64_t sum = 14695981039346656037ull;
  for (; count >= sizeof(uint64_t); bytes += sizeof(uint64_t), count -= sizeof(uint64_t)) {
    uint64_t word;
    std::memcpy(&word, bytes, sizeof(word));
    sum = (sum ^ word) * 1099511628211ull;
  }
  for (; count > 0; ++bytes, --count) sum = (sum ^ static_cast<uint64_t>(*bytes)) * 1099511628211ull;
  return static_cast<uint32_t>(sum ^ sum >> 32);
}

void Write(Packet& packet, std::size_t length, uint32_t run, uint32_t flow, uint64_t number) {
  // One template for each flow: the builder is far slower than the ports.
  thread_local std::vector<support::PacketBuilder::Frame> headers;
  // A tap's hash takes in the ports of UDP, igb's only the addresses. Of a hash with a random key the bit that chooses among two queues is
  // the same for all flows whose addresses differ in bits that the key leaves out of it: so they differ in many.
  while (headers.size() <= flow) {
    const uint32_t spread = static_cast<uint32_t>(headers.size() + 1) * 0x9E3779B1u;
    headers.push_back(support::PacketBuilder()
                          .Ethernet()
                          .Ipv4({.source = absl::StrCat("10.", spread >> 24, ".", spread >> 16 & 0xFF, ".", spread >> 8 & 0xFF)})
                          .Udp({.source = static_cast<uint16_t>(1000 + 7 * headers.size()), .destination = 9})
                          .FillTo(kMarkOffset)
                          .Build());
  }
  std::memcpy(packet.data, headers[flow].data(), kMarkOffset);
  Mark mark{.magic = kMagic + run, .flow = flow, .number = number, .length = static_cast<uint32_t>(length)};
  std::byte* const start = packet.data + kMarkOffset;
  std::memset(start + sizeof(mark), static_cast<int>(number * 37 + flow), length - kMarkOffset - sizeof(mark));
  std::memcpy(start, &mark, sizeof(mark));
  mark.checksum = Checksum(start, length - kMarkOffset);
  std::memcpy(start, &mark, sizeof(mark));
  packet.length = static_cast<uint32_t>(length);
}

}  // namespace

Chain::Chain(pmd::Device& source, pmd::Device& in, pmd::Device& out, pmd::Device& sink, std::size_t queues)
    : source_(source), in_(in), out_(out), sink_(sink), queues_(queues) {}

Passage Chain::Pass(Pool& pool, const PassOptions& options) {
  using Clock = std::chrono::steady_clock;
  static uint32_t runs = 0;
  run_ = ++runs;
  flows_.assign(options.flows, {});
  Passage passage;
  uint64_t given_up = 0;
  bool halfway = false;
  auto last = Clock::now();
  for (;;) {
    if (options.halfway && !halfway && passage.sent >= options.packets / 2) {
      halfway = true;
      options.halfway();
    }
    const uint64_t under_way = passage.sent - passage.received - given_up;
    const uint64_t wanted = std::min(options.packets - passage.sent, options.window - std::min(options.window, under_way));
    passage.sent += Source(pool, options, wanted);
    Forward();
    const bool moved = Sink(passage) > 0;
    if (passage.received == options.packets) break;
    if (moved) {
      last = Clock::now();
    } else if (Clock::now() - last > std::chrono::milliseconds(options.patience_ms)) {
      if (passage.sent == options.packets) break;
      given_up = passage.sent - passage.received;  // they do not come any more: others may
      last = Clock::now();
    }
  }
  return passage;
}

uint64_t Chain::Source(Pool& pool, const PassOptions& options, uint64_t wanted) {
  std::array<Packet, mempool::kDefaultBurst> burst;
  const auto flow = static_cast<uint32_t>(next_flow_ % options.flows);
  pmd::TxQueue& queue = source_.tx_queue(flow % queues_);
  const std::size_t count = pool.Allocate(std::span(burst).first(std::min<uint64_t>(wanted, burst.size())));
  for (std::size_t index = 0; index < count; ++index) {
    const uint64_t number = flows_[flow].sent + index;
    Write(burst[index], options.shortest + number * 131 % (options.longest - options.shortest + 1), run_, flow, number);
  }
  const std::size_t sent = queue.Send({burst.data(), count});
  Pool::Free({burst.data() + sent, count - sent});
  flows_[flow].sent += sent;
  if (sent > 0) ++next_flow_;
  for (std::size_t other = 0; other < queues_; ++other) source_.tx_queue(other).Send({});
  return sent;
}

void Chain::Forward() {
  for (std::size_t queue = 0; queue < queues_; ++queue) {
    std::array<Packet, mempool::kDefaultBurst> burst;
    const std::size_t count = in_.rx_queue(queue).Receive(burst);
    const std::size_t sent = out_.tx_queue(queue).Send({burst.data(), count});
    Pool::Free({burst.data() + sent, count - sent});
  }
}

uint64_t Chain::Sink(Passage& passage) {
  uint64_t total = 0;
  for (std::size_t queue = 0; queue < queues_; ++queue) {
    std::array<Packet, mempool::kDefaultBurst> burst;
    const std::size_t count = sink_.rx_queue(queue).Receive(burst);
    for (std::size_t index = 0; index < count; ++index) Check(burst[index], passage);
    Pool::Free({burst.data(), count});
    total += count;
  }
  return total;
}

void Chain::Check(const Packet& packet, Passage& passage) {
  Mark mark;
  const bool marked = packet.length >= kMarkOffset + sizeof(mark);
  if (marked) std::memcpy(&mark, packet.data + kMarkOffset, sizeof(mark));
  if (!marked || mark.magic != kMagic + run_) return;  // the kernel's own, or of an earlier run
  const uint32_t checksum = mark.checksum;
  const uint32_t nothing = 0;
  std::memcpy(packet.data + kMarkOffset + offsetof(Mark, checksum), &nothing, sizeof(nothing));
  if (mark.flow >= flows_.size() || mark.length != packet.length ||
      Checksum(packet.data + kMarkOffset, packet.length - kMarkOffset) != checksum) {
    ++passage.corrupted;
    return;
  }
  Flow& flow = flows_[mark.flow];
  flow.seen.resize(std::max<std::size_t>(flow.seen.size(), mark.number + 1));
  if (flow.seen[mark.number]) {
    ++passage.doubled;
    return;
  }
  flow.seen[mark.number] = true;
  ++passage.received;
  if (mark.number < flow.next) ++passage.late;
  flow.next = std::max(flow.next, mark.number + 1);
}

std::unique_ptr<pmd::Device> StartPort(const std::string& interface, const std::string& arguments, const pmd::DeviceConfig& config) {
  auto device = pmd::OpenDevice("net_af_xdp_" + interface + ",iface=" + interface + arguments);
  if (!device.ok()) throw std::runtime_error(device.status().ToString());  // GoogleTest reports it as this test's failure
  absl::Status status = (*device)->Configure(config);
  if (status.ok()) status = (*device)->Start();
  if (!status.ok()) throw std::runtime_error(status.ToString());
  return *std::move(device);
}

std::shared_ptr<mempool::Pool> MakePool(std::size_t frame_count, std::size_t slab_frames) {
  auto port = pmd::OpenDevice("net_af_xdp0,iface=port0");
  if (!port.ok()) throw std::runtime_error(port.status().ToString());
  return support::MakePool({.frame_count = frame_count, .frame_size = (*port)->Info().recommended_frame_size, .slab_frames = slab_frames});
}

void GuestTest::SetUp() {
  pool_ = MakePool(16384);
  ASSERT_NE(pool_, nullptr);
}

void GuestTest::TearDown() {
  EXPECT_TRUE(support::FramesAreFree(*pool_));
}

std::unique_ptr<pmd::Device> GuestTest::Port(const std::string& interface, const std::string& arguments, std::size_t ring,
                                             std::size_t queues) {
  pmd::DeviceConfig config;
  config.rx_queues = config.tx_queues = queues;
  config.rx_ring = config.tx_ring = ring;
  config.pool = pool_;
  return StartPort(interface, arguments, config);
}

testing::AssertionResult GuestTest::Balance(std::initializer_list<const pmd::Device*> devices) const {
  return support::FramesBalance<pmd::Device>(*pool_, devices);
}

uint64_t CounterSum(const pmd::Device& device, const std::string& name) {
  uint64_t sum = 0;
  for (const pmd::NamedCounter& counter : device.ExtendedStats()) {
    std::string plain = counter.name;  // rx_q0_packets
    if (const auto digits = plain.find("_q"); digits == 2) plain.erase(2, plain.find('_', 3) - 2);
    if (plain == name) sum += counter.value;
  }
  return sum;
}

void RunTool(const std::vector<std::string>& command) {
  const auto output = support::RunSuccessfully(command);
  EXPECT_TRUE(output.ok()) << output.status();
}

void Monitor(const std::string& command) {
  std::ofstream(std::string("/dev/monitor")) << command << '\n' << std::flush;
}

}  // namespace pollux::guest
