// SPDX-License-Identifier: Apache-2.0
// The functions of pollux.h on telemetry.
#include "pmd/telemetry.h"

#include <memory>
#include <mutex>
#include <string>

#include <absl/strings/str_cat.h>

#include "pmd/c/copy_text.h"
#include "pmd/c/error.h"
#include "pmd/c/pollux.h"
#include "pmd/c/registry.h"

namespace pollux::pmd::c {
namespace {

// Under the registry's lock. Leaked by a program that does not stop it: its socket is then the next process's to replace.
std::unique_ptr<Telemetry>& TheTelemetry() {
  static std::unique_ptr<Telemetry>& telemetry = *new std::unique_ptr<Telemetry>;
  return telemetry;
}

}  // namespace
}  // namespace pollux::pmd::c

namespace c = pollux::pmd::c;
using pollux::pmd::Telemetry;

int pollux_telemetry_start(const char* prefix, const char* version) noexcept {
  return c::Guarded([&]() -> absl::Status {
    const std::lock_guard lock(c::Registry::OfProcess().lock());
    if (c::TheTelemetry() != nullptr) {
      return absl::FailedPreconditionError(absl::StrCat("pollux_telemetry_start: it runs already, at ", c::TheTelemetry()->socket_path()));
    }
    pollux::pmd::TelemetryOptions options;
    if (prefix != nullptr) options.prefix = prefix;
    options.version = version != nullptr ? version : absl::StrCat("Pollux ", pollux_version());
    absl::StatusOr<std::unique_ptr<Telemetry>> started = Telemetry::Start(options, c::Registry::OfProcess());
    if (!started.ok()) return started.status();
    c::TheTelemetry() = *std::move(started);
    return absl::OkStatus();
  });
}

int pollux_telemetry_descriptor(void) noexcept {
  int descriptor = -1;
  c::Guarded([&] {
    const std::lock_guard lock(c::Registry::OfProcess().lock());
    if (c::TheTelemetry() != nullptr) descriptor = c::TheTelemetry()->descriptor();
    return absl::OkStatus();
  });
  return descriptor;
}

void pollux_telemetry_get_path(char* path, size_t capacity) noexcept {
  if (path == nullptr || capacity == 0) return;
  path[0] = '\0';
  c::Guarded([&] {
    const std::lock_guard lock(c::Registry::OfProcess().lock());
    if (c::TheTelemetry() == nullptr) return absl::OkStatus();
    const std::string& known = c::TheTelemetry()->socket_path();
    path[known.copy(path, capacity - 1)] = '\0';
    return absl::OkStatus();
  });
}

void pollux_telemetry_poll(void) noexcept {
  c::Guarded([] {
    const std::lock_guard lock(c::Registry::OfProcess().lock());
    if (c::TheTelemetry() != nullptr) c::TheTelemetry()->Poll();
    return absl::OkStatus();
  });
}

void pollux_telemetry_stop(void) noexcept {
  c::Guarded([] {
    const std::lock_guard lock(c::Registry::OfProcess().lock());
    c::TheTelemetry().reset();
    return absl::OkStatus();
  });
}
