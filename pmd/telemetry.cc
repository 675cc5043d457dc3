// SPDX-License-Identifier: Apache-2.0
#include "pmd/telemetry.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <span>
#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <nlohmann/json.hpp>

#include "bpf/unique_fd.h"
#include "lcore/errno_status.h"
#include "pmd/af_xdp/descriptor_message.h"
#include "pmd/telemetry/captures.h"
#include "pmd/telemetry/command_table.h"
#include "pmd/telemetry/commands.h"
#include "pmd/telemetry/parameters.h"
#include "pmd/telemetry/runtime_socket.h"

namespace pollux::pmd {
namespace {

using bpf::UniqueFd;
using lcore::ErrnoStatus;

class TelemetryServer final : public Telemetry {
 public:
  TelemetryServer(UniqueFd events, std::unique_ptr<telemetry::RuntimeSocket> socket, const TelemetryOptions& options,
                  const ProcessView& view)
      : events_(std::move(events)), socket_(std::move(socket)), greeting_(Greeting(options.version)), captures_(view) {
    telemetry::AddEthdevCommands(commands_, view);
    telemetry::AddProcessCommands(commands_, view);
    telemetry::AddPolluxCommands(commands_, view);
    telemetry::AddFlowCommands(commands_, view);
    commands_.Add("/info", "Returns DPDK Telemetry information. No parameters",
                  [this](absl::string_view) -> absl::StatusOr<std::string> { return greeting_; });
    // The client that asks for one is known where requests come in, and here is none.
    commands_.Add(kCapture, "Returns the captures that run. To start one: pollux capture",
                  [this](absl::string_view parameters) -> absl::StatusOr<std::string> {
                    if (parameters.empty()) return captures_.List();
                    return absl::InvalidArgumentError("no file came with it that says what to capture: use `pollux capture`");
                  });
  }

  absl::Status Watch(int descriptor) {
    epoll_event event{.events = EPOLLIN, .data = {.fd = descriptor}};
    if (epoll_ctl(events_.get(), EPOLL_CTL_ADD, descriptor, &event) == 0) return absl::OkStatus();
    return ErrnoStatus(errno, "epoll_ctl(EPOLL_CTL_ADD)");
  }

  void AddCommand(std::string name, std::string help, Handler handler) override {
    commands_.Add(std::move(name), std::move(help), std::move(handler));
  }
  int descriptor() const override { return events_.get(); }
  const std::string& socket_path() const override { return socket_->path(); }

  void Poll() override {
    for (std::size_t served = 0; served < kMostRequestsOfAPoll; ++served) {
      epoll_event event{};
      if (epoll_wait(events_.get(), &event, 1, 0) <= 0) return;
      if (event.data.fd == socket_->descriptor()) {
        Accept();
      } else {
        Serve(event.data.fd);
      }
    }
  }

 private:
  static constexpr char kCapture[] = "/pollux/capture";

  static std::string Greeting(const std::string& version) {
    return telemetry::JsonText({{"version", version}, {"pid", getpid()}, {"max_output_len", kLongestAnswer}});
  }

  void Accept() {
    UniqueFd client(accept4(socket_->descriptor(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!client || clients_.size() >= kMostClients) return;
    // A whole answer must fit, or it could never be sent.
    const int room = 2 * kLongestAnswer;
    setsockopt(client.get(), SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
    const int number = client.get();
    if (!Watch(number).ok()) return;
    clients_.emplace(number, std::move(client));
    Send(number, greeting_);
  }

  void Serve(int client) {
    char request[kLongestRequest];
    const auto message = af_xdp::ReceiveMessage(client, std::as_writable_bytes(std::span(request)), MSG_DONTWAIT);
    if (message.error == EAGAIN) return;
    if (message.error != 0 || message.bytes == 0) return Forget(client);
    if (message.broken)
      return Send(client, absl::StrCat("{\"error\":\"a request has at most ", kLongestRequest, " bytes, and a capture's one file\"}"));
    const absl::string_view text(request, message.bytes);
    if (message.descriptors.size() == 1 && absl::StartsWith(text, absl::StrCat(kCapture, ",")))
      return StartCapture(client, text.substr(sizeof(kCapture)), message.descriptors.front().get());
    Send(client, Answer(text));
  }

  void StartCapture(int client, absl::string_view parameters, int filter) {
    const auto started = captures_.Start(client, parameters, filter);
    if (!started.ok()) return Send(client, telemetry::JsonText({{kCapture, nullptr}, {"error", std::string(started.status().message())}}));
    const std::string text = absl::StrCat("{\"", kCapture, "\":", started->answer, "}");
    const int memory = started->memory;
    if (af_xdp::SendMessage(client, std::as_bytes(std::span(text)), {&memory, 1}, MSG_DONTWAIT) != 0) Forget(client);
  }

  // With its descriptor it leaves the epoll set.
  void Forget(int client) {
    captures_.End(client);
    clients_.erase(client);
  }

  std::string Answer(absl::string_view request) const {
    std::string answer = commands_.Answer(request);
    if (answer.size() <= kLongestAnswer) return answer;
    return absl::StrCat("{\"error\":\"the answer has ", answer.size(), " bytes, more than max_output_len\"}");
  }

  // A client that does not read what it asked for goes: nobody waits for it.
  void Send(int client, const std::string& text) {
    if (send(client, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) Forget(client);
  }

  const UniqueFd events_;
  const std::unique_ptr<telemetry::RuntimeSocket> socket_;
  const std::string greeting_;
  telemetry::CommandTable commands_;
  std::map<int, UniqueFd> clients_;
  telemetry::Captures captures_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Telemetry>> Telemetry::Start(const TelemetryOptions& options, const ProcessView& view) {
  absl::StatusOr<std::unique_ptr<telemetry::RuntimeSocket>> socket = telemetry::RuntimeSocket::Listen(options.prefix);
  if (!socket.ok()) return socket.status();
  UniqueFd events(epoll_create1(EPOLL_CLOEXEC));
  if (!events) return ErrnoStatus(errno, "epoll_create1()");
  const int listener = (*socket)->descriptor();
  auto server = std::make_unique<TelemetryServer>(std::move(events), *std::move(socket), options, view);
  if (absl::Status status = server->Watch(listener); !status.ok()) return status;
  return server;
}

}  // namespace pollux::pmd
