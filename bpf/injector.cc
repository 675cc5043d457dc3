// SPDX-License-Identifier: Apache-2.0
#include "bpf/injector.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <absl/strings/str_cat.h>

#include "bpf/inject.skel.h"
#include "bpf/library_messages.h"
#include "bpf/privilege.h"
#include "lcore/errno_status.h"

namespace pollux::bpf {
namespace {

constexpr std::size_t kBlockBytes = INJECT_BLOCKS * sizeof(inject_block);

struct Destroy {
  void operator()(inject_bpf* object) const { inject_bpf::destroy(object); }
};
using Object = std::unique_ptr<inject_bpf, Destroy>;

absl::StatusOr<UniqueFd> Watch(const struct ::bpf_program* program) {
  UniqueFd attached(bpf_raw_tracepoint_open(nullptr, bpf_program__fd(program)));
  if (attached) return attached;
  return CallStatus(errno, absl::StrCat("bpf(BPF_RAW_TRACEPOINT_OPEN, ", bpf_program__name(program), ")"), {CAP_BPF, CAP_PERFMON});
}

absl::StatusOr<Object> LoadObject(const InjectRegion& region) {
  LibraryMessages messages;
  Object object(inject_bpf::open());
  if (object == nullptr) return absl::InternalError(absl::StrCat("open the injecting program: ", std::strerror(errno)));
  const inject_options options = {.region_bytes = static_cast<uint32_t>(region.bytes), .reserved = 0};
  int error = bpf_map__set_initial_value(object->maps.rodata_inject, &options, sizeof(options));
  if (error == 0 && region.map >= 0) error = bpf_map__reuse_fd(object->maps.inject_frames, region.map);
  if (error != 0) return absl::InternalError(absl::StrCat("prepare the injecting program: ", std::strerror(-error)));
  error = inject_bpf::load(object.get());
  if (error == 0) return object;
  if (error == -EPERM || error == -EACCES) {
    const absl::Status status =
        CallStatus(-error, "load the injecting program and those that watch it", {CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON});
    if (absl::IsPermissionDenied(status)) return status;
  }
  return absl::InternalError(absl::StrCat("load the injecting program: ", std::strerror(-error), " (", messages.Last(), ")"));
}

// 0 for no map. Addresses may be used again while an injector lives; ids are not.
absl::StatusOr<uint32_t> MapId(int map) {
  if (map < 0) return 0;
  bpf_map_info info = {};
  uint32_t size = sizeof(info);
  if (bpf_obj_get_info_by_fd(map, &info, &size) != 0) return lcore::ErrnoStatus(errno, "bpf(BPF_OBJ_GET_INFO_BY_FD, map of the frames)");
  return info.id;
}

// One injector a region; a process has few.
struct Registry {
  std::mutex lock;
  std::vector<std::weak_ptr<Injector>> injectors;
};
Registry& Injectors() {
  static auto* registry = new Registry;
  return *registry;
}

}  // namespace

absl::StatusOr<std::shared_ptr<Injector>> Injector::ForProcess(const InjectRegion& region) {
  Registry& registry = Injectors();
  const std::scoped_lock lock(registry.lock);
  const auto map_id = MapId(region.map);
  if (!map_id.ok()) return map_id.status();
  std::erase_if(registry.injectors, [](const auto& injector) { return injector.expired(); });
  for (const auto& known : registry.injectors) {
    auto injector = known.lock();
    if (injector == nullptr || injector->process_ != getpid()) continue;
    if (region.map < 0 || injector->region_map_id_ == *map_id) return injector;
  }
  auto injector = Make(region);
  if (!injector.ok()) return injector.status();
  (*injector)->region_map_id_ = *map_id;
  (*injector)->process_ = getpid();
  registry.injectors.push_back(*injector);
  return injector;
}

absl::StatusOr<std::shared_ptr<Injector>> Injector::Make(const InjectRegion& region) {
  std::shared_ptr<Injector> injector(new Injector);
  if (auto status = injector->Load(region); !status.ok()) return status;
  return injector;
}

absl::Status Injector::Load(const InjectRegion& region) {
  auto object = LoadObject(region);
  if (!object.ok()) return object.status();
  const auto& programs = (*object)->progs;
  const auto& maps = (*object)->maps;
  if (bpf_map_freeze(bpf_map__fd(maps.inject_state)) != 0) return CallStatus(errno, "bpf(BPF_MAP_FREEZE, inject_state)", {CAP_BPF});
  auto site = InjectSite::Attach(bpf_program__fd(programs.pollux_inject));
  if (!site.ok()) return site.status();
  parts_[kLink] = std::move(site->link);
  parts_[kDevice] = std::move(site->device);
  for (const auto& [part, program] : {std::pair(kSentWatch, programs.inject_sent), std::pair(kRefusedWatch, programs.inject_refused),
                                      std::pair(kPoolWatch, programs.inject_pool_released)}) {
    auto watch = Watch(program);
    if (!watch.ok()) return watch.status();
    parts_[part] = *std::move(watch);
  }
  parts_[kProgram] = UniqueFd::Duplicate(bpf_program__fd(programs.pollux_inject));
  parts_[kBlocks] = UniqueFd::Duplicate(bpf_map__fd(maps.inject_blocks));
  parts_[kState] = UniqueFd::Duplicate(bpf_map__fd(maps.inject_state));
  ports_ = UniqueFd::Duplicate(bpf_map__fd(maps.inject_ports));
  ports_in_use_.resize(INJECT_PORTS);
  if (!parts_[kProgram] || !parts_[kBlocks] || !parts_[kState] || !ports_)
    return lcore::ErrnoStatus(errno, "dup(injecting program and its maps)");
  return Map();
}

namespace {

// Which map it is, as far as can be told of one that somebody sent: an array of this many values of this size.
absl::Status CheckArray(int map, const char* name, uint32_t values, std::size_t value_bytes) {
  bpf_map_info info = {};
  uint32_t size = sizeof(info);
  if (bpf_obj_get_info_by_fd(map, &info, &size) == 0 && size >= offsetof(bpf_map_info, name) && info.type == BPF_MAP_TYPE_ARRAY &&
      info.max_entries == values && info.value_size == value_bytes)
    return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("descriptor ", map, " of an injector is not ", name, ", ", values, " values of ", value_bytes, " bytes"));
}

}  // namespace

