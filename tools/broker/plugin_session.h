// SPDX-License-Identifier: Apache-2.0
// PluginSession: one client of the AF_XDP device plugin's protocol, version 0.1, as DPDK (use_cni=1) and CNDP speak it.
// Source: DPDK's howto "AF_XDP device plugin", and drivers/net/af_xdp/rte_eth_af_xdp.c. Messages are bare text:
//
//   /connect,HOST            /host_ok                            first; HOST is not looked at, the kernel says who it is
//   /version                 0.1
//   /xsk_map_fd,INTERFACE    /fd_ack and the XSKMAP's descriptor
//   /config_busy_poll,TIMEOUT,BUDGET and a socket's descriptor    /config_busy_poll_ack, or _nak
//   /fin                     /fin_ack, and the end
//   anything else            /nak
//
// DPDK takes a refusal of /xsk_map_fd for a success without a descriptor, so what is refused there ends the connection.
#ifndef TOOLS_BROKER_PLUGIN_SESSION_H_
#define TOOLS_BROKER_PLUGIN_SESSION_H_

#include <functional>
#include <string>
#include <vector>

#include <absl/strings/string_view.h>

#include "bpf/unique_fd.h"
#include "tools/broker/configuration.h"

namespace pollux::broker {

// Single-threaded.
class PluginSession {
 public:
  static constexpr std::size_t kLongestRequest = 128;

  // `socket_map`: the XSKMAP of the folder's interface. `before_map` is called before the map is given out, and may refuse.
  PluginSession(bpf::UniqueFd connection, Peer peer, const std::string& interface, int socket_map, std::function<bool()> before_map);

  // Takes one request and answers it. False: the connection has ended, or has to.
  bool Serve();

  int connection() const { return connection_.get(); }
  bool connected() const { return connected_; }  // by its first message
  const Peer& peer() const { return peer_; }
  const std::string& interface() const { return interface_; }

 private:
  bool Answer(absl::string_view text, int descriptor = -1);
  bool SetBusyPolling(absl::string_view arguments, const std::vector<bpf::UniqueFd>& descriptors);

  const bpf::UniqueFd connection_;
  const Peer peer_;
  const std::string interface_;
  const int socket_map_;
  const std::function<bool()> before_map_;
  bool connected_ = false;
};

}  // namespace pollux::broker

#endif  // TOOLS_BROKER_PLUGIN_SESSION_H_
