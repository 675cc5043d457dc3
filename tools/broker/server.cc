// SPDX-License-Identifier: Apache-2.0
#include "tools/broker/server.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

#include "bpf/pinned_map.h"
#include "lcore/errno_status.h"
#include "tools/broker/peer.h"

namespace pollux::broker {
namespace {

using bpf::UniqueFd;
using lcore::ErrnoStatus;

constexpr int kBacklog = 64;
constexpr char kPluginSocket[] = "afxdp.sock";

// A listening socket with this owner and mode; whatever a dead broker left at `path` is replaced, nothing else.
absl::StatusOr<UniqueFd> ListenAt(const std::string& path, mode_t mode, uid_t owner) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": a socket's path has at most ", sizeof(address.sun_path) - 1, " bytes"));
  }
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  UniqueFd listener(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listener) return ErrnoStatus(errno, "socket(AF_UNIX)");
  struct stat found {};
  if (lstat(path.c_str(), &found) == 0) {
    if (!S_ISSOCK(found.st_mode)) return absl::AlreadyExistsError(absl::StrCat(path, " exists and is no socket"));
    UniqueFd probe(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    if (connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
      return absl::AlreadyExistsError(absl::StrCat(path, ": somebody listens there already"));
    }
    unlink(path.c_str());
  }
  const mode_t mask = umask(0177);
  const int bound = bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  const int error = errno;
  umask(mask);
  if (bound != 0) return ErrnoStatus(error, absl::StrCat("bind(", path, ")"), "its folder must exist and be writable");
  // In this order: what is another's is no more ours to change.
  if (chmod(path.c_str(), mode) != 0 || (owner != geteuid() && chown(path.c_str(), owner, gid_t(-1)) != 0)) {
    return ErrnoStatus(errno, absl::StrCat("chmod or chown(", path, ")"), "needs CAP_CHOWN");
  }
  if (listen(listener.get(), kBacklog) != 0) return ErrnoStatus(errno, absl::StrCat("listen(", path, ")"));
  return listener;
}

// A folder that we, and nobody else, can put something into; made if it is not there. Everybody may look up what he knows the name of: a
// socket's own mode says who may connect. So we need no right but to change the socket's owner, at the next start neither.
absl::Status MakeFolder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return ErrnoStatus(error.value(), absl::StrCat("mkdir(", folder.string(), ")"));
  for (const auto& path : {folder.parent_path(), folder}) {
    struct stat found {};
    if (lstat(path.c_str(), &found) != 0) return ErrnoStatus(errno, absl::StrCat("stat(", path.string(), ")"));
    const bool is_ours = found.st_uid == 0 || found.st_uid == geteuid();
    const bool others_write = (found.st_mode & (S_IWGRP | S_IWOTH)) != 0 && (found.st_mode & S_ISVTX) == 0;
    if (S_ISDIR(found.st_mode) && is_ours && !others_write) continue;
    return absl::FailedPreconditionError(absl::StrCat(path.string(), ": not a folder of root's alone: user ", found.st_uid,
                                                      " or others could put another socket there; remove it"));
  }
  if (chmod(folder.c_str(), 0711) != 0) return ErrnoStatus(errno, absl::StrCat("chmod(", folder.string(), ")"));
  return absl::OkStatus();
}

}  // namespace

bool Server::Allowance::Take() {
  const auto now = Clock::now();
  requests = std::min<double>(kRequestsASecond, requests + kRequestsASecond * std::chrono::duration<double>(now - at).count());
  at = now;
  if (requests < 1) return false;
  requests -= 1;
  return true;
}

absl::StatusOr<std::unique_ptr<Server>> Server::Open(const Configuration& configuration, DescriptorStore store, Log log) {
  std::unique_ptr<Server> server(new Server(configuration, std::move(store), std::move(log)));
  if (auto status = server->Listen(); !status.ok()) return status;
  return server;
}

Server::Server(const Configuration& configuration, DescriptorStore store, Log log)
    : configuration_(configuration), store_(std::move(store)), log_(std::move(log)), programs_(store_) {}

Server::~Server() {
  if (leaves_everything_) return;
  clients_.clear();
  for (Folder& folder : folders_) {
    if (!folder.pinned.empty()) unlink(folder.pinned.c_str());
    unlink(absl::StrCat(folder.settings.folder, "/", kPluginSocket).c_str());
  }
  if (listener_) unlink(configuration_.socket().c_str());
}

void Server::LeaveEverything() {
  leaves_everything_ = true;
}

absl::Status Server::Listen() {
  events_ = UniqueFd(epoll_create1(EPOLL_CLOEXEC));
  if (!events_) return ErrnoStatus(errno, "epoll_create1()");
  std::vector<StoredDescriptor> left = store_.TakeAll();
  programs_.Resume(left);
  ResumeSessions(std::move(left));
  // Anybody may connect: what he may have is looked up by who he is.
  auto listener = ListenAt(configuration_.socket(), 0666, geteuid());
  if (!listener.ok()) return listener.status();
  listener_ = *std::move(listener);
  if (auto status = Watch(listener_.get()); !status.ok()) return status;
  for (const PluginFolder& settings : configuration_.plugin_folders()) {
    if (auto status = ServeFolder(settings); !status.ok()) return lcore::Annotate(status, settings.folder);
  }
  programs_.ForgetWhatIsLeft();
  return absl::OkStatus();
}

