// SPDX-License-Identifier: Apache-2.0
// SettingsFile: a short record on disk that one living process holds, and that is safe against links, other users and torn writes.
#ifndef PMD_AF_XDP_SETTINGS_FILE_H_
#define PMD_AF_XDP_SETTINGS_FILE_H_

#include <memory>
#include <string>
#include <utility>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

namespace pollux::pmd::af_xdp {

// The holder is who has the lock (flock): it ends with the process, SIGKILL or not, and the record stays. The folder belongs to the user of
// the process and nobody else may write to it; neither it nor the file is a link. Single-threaded.
class SettingsFile {
 public:
  static constexpr const char* kDefaultFolder = "/run/pollux";
  static constexpr const char* kFolderVariable = "POLLUX_STATE_FOLDER";
  static constexpr std::size_t kRecordBytes = 512;

  // kFolderVariable of the environment, or kDefaultFolder.
  static std::string Folder();

  enum class Absent { kCreate, kRefuse };
  // Errors: NOT_FOUND (there is none, and it is not to be made), ALREADY_EXISTS (another holds it), PERMISSION_DENIED (folder or file are
  // another user's, or may be written to by others), and what the system says.
  static absl::StatusOr<std::unique_ptr<SettingsFile>> Lock(const std::string& folder, const std::string& name, Absent absent);
  ~SettingsFile();
  SettingsFile(const SettingsFile&) = delete;
  SettingsFile& operator=(const SettingsFile&) = delete;

  std::string path() const { return folder_ + "/" + name_; }
  // Empty: nothing was ever written.
  absl::StatusOr<std::string> Read() const;
  // Replaces the record, in one write of constant length: after a crash at any moment the old one is there, or the new one.
  absl::Status Write(std::string record) const;
  // The name goes, while the lock is held: who waits for the lock looks whether the file still has a name.
  void Remove() const;

 private:
  SettingsFile(std::string folder, std::string name, int directory, int file)
      : folder_(std::move(folder)), name_(std::move(name)), directory_(directory), file_(file) {}

  const std::string folder_;
  const std::string name_;
  const int directory_;
  const int file_;
};

}  // namespace pollux::pmd::af_xdp

#endif  // PMD_AF_XDP_SETTINGS_FILE_H_
