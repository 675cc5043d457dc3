// SPDX-License-Identifier: Apache-2.0
// FrameSocket: whole Ethernet frames in and out of an interface, VLAN tags included.
#ifndef TESTS_SUPPORT_FRAME_SOCKET_H_
#define TESTS_SUPPORT_FRAME_SOCKET_H_

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "tools/support/network_namespace.h"

namespace pollux::support {

// An AF_PACKET socket. Single thread.
class FrameSocket {
 public:
  using Frame = std::vector<std::byte>;
  using Wanted = std::function<bool(const Frame&)>;

  static absl::StatusOr<std::unique_ptr<FrameSocket>> Open(const NetworkNamespace& network, const std::string& interface);

  ~FrameSocket();
  FrameSocket(const FrameSocket&) = delete;
  FrameSocket& operator=(const FrameSocket&) = delete;

  absl::Status Send(const Frame& frame);

  // Returns the next frame that came in; the kernel strips VLAN tags, here they are back in their place.
  absl::StatusOr<Frame> Receive(std::chrono::milliseconds deadline);
  // Skips the frames that are not wanted.
  absl::StatusOr<Frame> Receive(const Wanted& wanted, std::chrono::milliseconds deadline);

 private:
  FrameSocket() = default;
  absl::StatusOr<Frame> ReceiveWithin(std::chrono::milliseconds deadline);

  int fd_ = -1;
};

}  // namespace pollux::support

#endif  // TESTS_SUPPORT_FRAME_SOCKET_H_
