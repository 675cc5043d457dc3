// SPDX-License-Identifier: Apache-2.0
// Ledger: where every packet went, and where every frame is.
#ifndef TOOLS_TESTPMD_SESSION_LEDGER_H_
#define TOOLS_TESTPMD_SESSION_LEDGER_H_

#include <memory>
#include <string>
#include <vector>

#include <absl/status/status.h>

#include "mempool/frame_audit.h"
#include "tools/testpmd/forwarding/accounting.h"
#include "tools/testpmd/forwarding/forwarder.h"
#include "tools/testpmd/forwarding/port.h"
#include "tools/testpmd/session/memory_setup.h"

namespace pollux::testpmd {

// Belongs to the main lcore. Everything it is made of outlives it.
class Ledger {
 public:
  Ledger(const std::vector<std::unique_ptr<Port>>& ports, const Forwarder& forwarder, const MemorySetup& memory)
      : ports_(ports), forwarder_(forwarder), memory_(memory) {}

  // The streams of the forwarder, which has stopped. Once a start.
  void AddStreams() { accounting_.Add(forwarder_.Totals(), forwarder_.flushed()); }

  // An account a port, closed ones too.
  std::vector<PortAccount> Accounts() const;
  // One a pool: how many frames are where. Only while nothing forwards.
  std::vector<std::unique_ptr<mempool::FrameAudit>> Audit() const;
  // A line a pool; DATA_LOSS in `balance` if frames are missing or doubled.
  std::string AuditText(absl::Status& balance) const;

 private:
  const std::vector<std::unique_ptr<Port>>& ports_;
  const Forwarder& forwarder_;
  const MemorySetup& memory_;
  Accounting accounting_;
};

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_SESSION_LEDGER_H_
