// SPDX-License-Identifier: Apache-2.0
// RunRecord: the counters of a run over time, in a file of one line of JSON a sample. docs/testpmd.md has the format; tools/plot reads it.
#ifndef TOOLS_TESTPMD_SESSION_RUN_RECORD_H_
#define TOOLS_TESTPMD_SESSION_RUN_RECORD_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "bpf/unique_fd.h"
#include "pmd/process_view.h"
#include "tools/testpmd/forwarding/forwarder.h"

namespace pollux::testpmd {

struct RunRecordOptions {
  std::string path;
  std::chrono::milliseconds period{1000};
  uint64_t most_bytes = uint64_t{256} << 20;
};

// Belongs to the main lcore: it reads counters that have one writer each, and no lcore waits for it, nor for the disk.
class RunRecord {
 public:
  // Creates the file, or empties it, and writes its first line. Errors: of open(2) and write(2), naming the file; INVALID_ARGUMENT for what
  // is no ordinary file. `view` and `forwarder` outlive the record.
  static absl::StatusOr<std::unique_ptr<RunRecord>> Create(const RunRecordOptions& options, const pmd::ProcessView& view,
                                                           const Forwarder& forwarder);

  // Readable when a sample is due.
  int descriptor() const { return timer_.get(); }
  // Writes the sample that is due; after a pause one, and not those that were missed. OK if none is.
  absl::Status SampleIfDue();
  // Writes one now. RESOURCE_EXHAUSTED: the file has most_bytes; or an error of write(2), naming the file. Either way the file ends with a
  // whole line, and the record has ended.
  absl::Status Sample();

 private:
  RunRecord(const RunRecordOptions& options, const pmd::ProcessView& view, const Forwarder& forwarder, bpf::UniqueFd file,
            bpf::UniqueFd timer)
      : options_(options), view_(view), forwarder_(forwarder), file_(std::move(file)), timer_(std::move(timer)) {}
  absl::Status Append(const std::string& line);

  const RunRecordOptions options_;
  const pmd::ProcessView& view_;
  const Forwarder& forwarder_;
  const bpf::UniqueFd file_;
  const bpf::UniqueFd timer_;
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  uint64_t written_bytes_ = 0;
};

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_SESSION_RUN_RECORD_H_
