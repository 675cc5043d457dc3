// SPDX-License-Identifier: Apache-2.0
// SavedSettings: what an interface was set to before we changed it, on disk, so that it can be put back even after SIGKILL.
#ifndef PMD_AF_XDP_SAVED_SETTINGS_H_
#define PMD_AF_XDP_SAVED_SETTINGS_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "pmd/af_xdp/netdev.h"

namespace pollux::pmd::af_xdp {

// MTU and MAC address do not end with a process, as a promiscuous membership does. So each original value is written to a file
// before the setting is first changed; the destructor puts the values back and removes the file. The file is locked (flock) as
// long as its process lives: one that nobody locks was left by a process that was killed, and RestoreAbandoned puts it back.
// One file an interface and network namespace. Single-threaded.
class SavedSettings {
 public:
  static constexpr const char* kFolder = "/run/pollux";

  // Errors: PERMISSION_DENIED (folder), ALREADY_EXISTS (another process has changed settings of this interface).
  static absl::StatusOr<std::unique_ptr<SavedSettings>> Open(const Netdev& netdev, const std::string& folder = kFolder);
  ~SavedSettings();
  SavedSettings(const SavedSettings&) = delete;
  SavedSettings& operator=(const SavedSettings&) = delete;

  absl::Status SetMtu(std::size_t mtu);
  absl::Status SetMac(const MacAddress& mac);

  // Puts back what killed processes left changed in this network namespace; returns a line for each interface.
  static std::vector<std::string> RestoreAbandoned(const std::string& folder = kFolder);

 private:
  struct Values {
    int index = 0;
    std::optional<std::size_t> mtu;
    std::optional<MacAddress> mac;
  };

  SavedSettings(const Netdev& netdev, std::string path, int file) : netdev_(netdev), path_(std::move(path)), file_(file) {}
  absl::Status Write() const;
  static void Restore(const Netdev& netdev, const Values& values);
  static std::optional<Values> Read(const std::string& path);

  const Netdev& netdev_;
  const std::string path_;
  const int file_;
  Values original_;
};

}  // namespace pollux::pmd::af_xdp

#endif  // PMD_AF_XDP_SAVED_SETTINGS_H_