absl::Status Server::ServeFolder(const PluginFolder& settings) {
  Folder folder{.settings = settings, .listener = {}, .program = programs_.Resumed(settings.interface), .socket_map = {}, .pinned = {}};
  if (folder.program == nullptr) {
    auto program = programs_.Get(settings.interface, bpf::AttachMode::kAutomatic, {}, /*rx_metadata=*/0);
    if (!program.ok()) return program.status();
    folder.program = *std::move(program);
  }
  folder.socket_map = std::move(folder.program->program->Descriptors().sockets);
  if (auto status = MakeFolder(settings.folder); !status.ok()) return status;
  auto listener = ListenAt(absl::StrCat(settings.folder, "/", kPluginSocket), 0600, settings.user);
  if (!listener.ok()) return listener.status();
  folder.listener = *std::move(listener);
  if (auto status = Watch(folder.listener.get()); !status.ok()) return status;
  if (!settings.pin.empty()) {
    if (auto status = bpf::PinMap(folder.socket_map.get(), settings.pin, settings.user); !status.ok()) return status;
    folder.pinned = settings.pin;
  }
  log_(absl::StrCat(settings.interface, ": device plugin's protocol in ", settings.folder, " for user ", settings.user));
  folders_.push_back(std::move(folder));
  return absl::OkStatus();
}

// "session/7/connection/eth0", "session/7/socket/0", "plugin/9/process".
void Server::ResumeSessions(std::vector<StoredDescriptor> left) {
  std::map<std::string, std::vector<StoredDescriptor>> folders;
  for (StoredDescriptor& stored : left) {
    const std::vector<std::string> parts = absl::StrSplit(stored.name, '/');
    if (parts.size() < 3 || !stored.descriptor) continue;
    folders[absl::StrCat(parts[0], "/", parts[1])].push_back(std::move(stored));
  }
  for (auto& [name, descriptors] : folders) {
    const std::vector<std::string> parts = absl::StrSplit(name, '/');
    unsigned number;
    if (!absl::SimpleAtoi(parts[1], &number)) continue;
    next_number_ = std::max(next_number_, number + 1);
    if (parts[0] == "plugin") {
      UniqueFd process = std::move(descriptors.front().descriptor);
      const int key = process.get();
      if (Watch(key).ok()) processes_[key] = {absl::StrCat(name, "/"), std::move(process)};
      continue;
    }
    std::string interface;
    UniqueFd connection;
    for (StoredDescriptor& stored : descriptors) {
      const std::string prefix = absl::StrCat(name, "/connection/");
      if (!absl::StartsWith(stored.name, prefix)) continue;
      interface = stored.name.substr(prefix.size());
      connection = std::move(stored.descriptor);
    }
    auto peer = PeerOf(connection.get());
    if (!peer.ok()) {
      store_.Drop(absl::StrCat(name, "/")).IgnoreError();
      continue;
    }
    const int key = connection.get();
    auto session = std::make_unique<Session>(number, std::move(connection), *std::move(peer),
                                             Session::Shared{configuration_, programs_, store_, injectors_});
    if (const auto status = session->Resume(interface, std::move(descriptors)); !status.ok()) {
      log_(absl::StrCat(session->Describe(), ": cannot go on: ", status.message()));
      continue;
    }
    log_(absl::StrCat(session->Describe(), ": goes on"));
    if (Watch(key).ok()) clients_[key].session = std::move(session);
  }
}

absl::Status Server::Watch(int descriptor) {
  epoll_event event{.events = EPOLLIN, .data = {.fd = descriptor}};
  if (epoll_ctl(events_.get(), EPOLL_CTL_ADD, descriptor, &event) != 0) return ErrnoStatus(errno, "epoll_ctl()");
  return absl::OkStatus();
}

absl::Status Server::Run(int stop) {
  if (auto status = Watch(stop); !status.ok()) return status;
  while (true) {
    epoll_event events[64];
    const int count = epoll_wait(events_.get(), events, std::size(events), NextWakeMs());
    if (count < 0 && errno != EINTR) return ErrnoStatus(errno, "epoll_wait()");
    for (int index = 0; index < count; ++index) {
      const int descriptor = events[index].data.fd;
      if (descriptor == stop) return absl::OkStatus();
      if (clients_.count(descriptor) != 0) {
        Serve(descriptor);
      } else if (processes_.count(descriptor) != 0) {
        EndPluginProcess(descriptor);
      } else {
        Accept(descriptor);
      }
    }
  }
}

