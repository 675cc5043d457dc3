// SPDX-License-Identifier: Apache-2.0
#include "tools/support/network_namespace.h"

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <optional>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <absl/strings/str_cat.h>

#include "lcore/errno_status.h"

namespace pollux::support {
namespace {

using lcore::ErrnoStatus;

constexpr char kNamespaces[] = "/run/netns/";
constexpr char kBpfFileSystems[] = "/run/plx/";
constexpr char kPrefix[] = "plx";
constexpr char kOfThisThread[] = "/proc/thread-self/ns/net";

std::optional<pid_t> NumberIn(const std::string& text, std::size_t offset) {
  pid_t number = 0;
  const auto [end, error] = std::from_chars(text.data() + offset, text.data() + text.size(), number);
  return error == std::errc() && end != text.data() + offset ? std::optional(number) : std::nullopt;
}

std::vector<std::string> Entries(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) names.push_back(entry.path().filename());
  return names;
}

// Compares by inode, as `ip netns pids` does.
std::vector<pid_t> ProcessesIn(const std::string& namespace_path) {
  std::vector<pid_t> found;
  struct stat wanted {};
  if (stat(namespace_path.c_str(), &wanted) != 0) return found;
  for (const std::string& name : Entries("/proc")) {
    const std::optional<pid_t> pid = NumberIn(name, 0);
    struct stat actual {};
    if (!pid || stat(absl::StrCat("/proc/", *pid, "/ns/net").c_str(), &actual) != 0) continue;
    if (actual.st_ino == wanted.st_ino && actual.st_dev == wanted.st_dev && *pid != getpid()) found.push_back(*pid);
  }
  return found;
}

void Remove(const std::string& name) {
  const std::string path = kNamespaces + name;
  for (const pid_t pid : ProcessesIn(path)) kill(pid, SIGKILL);
  umount2((kBpfFileSystems + name).c_str(), MNT_DETACH);
  rmdir((kBpfFileSystems + name).c_str());
  umount2(path.c_str(), MNT_DETACH);
  unlink(path.c_str());
}

// As ip-netns does: a shared mount, so that other mount namespaces forget a namespace when it is removed here.
absl::Status PrepareNamespaceFolder() {
  std::error_code error;
  std::filesystem::create_directories(kNamespaces, error);
  if (mount("", kNamespaces, "none", MS_SHARED | MS_REC, nullptr) == 0) return absl::OkStatus();
  if (mount(kNamespaces, kNamespaces, "none", MS_BIND | MS_REC, nullptr) == 0 &&
      mount("", kNamespaces, "none", MS_SHARED | MS_REC, nullptr) == 0) {
    return absl::OkStatus();
  }
  return ErrnoStatus(errno, absl::StrCat("mount(", kNamespaces, ", MS_SHARED)"));
}

// Only the new thread changes its namespace; the file keeps it alive when the thread has ended.
absl::Status UnshareTo(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0);
  if (file < 0) return ErrnoStatus(errno, absl::StrCat("open(", path, ", O_EXCL)"));
  close(file);
  absl::Status status;
  std::thread([&] {
    if (unshare(CLONE_NEWNET) != 0) {
      status = ErrnoStatus(errno, "unshare(CLONE_NEWNET)", "it takes CAP_SYS_ADMIN");
    } else if (mount(kOfThisThread, path.c_str(), "none", MS_BIND, nullptr) != 0) {
      status = ErrnoStatus(errno, absl::StrCat("mount(", kOfThisThread, ", ", path, ")"));
    }
  }).join();
  if (!status.ok()) unlink(path.c_str());
  return status;
}

}  // namespace

