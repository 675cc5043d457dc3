// SPDX-License-Identifier: Apache-2.0
// BrokerConnection: a port's connection to pollux-broker. Protocol: pmd/af_xdp/broker_protocol.h.
#ifndef PMD_AF_XDP_BROKER_CONNECTION_H_
#define PMD_AF_XDP_BROKER_CONNECTION_H_

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>

#include "bpf/unique_fd.h"
#include "pmd/af_xdp/broker_protocol.h"

namespace pollux::pmd::af_xdp {

struct BrokerAnswer {
  broker::Reply reply;
  std::vector<bpf::UniqueFd> descriptors;
};

// As long as this lives, so does what the broker did for the port. The connection outlives a broker that is restarted: what is asked
// meanwhile is answered by the next. Single-threaded.
class BrokerConnection {
 public:
  static constexpr int kPatienceMs = 10000;

  // Connects and opens the port. Errors: NOT_FOUND (nobody listens at `path`, or there is no such interface), PERMISSION_DENIED (the
  // broker's configuration does not grant it), UNIMPLEMENTED (it speaks another version).
  static absl::StatusOr<std::unique_ptr<BrokerConnection>> Open(const std::string& path, const std::string& interface);

  // One request and its answer. An answer that is an error becomes a status with the broker's words (ABORTED: ask again in a moment).
  // DEADLINE_EXCEEDED: no answer within `patience_ms`; one that comes later is thrown away. UNAVAILABLE: the connection has ended.
  absl::StatusOr<BrokerAnswer> Ask(broker::Request request, std::span<const int> descriptors = {}, int patience_ms = kPatienceMs);

  // The broker owes an answer, and nothing has come so far: to ask it again would only be one more.
  bool IsSilent() const;
  // The broker has hung up, or its keeper is gone too.
  bool ended() const { return ended_; }

  // As Open told it.
  const broker::PortInfo& info() const { return info_; }
  const std::string& path() const { return path_; }

 private:
  BrokerConnection(std::string path, bpf::UniqueFd connection) : path_(std::move(path)), connection_(std::move(connection)) {}
  absl::Status Ended();

  const std::string path_;
  const bpf::UniqueFd connection_;
  broker::PortInfo info_;
  uint16_t sequence_ = 0;  // of the last request
  bool owes_answer_ = false;
  bool ended_ = false;
};

}  // namespace pollux::pmd::af_xdp

#endif  // PMD_AF_XDP_BROKER_CONNECTION_H_
