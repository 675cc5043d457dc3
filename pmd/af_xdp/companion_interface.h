// SPDX-License-Identifier: Apache-2.0
// CompanionInterface: an interface of this process's network namespace that is used at TC, attach=tc. Packets get to the AF_XDP sockets,
// and out of them, by way of a companion (companion.h); what the interface is, and what becomes of it, is its own.
#ifndef PMD_AF_XDP_COMPANION_INTERFACE_H_
#define PMD_AF_XDP_COMPANION_INTERFACE_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "pmd/af_xdp/companion.h"
#include "pmd/af_xdp/port_interface.h"

namespace pollux::pmd::af_xdp {

class CompanionInterface final : public PortInterface {
 public:
  // ALREADY_EXISTS: an XDP program is attached, which sees the packets first; else the errors of LocalInterface::Open, bpf::ProbeTcLinks
  // and Companion::Create.
  static absl::StatusOr<std::unique_ptr<PortInterface>> Open(const std::string& name);

  std::string name() const override { return port_->name(); }
  int index() const override { return port_->index(); }
  absl::StatusOr<InterfaceFacts> Facts() const override;
  absl::StatusOr<LinkState> Link() const override { return port_->Link(); }
  absl::Status Follow() override;
  absl::StatusOr<Netdev::Visit> Enter() const override { return port_->Enter(); }

  void Watch(bool any) override { port_->Watch(any); }
  InterfaceNews News() override;

  absl::Status SetPromiscuous(bool on) override { return port_->SetPromiscuous(on); }
  absl::Status SetMtu(std::size_t mtu) override;
  absl::Status SetMac(const MacAddress& mac) override { return port_->SetMac(mac); }
  std::vector<std::string> RestoreSettings(bool deleted) override { return port_->RestoreSettings(deleted); }
  absl::StatusOr<std::vector<std::string>> RestoreAbandoned() override { return port_->RestoreAbandoned(); }

  absl::StatusOr<std::unique_ptr<bpf::XdpProgram>> Attach(const bpf::ProgramOptions& options) override;
  absl::StatusOr<MadeSocket> MakeSocket(const SocketOrder& order) override {
    return companion_->AtFarEnd([&](PortInterface& far) { return far.MakeSocket(order); });
  }
  absl::Status BindSocket(const SocketOrder& order, MadeSocket& made) override {
    return companion_->AtFarEnd([&](PortInterface& far) { return far.BindSocket(order, made); });
  }
  bool AwaitRelease(int interface_index, uint32_t queue, int timeout_ms) override;
  absl::StatusOr<std::unique_ptr<bpf::Injection>> OpenInjection(const mempool::Region& memory) override;
  absl::StatusOr<std::unique_ptr<mempool::Region>> MakeRegion(const mempool::RegionOptions& options, bool visible) override {
    return port_->MakeRegion(options, visible);
  }

 private:
  CompanionInterface(std::unique_ptr<PortInterface> port, std::unique_ptr<Companion> companion)
      : port_(std::move(port)), companion_(std::move(companion)) {}
  absl::Status FollowMtu();

  const std::unique_ptr<PortInterface> port_;
  const std::unique_ptr<Companion> companion_;
};

// Which of the two suits interface `name`, for attach=auto, and why.
struct HookChoice {
  bool tc = false;
  std::string reason;
};
HookChoice ChooseHook(const std::string& name);

}  // namespace pollux::pmd::af_xdp

#endif  // PMD_AF_XDP_COMPANION_INTERFACE_H_
