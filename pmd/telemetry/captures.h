// SPDX-License-Identifier: Apache-2.0
// Captures: taps that telemetry's clients asked for. One lasts as long as the connection over which it was asked for.
#ifndef PMD_TELEMETRY_CAPTURES_H_
#define PMD_TELEMETRY_CAPTURES_H_

#include <map>
#include <memory>
#include <string>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include "pmd/process_view.h"
#include "pmd/tap/tap.h"

namespace pollux::pmd::telemetry {

// Of the thread that opens, configures and closes the ports.
class Captures {
 public:
  // `view` outlives it.
  explicit Captures(const ProcessView& view) : view_(view) {}
  ~Captures();

  struct Started {
    std::string answer;  // JSON: where which ring is
    int memory = -1;     // the file with the rings; valid until End
  };
  // `parameters`: PORT,SNAP_LENGTH,BYTES, where PORT is a number, or the name of an interface or a device. `filter`: a file of memory with
  // the BPF program. Errors name what is wrong: no such port, one that cannot be tapped or is tapped already, a client with a capture,
  // sizes, filter.
  absl::StatusOr<Started> Start(int client, absl::string_view parameters, int filter);
  void End(int client);
  // All of them, as JSON.
  absl::StatusOr<std::string> List() const;

 private:
  struct Capture {
    std::size_t port = 0;
    std::shared_ptr<Tap> tap;
  };
  const ProcessView& view_;
  std::map<int, Capture> captures_;  // by client
};

}  // namespace pollux::pmd::telemetry

#endif  // PMD_TELEMETRY_CAPTURES_H_
