// SPDX-License-Identifier: Apache-2.0
// LocalInterface: an interface of this process's network namespace, used with this process's privileges.
#ifndef PMD_AF_XDP_LOCAL_INTERFACE_H_
#define PMD_AF_XDP_LOCAL_INTERFACE_H_

#include <memory>
#include <string>
#include <vector>

#include "pmd/af_xdp/interface_monitor.h"
#include "pmd/af_xdp/netdev.h"
#include "pmd/af_xdp/port_interface.h"
#include "pmd/af_xdp/saved_settings.h"

namespace pollux::pmd::af_xdp {

class LocalInterface final : public PortInterface {
 public:
  // Errors: those of Netdev::Open and InterfaceMonitor::Of.
  static absl::StatusOr<std::unique_ptr<PortInterface>> Open(const std::string& name);

  std::string name() const override { return netdev_->name(); }
  int index() const override { return netdev_->index(); }
  absl::StatusOr<InterfaceFacts> Facts() const override;
  absl::StatusOr<LinkState> Link() const override { return netdev_->Link(); }
  absl::Status Follow() override { return netdev_->Follow(); }
  absl::StatusOr<Netdev::Visit> Enter() const override { return netdev_->EnterNamespace(); }

  void Watch(bool any) override { watcher_.Watch(any ? InterfaceMonitor::Watcher::kAny : index()); }
  InterfaceNews News() override { return watcher_.Take(); }

  absl::Status SetPromiscuous(bool on) override;
  absl::Status SetMtu(std::size_t mtu) override;
  absl::Status SetMac(const MacAddress& mac) override;
  // Not while another port of this process is on the interface.
  std::vector<std::string> RestoreSettings(bool deleted) override;
  absl::StatusOr<std::vector<std::string>> RestoreAbandoned() override;

  absl::StatusOr<std::unique_ptr<bpf::XdpProgram>> Attach(const bpf::ProgramOptions& options) override;
  absl::StatusOr<MadeSocket> MakeSocket(const SocketOrder& order) override;
  absl::Status BindSocket(const SocketOrder& order, MadeSocket& made) override;
  bool AwaitRelease(int interface_index, uint32_t queue, int timeout_ms) override;
  absl::StatusOr<std::unique_ptr<bpf::Injection>> OpenInjection(const mempool::Region& memory) override;
  absl::StatusOr<std::unique_ptr<mempool::Region>> MakeRegion(const mempool::RegionOptions& options, bool visible) override;

 private:
  LocalInterface(std::unique_ptr<Netdev> netdev, std::shared_ptr<InterfaceMonitor> monitor)
      : netdev_(std::move(netdev)), watcher_(std::move(monitor)) {}
  absl::StatusOr<SavedSettings*> Settings();

  const std::unique_ptr<Netdev> netdev_;
  InterfaceMonitor::Watcher watcher_;
  std::unique_ptr<PromiscuousMembership> promiscuous_;
  std::shared_ptr<SavedSettings> settings_;
};

// What is set for busy polling that would stall a bound zero-copy socket is taken back; the reason, or "" (docs/ports.md).
std::string StopStallingBusyPolling(XskSocket& socket, int interface_index);

// Preferred busy polling turns sendto into a run of the receive queue's NAPI instance. Where the send queue has another one, or none that
// is linked, nothing would wake the driver for a zero-copy send. False where the kernel tells neither: then it is tried.
bool SendsHaveTheirOwnNapi(std::optional<uint32_t> rx_napi, std::optional<uint32_t> tx_napi);

}  // namespace pollux::pmd::af_xdp

#endif  // PMD_AF_XDP_LOCAL_INTERFACE_H_
