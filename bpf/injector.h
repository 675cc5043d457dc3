// SPDX-License-Identifier: Apache-2.0
// Injector: the program that sends frames without sk_buffs, through any port of the process. How it works: docs/inject.md.
#ifndef BPF_INJECTOR_H_
#define BPF_INJECTOR_H_

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include <absl/status/statusor.h>

#include "bpf/inject_blocks.h"
#include "bpf/inject_shared.h"
#include "bpf/inject_site.h"
#include "bpf/unique_fd.h"

namespace pollux::bpf {

// Memory that BPF programs can read (visible_memory.h): where it is mapped, and its map; or none.
struct InjectRegion {
  const std::byte* base = nullptr;
  std::size_t bytes = 0;  // without the padding
  int map = -1;
};

// Packets of its region are copied from there; those of any other memory of the calling thread are read from where they are, which
// takes a little longer. Control path, any thread; calls are made through an Injection.
class Injector {
 public:
  // This process's injector for the region, which ports share; for no region any that there is. It goes with its last user.
  // Needs CAP_NET_ADMIN, CAP_BPF and CAP_PERFMON (to see what became of the frames), and a place for the program (inject_site.h).
  static absl::StatusOr<std::shared_ptr<Injector>> ForProcess(const InjectRegion& region);

  // One of its own, for whoever it is lent to. Only the map and the bytes of the region matter.
  static absl::StatusOr<std::shared_ptr<Injector>> Make(const InjectRegion& region);

  // An injector that another process made and sent: what descriptors() has, in that order. To use it needs no capability. The maker
  // adds and removes the ports. INVALID_ARGUMENT if they are something else.
  static absl::StatusOr<std::shared_ptr<Injector>> FromDescriptors(std::vector<UniqueFd> descriptors);
  static constexpr std::size_t kDescriptors = 8;
  std::array<int, kDescriptors> descriptors() const;

  ~Injector();
  Injector(const Injector&) = delete;
  Injector& operator=(const Injector&) = delete;

  // Lets frames leave through the interface, a device that takes XDP frames; returns its number here.
  // RESOURCE_EXHAUSTED: it has INJECT_PORTS already. UNIMPLEMENTED: the device's driver takes none.
  absl::StatusOr<uint32_t> AddPort(int interface_index);
  void RemovePort(uint32_t port);
  // The map of the ports, and the end of one for whoever holds that map but not the injector.
  int ports_map() const { return ports_.get(); }
  static void RemovePort(int ports_map, uint32_t port);

  // The kernel's number of the injecting program.
  absl::StatusOr<uint32_t> program_id() const { return ProgramId(parts_[kProgram].get()); }
  // INVALID_ARGUMENT if it is the descriptor of something else.
  static absl::StatusOr<uint32_t> ProgramId(int program);

  // As Injection::pools. Any thread.
  uint32_t pools() const { return __atomic_load_n(&state_->pools, __ATOMIC_RELAXED); }

 private:
  friend class Injection;

  enum Part { kProgram, kBlocks, kState, kLink, kDevice, kSentWatch, kRefusedWatch, kPoolWatch };
  static_assert(kPoolWatch + 1 == kDescriptors);

  Injector() = default;
  absl::Status Load(const InjectRegion& region);
  absl::Status Map();

  std::array<UniqueFd, kDescriptors> parts_;
  UniqueFd ports_;              // empty if another process made the injector
  uint32_t region_map_id_ = 0;  // 0: it has no region
  pid_t process_ = 0;           // a child that was forked off needs blocks of its own
  const inject_state* state_ = nullptr;
  std::unique_ptr<InjectBlocks> blocks_;
  std::mutex ports_lock_;
  std::vector<bool> ports_in_use_;
};

}  // namespace pollux::bpf

#endif  // BPF_INJECTOR_H_
