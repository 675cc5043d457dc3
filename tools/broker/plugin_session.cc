// SPDX-License-Identifier: Apache-2.0
#include "tools/broker/plugin_session.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <span>
#include <utility>

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>

#include "pmd/af_xdp/descriptor_message.h"

namespace pollux::broker {
namespace {

constexpr uint32_t kMostBusyPoll = 65535;

}  // namespace

PluginSession::PluginSession(bpf::UniqueFd connection, Peer peer, const std::string& interface, int socket_map,
                             std::function<bool()> before_map)
    : connection_(std::move(connection)),
      peer_(std::move(peer)),
      interface_(interface),
      socket_map_(socket_map),
      before_map_(std::move(before_map)) {}

bool PluginSession::Answer(absl::string_view text, int descriptor) {
  const std::span<const int> descriptors(&descriptor, descriptor < 0 ? 0 : 1);
  return pmd::af_xdp::SendMessage(connection_.get(), std::as_bytes(std::span(text.data(), text.size())), descriptors, MSG_DONTWAIT) == 0;
}

bool PluginSession::Serve() {
  std::array<char, kLongestRequest> buffer;
  const auto received = pmd::af_xdp::ReceiveMessage(connection_.get(), std::as_writable_bytes(std::span(buffer)), MSG_DONTWAIT);
  if (received.error == EAGAIN) return true;
  if (received.error != 0 || received.bytes == 0 || received.broken) return false;
  // Some clients send the zero byte behind the text, one a space behind the comma.
  const absl::string_view text(buffer.data(), strnlen(buffer.data(), received.bytes));
  const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(text, absl::MaxSplits(',', 1));
  const absl::string_view verb = absl::StripAsciiWhitespace(parts.first);
  const absl::string_view argument = absl::StripAsciiWhitespace(parts.second);
  if (verb == "/connect") {
    connected_ = true;
    return Answer("/host_ok");
  }
  if (!connected_) {
    Answer("/host_nak");
    return false;
  }
  if (verb == "/version") return Answer("0.1");
  if (verb == "/xsk_map_fd") return argument == interface_ && before_map_() && Answer("/fd_ack", socket_map_);
  if (verb == "/config_busy_poll") {
    return Answer(SetBusyPolling(argument, received.descriptors) ? "/config_busy_poll_ack" : "/config_busy_poll_nak");
  }
  if (verb == "/fin") {
    Answer("/fin_ack");
    return false;
  }
  return Answer("/nak");
}

// Of an AF_XDP socket only: the options are those of any socket, and the broker has the right to set them on any.
bool PluginSession::SetBusyPolling(absl::string_view arguments, const std::vector<bpf::UniqueFd>& descriptors) {
  const std::vector<absl::string_view> numbers = absl::StrSplit(arguments, ',');
  uint32_t timeout, budget;
  if (descriptors.size() != 1 || numbers.size() != 2 || !absl::SimpleAtoi(absl::StripAsciiWhitespace(numbers[0]), &timeout) ||
      !absl::SimpleAtoi(absl::StripAsciiWhitespace(numbers[1]), &budget) || timeout > kMostBusyPoll || budget > kMostBusyPoll) {
    return false;
  }
  const int socket = descriptors.front().get();
  int domain = 0;
  socklen_t length = sizeof(domain);
  if (getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &domain, &length) != 0 || domain != AF_XDP) return false;
  const int prefer = 1;
  const auto set = [socket](int option, const auto& value) { return setsockopt(socket, SOL_SOCKET, option, &value, sizeof(value)) == 0; };
  return set(SO_PREFER_BUSY_POLL, prefer) && set(SO_BUSY_POLL, timeout) && set(SO_BUSY_POLL_BUDGET, budget);
}

}  // namespace pollux::broker
