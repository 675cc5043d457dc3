// SPDX-License-Identifier: Apache-2.0
// Server: the broker's sockets, its clients, and their bounds.
#ifndef TOOLS_BROKER_SERVER_H_
#define TOOLS_BROKER_SERVER_H_

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include "bpf/unique_fd.h"
#include "tools/broker/configuration.h"
#include "tools/broker/descriptor_store.h"
#include "tools/broker/plugin_session.h"
#include "tools/broker/port_programs.h"
#include "tools/broker/session.h"

namespace pollux::broker {

// A client over its bounds waits or goes; nobody else notices. Single-threaded.
class Server {
 public:
  static constexpr std::size_t kMostClients = 256;
  static constexpr std::size_t kMostClientsOfAUser = 64;
  static constexpr unsigned kRequestsASecond = 200;  // of a client, and as many at once

  using Log = std::function<void(const std::string& line)>;

  // Listens at the configuration's sockets; takes over what a former broker left in the store.
  static absl::StatusOr<std::unique_ptr<Server>> Open(const Configuration& configuration, DescriptorStore store, Log log);
  ~Server();

  // Serves until `stop` is readable.
  absl::Status Run(int stop);
  bool has_clients() const { return !clients_.empty() || !processes_.empty(); }
  // Nothing that clients use is undone by the destructor: the keeper has it.
  void LeaveEverything();

 private:
  using Clock = std::chrono::steady_clock;

  // How much a client may still ask now; what it asks beyond that is not read before it may again.
  struct Allowance {
    double requests = kRequestsASecond;
    Clock::time_point at = Clock::now();

    bool Take();
  };
  struct Client {
    std::unique_ptr<Session> session;  // one of the two
    std::unique_ptr<PluginSession> plugin;
    Allowance allowance;
    Clock::time_point accepted = Clock::now();
    Clock::time_point last_heard = accepted;
    std::chrono::seconds plugin_idle{};  // of its folder
    bool paused = false;

    int connection() const { return session != nullptr ? session->connection() : plugin->connection(); }
    uid_t user() const { return session != nullptr ? session->peer().user : plugin->peer().user; }
  };
  struct Folder {
    PluginFolder settings;
    bpf::UniqueFd listener;
    std::shared_ptr<PortProgram> program;  // for as long as the folder is served
    bpf::UniqueFd socket_map;
    std::string pinned;
  };

  Server(const Configuration& configuration, DescriptorStore store, Log log);

  absl::Status Listen();
  absl::Status ServeFolder(const PluginFolder& settings);
  void ResumeSessions(std::vector<StoredDescriptor> left);
  void Accept(int listener);
  void Serve(int connection);
  void End(int connection, const std::string& why);
  bool HoldProcess(int connection);
  void EndPluginProcess(int process);
  int NextWakeMs();
  // When a client has to go if it does not get on, and why.
  struct Deadline {
    Clock::time_point at;
    const char* reason;
  };
  std::optional<Deadline> DeadlineOf(const Client& client) const;
  absl::Status Watch(int descriptor);

  const Configuration& configuration_;
  DescriptorStore store_;
  const Log log_;
  PortPrograms programs_;
  LentInjectors injectors_;
  bpf::UniqueFd events_;  // epoll
  bpf::UniqueFd listener_;
  std::vector<Folder> folders_;
  std::map<int, Client> clients_;                                   // by connection
  std::map<int, std::pair<std::string, bpf::UniqueFd>> processes_;  // of plugin clients: the store's folder, pidfd
  unsigned next_number_ = 1;
  bool leaves_everything_ = false;
};

}  // namespace pollux::broker

#endif  // TOOLS_BROKER_SERVER_H_
