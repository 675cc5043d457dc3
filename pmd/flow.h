// SPDX-License-Identifier: Apache-2.0
// Flow: which packets, and what becomes of them. Values; a FlowTable makes them true (flow_table.h).
#ifndef PMD_FLOW_H_
#define PMD_FLOW_H_

#include <cstdint>
#include <vector>

#include "bpf/flow_shared.h"

namespace pollux::pmd {

using FlowKey = flow_key;  // fields and byte order: bpf/flow_shared.h

// A packet matches if (its key & mask) == value. Bits of value outside the mask are 0. A field that a packet does not have is 0; to be
// something else it can be asked only where the match makes sure of the protocol: addresses want the whole ether_type, ports the whole
// `protocol` too. `subtable` is not part of a match.
struct FlowMatch {
  FlowKey value = {};
  FlowKey mask = {};
};

struct FlowAction {
  enum class Kind {
    kOutput,     // to `port`, as the packet is now
    kDrop,       // the one action of a flow
    kUserSpace,  // to the port's own queue, unchanged: the one action of a flow
    // Fields to (field & ~mask) | value: MAC addresses, IP addresses, type_of_service, time_to_live, ports of TCP and UDP. Checksums
    // follow.
    kSet,
    kPushVlan,      // tag_type and tag, in front of all tags
    kPopVlan,       // the outermost tag; the match must make sure that there is one, or one was pushed before
    kSetVlan,       // the outermost tag to (tag & ~tag_mask) | tag; there must be one, as for kPopVlan
    kExchangeMacs,  // source and destination MAC address
  };
  Kind kind = Kind::kDrop;
  uint32_t port = 0;
  uint16_t tag_type = 0x8100;  // or 0x88a8; host byte order, as tag and tag_mask
  uint16_t tag = 0;            // priority (3 bits), DEI, number (12 bits)
  uint16_t tag_mask = 0xffff;
  FlowKey value = {};
  FlowKey mask = {};
};

// Lower priority numbers come first. Of flows of one priority that match the same packet, any may be taken.
struct Flow {
  uint32_t priority = 0;
  FlowMatch match;
  std::vector<FlowAction> actions;
};

struct FlowStatistics {
  uint64_t packets = 0;
  uint64_t bytes = 0;        // of the frames as they came in, without frame check sequence
  uint64_t last_use_ns = 0;  // CLOCK_MONOTONIC_COARSE; 0: never
  uint16_t tcp_flags = 0;    // all that were seen
};

}  // namespace pollux::pmd

#endif  // PMD_FLOW_H_
