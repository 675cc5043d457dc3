// SPDX-License-Identifier: Apache-2.0
// Accounting: every packet that came in, and how it left.
//
//   rx side of a port:   received + generated = passed on + dropped by cause + ended by cause + flushed
//   tx side of a port:   taken = sent + dropped by cause + pending
//
// What devices count and what streams count is counted apart; that the two agree is what makes the sums a proof.
#ifndef TOOLS_TESTPMD_FORWARDING_ACCOUNTING_H_
#define TOOLS_TESTPMD_FORWARDING_ACCOUNTING_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/status.h>

#include "pmd/device_stats.h"
#include "tools/testpmd/engines/stream.h"
#include "tools/testpmd/forwarding/stream_totals.h"

namespace pollux::testpmd {

// What happened at one port, since it was opened.
struct PortAccount {
  std::string name;  // "port 0 (p0)"
  pmd::QueueStats device;
  std::vector<std::pair<std::string, uint64_t>> tx_drop_causes;        // "no_receiver" 3; their sum is device.tx_dropped
  std::array<uint64_t, std::size(kStreamCounters)> stream_counters{};  // of the streams that receive here
  uint64_t taken = 0;                                                  // by the tx queues here, as the streams count
  uint64_t flushed = 0;                                                // received and thrown away before a start

  // What the equations leave over; 0 if they hold.
  int64_t RxDifference() const;
  int64_t TxDifference() const;
};

// Sums over starts and stops; the main lcore's.
class Accounting {
 public:
  // Streams that have stopped, and what was flushed before they started. Once a start.
  void Add(const std::vector<StreamTotals>& streams, const std::map<std::size_t, uint64_t>& flushed);

  // The account of port `number`, given what its device counted.
  PortAccount Close(std::size_t number, std::string name, const pmd::QueueStats& device,
                    const std::vector<pmd::NamedCounter>& extended) const;

 private:
  struct Sums {
    std::array<uint64_t, std::size(kStreamCounters)> stream_counters{};
    uint64_t taken = 0;
    uint64_t flushed = 0;
  };
  std::map<std::size_t, Sums> by_port_;
};

// The causes of tx drops among extended statistics: "tx_q0_dropped_too_long" and its like, added up over the queues.
std::vector<std::pair<std::string, uint64_t>> TxDropCauses(const std::vector<pmd::NamedCounter>& extended);

// A column a port and one for the whole; rows that are 0 everywhere are left out but for the main ones.
std::string FormatAccounts(const std::vector<PortAccount>& accounts);

// DATA_LOSS names each port and equation that leaves something over.
absl::Status CheckAccounts(const std::vector<PortAccount>& accounts);

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_FORWARDING_ACCOUNTING_H_
