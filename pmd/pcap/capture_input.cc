// SPDX-License-Identifier: Apache-2.0
#include "pmd/pcap/capture_input.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include <absl/strings/str_cat.h>

#include "lcore/errno_status.h"

namespace pollux::pmd {
namespace {

constexpr std::size_t kStep = 1 << 16;

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }

 private:
  const int number_;
};

absl::Status TooLarge(const std::string& path, uint64_t bytes, uint64_t most_bytes) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", bytes, " bytes, must be at most ", most_bytes,
                                                 ": a capture is replayed from memory; split it (editcap -c)"));
}

}  // namespace

absl::StatusOr<std::vector<std::byte>> ReadCaptureInput(const std::string& path, uint64_t most_bytes, std::chrono::milliseconds patience) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return lcore::ErrnoStatus(errno, absl::StrCat("stat(", path, ")"));
  const bool file = S_ISREG(status.st_mode);
  if (!file && !S_ISFIFO(status.st_mode)) return absl::InvalidArgumentError(absl::StrCat(path, ": neither an ordinary file nor a pipe"));
  if (file && static_cast<uint64_t>(status.st_size) > most_bytes) return TooLarge(path, static_cast<uint64_t>(status.st_size), most_bytes);
  // Without O_NONBLOCK the call would wait for a pipe's writer.
  const Descriptor input(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (input.number() < 0) return lcore::ErrnoStatus(errno, absl::StrCat("open(", path, ")"));

  std::vector<std::byte> bytes;
  if (file) bytes.reserve(static_cast<std::size_t>(status.st_size) + kStep);
  for (;;) {
    pollfd ready{.fd = input.number(), .events = POLLIN};
    const int count = poll(&ready, 1, static_cast<int>(patience.count()));
    if (count < 0 && errno == EINTR) continue;
    if (count == 0) {
      return absl::DeadlineExceededError(
          absl::StrCat(path, ": nothing came through the pipe for ", patience.count(), " ms; ", bytes.size(), " bytes came before"));
    }
    const std::size_t before = bytes.size();
    bytes.resize(before + kStep);
    const ssize_t got = read(input.number(), bytes.data() + before, kStep);
    const int error = errno;
    bytes.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0 && (error == EINTR || error == EAGAIN)) continue;
    if (got < 0) return lcore::ErrnoStatus(error, absl::StrCat("read(", path, ")"));
    if (got == 0) return bytes;
    if (bytes.size() > most_bytes) return TooLarge(path, bytes.size(), most_bytes);
  }
}

}  // namespace pollux::pmd
