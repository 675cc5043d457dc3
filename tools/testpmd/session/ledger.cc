// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/session/ledger.h"

#include <absl/strings/str_cat.h>

namespace pollux::testpmd {

std::vector<PortAccount> Ledger::Accounts() const {
  std::vector<PortAccount> accounts;
  for (const auto& port : ports_) {
    accounts.push_back(accounting_.Close(port->number(), absl::StrCat("port ", port->number()), port->Stats(), port->ExtendedStats()));
  }
  return accounts;
}

std::vector<std::unique_ptr<mempool::FrameAudit>> Ledger::Audit() const {
  std::vector<std::unique_ptr<mempool::FrameAudit>> audits;
  for (const auto& [node, pool] : memory_.pools()) {
    auto audit = std::make_unique<mempool::FrameAudit>(*pool);
    for (const auto& port : ports_) {
      if (const pmd::Device* device = port->device_or_null(); device != nullptr) device->CollectFrames(*audit);
    }
    forwarder_.CollectFrames(*audit);
    audits.push_back(std::move(audit));
  }
  return audits;
}

std::string Ledger::AuditText(absl::Status& balance) const {
  std::string text;
  for (const auto& audit : Audit()) {
    absl::StrAppend(&text, "  Frames of <mb_pool_", audit->pool().id(), ">: ", audit->pool().frame_count(), " =");
    const char* plus = " ";
    for (const auto& [holder, count] : audit->holders()) {
      if (count == 0) continue;
      absl::StrAppend(&text, plus, holder, " ", count);
      plus = " + ";
    }
    const absl::Status status = audit->Balance();
    balance.Update(status);
    absl::StrAppend(&text, status.ok() ? ", balanced\n" : absl::StrCat("\ntestpmd: ", status.message(), "\n"));
  }
  return text;
}

}  // namespace pollux::testpmd
