// SPDX-License-Identifier: Apache-2.0
// SavedSettings: what an interface was found with and what we set, on disk, so that it can be put back even after SIGKILL.
#ifndef PMD_AF_XDP_SAVED_SETTINGS_H_
#define PMD_AF_XDP_SAVED_SETTINGS_H_

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "pmd/af_xdp/netdev.h"
#include "pmd/af_xdp/settings_file.h"

namespace pollux::pmd::af_xdp {

// A setting that was changed.
template <typename Value>
struct ChangedSetting {
  Value found{};                // what it is put back to
  Value set{};                  // what we set last
  std::optional<Value> before;  // what was set before that: of a process that was killed in between, either may be in effect
  bool IsOurs(const Value& now) const { return now == set || now == before; }
  bool operator==(const ChangedSetting&) const = default;
};

struct ChangedSettings {
  InterfaceIdentity interface;
  std::optional<ChangedSetting<std::size_t>> mtu;
  std::optional<ChangedSetting<MacAddress>> mac;

  std::string ToText() const;
  // Empty if it is not such a text, whole.
  static std::optional<ChangedSettings> Parse(const std::string& text);
};

// MTU and MAC address do not end with a process, as a promiscuous membership does. So what was found and what will be set is written to
// a file before it is set. At the end, what was found is put back, where what we set is still in effect: what somebody else has set
// since stays. The file is locked as long as its process lives. One that nobody holds was left by a process that was killed: who opens the
// interface next puts it right, who sets something next, or ends, takes it over.
//
// There is one such object an interface in a process, shared by all its ports, one file an interface and network namespace. Any thread.
class SavedSettings {
 public:
  // The one of this process; NOT_FOUND if the interface is gone.
  static absl::StatusOr<std::shared_ptr<SavedSettings>> Of(const Netdev& netdev, const std::string& folder = SettingsFile::Folder());
  // Restores, if nobody did.
  ~SavedSettings();
  SavedSettings(const SavedSettings&) = delete;
  SavedSettings& operator=(const SavedSettings&) = delete;

  // What is in effect already is not set again. Errors: those of SettingsFile::Lock, and then nothing was changed (ALREADY_EXISTS:
  // another process has changed settings of this interface, and lives), and of Netdev.
  absl::Status SetMtu(std::size_t mtu);
  absl::Status SetMac(const MacAddress& mac);

  // What became of the settings that this process changed, or else of a killed one's: a line for each, none if there were none. What could
  // not be put back stays on file.
  std::vector<std::string> Restore();
  // The same, if it is a killed process that changed them.
  std::vector<std::string> RestoreAbandoned();
  // The interface is deleted: there is nothing left to put back.
  void Forget();

 private:
  SavedSettings(std::unique_ptr<Netdev> netdev, InterfaceIdentity identity, std::string folder);

  ChangedSettings Changes();
  absl::Status Acquire();
  void Release();
  std::vector<std::string> PutBackAll();
  std::vector<std::string> PutBackAbandoned();
  static std::string FileName(const InterfaceIdentity& identity);
  bool IsOfThisInterface(const ChangedSettings& changes) const;
  template <typename Value, typename Read, typename Set>
  absl::Status Change(std::optional<ChangedSetting<Value>>& change, const Value& value, Read read, Set set);

  const std::unique_ptr<Netdev> netdev_;
  const InterfaceIdentity identity_;
  const std::string folder_;

  std::mutex lock_;
  std::unique_ptr<SettingsFile> file_;  // from the first change on
  ChangedSettings changes_;
};

}  // namespace pollux::pmd::af_xdp

#endif  // PMD_AF_XDP_SAVED_SETTINGS_H_
