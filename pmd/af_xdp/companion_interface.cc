// SPDX-License-Identifier: Apache-2.0
#include "pmd/af_xdp/companion_interface.h"

#include <linux/capability.h>

#include <algorithm>
#include <utility>

#include <absl/strings/str_cat.h>

#include "bpf/injector.h"
#include "bpf/privilege.h"
#include "bpf/tc_program.h"
#include "lcore/errno_status.h"
#include "pmd/af_xdp/link_message.h"
#include "pmd/af_xdp/local_interface.h"

namespace pollux::pmd::af_xdp {
namespace {

constexpr uint32_t kMostQueues = 64;  // of a companion

// The far end's XDP program, and the two at TC, which come last and go first.
class CompanionProgram final : public bpf::XdpProgram {
 public:
  CompanionProgram(std::unique_ptr<bpf::XdpProgram> far, std::unique_ptr<bpf::TcProgram> out, std::unique_ptr<bpf::TcProgram> in)
      : far_(std::move(far)), out_(std::move(out)), in_(std::move(in)) {}

  absl::Status AddSocket(uint32_t queue, int socket) override { return far_->AddSocket(queue, socket); }
  absl::Status RemoveSocket(uint32_t queue) override { return far_->RemoveSocket(queue); }
  absl::Status UseFlows(const bpf::FlowHook& hook) override {
    if (in_ == nullptr) return absl::FailedPreconditionError("flows on an interface that is gone");
    return in_->UseFlows(hook);
  }
  void Detach() override {
    in_.reset();
    out_.reset();
    far_->Detach();
  }
  bool native() const override { return far_->native(); }
  std::string fallback_reason() const override { return far_->fallback_reason(); }
  bool joined() const override { return false; }
  uint32_t program_id() const override { return in_ != nullptr ? in_->program_id() : 0; }
  bool puts_vlan_tags() const override { return far_->puts_vlan_tags(); }
  uint64_t* wake_stamp(uint32_t queue) const override { return far_->wake_stamp(queue); }
  uint64_t passed_packets() const override { return 0; }

