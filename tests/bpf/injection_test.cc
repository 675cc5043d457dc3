// SPDX-License-Identifier: Apache-2.0
// Frames from any memory leave through a veth without sk_buffs, and what the device does not take is told.
#include "bpf/injection.h"

#include <sched.h>
#include <sys/mman.h>

#include <atomic>
#include <cerrno>
#include <thread>

#include "tests/bpf/injection_fixture.h"

namespace pollux::bpf {
namespace {

// From the region, and from ordinary memory of the process.
class MemoryTest : public InjectionTest, public testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    InjectionTest::SetUp();
    if (IsSkipped()) return;
    ordinary_.resize(kBytes);
    base_ = std::string(GetParam()) == "Region" ? memory_->base() : ordinary_.data();
  }

  void ExpectArrival(const std::vector<Frame>& frames) {
    auto socket = support::FrameSocket::Open(rig_->client(0), "c0");
    ASSERT_TRUE(socket.ok());
    std::size_t longest = 0;
    for (const Frame& frame : frames) {
      Put(*block_, block_->count, frame, base_);
      longest = std::max(longest, frame.size());
    }
    EXPECT_EQ(injection_->Emit(*block_, static_cast<uint32_t>(longest)), 0);
    EXPECT_EQ(block_->emitted, frames.size());
    EXPECT_EQ(block_->sent, frames.size());
    EXPECT_EQ(block_->dropped, 0u);
    EXPECT_EQ(block_->refused, 0u);
    EXPECT_EQ(block_->flushed, frames.size());
    for (const Frame& frame : frames) {
      auto arrived = (*socket)->Receive(support::Patience(milliseconds(2000)));
      ASSERT_TRUE(arrived.ok()) << arrived.status();
      EXPECT_EQ(*arrived, frame) << "of " << frame.size() << " bytes";
    }
  }

  std::vector<std::byte> ordinary_;
  std::byte* base_ = nullptr;
};
INSTANTIATE_TEST_SUITE_P(Memories, MemoryTest, testing::Values("Region", "Ordinary"), [](const auto& memory) { return memory.param; });

TEST_P(MemoryTest, FramesOfEveryLengthArriveInOrder) {
  for (const unsigned number : {0u, 1u, 63u}) {
    injection_->ReturnBlock(*block_);
    block_ = injection_->TakeBlock(number);
    ASSERT_EQ(injection_->NumberOf(*block_), number);
    std::vector<Frame> frames;
    for (const std::size_t length : {14, 60, 64, 65, 127, 128, 1499, 1500, 1514}) frames.push_back(FrameOf(frames.size(), length));
    ASSERT_NO_FATAL_FAILURE(ExpectArrival(frames));
  }
}

TEST_P(MemoryTest, TaggedFramesOfTheWholeMtuArrive) {
  const support::EthernetFields ethernet{.source = VethRig::PortMac(0), .destination = VethRig::ClientMac(0)};
  std::vector<Frame> frames;
  for (const std::size_t length : {68, 1518}) {
    frames.push_back(support::PacketBuilder().Ethernet(ethernet).Vlan(100).Ipv4().Udp().FillTo(length).Build());
  }
  ExpectArrival(frames);
}

TEST_P(MemoryTest, TheLongestFrameOfAVethArrives) {
  ASSERT_TRUE(support::RunSuccessfully({"ip", "link", "set", "p0", "mtu", "3506"}, &rig_->switch_namespace()).ok());
  ASSERT_TRUE(support::RunSuccessfully({"ip", "link", "set", "c0", "mtu", "3506"}, &rig_->client(0)).ok());
  std::vector<Frame> frames;
  for (const std::size_t length : {3264, 3328, 3368, 3408, 3409, 3500, 3520}) frames.push_back(FrameOf(frames.size(), length));
  ExpectArrival(frames);
}

