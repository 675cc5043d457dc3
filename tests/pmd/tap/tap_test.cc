// SPDX-License-Identifier: Apache-2.0
// Both ends of a tap's rings, and the device that it hangs at.
#include "pmd/tap/tap.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <deque>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pmd/drivers.h"
#include "pmd/rx_metadata.h"
#include "pmd/tap/port_taps.h"
#include "pmd/tap/tapped_queues.h"
#include "tests/support/pool_fixture.h"
#include "tools/capture/tap_reader.h"

namespace pollux::pmd {
namespace {

using capture::TapReader;
using mempool::Packet;
using testing::HasSubstr;

PacketFilter FilterOf(const std::vector<bpf_insn>& program) {
  return *PacketFilter::Of(std::as_bytes(std::span(program)));
}
PacketFilter Everything() {
  return FilterOf({BPF_STMT(BPF_RET | BPF_K, 262144)});
}

std::unique_ptr<Tap> MakeTap(const TapOptions& options = {.bytes = 2 * Tap::kFewestRingBytes}, PacketFilter filter = Everything()) {
  auto tap = Tap::Create(1, 1, options, std::move(filter));
  EXPECT_TRUE(tap.ok()) << tap.status();
  return *std::move(tap);
}

std::unique_ptr<TapReader> MapOf(const Tap& tap) {
  auto reader = TapReader::Map(bpf::UniqueFd::Duplicate(tap.descriptor()),
                               {.rx_rings = tap.rx_queues(), .rings = tap.rings(), .ring_bytes = tap.ring_bytes()});
  EXPECT_TRUE(reader.ok()) << reader.status();
  return *std::move(reader);
}

// Packets of these lengths, each filled with its number from `first` on.
class Burst {
 public:
  explicit Burst(const std::vector<std::size_t>& lengths, uint8_t first = 0) {
    for (std::size_t length : lengths) {
      bytes_.emplace_back(length, std::byte{first++});
      packets_.push_back({.data = bytes_.back().data(), .length = static_cast<uint32_t>(length)});
    }
  }
  // `frames` elements from `first` on are one packet.
  void Scatter(std::size_t first, std::size_t frames) {
    for (std::size_t index = first; index + 1 < first + frames; ++index) packets_[index].flags = Packet::kContinues;
  }
  operator std::span<const Packet>() const { return packets_; }