absl::StatusOr<uint32_t> Injector::ProgramId(int program) {
  bpf_prog_info info = {};
  uint32_t size = sizeof(info);
  if (bpf_obj_get_info_by_fd(program, &info, &size) == 0 && info.type == BPF_PROG_TYPE_XDP) return info.id;
  return absl::InvalidArgumentError(absl::StrCat("descriptor ", program, " of an injector is no XDP program"));
}

absl::StatusOr<std::shared_ptr<Injector>> Injector::FromDescriptors(std::vector<UniqueFd> descriptors) {
  if (descriptors.size() != kDescriptors)
    return absl::InvalidArgumentError(absl::StrCat("an injector is ", kDescriptors, " descriptors, and there are ", descriptors.size()));
  for (const absl::Status& status : {ProgramId(descriptors[kProgram].get()).status(),
                                     CheckArray(descriptors[kBlocks].get(), POLLUX_INJECT_BLOCKS_MAP, INJECT_BLOCKS, sizeof(inject_block)),
                                     CheckArray(descriptors[kState].get(), POLLUX_INJECT_STATE_MAP, 1, sizeof(inject_state))}) {
    if (!status.ok()) return status;
  }
  std::shared_ptr<Injector> injector(new Injector);
  std::move(descriptors.begin(), descriptors.end(), injector->parts_.begin());
  if (auto status = injector->Map(); !status.ok()) return status;
  return injector;
}

absl::Status Injector::Map() {
  void* const blocks = mmap(nullptr, kBlockBytes, PROT_READ | PROT_WRITE, MAP_SHARED, parts_[kBlocks].get(), 0);
  if (blocks == MAP_FAILED) return lcore::ErrnoStatus(errno, absl::StrCat("mmap(", POLLUX_INJECT_BLOCKS_MAP, ")"));
  blocks_ = std::make_unique<InjectBlocks>(std::span<inject_block, INJECT_BLOCKS>(static_cast<inject_block*>(blocks), INJECT_BLOCKS));
  void* const state = mmap(nullptr, sizeof(inject_state), PROT_READ, MAP_SHARED, parts_[kState].get(), 0);
  if (state == MAP_FAILED) return lcore::ErrnoStatus(errno, absl::StrCat("mmap(", POLLUX_INJECT_STATE_MAP, ")"));
  state_ = static_cast<const inject_state*>(state);
  return absl::OkStatus();
}

std::array<int, Injector::kDescriptors> Injector::descriptors() const {
  std::array<int, kDescriptors> numbers;
  std::transform(parts_.begin(), parts_.end(), numbers.begin(), [](const UniqueFd& part) { return part.get(); });
  return numbers;
}

Injector::~Injector() {
  if (blocks_ != nullptr) munmap(blocks_->data(), kBlockBytes);
  if (state_ != nullptr) munmap(const_cast<inject_state*>(state_), sizeof(inject_state));
}

absl::StatusOr<uint32_t> Injector::AddPort(int interface_index) {
  const std::scoped_lock lock(ports_lock_);
  const auto free = std::find(ports_in_use_.begin(), ports_in_use_.end(), false);
  if (free == ports_in_use_.end())
    return absl::ResourceExhaustedError(absl::StrCat("an injector sends through ", ports_in_use_.size(), " ports at most"));
  const auto port = static_cast<uint32_t>(free - ports_in_use_.begin());
  const auto target = static_cast<uint32_t>(interface_index);
  if (bpf_map_update_elem(ports_.get(), &port, &target, BPF_ANY) != 0) {
    return CallStatus(errno, absl::StrCat("bpf_map_update_elem(", POLLUX_INJECT_PORTS_MAP, ", ifindex ", target, ")"),
                      {CAP_BPF, CAP_NET_ADMIN}, "the interface's driver takes no XDP frames");
  }
  *free = true;
  return port;
}

void Injector::RemovePort(uint32_t port) {
  const std::scoped_lock lock(ports_lock_);
  RemovePort(ports_.get(), port);
  ports_in_use_[port] = false;
}

void Injector::RemovePort(int ports_map, uint32_t port) {
  bpf_map_delete_elem(ports_map, &port);
}

}  // namespace pollux::bpf
