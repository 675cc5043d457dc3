// SPDX-License-Identifier: Apache-2.0
#include "bpf/injection.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include <absl/strings/str_cat.h>

#include "bpf/privilege.h"
#include "bpf/program_object.h"

namespace pollux::bpf {
namespace {

constexpr uint32_t kLoopbackIfindex = 1;
constexpr std::size_t kBlockBytes = INJECT_BLOCKS * sizeof(inject_block);

// What new frames are filled with; the program writes over it.
constexpr std::array<std::byte, INJECT_LONGEST_FRAME + INJECT_BLOCKS> kNothing{};

absl::StatusOr<UniqueFd> Watch(const ProgramObject& object, const char* program) {
  const struct ::bpf_program* const found = bpf_object__find_program_by_name(object.object(), program);
  UniqueFd attached(bpf_raw_tracepoint_open(nullptr, bpf_program__fd(found)));
  if (!attached) return CallStatus(errno, absl::StrCat("bpf(BPF_RAW_TRACEPOINT_OPEN, ", program, ")"), {CAP_BPF, CAP_PERFMON});
  return attached;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Injection>> Injection::Create(const ProgramObject& object, int interface_index) {
  const uint32_t key = 0, target = static_cast<uint32_t>(interface_index);
  if (bpf_map_update_elem(object.map_fd(POLLUX_INJECT_TARGET_MAP), &key, &target, BPF_ANY) != 0) {
    return CallStatus(errno, absl::StrCat("bpf_map_update_elem(", POLLUX_INJECT_TARGET_MAP, ", ifindex ", target, ")"),
                      {CAP_BPF, CAP_NET_ADMIN}, "the interface's driver takes no XDP frames");
  }
  UniqueFd program = UniqueFd::Duplicate(object.program_fd());
  if (!program) return CallStatus(errno, "dup(XDP program)", {});
  void* const blocks = mmap(nullptr, kBlockBytes, PROT_READ | PROT_WRITE, MAP_SHARED, object.map_fd(POLLUX_INJECT_BLOCKS_MAP), 0);
  if (blocks == MAP_FAILED) return CallStatus(errno, absl::StrCat("mmap(", POLLUX_INJECT_BLOCKS_MAP, ")"), {CAP_BPF});
  std::unique_ptr<Injection> injection(new Injection(std::move(program), {static_cast<inject_block*>(blocks), std::size_t{INJECT_BLOCKS}}));
  bpf_map_info target_map = {};
  uint32_t size = sizeof(target_map);
  if (bpf_obj_get_info_by_fd(object.map_fd(POLLUX_INJECT_TARGET_MAP), &target_map, &size) != 0)
    return CallStatus(errno, absl::StrCat("bpf(BPF_OBJ_GET_INFO_BY_FD, ", POLLUX_INJECT_TARGET_MAP, ")"), {});
  for (inject_block& block : injection->blocks_) block.target_map = target_map.id;
  const char* const names[] = {POLLUX_INJECT_TRANSMITTED_PROGRAM, POLLUX_INJECT_REFUSED_PROGRAM};
  for (std::size_t index = 0; index < injection->watches_.size(); ++index) {
    auto watch = Watch(object, names[index]);
    if (!watch.ok()) return watch.status();
    injection->watches_[index] = std::move(*watch);
  }
  return injection;
}

Injection::~Injection() {
  if (program_) munmap(blocks_.data(), kBlockBytes);
}

int Injection::Emit(unsigned number, uint32_t count, uint32_t longest) {
  inject_block& counts = blocks_[number];
  counts.emitted = counts.sent = counts.dropped = counts.refused = counts.flushed = 0;
  // The length that frames are made with tells the program its block.
  const uint32_t length = (longest + INJECT_BLOCKS - 1) / INJECT_BLOCKS * INJECT_BLOCKS + number;
  xdp_md context = {};
  context.data_end = length;
  context.ingress_ifindex = kLoopbackIfindex;
  bpf_attr attributes = {};
  attributes.test.prog_fd = static_cast<uint32_t>(program_.get());
  attributes.test.data_in = reinterpret_cast<uint64_t>(kNothing.data());
  attributes.test.data_size_in = length;
  attributes.test.ctx_in = reinterpret_cast<uint64_t>(&context);
  attributes.test.ctx_size_in = sizeof(context);
  attributes.test.repeat = count;
  attributes.test.batch_size = INJECT_BATCH;
  attributes.test.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
  return syscall(__NR_bpf, BPF_PROG_TEST_RUN, &attributes, sizeof(attributes.test)) == 0 ? 0 : errno;
}

}  // namespace pollux::bpf