 private:
  std::deque<std::vector<std::byte>> bytes_;
  std::vector<Packet> packets_;
};

void Pass(TapRing& ring, std::span<const Packet> burst) {
  ring.Write(burst);
  ring.Publish(burst.size());
}

TEST(TapTest, WhatPassesIsReadAcrossTheRingsEnd) {
  const auto tap = MakeTap();
  const auto reader = MapOf(*tap);
  for (int round = 0; round < 2000; ++round) {
    const std::vector<std::size_t> lengths = {60, 1514, static_cast<std::size_t>(round % 200), 99};
    Pass(tap->rx(0), Burst(lengths, static_cast<uint8_t>(round)));
    for (std::size_t index = 0; index < lengths.size(); ++index) {
      const auto packet = reader->Next();
      ASSERT_TRUE(packet.ok()) << packet.status();
      ASSERT_TRUE(packet->has_value());
      EXPECT_TRUE((*packet)->received);
      ASSERT_EQ((*packet)->bytes.size(), lengths[index]);
      for (std::byte byte : (*packet)->bytes) ASSERT_EQ(byte, static_cast<std::byte>(round + static_cast<int>(index)));
      reader->Consume();
    }
    EXPECT_FALSE(reader->Next()->has_value());
  }
  EXPECT_EQ(reader->totals().passed, 8000u);
  EXPECT_EQ(reader->totals().dropped, 0u);
}

TEST(TapTest, AReceivedPacketHasTheTimeOfItsDevice) {
  std::array<std::byte, 256> frame = {};
  const Packet stamped{.data = frame.data() + 64, .length = 60, .flags = Packet::kRxMetadata};
  rx_metadata left{};
  left.timestamp_ns = 42;
  left.valid = RxMetadata::kTimestamp;
  left.mark = RX_METADATA_RECEIVED;
  std::memcpy(stamped.data - sizeof(left), &left, sizeof(left));
  const auto tap = MakeTap();
  const auto reader = MapOf(*tap);
  for (const bool received : {true, false}) {
    tap->rx(0).Write({&stamped, 1}, received);
    tap->rx(0).Publish(1);
    const auto packet = reader->Next();
    ASSERT_TRUE(packet.ok() && packet->has_value());
    EXPECT_EQ((*packet)->time_ns == 42, received);
    reader->Consume();
  }
}

TEST(TapTest, AScatteredPacketIsOne) {
  const auto tap = MakeTap({.snap_length = 5000, .bytes = 2 * Tap::kFewestRingBytes});
  const auto reader = MapOf(*tap);
  Burst burst({60, 2000, 2000, 2000, 99});
  burst.Scatter(1, 3);
  Pass(tap->rx(0), burst);
  for (const auto& [wire, captured] : {std::pair(60u, 60u), std::pair(6000u, 5000u), std::pair(99u, 99u)}) {
    const auto packet = reader->Next();
    ASSERT_TRUE(packet.ok() && packet->has_value());
    EXPECT_EQ((*packet)->wire_length, wire);
    ASSERT_EQ((*packet)->bytes.size(), captured);
    if (wire == 6000) {
      for (std::size_t index = 0; index < captured; ++index) ASSERT_EQ((*packet)->bytes[index], std::byte(1 + index / 2000));
    }
    reader->Consume();
  }
  EXPECT_FALSE(reader->Next()->has_value());
  EXPECT_EQ(reader->totals().passed, 3u);
}

TEST(WholePacketsTest, NoneIsCut) {
  std::vector<Packet> packets(40);
  EXPECT_EQ(mempool::WholePackets(packets, 20).size(), 20u);
  for (std::size_t index = 15; index < 25; ++index) packets[index].flags = Packet::kContinues;
  EXPECT_EQ(mempool::WholePackets(packets, 20).size(), 15u);
  EXPECT_EQ(mempool::WholePackets(packets, 26).size(), 26u);
  EXPECT_EQ(mempool::WholePackets(packets, 40).size(), 40u);
}

TEST(TapTest, ASlowReaderLosesPacketsThatAreCountedAndTheTapGoesOn) {
  const auto tap = MakeTap();
  const auto reader = MapOf(*tap);
  const Burst burst({1000, 1000, 1000, 1000});
  for (int round = 0; round < 50; ++round) Pass(tap->rx(0), burst);
  uint64_t read = 0;
  for (; reader->Next()->has_value(); ++read) reader->Consume();
  EXPECT_EQ(reader->totals().taken, 200u);
  EXPECT_EQ(read + reader->totals().dropped, 200u);
  EXPECT_GT(read, 60u);
  EXPECT_GT(reader->totals().dropped, 100u);
  Pass(tap->rx(0), burst);
  EXPECT_TRUE(reader->Next()->has_value());
}

// The rest at a ring's end, which holds no record, is room that a reader has to give back as well.
TEST(TapTest, WhatIsSkippedAtARingsEndTakesRoom) {
  const auto tap = MakeTap();
  const auto reader = MapOf(*tap);
  constexpr std::size_t kShorter = 992, kLonger = 1000;
  Pass(tap->rx(0), Burst({kShorter}));
  uint64_t used = TapRecordBytes(kShorter);
  for (; used + TapRecordBytes(kLonger) <= tap->ring_bytes(); used += TapRecordBytes(kLonger)) Pass(tap->rx(0), Burst({kLonger}));
  ASSERT_GE(tap->ring_bytes() - used, TapRecordBytes(kLonger) - TapRecordBytes(kShorter));
  ASSERT_TRUE(reader->Next()->has_value());
  reader->Consume();
  Pass(tap->rx(0), Burst({kLonger}));
  EXPECT_EQ(reader->totals().dropped, 1u);
}

TEST(TapTest, WhatTheQueueDidNotTakeIsNotShown) {
  const auto tap = MakeTap();
  const auto reader = MapOf(*tap);
  const Burst burst({100, 101, 102});
  for (std::size_t taken : {2, 0, 1}) {
    tap->tx(0).Write(burst);
    tap->tx(0).Publish(taken);
  }
  for (std::size_t length : {100, 101, 100}) {
    const auto packet = reader->Next();
    ASSERT_TRUE(packet.ok() && packet->has_value());
    EXPECT_FALSE((*packet)->received);
    EXPECT_EQ((*packet)->bytes.size(), length);
    reader->Consume();
  }
  EXPECT_FALSE(reader->Next()->has_value());
  EXPECT_EQ(reader->totals().passed, 3u);
}

// Takes as many of a burst as it is told to.
class FullQueue final : public TxQueue {
 public:
  std::size_t Send(std::span<const Packet> packets) override { return std::min(packets.size(), room); }
  std::size_t room = 0;
};

TEST(TappedTxQueueTest, WhatTheQueueDidNotTakeIsNotShown) {
  FullQueue full;
  TappedTxQueue queue(full);
  const auto tap = MakeTap();
  const auto reader = MapOf(*tap);
  queue.point.Set(&tap->tx(0));
  const Burst burst({100, 101, 102});
  for (const std::size_t room : {2, 0, 1}) {
    full.room = room;
    EXPECT_EQ(room == 1 ? queue.SendMore(burst) : queue.Send(burst), room);
  }
  for (const std::size_t length : {100, 101, 100}) {
    const auto packet = reader->Next();
    ASSERT_TRUE(packet.ok() && packet->has_value());
    EXPECT_EQ((*packet)->bytes.size(), length);
    reader->Consume();
  }
  EXPECT_FALSE(reader->Next()->has_value());
}

TEST(TapTest, FilterAndSnapLength) {
  // Packets whose 13th byte is 7.
  const auto tap = MakeTap({.snap_length = 20, .bytes = 2 * Tap::kFewestRingBytes},
                           FilterOf({BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 12), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 7, 0, 1),
                                     BPF_STMT(BPF_RET | BPF_K, 262144), BPF_STMT(BPF_RET | BPF_K, 0)}));
  const auto reader = MapOf(*tap);
  Pass(tap->rx(0), Burst({60, 61, 62, 5}, 6));
  const auto packet = reader->Next();
  ASSERT_TRUE(packet.ok() && packet->has_value());
  EXPECT_EQ((*packet)->wire_length, 61u);
  EXPECT_EQ((*packet)->bytes.size(), 20u);
  reader->Consume();
  EXPECT_FALSE(reader->Next()->has_value());
  EXPECT_EQ(reader->totals().taken, 1u);
  EXPECT_EQ(reader->totals().passed, 4u);
}

