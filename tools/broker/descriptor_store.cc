// SPDX-License-Identifier: Apache-2.0
#include "tools/broker/descriptor_store.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <list>
#include <span>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include "lcore/errno_status.h"
#include "pmd/af_xdp/descriptor_message.h"

namespace pollux::broker {
namespace {

using bpf::UniqueFd;
using lcore::ErrnoStatus;
using pmd::af_xdp::ReceivedMessage;
using pmd::af_xdp::ReceiveMessage;
using pmd::af_xdp::SendMessage;

constexpr int kAnswerPatienceMs = 10000;
constexpr int kAttempts = 3;

enum class Verb : uint32_t { kPut = 1, kDrop, kTakeAll, kDone, kBusy };

struct Message {
  Verb verb;
  char name[DescriptorStore::kLongestName + 1];
};

Message Make(Verb verb, const std::string& name = "") {
  Message message{.verb = verb, .name = {}};
  std::strncpy(message.name, name.c_str(), sizeof(message.name) - 1);
  return message;
}

int Send(int socket, const Message& message, int descriptor = -1) {
  const std::span<const int> descriptors(&descriptor, descriptor < 0 ? 0 : 1);
  return SendMessage(socket, std::as_bytes(std::span(&message, 1)), descriptors, 0);
}

ReceivedMessage Receive(int socket, Message* message) {
  ReceivedMessage received = ReceiveMessage(socket, std::as_writable_bytes(std::span(message, 1)), 0);
  message->name[sizeof(message->name) - 1] = '\0';
  return received;
}

// By what a client is known to be there: its connection, which hangs up, or its process (pidfd_open(2)), which becomes readable.
struct Client {
  std::string folder;  // "session/7/connection/eth0" -> "session/7/"; empty for what stands for no client
  short end = 0;       // the event of poll(2)
};

Client ClientOf(const std::string& name) {
  if (const std::size_t at = name.find("/connection"); at != std::string::npos) return {name.substr(0, at + 1), POLLRDHUP};
  if (const std::size_t at = name.find("/process"); at != std::string::npos) return {name.substr(0, at + 1), POLLIN};
  return {};
}

class Keeper {
 public:
  Keeper(UniqueFd listener, UniqueFd broker) : listener_(std::move(listener)), broker_(std::move(broker)) {}

  void Run() {
    while (broker_ || HasClients()) {
      std::vector<pollfd> polled = {{listener_.get(), POLLIN, 0}, {broker_.get(), POLLIN, 0}};
      // While there is a broker it is the one to see clients go.
      if (!broker_) {
        for (const StoredDescriptor& stored : stored_) {
          if (const Client client = ClientOf(stored.name); client.end != 0) polled.push_back({stored.descriptor.get(), client.end, 0});
        }
      }
      if (poll(polled.data(), polled.size(), -1) < 0) continue;
      // A broker's end is seen before its successor comes.
      if ((polled[1].revents & (POLLIN | POLLHUP)) != 0) Serve();
      if ((polled[0].revents & POLLIN) != 0) Accept();
      for (const pollfd& client : std::span(polled).subspan(2)) {
        if (client.revents != 0) DropClient(client.fd);
      }
    }
  }

 private:
  bool HasClients() const {
    for (const StoredDescriptor& stored : stored_) {
      if (ClientOf(stored.name).end != 0) return true;
    }
    return false;
  }

  void Drop(const std::string& prefix) {
    stored_.remove_if([&](const StoredDescriptor& stored) { return absl::StartsWith(stored.name, prefix); });
  }

  void DropClient(int descriptor) {
    std::string folder;
    for (const StoredDescriptor& stored : stored_) {
      if (stored.descriptor.get() == descriptor) folder = ClientOf(stored.name).folder;
    }
    if (!folder.empty()) Drop(folder);
  }

  void Accept() {
    UniqueFd connection(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!connection) return;
    ucred peer{};
    socklen_t length = sizeof(peer);
    if (getsockopt(connection.get(), SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0 || peer.uid != geteuid()) return;
    // The first word is the keeper's: a connection that is closed with a message unread loses what was sent before.
    Send(connection.get(), Make(broker_ ? Verb::kBusy : Verb::kDone));
    if (!broker_) broker_ = std::move(connection);
  }

  void Serve() {
    Message message{};
    ReceivedMessage received = Receive(broker_.get(), &message);
    if (received.error != 0 || received.bytes != sizeof(message)) {
      broker_ = UniqueFd();
      return;
    }
    switch (message.verb) {
      case Verb::kPut:
        if (received.descriptors.size() == 1) stored_.push_back({message.name, std::move(received.descriptors.front())});
        break;
      case Verb::kDrop:
        Drop(message.name);
        break;
      case Verb::kTakeAll:
        for (const StoredDescriptor& stored : stored_) Send(broker_.get(), Make(Verb::kPut, stored.name), stored.descriptor.get());
        break;
      default:
        break;
    }
    Send(broker_.get(), Make(Verb::kDone));
  }

  UniqueFd listener_;
  UniqueFd broker_;
  std::list<StoredDescriptor> stored_;
};

// Holding descriptors asks for no privilege.
void DropCapabilities() {
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct nothing[_LINUX_CAPABILITY_U32S_3] = {};
  syscall(SYS_capset, &header, nothing);
}

absl::StatusOr<sockaddr_un> Address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": a socket's path has at most ", sizeof(address.sun_path) - 1, " bytes"));
  }
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  return address;
}

