// SPDX-License-Identifier: Apache-2.0
// Session: one client of the broker, which is one port, from its first request to the end of its connection.
#ifndef TOOLS_BROKER_SESSION_H_
#define TOOLS_BROKER_SESSION_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "bpf/unique_fd.h"
#include "pmd/af_xdp/broker_protocol.h"
#include "pmd/af_xdp/descriptor_message.h"
#include "pmd/af_xdp/netdev.h"
#include "pmd/af_xdp/saved_settings.h"
#include "pmd/af_xdp/xsk_socket.h"
#include "tools/broker/configuration.h"
#include "tools/broker/descriptor_store.h"
#include "tools/broker/lent_injectors.h"
#include "tools/broker/port_programs.h"

namespace pollux::broker {

// What it changes ends with it: sockets leave the map, the port its injector, promiscuous mode and settings end. Single-threaded.
class Session {
 public:
  // What all sessions share; outlives them.
  struct Shared {
    const Configuration& configuration;
    PortPrograms& programs;
    DescriptorStore& store;
    LentInjectors& injectors;
  };

  // `number` is the connection's own among all that there have been.
  Session(unsigned number, bpf::UniqueFd connection, Peer peer, Shared shared);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Goes on where a former broker stopped: what it put into the store for this session.
  absl::Status Resume(const std::string& interface, std::vector<StoredDescriptor> left);

  // Takes one request and answers it. False: the connection has ended, or has to, with the reason in `ended()`.
  bool Serve();

  int connection() const { return connection_.get(); }
  bool has_port() const { return grant_.has_value(); }
  bool receives() const;
  const Peer& peer() const { return peer_; }
  const std::string& ended() const { return ended_; }
  // For the log: "p0 of user 65534 (pid 77)".
  std::string Describe() const;

 private:
  using Request = pmd::af_xdp::broker::Request;
  using Reply = pmd::af_xdp::broker::Reply;

  struct Answer {
    Reply reply;
    std::vector<int> descriptors;  // not owned
  };
  struct Socket {
    bpf::UniqueFd descriptor;
    bool receives = false;
  };

  absl::Status Handle(const Request& request, std::vector<bpf::UniqueFd>& descriptors, Answer* answer);
  absl::Status Open(const std::string& interface);
  absl::Status Tell(Reply* reply);
  absl::Status Attach(uint32_t flags, Reply* reply);
  absl::Status Detach();
  absl::Status MakeMemory(const Request& request, Answer* answer);
  absl::Status MakeSocket(const Request& request, const std::vector<bpf::UniqueFd>& descriptors, Answer* answer);
  absl::Status Receive(uint32_t queue);
  absl::Status Release(uint32_t queue);
  absl::Status AskReleased(uint32_t queue, Reply* reply);
  absl::Status Lend(const std::vector<bpf::UniqueFd>& descriptors, Answer* answer);
  absl::StatusOr<pmd::af_xdp::SavedSettings*> Settings();
  absl::Status SetPromiscuous(bool on);
  absl::Status CheckGrant(uint32_t bit, absl::string_view name) const;
  absl::Status CheckQueue(uint32_t queue) const;
  std::string Stored(absl::string_view name) const;

  const unsigned number_;
  const bpf::UniqueFd connection_;
  const Peer peer_;
  const Shared shared_;
  std::string ended_;

  std::optional<Grant> grant_;  // from Open on
  std::unique_ptr<pmd::af_xdp::Netdev> netdev_;
  std::vector<std::string> rules_;
  std::shared_ptr<PortProgram> program_;
  std::unique_ptr<LentPort> lent_;
  std::map<uint32_t, Socket> sockets_;  // by queue
  std::vector<bpf::UniqueFd> memory_;
  std::size_t memory_bytes_ = 0;
  std::unique_ptr<pmd::af_xdp::PromiscuousMembership> promiscuous_;
  std::shared_ptr<pmd::af_xdp::SavedSettings> settings_;
};

}  // namespace pollux::broker

#endif  // TOOLS_BROKER_SESSION_H_
