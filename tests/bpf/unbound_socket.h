// SPDX-License-Identifier: Apache-2.0
// UnboundSocket: an AF_XDP socket that an XSKMAP accepts, without an interface.
#ifndef TESTS_BPF_UNBOUND_SOCKET_H_
#define TESTS_BPF_UNBOUND_SOCKET_H_

#include <linux/if_xdp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>

namespace pollux::bpf {

class UnboundSocket {
 public:
  UnboundSocket() {
    fd_ = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
    memory_ = mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    xdp_umem_reg registration = {};
    registration.addr = reinterpret_cast<uintptr_t>(memory_);
    registration.len = kSize;
    registration.chunk_size = 2048;
    int entries = 4;
    ok_ = fd_ >= 0 && memory_ != MAP_FAILED && setsockopt(fd_, SOL_XDP, XDP_UMEM_REG, &registration, sizeof(registration)) == 0;
    for (int ring : {XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING, XDP_RX_RING}) {
      ok_ = ok_ && setsockopt(fd_, SOL_XDP, ring, &entries, sizeof(entries)) == 0;
    }
  }
  UnboundSocket(const UnboundSocket&) = delete;
  UnboundSocket& operator=(const UnboundSocket&) = delete;
  ~UnboundSocket() {
    Close();
    if (memory_ != MAP_FAILED) munmap(memory_, kSize);
  }

  bool ok() const { return ok_; }
  int fd() const { return fd_; }
  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

 private:
  static constexpr uint64_t kSize = 16384;
  int fd_ = -1;
  void* memory_ = MAP_FAILED;
  bool ok_ = false;
};

}  // namespace pollux::bpf

#endif  // TESTS_BPF_UNBOUND_SOCKET_H_
