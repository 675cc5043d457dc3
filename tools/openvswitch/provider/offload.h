// SPDX-License-Identifier: Apache-2.0
// Flows that the kernel forwards between our ports by itself (other_config:hw-offload=true): what Open vSwitch offers, in a
// pollux_flow_table.
//
//   offload_netdev.c    the seam of 3.1 to 3.5: struct netdev_flow_api, called by the datapath's offload thread, which it wakes
//   offload_dpif.c      the seam of 4.0: struct dpif_offload_class, called by the thread that adds or deletes the flow
//        both call
//   offload.c           the table, the ports in it, and what was offloaded: one implementation
//   offload_flow.c      a match and actions as a flow of the table, or why not
//
// What is not offloaded stays as it was: the datapath has each flow, and the table's are copies of some of them. A packet that the kernel's
// program is not sure about comes up and meets the same flow there.
#ifndef TOOLS_OPENVSWITCH_PROVIDER_OFFLOAD_H_
#define TOOLS_OPENVSWITCH_PROVIDER_OFFLOAD_H_

#include "netdev_pollux.h"
#include "openvswitch/match.h"

struct dpif_flow_attrs;
struct dpif_flow_stats;

#define POLLUX_NO_NUMBER UINT32_MAX

// --- offload_flow.c --------------------------------------------------------------------------------------------------------------

// Which number in the table the datapath's port has; POLLUX_NO_NUMBER: none, packets for it need the PMD.
struct pollux_output_finder {
  uint32_t (*find)(const struct pollux_output_finder*, odp_port_t);
};

#define POLLUX_MOST_ACTIONS 24

struct pollux_translation {
  struct pollux_flow flow;
  struct pollux_flow_action actions[POLLUX_MOST_ACTIONS];
  uint32_t output;       // number of the port, POLLUX_NO_NUMBER for a drop
  const char* obstacle;  // what cannot be offloaded, of a translation that failed
};

// Of a flow whose packets come in by the port of this number. False: with `obstacle`.
bool pollux_translate(const struct match*, const struct nlattr* actions, size_t actions_length, uint32_t input,
                      const struct pollux_output_finder*, struct pollux_translation*);

// --- offload.c: any thread -------------------------------------------------------------------------------------------------------

// The port's flows may be offloaded from now on, and others' may send to it; across restarts of its device. An errno: not; the log has said
// why.
int pollux_offload_enter(struct netdev*);
// No packet takes a flow from or to the port any more. Does nothing for a port that is not in.
void pollux_offload_leave(struct netdev*);
// The port's number in the table, POLLUX_NO_NUMBER: none.
uint32_t pollux_offload_number(const struct netdev*);
// The port's device has been started: it gets its place in the table again. Port locked.
void pollux_offload_restarted(struct netdev_pollux*);

// Adds the flow of this id and port, or gives it other actions. An errno: the table has no flow of this id, now.
int pollux_offload_put(struct netdev*, const struct match*, const struct nlattr* actions, size_t actions_length, const ovs_u128* id,
                       const struct pollux_output_finder*);
// ENOENT: there is none. When it has returned, no packet takes the flow.
int pollux_offload_delete(struct netdev*, const ovs_u128* id);
// ENOENT: there is none. Several PMD threads may have the datapath's flow of one id, and each adds what it is told to its own figures: what
// packets were not told yet is told to the asker, and to no other. `asker`: the same for the same flow of the same thread.
int pollux_offload_get(struct netdev*, const ovs_u128* id, const void* asker, struct dpif_flow_stats*, struct dpif_flow_attrs*);
// Deletes the flows of packets that come in by the port.
void pollux_offload_flush(struct netdev*);
uint64_t pollux_offload_count(struct netdev*);
// What a status shows: of the port "offload_...", of the table "flow_...". Returns how many were written; none for a port that is not in.
size_t pollux_offload_get_counters(const struct netdev*, struct pollux_counter*, size_t capacity);

#endif  // TOOLS_OPENVSWITCH_PROVIDER_OFFLOAD_H_