// A port that receives is at work: its client has nothing to say, and may be silent for as long as it likes.
std::optional<Server::Deadline> Server::DeadlineOf(const Client& client) const {
  if (client.session != nullptr ? !client.session->has_port() : !client.plugin->connected()) {
    return Deadline{client.accepted + configuration_.handshake(), "it opened nothing in time (\"handshake_seconds\")"};
  }
  if (client.plugin != nullptr) return Deadline{client.last_heard + client.plugin_idle, "it said nothing for too long (\"idle_seconds\")"};
  if (client.session->receives()) return std::nullopt;
  return Deadline{client.last_heard + configuration_.idle(), "it stopped half-way and said nothing for too long (\"idle_seconds\")"};
}

// Lets paused clients go on when they may, and ends those that do not get on; returns how long to wait for the next of these.
int Server::NextWakeMs() {
  const auto now = Clock::now();
  int wait_ms = -1;
  std::vector<std::pair<int, const char*>> late;
  for (auto& [connection, client] : clients_) {
    if (client.paused && client.allowance.Take()) {
      client.allowance.requests += 1;
      client.paused = false;
      epoll_event event{.events = EPOLLIN, .data = {.fd = connection}};
      epoll_ctl(events_.get(), EPOLL_CTL_MOD, connection, &event);
    }
    if (client.paused) wait_ms = 1000 / static_cast<int>(kRequestsASecond) + 1;
    const auto deadline = DeadlineOf(client);
    if (!deadline) continue;
    if (deadline->at <= now) {
      late.emplace_back(connection, deadline->reason);
      continue;
    }
    const int left_ms = static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(deadline->at - now).count()) + 1;
    if (wait_ms < 0 || left_ms < wait_ms) wait_ms = left_ms;
  }
  for (const auto& [connection, reason] : late) End(connection, reason);
  return wait_ms;
}

void Server::Accept(int listener) {
  UniqueFd connection(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!connection) return;
  auto peer = PeerOf(connection.get());
  if (!peer.ok()) return;
  const auto of_user =
      std::count_if(clients_.begin(), clients_.end(), [&](const auto& entry) { return entry.second.user() == peer->user; });
  if (clients_.size() >= kMostClients || static_cast<std::size_t>(of_user) >= kMostClientsOfAUser) {
    log_(absl::StrCat("user ", peer->user, " (pid ", peer->pid, "): refused, there are ", clients_.size(), " clients, ", of_user,
                      " of this user"));
    return;
  }
  const int key = connection.get();
  Client client;
  if (listener == listener_.get()) {
    if (!configuration_.Knows(*peer)) {
      log_(absl::StrCat("user ", peer->user, " (pid ", peer->pid,
                        "): refused, the configuration does not name this user, its groups or cgroup"));
      return;
    }
    client.session = std::make_unique<Session>(next_number_++, std::move(connection), *std::move(peer),
                                               Session::Shared{configuration_, programs_, store_, injectors_});
  } else {
    const auto folder =
        std::find_if(folders_.begin(), folders_.end(), [listener](const Folder& entry) { return entry.listener.get() == listener; });
    if (folder == folders_.end() || (peer->user != folder->settings.user && peer->user != 0)) return;
    client.plugin = std::make_unique<PluginSession>(std::move(connection), *std::move(peer), folder->settings.interface,
                                                    folder->socket_map.get(), [this, key] { return HoldProcess(key); });
    client.plugin_idle = folder->settings.idle;
  }
  if (!Watch(key).ok()) return;
  clients_[key] = std::move(client);
}

void Server::Serve(int connection) {
  Client& client = clients_[connection];
  if (!client.allowance.Take()) {
    client.paused = true;
    epoll_event nothing{.events = 0, .data = {.fd = connection}};
    epoll_ctl(events_.get(), EPOLL_CTL_MOD, connection, &nothing);
    return;
  }
  client.last_heard = Clock::now();
  if (client.session != nullptr) {
    if (!client.session->Serve()) End(connection, client.session->ended());
    return;
  }
  if (!client.plugin->Serve()) End(connection, "");
}

// Whoever has the map uses it for as long as his process lives; so do the program and its link, a dead broker's too.
bool Server::HoldProcess(int connection) {
  UniqueFd process = ProcessOf(connection);
  const int key = process.get();
  const std::string folder = absl::StrCat("plugin/", next_number_++, "/");
  if (!process || !store_.Put(absl::StrCat(folder, "process"), key).ok() || !Watch(key).ok()) return false;
  processes_[key] = {folder, std::move(process)};
  return true;
}

void Server::End(int connection, const std::string& why) {
  const auto client = clients_.find(connection);
  if (client->second.session != nullptr) {
    log_(absl::StrCat(client->second.session->Describe(), ": ended", why.empty() ? "" : ": ", why));
  } else if (!why.empty()) {
    log_(absl::StrCat(client->second.plugin->interface(), " by the device plugin's protocol: ended: ", why));
  }
  epoll_ctl(events_.get(), EPOLL_CTL_DEL, connection, nullptr);
  clients_.erase(client);
}

void Server::EndPluginProcess(int process) {
  const auto found = processes_.find(process);
  epoll_ctl(events_.get(), EPOLL_CTL_DEL, process, nullptr);
  store_.Drop(found->second.first).IgnoreError();
  processes_.erase(found);
}

}  // namespace pollux::broker