TEST(TapTest, UnsoundFiltersAndSizesAreRefused) {
  EXPECT_FALSE(PacketFilter::Of({}).ok());
  const std::vector<bpf_insn> endless = {BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 12)};
  EXPECT_FALSE(PacketFilter::Of(std::as_bytes(std::span(endless))).ok());
  EXPECT_FALSE(PacketFilter::Of(std::as_bytes(std::span(endless)).first(5)).ok());
  const std::vector<bpf_insn> beyond = {BPF_STMT(BPF_JMP | BPF_JA, 9), BPF_STMT(BPF_RET | BPF_K, 0)};
  EXPECT_FALSE(PacketFilter::Of(std::as_bytes(std::span(beyond))).ok());
  const std::vector<bpf_insn> loop = {BPF_STMT(BPF_LD | BPF_IMM, 0), BPF_STMT(BPF_JMP | BPF_JA, static_cast<u_int>(-2)),
                                      BPF_STMT(BPF_RET | BPF_K, 0)};
  EXPECT_THAT(std::string(PacketFilter::Of(std::as_bytes(std::span(loop))).status().message()), HasSubstr("backwards"));
  // Instructions of a kind that there is, which libpcap checks and cannot run: it would end the process.
  for (const unsigned code :
       {BPF_RET | BPF_X, BPF_LDX | BPF_W | BPF_ABS, BPF_LD | BPF_B | BPF_LEN, BPF_LDX | BPF_H | BPF_MSH, BPF_ST | BPF_X}) {
    const std::vector<bpf_insn> unknown = {BPF_STMT(static_cast<u_short>(code), 0), BPF_STMT(BPF_RET | BPF_K, 0)};
    EXPECT_FALSE(PacketFilter::Of(std::as_bytes(std::span(unknown))).ok()) << code;
  }
  const std::vector<bpf_insn> too_long(PacketFilter::kMostInstructions + 1, BPF_STMT(BPF_RET | BPF_K, 0));
  EXPECT_FALSE(PacketFilter::Of(std::as_bytes(std::span(too_long))).ok());
  EXPECT_THAT(std::string(Tap::Create(1, 1, {.bytes = 1000}, Everything()).status().message()), HasSubstr("at least"));
  EXPECT_THAT(std::string(Tap::Create(1, 1, {.bytes = 2 * Tap::kMostBytes}, Everything()).status().message()), HasSubstr("at most"));
  EXPECT_FALSE(Tap::Create(0, 0, {}, Everything()).ok());
}

