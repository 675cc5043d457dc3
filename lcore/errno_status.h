// SPDX-License-Identifier: Apache-2.0
// Errors of the control path: the call, its values, the kernel's words, and what to do.
#ifndef LCORE_ERRNO_STATUS_H_
#define LCORE_ERRNO_STATUS_H_

#include <absl/status/status.h>
#include <absl/strings/string_view.h>

namespace pollux::lcore {

// Returns "CALL: strerror(ERROR); HINT" with the status code that fits the errno, for example
//   ErrnoStatus(errno, "bind(AF_XDP, eth0, queue 3)", "another socket holds this queue (try start_queue=)")
// `call` names the call and the values it was given. An empty hint is left out.
absl::Status ErrnoStatus(int error, absl::string_view call, absl::string_view hint = "");

// Returns `status` with "CONTEXT: " before its message; OK stays OK.
absl::Status Annotate(const absl::Status& status, absl::string_view context);

}  // namespace pollux::lcore

#endif  // LCORE_ERRNO_STATUS_H_
