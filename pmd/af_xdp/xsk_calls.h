// SPDX-License-Identifier: Apache-2.0
// The system calls of the data path, in one place, so that a test can play the kernel.
#ifndef PMD_AF_XDP_XSK_CALLS_H_
#define PMD_AF_XDP_XSK_CALLS_H_

#include <sys/socket.h>

#include <cerrno>
#include <cstdint>

#include "lcore/cycle_clock.h"

namespace pollux::pmd::af_xdp {

// Each returns 0 or an errno, and never blocks. One virtual call beside a system call costs nothing that could be measured.
class XskCalls {
 public:
  virtual ~XskCalls() = default;

  // "Look at the tx ring": sendto(2). In copy mode it builds and sends sk_buffs before it returns (xsk_generic_xmit).
  virtual int WakeTx(int socket) { return sendto(socket, nullptr, 0, MSG_DONTWAIT, nullptr, 0) >= 0 ? 0 : errno; }
  // "Look at the fill ring", and with busy polling "run the queue's NAPI": recvfrom(2).
  virtual int WakeRx(int socket) { return recvfrom(socket, nullptr, 0, MSG_DONTWAIT, nullptr, nullptr) >= 0 ? 0 : errno; }

  // CLOCK_MONOTONIC.
  virtual uint64_t Nanoseconds() { return lcore::MonotonicNanoseconds(); }

  static XskCalls& Kernel();
};

}  // namespace pollux::pmd::af_xdp

#endif  // PMD_AF_XDP_XSK_CALLS_H_