// A connection to a keeper that lives; empty if there is none.
absl::StatusOr<UniqueFd> Connect(const sockaddr_un& address) {
  UniqueFd connection(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!connection) return ErrnoStatus(errno, "socket(AF_UNIX)");
  if (connect(connection.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) return connection;
  if (errno == ENOENT || errno == ECONNREFUSED) return UniqueFd();
  return ErrnoStatus(errno, absl::StrCat("connect(", address.sun_path, ")"));
}

absl::StatusOr<UniqueFd> StartKeeper(const sockaddr_un& address) {
  UniqueFd listener(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!listener) return ErrnoStatus(errno, "socket(AF_UNIX)");
  unlink(address.sun_path);  // nobody listens there
  const mode_t mask = umask(0177);
  const int bound = bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  const int error = errno;
  umask(mask);
  if (bound != 0) return ErrnoStatus(error, absl::StrCat("bind(", address.sun_path, ")"), "its folder must exist and be writable");
  if (listen(listener.get(), 4) != 0) return ErrnoStatus(errno, absl::StrCat("listen(", address.sun_path, ")"));
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) return ErrnoStatus(errno, "socketpair(AF_UNIX)");
  UniqueFd ours(pair[0]), theirs(pair[1]);
  const pid_t child = fork();
  if (child < 0) return ErrnoStatus(errno, "fork()");
  if (child > 0) return ours;
  ours = UniqueFd();
  setsid();
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGCHLD, SIG_IGN);
  prctl(PR_SET_NAME, "broker-keeper", 0, 0, 0);
  DropCapabilities();
  // The terminal or pipe that the broker was started with is not held open.
  if (const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC); nothing >= 0) {
    for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(nothing, standard);
  }
  const std::string path = address.sun_path;
  Keeper keeper(std::move(listener), std::move(theirs));
  keeper.Run();
  // While it still listens: a broker that is starting is turned away afterwards, and makes a keeper of its own under this name.
  unlink(path.c_str());
  _exit(0);
}

}  // namespace

absl::StatusOr<DescriptorStore> DescriptorStore::Open(const std::string& path) {
  const auto address = Address(path);
  if (!address.ok()) return address.status();
  absl::Status status;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    auto connection = Connect(*address);
    if (!connection.ok()) return connection.status();
    const bool started = !*connection;
    if (started) connection = StartKeeper(*address);
    if (!connection.ok()) return connection.status();
    const timeval patience{.tv_sec = kAnswerPatienceMs / 1000, .tv_usec = 0};
    setsockopt(connection->get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    DescriptorStore store(*std::move(connection));
    if (!started) status = store.AwaitDone();
    if (status.ok()) return store;
    // One that was just ending has turned us away.
    if (!absl::IsUnavailable(status)) break;
  }
  return lcore::Annotate(status, path);
}

std::vector<StoredDescriptor> DescriptorStore::TakeAll() {
  std::vector<StoredDescriptor> result;
  if (Send(connection_.get(), Make(Verb::kTakeAll)) != 0) return result;
  while (true) {
    Message message{};
    ReceivedMessage received = Receive(connection_.get(), &message);
    if (received.error != 0 || received.bytes != sizeof(message) || message.verb != Verb::kPut) return result;
    if (received.descriptors.size() == 1) result.push_back({message.name, std::move(received.descriptors.front())});
  }
}

absl::Status DescriptorStore::AwaitDone() {
  Message answer{};
  const ReceivedMessage received = Receive(connection_.get(), &answer);
  if (received.bytes == sizeof(answer) && answer.verb == Verb::kDone) return absl::OkStatus();
  if (received.bytes == sizeof(answer) && answer.verb == Verb::kBusy) {
    return absl::AlreadyExistsError("another broker with this socket is running");
  }
  return absl::UnavailableError("the process broker-keeper does not answer: restart the broker");
}

absl::Status DescriptorStore::Put(const std::string& name, int descriptor) {
  if (name.size() > kLongestName) return absl::InvalidArgumentError(absl::StrCat("descriptor name '", name, "' is too long"));
  if (const int error = Send(connection_.get(), Make(Verb::kPut, name), descriptor); error != 0) {
    return ErrnoStatus(error, "sendmsg(keeper)", "the process broker-keeper is gone: restart the broker");
  }
  return AwaitDone();
}

absl::Status DescriptorStore::Drop(const std::string& prefix) {
  if (const int error = Send(connection_.get(), Make(Verb::kDrop, prefix)); error != 0) {
    return ErrnoStatus(error, "sendmsg(keeper)", "the process broker-keeper is gone: restart the broker");
  }
  return AwaitDone();
}

}  // namespace pollux::broker
