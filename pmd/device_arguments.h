// SPDX-License-Identifier: Apache-2.0
// DeviceArguments: "net_af_xdp0,iface=p0,start_queue=0" taken apart, and no key left unread.
#ifndef PMD_DEVICE_ARGUMENTS_H_
#define PMD_DEVICE_ARGUMENTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

namespace pollux::pmd {

// A driver takes the keys it knows, then asks Finish(): a key that nobody took is an error that names it and those that were
// asked for. A key may stand several times where its driver says so (TakeAll), else twice is an error.
class DeviceArguments {
 public:
  // NAME[,KEY=VALUE|,KEY]...; NAME is a driver's name and a suffix ("net_ring0", "net_null_a"). Commas inside (...) , {...}, [...]
  // and "..." do not part; a value wholly within "..." loses these quotes. Errors: INVALID_ARGUMENT with the position.
  static absl::StatusOr<DeviceArguments> Parse(absl::string_view text);

  const std::string& name() const { return name_; }

  // Each returns the fallback if the key is absent, and INVALID_ARGUMENT with key, value and what is allowed if it is malformed.
  // A text is not empty; a number is decimal or 0x and hexadecimal.
  absl::StatusOr<std::string> TakeText(absl::string_view key, absl::string_view fallback);
  absl::StatusOr<uint64_t> TakeNumber(absl::string_view key, uint64_t fallback, uint64_t minimum, uint64_t maximum);
  absl::StatusOr<bool> TakeFlag(absl::string_view key, bool fallback);  // "key", "key=1", "key=0"
  absl::StatusOr<std::string> TakeChoice(absl::string_view key, absl::string_view fallback, const std::vector<std::string>& choices);
  // The values in the order given; empty where the key stands without one.
  std::vector<std::string> TakeAll(absl::string_view key);
  bool Has(absl::string_view key) const;

  absl::Status Finish() const;

 private:
  struct Argument {
    std::string key;
    std::string value;
    bool has_value = false;
    bool taken = false;
  };
  // Takes the one argument of this key; null if absent.
  absl::StatusOr<const Argument*> Take(absl::string_view key);
  void Ask(absl::string_view key);
  absl::Status Malformed(const Argument& argument, absl::string_view allowed) const;

  std::string name_;
  std::vector<Argument> arguments_;
  std::vector<std::string> asked_;  // every key that the driver knows, for Finish
};

}  // namespace pollux::pmd

#endif  // PMD_DEVICE_ARGUMENTS_H_
