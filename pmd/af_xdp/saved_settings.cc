// SPDX-License-Identifier: Apache-2.0
#include "pmd/af_xdp/saved_settings.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include "lcore/errno_status.h"

namespace pollux::pmd::af_xdp {
namespace {

using lcore::ErrnoStatus;

// "4026531840-": files of other network namespaces are not ours to read.
std::string NamespacePrefix() {
  struct stat status {};
  stat("/proc/thread-self/ns/net", &status);
  return absl::StrCat(status.st_ino, "-");
}

}  // namespace

absl::StatusOr<std::unique_ptr<SavedSettings>> SavedSettings::Open(const Netdev& netdev, const std::string& folder) {
  const auto index = netdev.Index();
  if (!index.ok()) return index.status();
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  const std::string path = absl::StrCat(folder, "/", NamespacePrefix(), netdev.name());
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return ErrnoStatus(errno, absl::StrCat("open(", path, ")"), "original settings are written there before they are changed");
  if (flock(file, LOCK_EX | LOCK_NB) != 0) {
    close(file);
    return absl::AlreadyExistsError(
        absl::StrCat("another process has changed the MTU or MAC address of ", netdev.name(), " (", path, " is locked)"));
  }
  std::unique_ptr<SavedSettings> settings(new SavedSettings(netdev, path, file));
  settings->original_.index = *index;
  return settings;
}

SavedSettings::~SavedSettings() {
  Restore(netdev_, original_);
  unlink(path_.c_str());
  close(file_);
}

void SavedSettings::Restore(const Netdev& netdev, const Values& values) {
  const auto index = netdev.Index();
  if (!index.ok() || *index != values.index) return;  // another device by the same name
  if (values.mtu) netdev.SetMtu(*values.mtu).IgnoreError();
  if (values.mac) netdev.SetMac(*values.mac).IgnoreError();
}

absl::Status SavedSettings::Write() const {
  std::string text = absl::StrCat("index ", original_.index, "\n");
  if (original_.mtu) absl::StrAppend(&text, "mtu ", *original_.mtu, "\n");
  if (original_.mac) absl::StrAppend(&text, "mac ", original_.mac->ToString(), "\n");
  if (pwrite(file_, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()) || fsync(file_) != 0) {
    return ErrnoStatus(errno, absl::StrCat("write(", path_, ")"), "nothing was changed");
  }
  return absl::OkStatus();
}

absl::Status SavedSettings::SetMtu(std::size_t mtu) {
  if (!original_.mtu) {
    const auto before = netdev_.Mtu();
    if (!before.ok()) return before.status();
    original_.mtu = *before;
    if (auto status = Write(); !status.ok()) return status;
  }
  return netdev_.SetMtu(mtu);
}

absl::Status SavedSettings::SetMac(const MacAddress& mac) {
  if (!original_.mac) {
    const auto before = netdev_.Mac();
    if (!before.ok()) return before.status();
    original_.mac = *before;
    if (auto status = Write(); !status.ok()) return status;
  }
  return netdev_.SetMac(mac);
}

std::optional<SavedSettings::Values> SavedSettings::Read(const std::string& path) {
  std::ifstream file(path);
  Values values;
  std::string key, value;
  while (file >> key >> value) {
    if (key == "index") values.index = std::atoi(value.c_str());
    if (key == "mtu") values.mtu = std::strtoul(value.c_str(), nullptr, 10);
    if (key == "mac") values.mac = MacAddress::Parse(value);
  }
  if (values.index == 0) return std::nullopt;
  return values;
}

std::vector<std::string> SavedSettings::RestoreAbandoned(const std::string& folder) {
  std::vector<std::string> restored;
  const std::string prefix = NamespacePrefix();
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (!absl::StartsWith(name, prefix)) continue;
    const int file = open(entry.path().c_str(), O_RDWR | O_CLOEXEC);
    if (file < 0) continue;
    if (flock(file, LOCK_EX | LOCK_NB) == 0) {
      const auto values = Read(entry.path());
      const auto netdev = Netdev::Open(name.substr(prefix.size()));
      if (values && netdev.ok()) {
        Restore(**netdev, *values);
        restored.push_back(absl::StrCat((*netdev)->name(), ": MTU and MAC address put back to what a killed process had found"));
      }
      unlink(entry.path().c_str());
    }
    close(file);
  }
  return restored;
}

}  // namespace pollux::pmd::af_xdp
