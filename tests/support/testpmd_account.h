// SPDX-License-Identifier: Apache-2.0
// TestpmdAccount: what testpmd says at its end, read back from its table.
//
//     Accounting                             port 0 (p0)     port 1 (p1)           total
//     received                                         5               4               9
//       given to tx: tx_packets                        5               3               8
//       dropped: forward_dropped                       0               1               1
//       unaccounted                                    0               0               0
//     taken by tx                                      3               5               8
//       sent                                           3               5               8
//       unaccounted                                    0               0               0
//     Frames of <mb_pool_0>: 32768 = free 32768, balanced
#ifndef TESTS_SUPPORT_TESTPMD_ACCOUNT_H_
#define TESTS_SUPPORT_TESTPMD_ACCOUNT_H_

#include <cstdint>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

namespace pollux::support {

// One column.
struct PortTotals {
  uint64_t lost_before = 0;  // at the interface: never received
  uint64_t received = 0;
  uint64_t generated = 0;
  uint64_t forwarded = 0;  // given to a tx queue of any port
  uint64_t dropped = 0;    // instead, all causes
  uint64_t ended = 0;      // as the mode wants it: consumed, not answered, flushed
  uint64_t taken = 0;      // by the tx queues of this port
  uint64_t sent = 0;
  uint64_t tx_dropped = 0;  // all causes
  uint64_t pending = 0;
};

struct TestpmdAccount {
  int exit_code = -1;
  std::vector<PortTotals> ports;
  PortTotals total;
  std::size_t balanced_pools = 0;
  std::size_t unbalanced_pools = 0;
};

// Reads the last table of an output; NOT_FOUND if there is none.
absl::StatusOr<TestpmdAccount> ParseAccount(absl::string_view output);

}  // namespace pollux::support

#endif  // TESTS_SUPPORT_TESTPMD_ACCOUNT_H_