TEST(TapTest, AReaderThatLiesHarmsItselfAlone) {
  const auto tap = MakeTap();
  const std::size_t bytes = TapRingsOffset(tap->rings());
  void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, tap->descriptor(), 0);
  ASSERT_NE(memory, MAP_FAILED);
  auto* const headers = reinterpret_cast<TapRingHeader*>(static_cast<std::byte*>(memory) + sizeof(TapHeader));
  const Burst burst({1500, 1500, 1500, 1500, 1500, 1500, 1500, 1500});
  for (uint64_t lie : {uint64_t{1}, uint64_t{1} << 63, UINT64_MAX, uint64_t{12345}}) {
    headers[0].read.store(lie);
    for (int round = 0; round < 100; ++round) Pass(tap->rx(0), burst);
    headers[0].written.store(lie);
  }
  EXPECT_EQ(headers[0].taken.load(), 3200u);
  EXPECT_GT(headers[0].dropped.load(), 3000u) << "a place that cannot be is no room";
  EXPECT_EQ(ftruncate(tap->descriptor(), 0), -1) << "the data path would get SIGBUS";
  munmap(memory, bytes);
}

TEST(TapTest, AProcessThatLiesIsFoundOut) {
  const auto tap = MakeTap();
  const std::size_t bytes = TapRingsOffset(tap->rings()) + tap->rings() * tap->ring_bytes();
  void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, tap->descriptor(), 0);
  ASSERT_NE(memory, MAP_FAILED);
  auto& header = *reinterpret_cast<TapRingHeader*>(static_cast<std::byte*>(memory) + sizeof(TapHeader));
  struct Lie {
    uint64_t read, written;
  };
  // An empty record over and over, at places where no record can be, and behind what is written.
  for (const Lie lie : {Lie{0, uint64_t{1} << 60}, Lie{tap->ring_bytes() - 4, tap->ring_bytes() + 64}, Lie{3, 100}, Lie{8, 0}}) {
    const auto reader = MapOf(*tap);
    header.read.store(lie.read);
    header.written.store(lie.written);
    const auto packet = reader->Next();
    EXPECT_TRUE(absl::IsDataLoss(packet.status())) << lie.read << " " << packet.status();
  }
  munmap(memory, bytes);
}

TEST(TapTest, APacketIsAsLongAsItWasWhenItWasLookedAt) {
  const auto tap = MakeTap();
  void* const memory =
      mmap(nullptr, TapRingsOffset(tap->rings()) + tap->ring_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, tap->descriptor(), 0);
  ASSERT_NE(memory, MAP_FAILED);
  auto* const record = reinterpret_cast<TapRecord*>(static_cast<std::byte*>(memory) + TapRingsOffset(tap->rings()));
  const auto reader = MapOf(*tap);
  Pass(tap->rx(0), Burst({60, 61}));
  const auto packet = reader->Next();
  ASSERT_TRUE(packet.ok() && packet->has_value());
  record->captured = record->length = UINT32_MAX;
  EXPECT_EQ((*packet)->bytes.size(), 60u);
  reader->Consume();
  const auto next = reader->Next();
  ASSERT_TRUE(next.ok() && next->has_value()) << next.status();
  EXPECT_EQ((*next)->bytes.size(), 61u);
  munmap(memory, TapRingsOffset(tap->rings()) + tap->ring_bytes());
}

