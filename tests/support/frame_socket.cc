// SPDX-License-Identifier: Apache-2.0
#include "tests/support/frame_socket.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <absl/strings/str_cat.h>

#include "lcore/errno_status.h"
#include "tools/support/patience.h"

namespace pollux::support {
namespace {

using lcore::ErrnoStatus;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaximumFrame = 65536;
constexpr std::size_t kAddressBytes = 12;  // a VLAN tag stands behind both addresses
constexpr int kReceiveBufferBytes = 32 << 20;

void RestoreTag(const msghdr& message, FrameSocket::Frame& frame) {
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(const_cast<msghdr*>(&message), header)) {
    if (header->cmsg_level != SOL_PACKET || header->cmsg_type != PACKET_AUXDATA) continue;
    tpacket_auxdata data;
    std::memcpy(&data, CMSG_DATA(header), sizeof(data));
    if (!(data.tp_status & TP_STATUS_VLAN_VALID)) continue;
    const uint16_t protocol = data.tp_status & TP_STATUS_VLAN_TPID_VALID ? data.tp_vlan_tpid : ETH_P_8021Q;
    const std::array<uint16_t, 2> tag = {htons(protocol), htons(data.tp_vlan_tci)};
    const auto* bytes = reinterpret_cast<const std::byte*>(tag.data());
    frame.insert(frame.begin() + kAddressBytes, bytes, bytes + sizeof(tag));
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<FrameSocket>> FrameSocket::Open(const NetworkNamespace& network, const std::string& interface) {
  const auto scope = NamespaceScope::Enter(network);
  if (!scope.ok()) return scope.status();
  std::unique_ptr<FrameSocket> opened(new FrameSocket);
  opened->fd_ = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
  if (opened->fd_ < 0) return ErrnoStatus(errno, "socket(AF_PACKET, SOCK_RAW)", "it takes CAP_NET_RAW");
  const int on = 1;
  setsockopt(opened->fd_, SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBufferBytes, sizeof(kReceiveBufferBytes));
  if (setsockopt(opened->fd_, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)) != 0 ||
      setsockopt(opened->fd_, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) != 0) {
    return ErrnoStatus(errno, "setsockopt(SOL_PACKET)");
  }
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = static_cast<int>(if_nametoindex(interface.c_str()));
  if (address.sll_ifindex == 0) return absl::NotFoundError(absl::StrCat("no interface ", interface, " in ", network.name()));
  if (bind(opened->fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return ErrnoStatus(errno, absl::StrCat("bind(AF_PACKET, ", interface, " in ", network.name(), ")"));
  }
  return opened;
}

FrameSocket::~FrameSocket() {
  if (fd_ >= 0) close(fd_);
}

absl::Status FrameSocket::Send(const Frame& frame) {
  const ssize_t sent = send(fd_, frame.data(), frame.size(), 0);
  if (sent == static_cast<ssize_t>(frame.size())) return absl::OkStatus();
  return ErrnoStatus(errno, absl::StrCat("send(AF_PACKET, ", frame.size(), " bytes)"));
}

absl::StatusOr<FrameSocket::Frame> FrameSocket::ReceiveWithin(std::chrono::milliseconds deadline) {
  pollfd readable{fd_, POLLIN, 0};
  if (poll(&readable, 1, static_cast<int>(deadline.count())) != 1) {
    return absl::DeadlineExceededError(absl::StrCat("no frame within ", deadline.count(), " ms"));
  }
  Frame frame(kMaximumFrame);
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(tpacket_auxdata))> control;
  iovec data{frame.data(), frame.size()};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t length = recvmsg(fd_, &message, 0);
  if (length < 0) return ErrnoStatus(errno, "recvmsg(AF_PACKET)");
  frame.resize(static_cast<std::size_t>(length));
  RestoreTag(message, frame);
  return frame;
}

absl::StatusOr<FrameSocket::Frame> FrameSocket::Receive(std::chrono::milliseconds deadline) {
  return ReceiveWithin(Patience(deadline));
}

absl::StatusOr<FrameSocket::Frame> FrameSocket::Receive(const Wanted& wanted, std::chrono::milliseconds deadline) {
  const Clock::time_point end = Clock::now() + Patience(deadline);
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
    auto frame = ReceiveWithin(std::max(left, std::chrono::milliseconds(0)));
    if (!frame.ok() || wanted(*frame)) return frame;
  }
}

}  // namespace pollux::support
