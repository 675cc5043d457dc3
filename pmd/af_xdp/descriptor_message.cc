// SPDX-License-Identifier: Apache-2.0
#include "pmd/af_xdp/descriptor_message.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace pollux::pmd::af_xdp {
namespace {

constexpr std::size_t kControlBytes = CMSG_SPACE(kMostDescriptorsOfAMessage * sizeof(int));

}  // namespace

ReceivedMessage ReceiveMessage(int socket, std::span<std::byte> buffer, int flags) {
  alignas(cmsghdr) std::byte control[kControlBytes];
  iovec part{buffer.data(), buffer.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof(control);
  ReceivedMessage message;
  ssize_t length;
  do {
    length = recvmsg(socket, &header, flags | MSG_CMSG_CLOEXEC);
  } while (length < 0 && errno == EINTR);
  if (length < 0) {
    message.error = errno;
    return message;
  }
  message.bytes = static_cast<std::size_t>(length);
  for (cmsghdr* item = CMSG_FIRSTHDR(&header); item != nullptr; item = CMSG_NXTHDR(&header, item)) {
    if (item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (item->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t index = 0; index < count; ++index) {
      int descriptor;
      std::memcpy(&descriptor, CMSG_DATA(item) + index * sizeof(int), sizeof(int));
      message.descriptors.emplace_back(descriptor);
    }
  }
  message.broken = (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
  if (message.broken) message.descriptors.clear();
  return message;
}

int SendMessage(int socket, std::span<const std::byte> message, std::span<const int> descriptors, int flags) {
  if (descriptors.size() > kMostDescriptorsOfAMessage) return EINVAL;
  alignas(cmsghdr) std::byte control[kControlBytes] = {};
  iovec part{const_cast<std::byte*>(message.data()), message.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (!descriptors.empty()) {
    header.msg_control = control;
    header.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* const item = CMSG_FIRSTHDR(&header);
    item->cmsg_level = SOL_SOCKET;
    item->cmsg_type = SCM_RIGHTS;
    item->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(item), descriptors.data(), descriptors.size_bytes());
  }
  ssize_t length;
  do {
    length = sendmsg(socket, &header, flags | MSG_NOSIGNAL);
  } while (length < 0 && errno == EINTR);
  if (length < 0) return errno;
  return static_cast<std::size_t>(length) == message.size() ? 0 : EMSGSIZE;
}

}  // namespace pollux::pmd::af_xdp