TEST(TapTest, AShapeThatTheFileDoesNotHaveIsRefused) {
  const auto map = [](uint64_t bytes, bool sealed, const capture::TapShape& shape) {
    const bpf::UniqueFd file(memfd_create("tap", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    EXPECT_EQ(ftruncate(file.get(), static_cast<off_t>(bytes)), 0);
    if (sealed) {
      EXPECT_EQ(fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK), 0);
    }
    return TapReader::Map(file, shape).status();
  };
  constexpr uint64_t kRing = 4096;
  EXPECT_TRUE(map(TapRingsOffset(2) + 2 * kRing, true, {.rx_rings = 1, .rings = 2, .ring_bytes = kRing}).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(map(TapRingsOffset(2) + 2 * kRing, false, {.rx_rings = 1, .rings = 2, .ring_bytes = kRing})));
  EXPECT_TRUE(absl::IsInvalidArgument(map(TapRingsOffset(2) + 2 * kRing, true, {.rx_rings = 3, .rings = 2, .ring_bytes = kRing})));
  EXPECT_TRUE(absl::IsInvalidArgument(map(TapRingsOffset(2) + 2 * kRing, true, {.rx_rings = 1, .rings = 1, .ring_bytes = kRing})));
  EXPECT_TRUE(absl::IsInvalidArgument(map(TapRingsOffset(1) + 8, true, {.rx_rings = 1, .rings = 1, .ring_bytes = 8})));
  // 4096 rings of 2^52 bytes are 2^64, which is 0.
  EXPECT_TRUE(absl::IsInvalidArgument(map(TapRingsOffset(4096), true, {.rx_rings = 1, .rings = 4096, .ring_bytes = uint64_t{1} << 52})));
}

TEST(PortTapsTest, TapsComeAndGoWhileAThreadForwards) {
  const auto pool = support::MakePool();
  const std::unique_ptr<Device> device = *OpenDevice("net_null0");
  ASSERT_TRUE(device->Configure({.pool = pool}).ok());
  PortTaps taps;
  taps.Follow(*device, 1, 1);
  ASSERT_TRUE(device->Start().ok());
  std::atomic<bool> stop{false};
  std::thread forwarder([&] {
    std::array<Packet, 32> burst;
    while (!stop.load()) {
      const std::size_t count = taps.rx_queue(0).Receive(burst);
      const std::size_t sent = taps.tx_queue(0).Send({burst.data(), count});
      mempool::Pool::Free(std::span(burst).subspan(sent, count - sent));
    }
  });
  for (int round = 0; round < 40; ++round) {
    std::shared_ptr<Tap> tap = MakeTap();
    const auto reader = MapOf(*tap);
    EXPECT_TRUE(taps.Attach(tap).ok());
    EXPECT_TRUE(absl::IsAlreadyExists(taps.Attach(MakeTap())));
    bool received = false, sent = false;
    while (!received || !sent) {
      const auto packet = reader->Next();
      if (!packet.ok()) ADD_FAILURE() << packet.status();
      if (!packet.ok()) break;
      if (!packet->has_value()) continue;
      ((*packet)->received ? received : sent) = true;
      reader->Consume();
    }
    taps.Detach(tap.get());
    tap.reset();  // its memory goes as soon as the thread has left it
  }
  stop.store(true);
  forwarder.join();
  ASSERT_TRUE(device->Stop().ok());
  EXPECT_TRUE(support::FramesAreFree(*pool));
}

TEST(PortTapsTest, AnotherConfigurationEndsTheTap) {
  const auto pool = support::MakePool();
  const std::unique_ptr<Device> device = *OpenDevice("net_null0");
  PortTaps taps;
  EXPECT_TRUE(absl::IsFailedPrecondition(taps.Attach(MakeTap())));
  ASSERT_TRUE(device->Configure({.pool = pool}).ok());
  taps.Follow(*device, 1, 1);
  std::shared_ptr<Tap> tap = MakeTap();
  const auto reader = MapOf(*tap);
  ASSERT_TRUE(taps.Attach(tap).ok());
  EXPECT_FALSE(reader->ended());
  ASSERT_TRUE(device->Configure({.rx_queues = 2, .tx_queues = 2, .pool = pool}).ok());
  taps.Follow(*device, 2, 2);
  EXPECT_TRUE(reader->ended());
  taps.Detach(tap.get());
  EXPECT_TRUE(absl::IsFailedPrecondition(taps.Attach(tap))) << "of fewer queues";
}

}  // namespace
}  // namespace pollux::pmd