bool NetworkNamespace::MayCreate() {
  // Unsharing in a child answers the question without moving this thread.
  const pid_t pid = fork();
  if (pid == 0) _exit(geteuid() == 0 && unshare(CLONE_NEWNET | CLONE_NEWNS) == 0 ? 0 : 1);
  int status = 0;
  return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

int NetworkNamespace::RemoveStale() {
  int removed = 0;
  for (const std::string& name : Entries(kNamespaces)) {
    if (name.rfind(kPrefix, 0) != 0) continue;
    const std::optional<pid_t> owner = NumberIn(name, sizeof(kPrefix) - 1);
    if (!owner || kill(*owner, 0) == 0 || errno != ESRCH) continue;
    Remove(name);
    ++removed;
  }
  return removed;
}

absl::StatusOr<std::unique_ptr<NetworkNamespace>> NetworkNamespace::Create(const std::string& label) {
  RemoveStale();
  std::unique_ptr<NetworkNamespace> network(new NetworkNamespace);
  const std::string name = absl::StrCat(kPrefix, getpid(), "-", label);
  absl::Status status = PrepareNamespaceFolder();
  if (status.ok()) status = UnshareTo(kNamespaces + name);
  if (!status.ok()) return status;
  network->name_ = name;
  network->fd_ = open((kNamespaces + name).c_str(), O_RDONLY | O_CLOEXEC);
  if (network->fd_ < 0) return ErrnoStatus(errno, absl::StrCat("open(", kNamespaces, name, ")"));

  network->bpf_file_system_ = kBpfFileSystems + name;
  std::error_code error;
  std::filesystem::create_directories(network->bpf_file_system_, error);
  if (mount("bpf", network->bpf_file_system_.c_str(), "bpf", 0, "mode=0700") != 0) {
    return ErrnoStatus(errno, absl::StrCat("mount(bpf, ", network->bpf_file_system_, ")"));
  }
  return network;
}

absl::StatusOr<std::unique_ptr<NetworkNamespace>> NetworkNamespace::CreateUnnamed() {
  std::unique_ptr<NetworkNamespace> network(new NetworkNamespace);
  absl::Status status;
  // Only the new thread changes its namespace.
  std::thread([&] {
    if (unshare(CLONE_NEWNET) != 0) {
      status = ErrnoStatus(errno, "unshare(CLONE_NEWNET)", "it takes CAP_SYS_ADMIN");
      return;
    }
    network->fd_ = open(kOfThisThread, O_RDONLY | O_CLOEXEC);
    if (network->fd_ < 0) status = ErrnoStatus(errno, absl::StrCat("open(", kOfThisThread, ")"));
    // /proc/sys/net is that of the thread that opens it. A kernel without IPv6 has no such file.
    std::ofstream("/proc/sys/net/ipv6/conf/all/disable_ipv6") << 1;
    std::ofstream("/proc/sys/net/ipv6/conf/default/disable_ipv6") << 1;
  }).join();
  if (!status.ok()) return status;
  return network;
}

NetworkNamespace::~NetworkNamespace() {
  if (fd_ >= 0) close(fd_);
  if (!name_.empty()) Remove(name_);
}

std::string NetworkNamespace::path() const {
  return absl::StrCat("/proc/", getpid(), "/fd/", fd_);
}

absl::Status NetworkNamespace::Call(const std::function<absl::Status()>& action) const {
  const auto scope = NamespaceScope::Enter(*this);
  return scope.ok() ? action() : scope.status();
}

absl::Status NetworkNamespace::Enter() const {
  if (setns(fd_, CLONE_NEWNET) != 0) return ErrnoStatus(errno, absl::StrCat("setns(", path(), ")"));
  return absl::OkStatus();
}

std::vector<pid_t> NetworkNamespace::Processes() const {
  return ProcessesIn(path());
}

absl::StatusOr<std::unique_ptr<NamespaceScope>> NamespaceScope::Enter(const NetworkNamespace& network) {
  std::unique_ptr<NamespaceScope> scope(new NamespaceScope);
  scope->home_fd_ = open(kOfThisThread, O_RDONLY | O_CLOEXEC);
  if (scope->home_fd_ < 0) return ErrnoStatus(errno, absl::StrCat("open(", kOfThisThread, ")"));
  if (absl::Status entered = network.Enter(); !entered.ok()) return entered;
  return scope;
}

NamespaceScope::~NamespaceScope() {
  if (home_fd_ < 0) return;
  // A thread that cannot go home would do the rest of its work in the wrong place.
  if (setns(home_fd_, CLONE_NEWNET) != 0) abort();
  close(home_fd_);
}

}  // namespace pollux::support
