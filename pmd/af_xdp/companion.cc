// SPDX-License-Identifier: Apache-2.0
#include "pmd/af_xdp/companion.h"

#include <unistd.h>

#include <atomic>

#include <absl/strings/str_cat.h>

#include "lcore/errno_status.h"
#include "pmd/af_xdp/link_message.h"
#include "pmd/af_xdp/local_interface.h"

namespace pollux::pmd::af_xdp {
namespace {

std::string NextName() {
  static std::atomic<unsigned> next{0};
  return absl::StrCat("plx", getpid(), "c", next++);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Companion>> Companion::Create(const std::string& name, std::size_t mtu, uint32_t queues) {
  auto network = NamespaceThread::Create();
  if (!network.ok()) return lcore::Annotate(network.status(), "attach=tc: the far end of the companion");
  const std::string near_name = NextName();
  const VethPair pair{.name = near_name, .peer_name = name, .peer_network = (*network)->descriptor(), .mtu = mtu, .queues = queues};
  if (auto status = MakeVethPair(pair); !status.ok()) return status;
  auto near = Netdev::Open(near_name);
  if (!near.ok()) return near.status();  // the pair goes with its namespace
  std::unique_ptr<Companion> companion(new Companion(*std::move(network), *std::move(near)));
  // What the pair must have done before a packet is at the far end; and what comes from there is joined again.
  if (auto status = SetOffloads(near_name, {{"tx-checksum-ipv4", false},
                                            {"tx-checksum-ipv6", false},
                                            {"tx-checksum-ip-generic", false},
                                            {"tx-checksum-sctp", false},
                                            {"tx-vlan-hw-insert", false},
                                            {"tx-vlan-stag-hw-insert", false},
                                            {"rx-gro", true}});
      !status.ok()) {
    return status;
  }
  if (auto status = SetUpWithoutAddresses(near_name); !status.ok()) return status;
  const auto open_far_end = [&]() -> absl::Status {
    if (auto status = SetUpWithoutAddresses(name); !status.ok()) return status;
    auto settings = Netdev::Open(name);
    if (!settings.ok()) return settings.status();
    companion->far_settings_ = *std::move(settings);
    auto far = LocalInterface::Open(name);
    if (!far.ok()) return far.status();
    companion->far_ = *std::move(far);
    return absl::OkStatus();
  };
  absl::Status status;
  companion->network_->Do([&] { status = open_far_end(); });
  if (!status.ok()) return status;
  return companion;
}

Companion::~Companion() {
  // Without the privilege for it the kernel does it, when the namespace has gone.
  if (const auto visit = near_->EnterNamespace(); visit.ok()) RemoveLink(near_->index()).IgnoreError();
}

absl::Status Companion::SetMtu(std::size_t mtu) {
  if (auto status = near_->SetMtu(mtu); !status.ok()) return status;
  return far_settings_->SetMtu(mtu);
}

}  // namespace pollux::pmd::af_xdp
