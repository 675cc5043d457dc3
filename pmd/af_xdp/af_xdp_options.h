// SPDX-License-Identifier: Apache-2.0
// AfXdpOptions: the arguments of net_af_xdp, DPDK's and ours.
#ifndef PMD_AF_XDP_AF_XDP_OPTIONS_H_
#define PMD_AF_XDP_AF_XDP_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>

#include <absl/status/statusor.h>

#include "bpf/xdp_program.h"
#include "pmd/af_xdp/xsk_socket.h"
#include "pmd/device_arguments.h"

namespace pollux::pmd::af_xdp {

struct AfXdpOptions {
  std::string interface;
  uint32_t start_queue = 0;
  std::optional<uint32_t> queue_count;  // the most that may be configured; default: what the interface has from start_queue on
  CopyMode copy_mode = CopyMode::kAutomatic;
  bool need_wakeup = true;
  BusyPolling busy_polling;
  bpf::ProgramOptions program;
};

// The text for --help, one line an argument.
extern const char* const kAfXdpArguments;

// Takes the keys it knows; the rest of `arguments` is an error. INVALID_ARGUMENT names key, value and what is allowed.
absl::StatusOr<AfXdpOptions> ParseAfXdpOptions(DeviceArguments& arguments);

}  // namespace pollux::pmd::af_xdp

#endif  // PMD_AF_XDP_AF_XDP_OPTIONS_H_
