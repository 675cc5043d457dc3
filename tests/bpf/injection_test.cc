// SPDX-License-Identifier: Apache-2.0
// Frames from visible memory leave through a veth without sk_buffs, and what the device does not take is told.
#include "bpf/injection.h"

#include <sched.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <thread>

#include "bpf/visible_memory.h"
#include "tests/bpf/attachment_fixture.h"
#include "tests/support/frame_socket.h"
#include "tests/support/packet_builder.h"
#include "tools/support/child_process.h"

namespace pollux::bpf {
namespace {

constexpr std::size_t kBytes = 1 << 20;
constexpr std::size_t kFrameBytes = 2048;

class InjectionTest : public AttachmentTest {
 protected:
  void SetUp() override {
    AttachmentTest::SetUp();
    if (IsSkipped()) return;
    auto memory = VisibleMemory::Create(kBytes, -1);
    ASSERT_TRUE(memory.ok()) << memory.status();
    memory_ = std::make_unique<VisibleMemory>(std::move(*memory));
    options_.injection = InjectionSource{.map = memory_->map(), .bytes = kBytes};
  }

  void Attach() {
    auto program = XdpProgram::Attach("p0", options_);
    ASSERT_TRUE(program.ok()) << program.status();
    program_ = std::move(*program);
    ASSERT_NE(program_->injection(), nullptr) << program_->injection_refused();
  }

  void SetGro(bool on) { ASSERT_TRUE(support::RunSuccessfully({"ethtool", "-K", "c0", "gro", on ? "on" : "off"}, &rig_->client(0)).ok()); }

  // A frame of `length` bytes whose content depends on `number`.
  static support::FrameSocket::Frame FrameOf(std::size_t number, std::size_t length) {
    auto frame = support::PacketBuilder().Ethernet({.source = VethRig::PortMac(0), .destination = VethRig::ClientMac(0)}).Build();
    frame.resize(length);
    frame[12] = std::byte{0x88}, frame[13] = std::byte{0xb5};  // local experimental EtherType
    for (std::size_t at = 14; at < length; ++at) frame[at] = static_cast<std::byte>(number * 31 + at);
    return frame;
  }

  void Put(unsigned block, std::size_t position, std::size_t length) {
    const std::size_t offset = position * kFrameBytes + 256 + position % 64;
    const auto frame = FrameOf(position, length);
    std::memcpy(memory_->base() + offset, frame.data(), length);
    program_->injection()->block(block).descriptors[position] = {
        .offset = static_cast<uint32_t>(offset), .length = static_cast<uint16_t>(length), .error = 0};
  }

  std::unique_ptr<VisibleMemory> memory_;
  ProgramOptions options_;
  std::unique_ptr<XdpProgram> program_;
};

TEST_F(InjectionTest, FramesOfEveryLengthArriveInOrder) {
  ASSERT_NO_FATAL_FAILURE(SetGro(true));
  ASSERT_NO_FATAL_FAILURE(Attach());
  auto socket = support::FrameSocket::Open(rig_->client(0), "c0");
  ASSERT_TRUE(socket.ok());
  const std::size_t lengths[] = {14, 60, 64, 65, 127, 128, 1499, 1500, 1514};
  for (unsigned block : {0u, 1u, 63u}) {
    std::size_t count = 0;
    for (std::size_t length : lengths) Put(block, count++, length);
    EXPECT_EQ(program_->injection()->Emit(block, static_cast<uint32_t>(count), 1514), 0);
    const inject_block& counts = program_->injection()->block(block);
    EXPECT_EQ(counts.emitted, count);
    EXPECT_EQ(counts.sent, count);
    EXPECT_EQ(counts.dropped, 0u);
    EXPECT_EQ(counts.refused, 0u);
    EXPECT_EQ(counts.flushed, count);
    for (std::size_t position = 0; position < count; ++position) {
      auto arrived = (*socket)->Receive(milliseconds(2000));
      ASSERT_TRUE(arrived.ok()) << arrived.status();
      EXPECT_EQ(*arrived, FrameOf(position, lengths[position])) << "block " << block << ", position " << position;
    }
  }
}

TEST_F(InjectionTest, WithoutGroAtTheOtherEndEveryFrameIsRefused) {
  ASSERT_NO_FATAL_FAILURE(SetGro(false));
  ASSERT_NO_FATAL_FAILURE(Attach());
  for (std::size_t position = 0; position < 200; ++position) Put(3, position, 100);
  program_->injection()->Emit(3, 200, 100);
  const inject_block& counts = program_->injection()->block(3);
  EXPECT_EQ(counts.emitted, 200u);
  EXPECT_EQ(counts.sent, 0u);
  EXPECT_EQ(counts.refused, 200u);
  for (std::size_t position = 0; position < 200; ++position) {
    // Linux says so when it asks the driver (ENXIO), and from 6.3 on before it does (EOPNOTSUPP).
    EXPECT_TRUE(counts.descriptors[position].error == EOPNOTSUPP || counts.descriptors[position].error == ENXIO) << position;
  }
}

TEST_F(InjectionTest, TooLongForTheMtuIsRefusedAndTheOthersGo) {
  ASSERT_NO_FATAL_FAILURE(SetGro(true));
  ASSERT_NO_FATAL_FAILURE(Attach());
  for (std::size_t position = 0; position < 100; ++position) Put(0, position, position % 10 == 5 ? 1700 : 100);
  EXPECT_EQ(program_->injection()->Emit(0, 100, 1700), 0);
  const inject_block& counts = program_->injection()->block(0);
  EXPECT_EQ(counts.sent, 90u);
  EXPECT_EQ(counts.refused, 10u);
  EXPECT_EQ(counts.descriptors[15].error, EMSGSIZE);
  EXPECT_EQ(counts.descriptors[16].error, 0);
}

TEST_F(InjectionTest, WhatTheReceiverHasNoRoomForIsCountedAsDropped) {
  ASSERT_NO_FATAL_FAILURE(SetGro(true));
  ASSERT_NO_FATAL_FAILURE(Attach());
  for (std::size_t position = 0; position < INJECT_BLOCK_FRAMES; ++position) Put(0, position % 512, 64);
  uint64_t sent = 0, dropped = 0;
  for (std::size_t position = 0; position < INJECT_BLOCK_FRAMES; ++position) {
    program_->injection()->block(0).descriptors[position] = program_->injection()->block(0).descriptors[position % 512];
  }
  EXPECT_EQ(program_->injection()->Emit(0, INJECT_BLOCK_FRAMES, 64), 0);
  const inject_block& counts = program_->injection()->block(0);
  sent = counts.sent, dropped = counts.dropped;
  EXPECT_EQ(sent + dropped, uint64_t{INJECT_BLOCK_FRAMES});
}

// Two ports, one of the same interface index in another namespace: neither counts the other's frames.
class ForeignInjectionTest : public InjectionTest {
 protected:
  void SetUp() override {
    InjectionTest::SetUp();
    if (IsSkipped()) return;
    ASSERT_NO_FATAL_FAILURE(SetGro(true));
    ASSERT_NO_FATAL_FAILURE(Attach());
    auto network = NetworkNamespace::Create("other");
    ASSERT_TRUE(network.ok()) << network.status();
    network_ = std::move(*network);
    const std::string index = std::to_string(if_nametoindex("p0"));
    const std::vector<std::vector<std::string>> commands = {
        {"ip", "link", "add", "p0", "index", index, "type", "veth", "peer", "name", "c0", "index", "77"},
        {"ip", "link", "set", "p0", "up"},
        {"ip", "link", "set", "c0", "up"},
        {"ethtool", "-K", "c0", "gro", "on"}};
    for (const auto& command : commands) ASSERT_TRUE(support::RunSuccessfully(command, network_.get()).ok());
    const auto scope = NamespaceScope::Enter(*network_);
    ASSERT_TRUE(scope.ok());
    auto attached = XdpProgram::Attach("p0", options_);
    ASSERT_TRUE(attached.ok()) << attached.status();
    other_program_ = std::move(*attached);
    ASSERT_NE(other_program_->injection(), nullptr) << other_program_->injection_refused();
    Put(0, 0, 100);
    other().block(0) = own().block(0);
    other().block(0).target_map = 0;
  }

