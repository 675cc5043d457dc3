// SPDX-License-Identifier: Apache-2.0
#include "pmd/af_xdp/broker_connection.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include <absl/strings/str_cat.h>

#include "lcore/errno_status.h"
#include "pmd/af_xdp/descriptor_message.h"

namespace pollux::pmd::af_xdp {
namespace {

using broker::Reply;
using broker::Request;

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
    case EAGAIN:
      return absl::AbortedError(message);
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
    return lcore::ErrnoStatus(
        errno, absl::StrCat("connect(", path, ")"),
        errno == EACCES ? "this user may not look into the socket's folder" : "is pollux-broker running, with this socket?");
  }
  std::unique_ptr<BrokerConnection> opened(new BrokerConnection(path, std::move(connection)));
  const auto answer = opened->Ask(request);
  if (!answer.ok()) return answer.status();
  opened->info_ = answer->reply.info;
  return opened;
}

absl::Status BrokerConnection::Ended() {
  ended_ = true;
  return absl::UnavailableError(absl::StrCat("pollux-broker at ", path_, " has ended the connection (its log says why)"));
}

bool BrokerConnection::IsSilent() const {
  pollfd answer{connection_.get(), POLLIN, 0};
  return owes_answer_ && poll(&answer, 1, 0) == 0;
}

absl::StatusOr<BrokerAnswer> BrokerConnection::Ask(Request request, std::span<const int> descriptors, int patience_ms) {
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + std::chrono::milliseconds(patience_ms);
  const auto late = [&] {
    return absl::DeadlineExceededError(absl::StrCat("pollux-broker at ", path_, " does not answer; is it running?"));
  };
  request.sequence = ++sequence_;
  const int sent = SendMessage(connection_.get(), std::as_bytes(std::span(&request, 1)), descriptors, MSG_DONTWAIT);
  if (sent == EAGAIN) return late();  // it owes many
  if (sent != 0) return Ended();
  owes_answer_ = true;
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd readable{connection_.get(), POLLIN, 0};
    const int ready = poll(&readable, 1, static_cast<int>(std::max<std::int64_t>(left, 0)));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return late();
    BrokerAnswer answer;
    ReceivedMessage received = ReceiveMessage(connection_.get(), std::as_writable_bytes(std::span(&answer.reply, 1)), MSG_DONTWAIT);
    if (received.error != 0 || received.broken || received.bytes != sizeof(answer.reply)) return Ended();
    if (answer.reply.sequence != request.sequence) continue;
    owes_answer_ = false;
    answer.reply.text[sizeof(answer.reply.text) - 1] = '\0';
    answer.descriptors = std::move(received.descriptors);
    if (answer.reply.error != 0) return Refusal(path_, answer.reply);
    return answer;
  }
}

}  // namespace pollux::pmd::af_xdp
