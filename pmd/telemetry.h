// SPDX-License-Identifier: Apache-2.0
// Telemetry: what a process counts, for those who ask from outside, by the protocol of DPDK's telemetry library (version 2), so that
// dpdk-telemetry.py and what was written for DPDK work as they are.
//
//   client                                                   server: a SEQPACKET socket, RUN/dpdk/PREFIX/dpdk_telemetry.v2[:INSTANCE]
//     | ---- connect ------------------------------------------> |
//     | <--- {"version":"Pollux 0.1.0","pid":7,"max_output_len":131072}
//     | ---- /ethdev/stats,0 ----------------------------------> |      a command, then its parameters behind a comma
//     | <--- {"/ethdev/stats":{"ipackets":1,...}} -------------- |      always one JSON object, keyed by the command
//
// RUN is $RUNTIME_DIRECTORY, else /var/run for root, else $XDG_RUNTIME_DIR, else /tmp, as DPDK has it. The folder is its owner's alone.
// What cannot be answered is null, and beside it "error" says why.
//
// There is no thread and no lock: the thread that opens, configures and closes the ports answers, when it has nothing else to do. What it
// reads are counters with one writer each, so no data thread waits for a reader, however many there are.
#ifndef PMD_TELEMETRY_H_
#define PMD_TELEMETRY_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include "pmd/process_view.h"

namespace pollux::pmd {

struct TelemetryOptions {
  std::string prefix = "rte";            // the folder below RUN/dpdk: DPDK's --file-prefix. Letters, digits, "._-"
  std::string version = "Pollux 0.1.0";  // what the greeting says
};

class Telemetry {
 public:
  static constexpr std::size_t kMostClients = 10;            // as DPDK; one more is turned away
  static constexpr std::size_t kLongestRequest = 1024;       // bytes, as DPDK
  static constexpr std::size_t kLongestAnswer = 128 * 1024;  // bytes; the greeting says so
  static constexpr std::size_t kMostRequestsOfAPoll = 64;    // so that the control thread comes back

  // Listens. The first free instance is taken if other processes have the prefix; what a killed process left there is replaced. `view`
  // outlives it. Errors: INVALID_ARGUMENT (prefix), PERMISSION_DENIED (the folder is somebody else's, or others may write to it),
  // RESOURCE_EXHAUSTED (ten processes have the prefix).
  static absl::StatusOr<std::unique_ptr<Telemetry>> Start(const TelemetryOptions& options, const ProcessView& view);
  // The socket goes, and the folder if it is empty.
  virtual ~Telemetry() = default;

  // Another command: "/pollux/flows". The handler gets what stands behind the comma and returns JSON; an error is told to the client.
  using Handler = std::function<absl::StatusOr<std::string>(absl::string_view parameters)>;
  virtual void AddCommand(std::string name, std::string help, Handler handler) = 0;

  // Readable when there is something for Poll to do.
  virtual int descriptor() const = 0;
  // Answers what has come in; does not wait.
  virtual void Poll() = 0;

  virtual const std::string& socket_path() const = 0;
};

}  // namespace pollux::pmd

#endif  // PMD_TELEMETRY_H_
