// SPDX-License-Identifier: Apache-2.0
// The program of a port with flows, which takes the place of one without.
#ifndef BPF_FLOW_PROGRAM_H_
#define BPF_FLOW_PROGRAM_H_

#include <optional>

#include <absl/status/statusor.h>

#include "bpf/flow_maps.h"
#include "bpf/flow_shared.h"
#include "bpf/rx_metadata_shared.h"
#include "bpf/unique_fd.h"
#include "bpf/xdp_shared.h"

namespace pollux::bpf {

// Which table, and what this port is in it; the rest of flow_options is set by itself.
struct FlowHook {
  const FlowMaps* maps = nullptr;
  uint32_t port = 0;
  bool unfinished_checksums = false;
};

// Maps of the program that it replaces, which go on.
struct FlowSharedMaps {
  int sockets = -1;
  int passed = -1;  // with rules
  int wakes = -1;   // -1: it gets its own, which nobody reads
};

// Loads it. PERMISSION_DENIED; INTERNAL with the verifier's words. `bound_to`: index of an interface that tells the program what `asked`
// says; 0: none.
absl::StatusOr<UniqueFd> LoadFlowProgram(const FlowHook& hook, const std::optional<steer_options>& steering, const FlowSharedMaps& maps,
                                         int bound_to = 0, const bound_options& asked = {});

// The one for TC; what no flow takes leaves by interface `target`. Checksums may be unfinished there, whatever the hook says.
absl::StatusOr<UniqueFd> LoadTcFlowProgram(const FlowHook& hook, int target);

}  // namespace pollux::bpf

#endif  // BPF_FLOW_PROGRAM_H_
