// SPDX-License-Identifier: Apache-2.0
#include "pmd/af_xdp/broker_connection.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include <absl/strings/str_cat.h>

#include "lcore/errno_status.h"
#include "pmd/af_xdp/descriptor_message.h"

namespace pollux::pmd::af_xdp {
namespace {

using broker::Reply;
using broker::Request;

constexpr int kPatienceSeconds = 10;

absl::Status Refusal(const std::string& path, const Reply& reply) {
  const std::string message = absl::StrCat("pollux-broker at ", path, ": ", reply.text);
  switch (reply.error) {
    case EPERM:
      return absl::PermissionDeniedError(message);
    case ENODEV:
      return absl::NotFoundError(message);
    case EEXIST:
      return absl::AlreadyExistsError(message);
    case ENOMEM:
      return absl::ResourceExhaustedError(message);
    case EOPNOTSUPP:
      return absl::UnimplementedError(message);
    case EBUSY:
      return absl::FailedPreconditionError(message);
    default:
      return absl::InvalidArgumentError(message);
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<BrokerConnection>> BrokerConnection::Open(const std::string& path, const std::string& interface) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  Request request;
  request.verb = broker::Verb::kOpen;
  if (path.size() >= sizeof(address.sun_path) || interface.size() >= sizeof(request.text)) {
    return absl::InvalidArgumentError(absl::StrCat("broker=", path, ", interface ", interface, ": too long"));
  }
  std::memcpy(address.sun_path, path.c_str(), path.size());
  std::memcpy(request.text, interface.c_str(), interface.size());
  bpf::UniqueFd connection(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!connection) return lcore::ErrnoStatus(errno, "socket(AF_UNIX)");
  if (connect(connection.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return lcore::ErrnoStatus(errno, absl::StrCat("connect(", path, ")"), "is pollux-broker running, with this socket?");
  }
  const timeval patience{.tv_sec = kPatienceSeconds, .tv_usec = 0};
  setsockopt(connection.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  setsockopt(connection.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  std::unique_ptr<BrokerConnection> opened(new BrokerConnection(path, std::move(connection)));
  const auto answer = opened->Ask(request);
  if (!answer.ok()) return answer.status();
  opened->info_ = answer->reply.info;
  return opened;
}

absl::StatusOr<BrokerAnswer> BrokerConnection::Ask(const Request& request, std::span<const int> descriptors) {
  const absl::Status gone =
      absl::UnavailableError(absl::StrCat("pollux-broker at ", path_, " has ended the connection, or does not answer"));
  if (SendMessage(connection_.get(), std::as_bytes(std::span(&request, 1)), descriptors, 0) != 0) return gone;
  BrokerAnswer answer;
  ReceivedMessage received = ReceiveMessage(connection_.get(), std::as_writable_bytes(std::span(&answer.reply, 1)), 0);
  if (received.error != 0 || received.broken || received.bytes != sizeof(answer.reply)) return gone;
  answer.reply.text[sizeof(answer.reply.text) - 1] = '\0';
  answer.descriptors = std::move(received.descriptors);
  if (answer.reply.error != 0) return Refusal(path_, answer.reply);
  return answer;
}

}  // namespace pollux::pmd::af_xdp
