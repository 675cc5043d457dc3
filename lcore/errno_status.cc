// SPDX-License-Identifier: Apache-2.0
#include "lcore/errno_status.h"

#include <cstring>

#include <absl/strings/str_cat.h>

namespace pollux::lcore {

absl::Status ErrnoStatus(int error, absl::string_view call, absl::string_view hint) {
  std::string message = absl::StrCat(call, ": ", std::strerror(error));
  if (!hint.empty()) absl::StrAppend(&message, "; ", hint);
  return absl::Status(absl::ErrnoToStatusCode(error), message);
}

absl::Status Annotate(const absl::Status& status, absl::string_view context) {
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat(context, ": ", status.message()));
}

}  // namespace pollux::lcore
