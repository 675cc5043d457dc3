// SPDX-License-Identifier: Apache-2.0
// BrokeredInterface: an interface that pollux-broker uses for this process, which needs no privilege and need not be in the interface's
// network namespace (docs/broker.md).
#ifndef PMD_AF_XDP_BROKERED_INTERFACE_H_
#define PMD_AF_XDP_BROKERED_INTERFACE_H_

#include <chrono>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "pmd/af_xdp/broker_connection.h"
#include "pmd/af_xdp/port_interface.h"

namespace pollux::pmd::af_xdp {

// Facts are as of 50 ms ago at the oldest; while the broker is being restarted, as they were last. What was taken stays usable then; what
// is asked for waits for the next broker, for ten seconds. Any thread, but for Follow.
class BrokeredInterface final : public PortInterface {
 public:
  // Errors: those of BrokerConnection::Open.
  static absl::StatusOr<std::unique_ptr<PortInterface>> Open(const std::string& broker, const std::string& name);

  std::string name() const override { return name_; }
  int index() const override;
  absl::StatusOr<InterfaceFacts> Facts() const override;
  absl::StatusOr<LinkState> Link() const override;
  // Connects again if the broker has ended the connection.
  absl::Status Follow() override;
  absl::StatusOr<Netdev::Visit> Enter() const override { return Netdev::Visit::Here(); }

  void Watch(bool any) override {}
  // Whatever the facts show: there is no message from the kernel here.
  InterfaceNews News() override;

  absl::Status SetPromiscuous(bool on) override;
  absl::Status SetMtu(std::size_t mtu) override;
  absl::Status SetMac(const MacAddress& mac) override;
  std::vector<std::string> RestoreSettings(bool deleted) override;
  // The broker has done it.
  absl::StatusOr<std::vector<std::string>> RestoreAbandoned() override { return std::vector<std::string>(); }

  absl::StatusOr<std::unique_ptr<bpf::XdpProgram>> Attach(const bpf::ProgramOptions& options) override;
  absl::StatusOr<MadeSocket> MakeSocket(const SocketOrder& order) override;
  absl::Status BindSocket(const SocketOrder& order, MadeSocket& made) override { return absl::OkStatus(); }
  bool AwaitRelease(int interface_index, uint32_t queue, int timeout_ms) override;
  // Ports of this process on one broker and with one region share an injector.
  absl::StatusOr<std::unique_ptr<bpf::Injection>> OpenInjection(const mempool::Region& memory) override;

  bool has_own_memory() const override { return true; }
  absl::StatusOr<std::unique_ptr<mempool::Region>> MakeRegion(const mempool::RegionOptions& options, bool visible) override;
  void AppendFeatures(std::vector<FeatureState>& features) const override;

 private:
  friend class BrokeredProgram;

  BrokeredInterface(std::string broker, std::string name, std::unique_ptr<BrokerConnection> connection);
  absl::StatusOr<BrokerAnswer> Ask(const broker::Request& request, std::span<const int> descriptors = {},
                                   int patience_ms = BrokerConnection::kPatienceMs) const;
  absl::StatusOr<BrokerAnswer> GiveBack(const broker::Request& request) const;
  absl::StatusOr<InterfaceFacts> FactsLocked() const;
  void Learn(const broker::PortInfo& info) const;

  const std::string broker_;
  const std::string name_;
  mutable std::mutex lock_;
  std::unique_ptr<BrokerConnection> connection_;  // guarded, as are the next two
  mutable InterfaceFacts facts_;
  mutable std::chrono::steady_clock::time_point looked_at_;
};

}  // namespace pollux::pmd::af_xdp

#endif  // PMD_AF_XDP_BROKERED_INTERFACE_H_
