// SPDX-License-Identifier: Apache-2.0
#include "pmd/telemetry/runtime_socket.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include "lcore/errno_status.h"

namespace pollux::pmd::telemetry {
namespace {

using bpf::UniqueFd;
using lcore::ErrnoStatus;

constexpr int kBacklog = 16;
constexpr char kSocketName[] = "dpdk_telemetry.v2";
constexpr std::size_t kLongestPrefix = 64;
constexpr int kRetries = 3;

bool IsPrefix(const std::string& text) {
  const auto allowed = [](char letter) {
    return absl::ascii_isalnum(static_cast<unsigned char>(letter)) || letter == '.' || letter == '_' || letter == '-';
  };
  return !text.empty() && text.size() <= kLongestPrefix && text.front() != '.' && std::all_of(text.begin(), text.end(), allowed);
}

// A folder that only this user may write to.
absl::Status MakeFolder(const std::string& path) {
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return ErrnoStatus(errno, absl::StrCat("mkdir(", path, ")"));
  struct stat found {};
  if (lstat(path.c_str(), &found) != 0) return ErrnoStatus(errno, absl::StrCat("lstat(", path, ")"));
  if (!S_ISDIR(found.st_mode)) return absl::PermissionDeniedError(absl::StrCat(path, " is no folder"));
  if (found.st_uid != geteuid()) return absl::PermissionDeniedError(absl::StrCat(path, " belongs to user ", found.st_uid));
  if ((found.st_mode & 0022) != 0) {
    return absl::PermissionDeniedError(absl::StrCat("others may write to ", path, " (chmod 0700 ", path, ")"));
  }
  return absl::OkStatus();
}

// Held while a socket is looked at and replaced, so that two processes that start at once do not take each other's. Ends with its
// descriptor.
absl::StatusOr<UniqueFd> Lock(const std::string& folder) {
  UniqueFd lock(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lock || flock(lock.get(), LOCK_EX) != 0) return ErrnoStatus(errno, absl::StrCat("flock(", folder, ")"));
  return lock;
}

// Whether somebody listens there. False also for what is not there.
bool IsAlive(const sockaddr_un& address) {
  const UniqueFd probe(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // With a full backlog it is EAGAIN: he lives.
  return connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 || errno == EAGAIN;
}

// Empty: a living process has this path.
absl::StatusOr<std::optional<UniqueFd>> ListenAt(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": a socket's path has at most ", sizeof(address.sun_path) - 1, " bytes"));
  }
  std::memcpy(address.sun_path, path.c_str(), path.size());
  struct stat found {};
  if (lstat(path.c_str(), &found) == 0) {
    if (!S_ISSOCK(found.st_mode) || IsAlive(address)) return std::optional<UniqueFd>();
    unlink(path.c_str());
  }
  UniqueFd listener(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listener) return ErrnoStatus(errno, "socket(AF_UNIX, SOCK_SEQPACKET)");
  if (bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return ErrnoStatus(errno, absl::StrCat("bind(", path, ")"));
  }
  // The folder keeps others out; the mode says the same.
  if (chmod(path.c_str(), 0600) != 0 || listen(listener.get(), kBacklog) != 0) {
    const int error = errno;
    unlink(path.c_str());
    return ErrnoStatus(error, absl::StrCat("listen(", path, ")"));
  }
  return std::optional<UniqueFd>(std::move(listener));
}

}  // namespace

std::string RuntimeFolder() {
  const char* run = std::getenv("RUNTIME_DIRECTORY");
  if (run == nullptr || *run == '\0') {
    const char* own = std::getenv("XDG_RUNTIME_DIR");
    run = geteuid() == 0 ? "/var/run" : own != nullptr && *own != '\0' ? own : "/tmp";
  }
  return absl::StrCat(run, "/dpdk");
}

absl::StatusOr<std::unique_ptr<RuntimeSocket>> RuntimeSocket::Listen(const std::string& prefix) {
  if (!IsPrefix(prefix)) {
    return absl::InvalidArgumentError(absl::StrCat("telemetry prefix '", prefix, "': up to ", kLongestPrefix,
                                                   " letters, digits, '.', '_' and '-' are expected, no '.' first"));
  }
  // Again, where a process that ended has just removed the folder.
  absl::StatusOr<std::unique_ptr<RuntimeSocket>> listening = TryListen(prefix);
  for (int retry = 0; retry < kRetries && absl::IsNotFound(listening.status()); ++retry) listening = TryListen(prefix);
  return listening;
}

absl::StatusOr<std::unique_ptr<RuntimeSocket>> RuntimeSocket::TryListen(const std::string& prefix) {
  const std::string folder = absl::StrCat(RuntimeFolder(), "/", prefix);
  for (const std::string& path : {RuntimeFolder(), folder}) {
    if (absl::Status status = MakeFolder(path); !status.ok()) return lcore::Annotate(status, "telemetry");
  }
  const absl::StatusOr<UniqueFd> lock = Lock(folder);
  if (!lock.ok()) return lock.status();
  for (int instance = 0; instance < kMostInstances; ++instance) {
    const std::string path = absl::StrCat(folder, "/", kSocketName, instance == 0 ? "" : absl::StrCat(":", instance));
    absl::StatusOr<std::optional<UniqueFd>> listener = ListenAt(path);
    if (!listener.ok()) return listener.status();
    if (listener->has_value()) return std::unique_ptr<RuntimeSocket>(new RuntimeSocket(*std::move(*listener), folder, path));
  }
  return absl::ResourceExhaustedError(
      absl::StrCat("telemetry: ", kMostInstances, " processes have a socket in ", folder, " (another prefix: --file-prefix)"));
}

RuntimeSocket::RuntimeSocket(UniqueFd listener, std::string folder, std::string path)
    : listener_(std::move(listener)), folder_(std::move(folder)), path_(std::move(path)) {}

RuntimeSocket::~RuntimeSocket() {
  unlink(path_.c_str());
  rmdir(folder_.c_str());  // fails where another process has a socket in it
}

}  // namespace pollux::pmd::telemetry
