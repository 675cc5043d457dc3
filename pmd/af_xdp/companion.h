// SPDX-License-Identifier: Apache-2.0
// Companion: a veth pair of our own between TC of an interface and AF_XDP, for attach=tc (docs/flows.md).
//
//   interface of the port --TC ingress--> near ====== far --XDP--> AF_XDP sockets
//                        <--TC ingress of near-            <------ tx ring, injection
//
// What is sent to the near end comes out at the far end as a NIC would hand it over: cut to the MTU, checksums finished, VLAN tags in
// the bytes. The near end, "plx<pid>c<n>", is in the interface's network namespace. The far end bears the interface's name, in a namespace
// of its own that only this process holds: the kernel removes that with the process, SIGKILL or not, and with the far end the near one.
#ifndef PMD_AF_XDP_COMPANION_H_
#define PMD_AF_XDP_COMPANION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "pmd/af_xdp/namespace_thread.h"
#include "pmd/af_xdp/netdev.h"
#include "pmd/af_xdp/port_interface.h"

namespace pollux::pmd::af_xdp {

// Control path.
class Companion {
 public:
  // In the network namespace of the calling thread, for its interface `name`. PERMISSION_DENIED: CAP_NET_ADMIN and CAP_SYS_ADMIN are
  // needed.
  static absl::StatusOr<std::unique_ptr<Companion>> Create(const std::string& name, std::size_t mtu, uint32_t queues);
  ~Companion();
  Companion(const Companion&) = delete;
  Companion& operator=(const Companion&) = delete;

  const Netdev& near() const { return *near_; }
  // What `body` returns; it gets the far end, and is called where that is.
  template <typename Body>
  auto AtFarEnd(Body body) const -> decltype(body(std::declval<PortInterface&>())) {
    std::optional<decltype(body(std::declval<PortInterface&>()))> result;
    network_->Do([&] { result.emplace(body(*far_)); });
    return *std::move(result);
  }
  absl::Status SetMtu(std::size_t mtu);

 private:
  Companion(std::unique_ptr<NamespaceThread> network, std::unique_ptr<Netdev> near)
      : network_(std::move(network)), near_(std::move(near)) {}

  const std::unique_ptr<NamespaceThread> network_;  // the far end's
  const std::unique_ptr<Netdev> near_;
  std::unique_ptr<Netdev> far_settings_;
  std::unique_ptr<PortInterface> far_;
};

}  // namespace pollux::pmd::af_xdp

#endif  // PMD_AF_XDP_COMPANION_H_
