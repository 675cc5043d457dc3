// SPDX-License-Identifier: Apache-2.0
#include "pmd/af_xdp/settings_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <optional>

#include <absl/strings/str_cat.h>

#include "lcore/errno_status.h"

namespace pollux::pmd::af_xdp {
namespace {

using lcore::ErrnoStatus;

// Each round another process removed the file between our open and our lock.
constexpr int kAttempts = 100;
constexpr mode_t kOthersMayWrite = S_IWGRP | S_IWOTH;

std::string Hint() {
  return absl::StrCat("what an interface was set to is written there before it is changed; ", SettingsFile::kFolderVariable,
                      "=FOLDER in the environment names another place");
}

// Empty: only the user of this process, or root, can have put it there.
std::string WhyNotTrusted(const struct stat& status) {
  if (status.st_uid != geteuid() && status.st_uid != 0) return absl::StrCat("belongs to user ", status.st_uid, ", and this is ", geteuid());
  if ((status.st_mode & kOthersMayWrite) != 0) return "may be written to by other users";
  return "";
}

absl::Status NotTrusted(const std::string& path, const std::string& why) {
  return absl::PermissionDeniedError(absl::StrCat(path, " ", why, "; ", Hint()));
}

absl::StatusOr<int> OpenFolder(const std::string& folder, SettingsFile::Absent absent) {
  if (absent == SettingsFile::Absent::kCreate && mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return ErrnoStatus(errno, absl::StrCat("mkdir(", folder, ")"), Hint());
  }
  const int directory = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (directory < 0) return ErrnoStatus(errno, absl::StrCat("open(", folder, ")"), errno == ENOENT ? "" : Hint());
  struct stat status {};
  std::string why = fstat(directory, &status) == 0 ? WhyNotTrusted(status) : "cannot be looked at";
  if (why.empty()) return directory;
  close(directory);
  return NotTrusted(folder, why);
}

// True if the file that is open still is the one of this name.
bool HasName(int directory, const std::string& name, int file) {
  struct stat by_name {
  }, by_file{};
  return fstatat(directory, name.c_str(), &by_name, AT_SYMLINK_NOFOLLOW) == 0 && fstat(file, &by_file) == 0 &&
         by_name.st_ino == by_file.st_ino && by_name.st_dev == by_file.st_dev;
}

absl::Status CheckFile(const std::string& path, int file) {
  struct stat status {};
  if (fstat(file, &status) != 0) return ErrnoStatus(errno, absl::StrCat("fstat(", path, ")"));
  std::string why = WhyNotTrusted(status);
  if (!S_ISREG(status.st_mode)) why = "is not a file";
  if (status.st_nlink > 1) why = "has a second name";
  return why.empty() ? absl::OkStatus() : NotTrusted(path, why);
}

// Empty: the file was removed meanwhile.
absl::StatusOr<std::optional<int>> LockOnce(const std::string& path, const std::string& name, int directory, int flags) {
  const int file = openat(directory, name.c_str(), flags, 0600);
  if (file < 0) return ErrnoStatus(errno, absl::StrCat("open(", path, ")"), errno == ENOENT ? "" : Hint());
  const bool locked = flock(file, LOCK_EX | LOCK_NB) == 0;
  const int error = errno;
  if (locked && HasName(directory, name, file)) {
    absl::Status status = CheckFile(path, file);
    if (status.ok()) return std::optional<int>(file);
    close(file);
    return status;
  }
  close(file);
  if (locked) return std::optional<int>();
  if (error == EWOULDBLOCK) return absl::AlreadyExistsError(absl::StrCat("another process holds ", path));
  return ErrnoStatus(error, absl::StrCat("flock(", path, ")"));
}

}  // namespace

std::string SettingsFile::Folder() {
  const char* const folder = secure_getenv(kFolderVariable);
  return folder != nullptr && *folder != '\0' ? folder : kDefaultFolder;
}

absl::StatusOr<std::unique_ptr<SettingsFile>> SettingsFile::Lock(const std::string& folder, const std::string& name, Absent absent) {
  const absl::StatusOr<int> directory = OpenFolder(folder, absent);
  if (!directory.ok()) return directory.status();
  const std::string path = absl::StrCat(folder, "/", name);
  const int flags = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | (absent == Absent::kCreate ? O_CREAT : 0);
  absl::Status status = absl::AlreadyExistsError(absl::StrCat(path, " is made and removed all the time"));
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const auto file = LockOnce(path, name, *directory, flags);
    if (!file.ok()) {
      status = file.status();
      break;
    }
    if (file->has_value()) return std::unique_ptr<SettingsFile>(new SettingsFile(folder, name, *directory, **file));
  }
  close(*directory);
  return status;
}

SettingsFile::~SettingsFile() {
  close(file_);
  close(directory_);
}

absl::StatusOr<std::string> SettingsFile::Read() const {
  std::string record(kRecordBytes, '\0');
  const ssize_t length = pread(file_, record.data(), record.size(), 0);
  if (length < 0) return ErrnoStatus(errno, absl::StrCat("read(", path(), ")"));
  record.resize(static_cast<std::size_t>(length));
  return record;
}

absl::Status SettingsFile::Write(std::string record) const {
  if (record.size() > kRecordBytes) return absl::InternalError(absl::StrCat(path(), ": a record of ", record.size(), " bytes"));
  record.resize(kRecordBytes, '\n');
  const ssize_t written = pwrite(file_, record.data(), record.size(), 0);
  int error = written < 0 ? errno : written < static_cast<ssize_t>(record.size()) ? ENOSPC : 0;
  if (error == 0 && fsync(file_) != 0) error = errno;
  if (error != 0) return ErrnoStatus(error, absl::StrCat("write(", path(), ")"), "nothing was changed; " + Hint());
  return absl::OkStatus();
}

void SettingsFile::Remove() const {
  unlinkat(directory_, name_.c_str(), 0);
}

}  // namespace pollux::pmd::af_xdp
