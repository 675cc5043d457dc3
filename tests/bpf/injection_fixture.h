// SPDX-License-Identifier: Apache-2.0
// InjectionTest: the port "p0", whose other end takes XDP frames, and an injection through it.
#ifndef TESTS_BPF_INJECTION_FIXTURE_H_
#define TESTS_BPF_INJECTION_FIXTURE_H_

#include <algorithm>
#include <cstring>

#include "bpf/injection.h"
#include "bpf/visible_memory.h"
#include "tests/bpf/attachment_fixture.h"
#include "tests/support/frame_socket.h"
#include "tests/support/packet_builder.h"
#include "tools/support/child_process.h"

namespace pollux::bpf {

class InjectionTest : public AttachmentTest {
 protected:
  using Frame = support::FrameSocket::Frame;

  static constexpr std::size_t kBytes = 4 << 20;
  static constexpr std::size_t kFrameBytes = 4096;

  void SetUp() override {
    AttachmentTest::SetUp();
    if (IsSkipped()) return;
    auto memory = VisibleMemory::Create(kBytes, -1);
    ASSERT_TRUE(memory.ok()) << memory.status();
    memory_ = std::make_unique<VisibleMemory>(std::move(*memory));
    region_ = {.base = memory_->base(), .bytes = kBytes, .map = memory_->map()};
    ASSERT_NO_FATAL_FAILURE(SetGro(true));
    injection_ = OpenInjection(region_);
    ASSERT_NE(injection_, nullptr);
    block_ = injection_->TakeBlock(0);
  }
  void TearDown() override {
    if (block_ != nullptr) injection_->ReturnBlock(*block_);
    AttachmentTest::TearDown();
  }

  std::unique_ptr<Injection> OpenInjection(const InjectRegion& region) {
    auto injector = Injector::ForProcess(region);
    if (!injector.ok()) return ADD_FAILURE() << injector.status(), nullptr;
    auto injection = Injection::Open(*std::move(injector), static_cast<int>(if_nametoindex("p0")), region);
    if (!injection.ok()) return ADD_FAILURE() << injection.status(), nullptr;
    return *std::move(injection);
  }

  void SetGro(bool on) { ASSERT_TRUE(support::RunSuccessfully({"ethtool", "-K", "c0", "gro", on ? "on" : "off"}, &rig_->client(0)).ok()); }

  // A frame of `length` bytes whose content depends on `number`.
  static Frame FrameOf(std::size_t number, std::size_t length) {
    auto frame = support::PacketBuilder().Ethernet({.source = VethRig::PortMac(0), .destination = VethRig::ClientMac(0)}).Build();
    frame.resize(length);
    frame[12] = std::byte{0x88}, frame[13] = std::byte{0xb5};  // local experimental EtherType
    for (std::size_t at = 14; at < length; ++at) frame[at] = static_cast<std::byte>(number * 31 + at);
    return frame;
  }

  // Describes the frame, written at a place of its own from `base` on.
  void Put(inject_block& block, std::size_t position, const Frame& frame, std::byte* base) {
    std::byte* const place = base + position % 1000 * kFrameBytes + 256 + position % 64;
    std::copy(frame.begin(), frame.end(), place);
    block.descriptors[position] = injection_->Describe(place, static_cast<uint32_t>(frame.size()));
    block.count = std::max(block.count, static_cast<uint32_t>(position + 1));
  }
  void Put(inject_block& block, std::size_t position, std::size_t length) {
    Put(block, position, FrameOf(position, length), memory_->base());
  }

  std::unique_ptr<VisibleMemory> memory_;
  InjectRegion region_;
  std::unique_ptr<Injection> injection_;
  inject_block* block_ = nullptr;
};

}  // namespace pollux::bpf

#endif  // TESTS_BPF_INJECTION_FIXTURE_H_