  static void RunOn(int cpu) {
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(cpu, &cpus);
    ASSERT_EQ(sched_setaffinity(0, sizeof(cpus), &cpus), 0);
  }

  Injection& own() { return *program_->injection(); }
  Injection& other() { return *other_program_->injection(); }

 private:
  std::unique_ptr<NetworkNamespace> network_;
  std::unique_ptr<XdpProgram> other_program_;
};

TEST_F(ForeignInjectionTest, OneAfterTheOther) {
  EXPECT_EQ(own().Emit(0, 1, 100), 0);
  for (int call = 0; call < 100; ++call) other().Emit(0, 1, 100);
  EXPECT_EQ(own().block(0).sent, 1u);
  EXPECT_EQ(other().block(0).sent, 1u);
}

// A thread that zeroes the counts one by one may lose the CPU in between.
TEST_F(ForeignInjectionTest, WhileTheCountsAreZeroed) {
  std::thread([&] {
    RunOn(0);
    EXPECT_EQ(own().Emit(0, 1, 100), 0);
    own().block(0).sent = 0;  // "emitted" is still 1
    std::thread([&] { other().Emit(0, 1, 100); }).join();
  }).join();
  EXPECT_EQ(own().block(0).sent, 0u);
  EXPECT_EQ(other().block(0).sent, 1u);
}

TEST_F(ForeignInjectionTest, AtTheSameTime) {
  constexpr uint32_t kFrames = INJECT_BATCH;
  for (uint32_t position = 0; position < kFrames; ++position) own().block(0).descriptors[position] = own().block(0).descriptors[0];
  other().block(0) = own().block(0);
  std::atomic<bool> ended = false;
  std::thread thread([&] {
    while (!ended.load(std::memory_order_relaxed)) other().Emit(0, kFrames, 100);
  });
  uint32_t wrong = 0;
  for (int call = 0; call < 3000; ++call) {
    own().Emit(0, kFrames, 100);
    const inject_block& counts = own().block(0);
    wrong += counts.emitted != kFrames || counts.sent + counts.dropped != kFrames;
  }
  ended.store(true, std::memory_order_relaxed);
  thread.join();
  EXPECT_EQ(wrong, 0u);
}

TEST_F(InjectionTest, AGenericProgramCannot) {
  options_.mode = AttachMode::kGeneric;
  auto program = XdpProgram::Attach("p0", options_);
  ASSERT_TRUE(program.ok()) << program.status();
  EXPECT_EQ((*program)->injection(), nullptr);
  EXPECT_EQ((*program)->injection_refused(), "the XDP program is not attached natively");
}

TEST_F(InjectionTest, MemoryLargerThanTheVerifierBoundsIsRefused) {
  EXPECT_TRUE(absl::IsOutOfRange(VisibleMemory::Create(INJECT_LARGEST_REGION + 1, -1).status()));
}

}  // namespace
}  // namespace pollux::bpf
