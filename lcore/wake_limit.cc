// SPDX-License-Identifier: Apache-2.0
#include "lcore/wake_limit.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include <absl/strings/str_cat.h>

#include "lcore/errno_status.h"

namespace pollux::lcore {

absl::StatusOr<std::unique_ptr<WakeLimit>> WakeLimit::Hold(uint32_t microseconds, const std::string& path) {
  if (microseconds > kMostUs) {
    return absl::InvalidArgumentError(absl::StrCat("a wake limit of ", microseconds, " us: at most ", kMostUs, " are allowed"));
  }
  const int descriptor = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (descriptor < 0) {
    const int error = errno;
    const char* const hint = error == ENOENT || error == ENXIO || error == ENODEV
                                 ? "this machine cannot limit how deeply its processors sleep (a kernel without CPU_IDLE, or a container "
                                   "without the device): leave the limit out"
                                 : "it belongs to root";
    return ErrnoStatus(error, absl::StrCat("open(", path, ")"), hint);
  }
  std::unique_ptr<WakeLimit> limit(new WakeLimit(descriptor));
  // Four bytes are a number as it lies in memory (Documentation/power/pm_qos_interface.rst).
  const auto value = static_cast<int32_t>(microseconds);
  if (write(descriptor, &value, sizeof(value)) != sizeof(value)) {
    return ErrnoStatus(errno, absl::StrCat("write(", path, ", ", microseconds, " us)"));
  }
  return limit;
}

WakeLimit::~WakeLimit() {
  close(descriptor_);
}

}  // namespace pollux::lcore
