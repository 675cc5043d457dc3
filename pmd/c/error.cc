// SPDX-License-Identifier: Apache-2.0
#include "pmd/c/error.h"

#include <cerrno>
#include <new>
#include <string>

#include <absl/strings/str_cat.h>

#include "pmd/c/pollux.h"

namespace pollux::pmd::c {
namespace {

// A string, and not an array: where a program loads the library while it runs, there are some hundred bytes for the threads' own variables.
thread_local std::string last_error;

int ErrnoOf(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOk:
      return 0;
    case absl::StatusCode::kInvalidArgument:
      return EINVAL;
    case absl::StatusCode::kNotFound:
      return ENODEV;
    case absl::StatusCode::kAlreadyExists:
      return EEXIST;
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
      return EPERM;
    case absl::StatusCode::kResourceExhausted:
      return ENOMEM;
    case absl::StatusCode::kFailedPrecondition:
      return EBUSY;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kAborted:
      return EAGAIN;
    case absl::StatusCode::kOutOfRange:
      return ERANGE;
    case absl::StatusCode::kUnimplemented:
      return EOPNOTSUPP;
    case absl::StatusCode::kDeadlineExceeded:
      return ETIMEDOUT;
    default:
      return EIO;
  }
}

}  // namespace

int Report(const absl::Status& status) noexcept {
  if (status.ok()) return 0;
  const absl::string_view message = status.message();
  try {
    last_error.assign(message.data(), message.size());
  } catch (const std::bad_alloc&) {
    last_error = "out of memory";  // short enough for no memory
  }
  return ErrnoOf(status.code());
}

absl::Status NullArgument(const char* call, const char* argument) {
  return absl::InvalidArgumentError(absl::StrCat(call, ": ", argument, " is NULL"));
}

}  // namespace pollux::pmd::c

const char* pollux_last_error(void) noexcept {
  return pollux::pmd::c::last_error.c_str();
}

const char* pollux_version(void) noexcept {
  return POLLUX_VERSION;
}

int pollux_check_abi(uint32_t header_version) noexcept {
  return pollux::pmd::c::Guarded([&] {
    if (header_version >= POLLUX_ABI_OLDEST && header_version <= POLLUX_ABI_VERSION) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat("pollux_check_abi: the program was compiled for version ", header_version,
                                                   " of pollux.h, and this library (", POLLUX_VERSION, ") serves versions ",
                                                   POLLUX_ABI_OLDEST, " to ", POLLUX_ABI_VERSION, "; compile it again"));
  });
}
