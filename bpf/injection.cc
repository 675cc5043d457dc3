// SPDX-License-Identifier: Apache-2.0
// The system call that injects.
#include "bpf/injection.h"

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace pollux::bpf {
namespace {

constexpr uint32_t kLoopbackIfindex = 1;

// What new frames are filled with; the program writes over it.
constexpr std::array<std::byte, INJECT_LONGEST_MADE + INJECT_BLOCKS> kNothing{};

}  // namespace

Injection::Injection(std::shared_ptr<Injector> injector, uint32_t port, bool added, const InjectRegion& region)
    : blocks_(*injector->blocks_),
      state_(*injector->state_),
      region_base_(region.base),
      region_bytes_(region.map < 0 ? 0 : region.bytes),
      port_(port),
      added_(added),
      injector_(std::move(injector)) {}

absl::StatusOr<std::unique_ptr<Injection>> Injection::Open(std::shared_ptr<Injector> injector, int interface_index,
                                                           const InjectRegion& region) {
  const auto port = injector->AddPort(interface_index);
  if (!port.ok()) return port.status();
  return std::unique_ptr<Injection>(new Injection(std::move(injector), *port, true, region));
}

std::unique_ptr<Injection> Injection::Join(std::shared_ptr<Injector> injector, uint32_t port, const InjectRegion& region) {
  return std::unique_ptr<Injection>(new Injection(std::move(injector), port, false, region));
}

Injection::~Injection() {
  if (added_) injector_->RemovePort(port_);
}

// Nobody else writes to a block that was taken.
void Injection::Prepare(inject_block& block) const {
  if (block.refused + block.dropped != 0) std::fill(std::begin(block.errors), std::end(block.errors), uint16_t{0});
  block.emitted = block.sent = block.dropped = block.refused = block.flushed = block.held = 0;
  block.port = port_;
}

int Injection::Emit(inject_block& block, uint32_t longest) {
  Prepare(block);
  // The length that frames are made with tells the program its block.
  const uint32_t rounded = (longest + INJECT_BLOCKS - 1) / INJECT_BLOCKS * INJECT_BLOCKS;
  const uint32_t length = std::min<uint32_t>(rounded, INJECT_LONGEST_MADE) + NumberOf(block);
  xdp_md context = {};
  context.data_end = length;
  context.ingress_ifindex = kLoopbackIfindex;
  bpf_attr attributes = {};
  attributes.test.prog_fd = static_cast<uint32_t>(injector_->parts_[Injector::kProgram].get());
  attributes.test.data_in = reinterpret_cast<uint64_t>(kNothing.data());
  attributes.test.data_size_in = length;
  attributes.test.ctx_in = reinterpret_cast<uint64_t>(&context);
  attributes.test.ctx_size_in = sizeof(context);
  attributes.test.repeat = block.count;
  attributes.test.batch_size = INJECT_BATCH;
  attributes.test.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
  return syscall(__NR_bpf, BPF_PROG_TEST_RUN, &attributes, sizeof(attributes.test)) == 0 ? 0 : errno;
}

}  // namespace pollux::bpf
