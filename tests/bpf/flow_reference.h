// SPDX-License-Identifier: Apache-2.0
// What the flow program should make of a packet, written from the RFCs and byte by byte, with nothing of the program's in it: Ethernet and
// 802.1Q, RFC 826 (ARP), 791 (IPv4), 8200 (IPv6), 9293 (TCP), 768 (UDP), 9260 (SCTP), 792 and 4443 (ICMP). Checksums are computed anew, not
// moved.
#ifndef TESTS_BPF_FLOW_REFERENCE_H_
#define TESTS_BPF_FLOW_REFERENCE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pmd/flow.h"

namespace pollux::bpf {

using Frame = std::vector<std::byte>;

struct ReferenceOptions {
  uint32_t port = 0;
  bool unfinished = false;  // checksums may be
};

// The packet's key, or the name of the counter (FlowTable::Counters) of those that go up.
struct ReferenceKey {
  pmd::FlowKey key = {};
  std::string refused;  // "" if there is a key
};
ReferenceKey ReferenceParse(const Frame& frame, const ReferenceOptions& options);

// The frame as it leaves, action by action; or empty where it has to go up, for the reason in `refused`. The frame's checksums are right.
struct ReferenceResult {
  Frame frame;
  std::string refused;
};
ReferenceResult ReferenceApply(const Frame& frame, const std::vector<pmd::FlowAction>& actions);

}  // namespace pollux::bpf

#endif  // TESTS_BPF_FLOW_REFERENCE_H_