 private:
  const std::unique_ptr<bpf::XdpProgram> far_;
  std::unique_ptr<bpf::TcProgram> out_;  // from the near end out of the port's interface
  std::unique_ptr<bpf::TcProgram> in_;   // from the port's interface to the near end
};

absl::Status CheckNoXdp(const std::string& name) {
  const auto programs = bpf::AttachedPrograms(name);
  if (!programs.ok()) return programs.status();
  if (programs->empty()) return absl::OkStatus();
  return absl::AlreadyExistsError(absl::StrCat("interface ", name, ": attach=tc: XDP program '", programs->front().name, "' (id ",
                                               programs->front().id, ") is attached, and takes packets before TC sees them"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<PortInterface>> CompanionInterface::Open(const std::string& name) {
  if (name == "lo") return absl::InvalidArgumentError("iface=lo: attach=tc needs an interface whose other end is somebody else");
  auto port = LocalInterface::Open(name);
  if (!port.ok()) return port.status();
  if (auto status = bpf::ProbeTcLinks(); !status.ok()) return lcore::Annotate(status, "attach=tc");
  const auto facts = (*port)->Facts();
  if (!facts.ok()) return facts.status();
  auto companion = Companion::Create(name, facts->mtu, std::clamp(facts->queues, 1u, kMostQueues));
  if (!companion.ok()) return companion.status();
  return std::unique_ptr<PortInterface>(new CompanionInterface(*std::move(port), *std::move(companion)));
}

absl::StatusOr<InterfaceFacts> CompanionInterface::Facts() const {
  auto facts = port_->Facts();
  if (!facts.ok()) return facts;
  const auto far = companion_->AtFarEnd([](PortInterface& end) { return end.Facts(); });
  if (!far.ok()) return far;
  facts->driver = far->driver;
  facts->queues = far->queues;
  facts->end_queue = far->end_queue;
  facts->hardware_rx_ring = far->hardware_rx_ring;
  facts->waits_when_full = far->waits_when_full;
  facts->output_features = facts->features;
  facts->features = far->features;
  return facts;
}

absl::Status CompanionInterface::FollowMtu() {
  const auto facts = port_->Facts();
  return facts.ok() ? companion_->SetMtu(facts->mtu) : facts.status();
}

absl::Status CompanionInterface::Follow() {
  if (auto status = port_->Follow(); !status.ok()) return status;
  return FollowMtu();
}

InterfaceNews CompanionInterface::News() {
  const InterfaceNews news = port_->News();
  if (news.changed) FollowMtu().IgnoreError();  // of one that is gone; or one that is too long for the companion, and for the port too
  return news;
}

absl::Status CompanionInterface::SetMtu(std::size_t mtu) {
  if (auto status = companion_->SetMtu(mtu); !status.ok()) return status;
  return port_->SetMtu(mtu);
}

absl::StatusOr<std::unique_ptr<bpf::XdpProgram>> CompanionInterface::Attach(const bpf::ProgramOptions& options) {
  if (auto status = FollowMtu(); !status.ok()) return status;
  auto far = companion_->AtFarEnd([&](PortInterface& end) { return end.Attach(options); });
  if (!far.ok()) return far.status();
  const auto visit = port_->Enter();
  if (!visit.ok()) return visit.status();
  if (auto status = CheckNoXdp(port_->name()); !status.ok()) return status;
  const Netdev& near = companion_->near();
  auto out = bpf::TcProgram::Attach(near.name(), near.index(), port_->index());
  if (!out.ok()) return out.status();
  auto in = bpf::TcProgram::Attach(port_->name(), port_->index(), near.index());
  if (!in.ok()) return in.status();
  return std::unique_ptr<bpf::XdpProgram>(std::make_unique<CompanionProgram>(*std::move(far), *std::move(out), *std::move(in)));
}

bool CompanionInterface::AwaitRelease(int, uint32_t queue, int timeout_ms) {
  return companion_->AtFarEnd([&](PortInterface& far) { return far.AwaitRelease(far.index(), queue, timeout_ms); });
}

absl::StatusOr<std::unique_ptr<bpf::Injection>> CompanionInterface::OpenInjection(const mempool::Region& memory) {
  bpf::InjectRegion region;
  if (memory.map_descriptor() >= 0) region = {.base = memory.base(), .bytes = memory.size(), .map = memory.map_descriptor()};
  // The process's one, which outlives the far end's namespace: not made there.
  auto injector = bpf::Injector::ForProcess(region);
  if (!injector.ok()) return injector.status();
  return companion_->AtFarEnd([&](PortInterface& far) { return bpf::Injection::Open(*injector, far.index(), region); });
}

HookChoice ChooseHook(const std::string& name) {
  const auto netdev = Netdev::Open(name);
  if (!netdev.ok()) return {};  // whoever opens it says so
  if ((*netdev)->DriverName() != "veth") return {.reason = "no veth: there is no network stack at its other end"};
  // A veth whose far end has an XDP program does no segmentation.
  if (!HasOffload(name, "tx-tcp-segmentation"))
    return {.reason = "its far end takes no segments that are joined: it has an XDP program, or they are turned off"};
  if (const auto status = bpf::ProbeTcLinks(); !status.ok()) return {.reason = std::string(status.message())};
  if (const auto programs = bpf::AttachedPrograms(name); !programs.ok() || !programs->empty())
    return {.reason = "an XDP program is attached to it"};
  if (const std::string missing = bpf::MissingCapabilities({CAP_SYS_ADMIN}); !missing.empty())
    return {.reason = absl::StrCat("attach=tc needs ", missing)};
  return {.tc = true, .reason = "a veth whose far end is a network stack"};
}

}  // namespace pollux::pmd::af_xdp
