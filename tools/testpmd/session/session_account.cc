// SPDX-License-Identifier: Apache-2.0
// The end of a session: ports close, and every packet and frame is accounted for.
#include <utility>

#include <absl/strings/str_cat.h>

#include "tools/testpmd/report/json_report.h"
#include "tools/testpmd/session/session.h"

namespace pollux::testpmd {

void Session::Fail(const absl::Status& status) {
  if (status.ok()) return;
  failed_ = true;
  Print(absl::StrCat("testpmd: ", status.message(), "\n"));
}

bool Session::Close() {
  if (std::exchange(closed_, true)) return !failed_;
  if (!set_up_) {
    // Half a session: whoever made it says what failed.
    for (const auto& port : ports_) Fail(port->Close());
    return false;
  }
  if (forwarding()) Fail(StopForwarding());
  for (const auto& port : ports_) {
    if (!port->started()) continue;
    Print(absl::StrCat("\nStopping port ", port->number(), "...\nStopping ports...\n"));
    Fail(port->Stop());
    Print("Done\n");
  }
  output_.PrintJson(Account());
  for (const auto& port : ports_) {
    if (port->state() == PortState::kClosed) continue;
    Print(absl::StrCat("\nShutting down port ", port->number(), "...\nClosing ports...\n"));
    Fail(port->Close());
    Print(absl::StrCat("Port ", port->number(), " is closed\nDone\n"));
  }
  return !failed_;
}

nlohmann::json Session::Account() {
  const std::vector<PortAccount> accounts = Accounts();
  Print(absl::StrCat("\n", FormatAccounts(accounts)));
  Fail(CheckAccounts(accounts));
  bool balanced = true;
  Print(AuditText(balanced));
  failed_ = failed_ || !balanced;
  nlohmann::json account = {
      {"event", "final"}, {"balanced", !failed_}, {"ports", nlohmann::json::array()}, {"pools", nlohmann::json::array()}};
  for (const PortAccount& port : accounts) account["ports"].push_back(JsonOf(port));
  for (const auto& audit : Audit()) account["pools"].push_back(JsonOf(*audit));
  return account;
}

std::vector<PortAccount> Session::Accounts() const {
  std::vector<PortAccount> accounts;
  for (const auto& port : ports_) {
    accounts.push_back(accounting_.Close(port->number(), absl::StrCat("port ", port->number()), port->Stats(), port->ExtendedStats()));
  }
  return accounts;
}

std::vector<std::unique_ptr<mempool::FrameAudit>> Session::Audit() const {
  std::vector<std::unique_ptr<mempool::FrameAudit>> audits;
  for (const auto& [node, pool] : memory_.pools()) {
    auto audit = std::make_unique<mempool::FrameAudit>(*pool);
    for (const auto& port : ports_) {
      if (const pmd::Device* device = port->device_or_null(); device != nullptr) device->CollectFrames(*audit);
    }
    forwarder_->CollectFrames(*audit);
    audits.push_back(std::move(audit));
  }
  return audits;
}

std::string Session::AuditText(bool& balanced) const {
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
    balanced = balanced && status.ok();
    absl::StrAppend(&text, status.ok() ? ", balanced\n" : absl::StrCat("\ntestpmd: ", status.message(), "\n"));
  }
  return text;
}

}  // namespace pollux::testpmd
