// SPDX-License-Identifier: Apache-2.0
// UniqueFd: a file descriptor with one owner.
#ifndef BPF_UNIQUE_FD_H_
#define BPF_UNIQUE_FD_H_

#include <fcntl.h>
#include <unistd.h>

#include <utility>

namespace pollux::bpf {

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~UniqueFd() {
    if (fd_ >= 0) close(fd_);
  }

  // A descriptor of its own for what `fd` refers to; empty if `fd` is negative or cannot be duplicated.
  static UniqueFd Duplicate(int fd) { return UniqueFd(fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3)); }

  int get() const { return fd_; }
  // Gives the ownership up.
  int Release() { return std::exchange(fd_, -1); }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

}  // namespace pollux::bpf

#endif  // BPF_UNIQUE_FD_H_
