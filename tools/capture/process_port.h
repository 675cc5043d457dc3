// SPDX-License-Identifier: Apache-2.0
// ProcessPort: a tap on a port of a running process, by its telemetry socket (pmd/telemetry.h).
#ifndef TOOLS_CAPTURE_PROCESS_PORT_H_
#define TOOLS_CAPTURE_PROCESS_PORT_H_

#include <pcap/pcap.h>

#include <cstdint>
#include <memory>
#include <string>

#include <absl/status/statusor.h>

#include "bpf/unique_fd.h"
#include "tools/capture/tap_reader.h"

namespace pollux::capture {

struct TapRequest {
  std::string port;         // a number, or the name of an interface or a device
  std::string file_prefix;  // of the processes that are asked; empty: all
  std::string filter;       // as tcpdump has it; empty: every packet
  uint32_t snap_length = 262144;
  uint64_t bytes = 16 << 20;
};

struct ProcessPort {
  std::string name;                   // of the interface
  std::string process;                // "testpmd (7)"
  bpf::UniqueFd connection;           // while it is open, the tap lasts
  std::unique_ptr<TapReader> reader;  // what has come
};

// Errors: INVALID_ARGUMENT (the filter, a size), NOT_FOUND (no process has that port: who has which is said), FAILED_PRECONDITION (several
// have), PERMISSION_DENIED (the sockets are another user's), and what the process answers.
absl::StatusOr<ProcessPort> TapPort(const TapRequest& request);

}  // namespace pollux::capture

#endif  // TOOLS_CAPTURE_PROCESS_PORT_H_