TEST_F(InjectionTest, WhatIsNotInMemoryIsRefusedAndTheOthersGo) {
  constexpr std::size_t kPages = 1 << 20;
  void* const absent = mmap(nullptr, kPages, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(absent, MAP_FAILED);
  for (std::size_t position = 0; position < 100; ++position) Put(*block_, position, 100);
  for (std::size_t position = 3; position < 100; position += 10) {
    block_->descriptors[position] = injection_->Describe(static_cast<std::byte*>(absent) + position * 4096, 100);
  }
  EXPECT_EQ(injection_->Emit(*block_, 100), 0);
  munmap(absent, kPages);
  EXPECT_EQ(block_->sent, 90u);
  EXPECT_EQ(block_->refused, 10u);
  EXPECT_EQ(block_->errors[13], EFAULT);
  EXPECT_EQ(block_->errors[14], 0);
  EXPECT_EQ(injection_->Emit(*block_, 100), 0);
  EXPECT_EQ(block_->errors[14], 0) << "errors of an earlier call are forgotten";
}

TEST_F(InjectionTest, WithoutGroAtTheOtherEndEveryFrameIsRefused) {
  ASSERT_NO_FATAL_FAILURE(SetGro(false));
  for (std::size_t position = 0; position < 200; ++position) Put(*block_, position, 100);
  injection_->Emit(*block_, 100);
  EXPECT_EQ(block_->emitted, 200u);
  EXPECT_EQ(block_->sent, 0u);
  EXPECT_EQ(block_->refused, 200u);
  for (std::size_t position = 0; position < 200; ++position) {
    // Linux says so when it asks the driver (ENXIO), and from 6.3 on before it does (EOPNOTSUPP).
    EXPECT_TRUE(block_->errors[position] == EOPNOTSUPP || block_->errors[position] == ENXIO) << position;
  }
}

TEST_F(InjectionTest, TooLongForTheMtuIsRefusedAndTheOthersGo) {
  for (std::size_t position = 0; position < 100; ++position) Put(*block_, position, position % 10 == 5 ? 1700 : 100);
  EXPECT_EQ(injection_->Emit(*block_, 1700), 0);
  EXPECT_EQ(block_->sent, 90u);
  EXPECT_EQ(block_->refused, 10u);
  EXPECT_EQ(block_->errors[15], EMSGSIZE);
  EXPECT_EQ(block_->errors[16], 0);
}

TEST_F(InjectionTest, WhatTheReceiverHasNoRoomForIsCountedAsDropped) {
  for (std::size_t position = 0; position < INJECT_BLOCK_FRAMES; ++position) Put(*block_, position, 64);
  EXPECT_EQ(injection_->Emit(*block_, 64), 0);
  EXPECT_EQ(block_->sent + block_->dropped, uint32_t{INJECT_BLOCK_FRAMES});
}

TEST_F(InjectionTest, ABlockThatIsNotReadySendsNothing) {
  Put(*block_, 0, 100);
  block_->count = 0;
  auto socket = support::FrameSocket::Open(rig_->client(0), "c0");
  ASSERT_TRUE(socket.ok());
  injection_->Emit(*block_, 100);
  EXPECT_EQ(block_->emitted, 0u);
  Put(*block_, 1, 200);
  block_->descriptors[0] = block_->descriptors[1];
  block_->count = 1;
  injection_->Emit(*block_, 200);
  auto arrived = (*socket)->Receive(support::Patience(milliseconds(2000)));
  ASSERT_TRUE(arrived.ok()) << arrived.status();
  EXPECT_EQ(arrived->size(), 200u) << "the first to arrive";
}

// Whatever program the port has, or none: the injector is another one.
TEST_F(InjectionTest, AForeignProgramOnThePortIsNoObstacle) {
  for (const uint32_t mode : {0u, 1u << 1, 1u << 2}) {  // none, XDP_FLAGS_SKB_MODE, XDP_FLAGS_DRV_MODE
    const int ifindex = static_cast<int>(if_nametoindex("p0"));
    const int program = LoadForeign("foreign");
    ASSERT_GE(program, 0);
    if (mode != 0) {
      ASSERT_EQ(bpf_xdp_attach(ifindex, program, mode, nullptr), 0);
    }
    block_->count = 0;
    Put(*block_, 0, 100);
    EXPECT_EQ(injection_->Emit(*block_, 100), 0);
    EXPECT_EQ(block_->sent, 1u) << mode;
    if (mode != 0) {
      ASSERT_EQ(bpf_xdp_detach(ifindex, mode, nullptr), 0);
    }
    close(program);
  }
}

TEST_F(InjectionTest, PortsShareTheInjectorAndItsBlocks) {
  const auto second = OpenInjection(region_);
  EXPECT_EQ(second->NumberOf(*second->TakeBlock(0)), 1u) << "0 is in use";
  std::vector<inject_block*> blocks = {block_};
  while (inject_block* block = injection_->TakeBlock(63)) blocks.push_back(block);
  EXPECT_EQ(blocks.size(), std::size_t{INJECT_BLOCKS - 1});
  EXPECT_EQ(injection_->NumberOf(*blocks[1]), 63u);
  EXPECT_EQ(second->TakeBlock(0), nullptr);
  for (inject_block* block : blocks) injection_->ReturnBlock(*block);
  block_ = injection_->TakeBlock(0);
}

TEST_F(InjectionTest, MemoryLargerThanTheVerifierBoundsIsRefused) {
  EXPECT_TRUE(absl::IsOutOfRange(VisibleMemory::Create(INJECT_LARGEST_REGION + 1, -1).status()));
}

// Two injectors, as in two processes, and one port: neither counts the other's frames.
class ForeignInjectionTest : public InjectionTest {
 protected:
  void SetUp() override {
    InjectionTest::SetUp();
    if (IsSkipped()) return;
    auto memory = VisibleMemory::Create(kBytes, -1);
    ASSERT_TRUE(memory.ok()) << memory.status();
    other_memory_ = std::make_unique<VisibleMemory>(std::move(*memory));
    other_ = OpenInjection({.base = other_memory_->base(), .bytes = kBytes, .map = other_memory_->map()});
    ASSERT_NE(other_, nullptr);
    other_block_ = other_->TakeBlock(0);
    Fill(1);
  }
  void TearDown() override {
    if (other_block_ != nullptr) other_->ReturnBlock(*other_block_);
    InjectionTest::TearDown();
  }

  void Fill(uint32_t frames) {
    const Frame frame = FrameOf(0, 100);
    for (uint32_t position = 0; position < frames; ++position) {
      Put(*block_, position, frame, memory_->base());
      Put(*other_block_, position, frame, other_memory_->base());
      other_block_->descriptors[position] = block_->descriptors[position];
    }
  }

  static void RunOn(int cpu) {
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(cpu, &cpus);
    ASSERT_EQ(sched_setaffinity(0, sizeof(cpus), &cpus), 0);
  }

  std::unique_ptr<VisibleMemory> other_memory_;
  std::unique_ptr<Injection> other_;
  inject_block* other_block_ = nullptr;
};

TEST_F(ForeignInjectionTest, OneAfterTheOther) {
  EXPECT_EQ(injection_->Emit(*block_, 100), 0);
  for (int call = 0; call < 100; ++call) other_->Emit(*other_block_, 100);
  EXPECT_EQ(block_->sent, 1u);
  EXPECT_EQ(other_block_->sent, 1u);
}

// A thread that zeroes the counts one by one may lose the CPU in between.
TEST_F(ForeignInjectionTest, WhileTheCountsAreZeroed) {
  std::thread([&] {
    RunOn(0);
    EXPECT_EQ(injection_->Emit(*block_, 100), 0);
    block_->sent = 0;  // "emitted" is still 1
    std::thread([&] { other_->Emit(*other_block_, 100); }).join();
  }).join();
  EXPECT_EQ(block_->sent, 0u);
  EXPECT_EQ(other_block_->sent, 1u);
}

TEST_F(ForeignInjectionTest, AtTheSameTime) {
  constexpr uint32_t kFrames = INJECT_BATCH;
  Fill(kFrames);
  std::atomic<bool> ended = false;
  std::thread thread([&] {
    while (!ended.load(std::memory_order_relaxed)) other_->Emit(*other_block_, 100);
  });
  uint32_t wrong = 0;
  for (int call = 0; call < 3000; ++call) {
    injection_->Emit(*block_, 100);
    wrong += block_->emitted != kFrames || block_->sent + block_->dropped != kFrames;
  }
  ended.store(true, std::memory_order_relaxed);
  thread.join();
  EXPECT_EQ(wrong, 0u);
}

}  // namespace
}  // namespace pollux::bpf
