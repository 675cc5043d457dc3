// SPDX-License-Identifier: Apache-2.0
// How an absl::Status, or an exception, crosses into C.
#ifndef PMD_C_ERROR_H_
#define PMD_C_ERROR_H_

#include <exception>
#include <new>

#include <absl/status/status.h>

namespace pollux::pmd::c {

// Returns 0 for OK; else the errno value that fits the code, and keeps the message for pollux_last_error of this thread.
int Report(const absl::Status& status) noexcept;

// The status of a null handle or pointer in `call`.
absl::Status NullArgument(const char* call, const char* argument);

// Runs `body`, which returns a status, and reports it; an exception is reported as one.
template <typename Body>
int Guarded(Body body) noexcept {
  try {
    return Report(body());
  } catch (const std::bad_alloc&) {
    return Report(absl::ResourceExhaustedError("out of memory"));  // short enough for no memory
  } catch (const std::exception& exception) {
    return Report(absl::InternalError(exception.what()));
  } catch (...) {
    return Report(absl::InternalError("unknown"));
  }
}

}  // namespace pollux::pmd::c

#endif  // PMD_C_ERROR_H_
