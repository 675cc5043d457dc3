// SPDX-License-Identifier: Apache-2.0
// The netdev provider "pollux" for Open vSwitch: ports of type=pollux, beside the tree's own afxdp.
//
//   Open vSwitch, main thread          PMD threads, and whoever sends or frees
//     netdev_pollux.c    the class: construct, reconfigure, registration
//     options.c          what a user may set          queues.c   bursts in and out, tx_queues.c: what is left of them
//     status.c           what a user is told          packets.c  memory of the packets: struct dp_packet of each frame
//     account.c          what is counted in all
//     events.c           what happens to the interfaces
//     traffic_control.c  what has no effect           unfinished.c   checksums and segments that senders left out
//     offload*.c         flows that the kernel forwards by itself (offload.h)
//   -------------------------------- pollux.h (C) --------------------------------
//
// Compiled against the configured tree (-include config.h, its headers), since there is no stable interface for providers. The same
// text compiles against 3.1.0 and the newest tree: what differs between them is copied from netdev_linux_class, or goes through accessors.
#ifndef TOOLS_OPENVSWITCH_PROVIDER_NETDEV_POLLUX_H_
#define TOOLS_OPENVSWITCH_PROVIDER_NETDEV_POLLUX_H_

#include <pollux.h>
#include "dp-packet.h"
#include "netdev-linux-private.h"
#include "netdev-provider.h"
#include "openvswitch/thread.h"
#include "smap.h"

#define POLLUX_CACHE_LINE 64
#define POLLUX_FEATURE_CAPACITY 256  // features that a status shows, over all queues
#define POLLUX_MOST_QUEUES 255       // logical tx queues of net_af_xdp

// --- Memory of packets -----------------------------------------------------------------------------------------------------------

struct pollux_buffer;

// Frames for every port of a NUMA node that asks for the same kind, and a struct dp_packet for each of them, in an array by frame number:
// sizeof(struct dp_packet) is larger than the headroom. Made by the first port, kept for the life of the process: packets outlive ports.
struct pollux_memory {
  struct pollux_pool_layout layout;
  struct pollux_buffer* buffers;  // layout.frame_count
  pollux_pool* pool;
  struct pollux_pool_options asked;
  bool brokered;  // pollux-broker made it: ports that it opens take no other, all the rest take it too
  struct pollux_memory* next;
  atomic_uint64_t outgrown;  // packets that got memory from malloc(), since they needed more room than their frame has
  atomic_uint64_t clones;    // packets copied into a frame by Open vSwitch: floods, mirrors
};

struct pollux_buffer {
  struct pollux_memory* memory;
  struct dp_packet packet;
} __attribute__((aligned(POLLUX_CACHE_LINE)));

// Written by the thread that sends on the queue, read by any.
struct pollux_tx_counters {
  uint64_t copied_foreign;     // from memory that is no frame: other kinds of ports, the controller's packets
  uint64_t copied_outgrown;    // back into their frame
  uint64_t copied_scattered;   // into several frames
  uint64_t dropped_too_long;   // longer than a frame, or all the frames that a packet may have
  uint64_t dropped_no_frame;   // nothing to copy into
  uint64_t dropped_ring_full;  // the kernel did not keep up
} __attribute__((aligned(POLLUX_CACHE_LINE)));

static inline void pollux_count(uint64_t* counter, uint64_t n) {
  __atomic_store_n(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + n, __ATOMIC_RELAXED);
}

// Returns memory of this kind, NULL if there is none to be had (pollux_last_error). Main thread.
// If it is made now, it is made to suit the device.
struct pollux_memory* pollux_memory_get(const struct pollux_pool_options*, pollux_device*, bool brokered);

void pollux_packets_initialize(void);  // sets dp_packet_external; once
struct dp_packet* pollux_packet_received(struct pollux_memory*, const struct pollux_packet*);
// The same for one of several frames: Open vSwitch has its packets in one piece, so it is a copy, in memory of malloc(). The frames are
// free.
struct dp_packet* pollux_packet_joined(const struct pollux_packet* frames, size_t count);
// Turns a packet that Open vSwitch sends into elements of a burst that pollux_send takes, in frames of `memory` if it is in none yet.
// Returns how many: one, or if `scattered` up to POLLUX_MOST_FRAMES. 0: it could not, the packet is gone and the counters say why.
size_t pollux_packet_to_send(struct pollux_memory*, bool scattered, struct dp_packet*, struct pollux_packet*, struct pollux_tx_counters*);

// --- Ports -----------------------------------------------------------------------------------------------------------------------

// What was asked for, in one order, so that equal settings are equal text.
struct pollux_settings {
  uint32_t rx_queues;
  uint32_t rx_ring;
  uint32_t tx_ring;
  uint32_t frame_size;  // 0: as the MTU needs
  struct pollux_pool_options memory;
  char* arguments;  // of net_af_xdp
  char* require;    // features, or ""
  bool brokered;    // opened by pollux-broker
  bool one_frame;   // of several frames it could have no packets, whatever the MTU is
};

// A logical tx queue of a port (tx_queues.c). One thread's, but for the main thread, which ends it and visits what a thread left behind:
// hence `busy`, held for a burst. Never freed: a thread may still know a queue whose port is gone.
struct pollux_tx_queue_state {
  bool busy;
  bool left;               // something was sent, and the driver is not done with it
  const void* visitor;     // the PMD thread that comes back for it, or NULL
  pollux_tx_queue* queue;  // NULL: not in use
  bool scattered;          // it sends packets of several frames
  struct pollux_tx_queue_state* next;
  struct pollux_tx_queue_state* next_unused;
  struct pollux_tx_counters counters;
} __attribute__((aligned(POLLUX_CACHE_LINE)));

struct pollux_tx_queue_state* pollux_tx_queue_open(pollux_tx_queue*, bool scattered);
// The port is not in use.
void pollux_tx_queue_close(struct pollux_tx_queue_state*);
// Sends a batch of the datapath, now or with those that follow.
void pollux_tx_queue_send(struct pollux_tx_queue_state*, struct pollux_memory*, struct dp_packet_batch*);
// Visits what this thread has left. To be called with what each receive call returned, before its packets are handled.
void pollux_tx_queues_visit(size_t received);
// Visits what nobody else comes back for, as part of the main loop.
void pollux_tx_queues_wait(void);

// What a port has counted under devices that are closed, and what the kernel had counted when the running one was started (account.c).
struct pollux_account {
  struct pollux_tx_counters closed_tx;
  uint64_t closed_rx_dropped;
  uint64_t closed_rx_errors;
  uint64_t closed_tx_dropped;
  uint64_t kernel_rx_dropped;
  uint64_t kernel_tx_dropped;
};

// A port's part in the offload of flows (offload.c).
struct pollux_offload_port {
  uint32_t number;            // in the flow table; UINT32_MAX: none. Of offload.c's lock
  bool output_only;           // what comes in may have several frames, which no flow looks at. Of the same lock
  bool at_tc;                 // packets are looked up at TC ingress, and not at XDP. Of the same lock
  atomic_uint64_t refused;    // flows that were offered and stay with the PMD
  atomic_uint64_t untold;     // packets of deleted flows, that no statistics of Open vSwitch have
  uint32_t begun;             // counts the flows that went into the table, for the port's rx queues
  atomic_uint64_t overtaken;  // packets that were on their way through a PMD thread then, at most
};

struct netdev_pollux {
  struct netdev_linux up;  // first: what is inherited from netdev-linux.c works on it

  // Protects what follows, among the threads of the control path. Queues are read without it: they change in reconfigure only, while no
  // thread uses the port.
  struct ovs_mutex mutex;
  pollux_device* device;  // NULL: not running
  struct pollux_memory* memory;
  struct pollux_tx_queue_state** tx_queues;  // tx_queue_count
  uint32_t tx_queue_count;
  bool scattered;                  // of `device`: its packets may have several frames
  int32_t numa_node;               // of `device`; Open vSwitch asks every port for it whenever one is added
  struct pollux_settings running;  // of `device`
  struct pollux_settings asked;    // by set_config
  uint32_t asked_tx_queues;        // by set_tx_multiq
  struct pollux_account account;
  struct pollux_offload_port offload;
  // Packets, counted by any thread:
  atomic_uint64_t dropped_unfinished;    // whose checksum or segments cannot be made
  atomic_uint64_t dropped_no_queue;      // of more threads than set_tx_multiq announced
  atomic_uint64_t dropped_no_interface;  // sent while the interface was gone
  atomic_uint64_t copied_joined;         // received in several frames
  atomic_uint64_t hashes_taken;          // received with a hash by the device, which the datapath takes for its own
  bool has_policing;                     // asked for, without effect
  bool has_qos;
  struct smap options;        // as the user wrote them
  char* gone;                 // what became of the interface, or NULL: the device waits for another of that name, and has no queues
  bool unusable;              // `gone` is of one that is there, on which nothing starts as it is
  bool returned;              // that is there, or has changed: to be started with
  char* error;                // why the last reconfigure failed, or NULL
  bool options_refused;       // that was for `options`: not tried again, and the error stays, until they change
  char* stalled;              // what stands still and why, or NULL
  bool reopens;               // to be started anew for that
  long long int reopen_next;  // and not again before this time, ms
  long long int reopen_pause_ms;
};

struct netdev_rxq_pollux {
  struct netdev_rxq up;
  pollux_rx_queue* queue;
  struct pollux_memory* memory;
  bool scattered;  // packets may have several frames
  // What a flow that begins may overtake (queues.c).
  const struct netdev_pollux* port;
  uint32_t begun_seen;
  uint32_t on_their_way;  // packets that were received and may not have been sent
  bool overtaken;         // until the queue is seen empty
};

static inline struct netdev_pollux* netdev_pollux_cast(const struct netdev* netdev) {
  return CONTAINER_OF(netdev, struct netdev_pollux, up.up);
}

// True for a port of type=pollux.
bool netdev_pollux_is(const struct netdev*);

// Sets what sends, and what the port claims to be able to finish (unfinished.c).
void pollux_finish_packets(struct netdev_class*);
void pollux_claim_unfinished(struct netdev*);

// Once, before the tree's provider of flows for traffic control is registered (traffic_control.c).
void pollux_stay_out_of_traffic_control(struct netdev_class*);
#define POLLUX_METER_HINT "its packets do not pass the kernel's traffic control; limit them with meters (ovs-ofctl add-meter)"

// Once each: the seams by which versions of Open vSwitch offer flows (offload.h); one of them does something.
void pollux_offload_register_netdev(void);

// Fills `settings` from what a user wrote; or returns EINVAL and says why in `*error`.
int pollux_settings_parse(const char* interface, const struct smap* options, struct pollux_settings* settings, char** error);
bool pollux_settings_equal(const struct pollux_settings*, const struct pollux_settings*);
void pollux_settings_copy(struct pollux_settings* to, const struct pollux_settings* from);
void pollux_settings_free(struct pollux_settings*);
// The frame size that packets of this MTU need, whether they need several, and the largest MTU that these settings allow.
uint32_t pollux_frame_size_for(const struct pollux_settings*, int mtu);
bool pollux_needs_several_frames(const struct pollux_settings*, int mtu);
int pollux_largest_mtu(const struct pollux_settings*);
int pollux_largest_mtu_in_one_frame(const struct pollux_settings*);

// Handles what happened to the port's interface (events.c); of every port, as part of the main loop.
void pollux_watch(struct netdev_pollux*);
void pollux_set_gone(struct netdev_pollux*, const char* text);  // NULL: it is there
void pollux_wait(const struct netdev_class*);

// Warns of what a device that was started does not do as one would expect (status.c).
void pollux_warn(const struct netdev_pollux*);

// Called when a device has been started, and when it has been stopped, before its queues are forgotten.
void pollux_account_start(struct netdev_pollux*);
void pollux_account_close(struct netdev_pollux*);
// The provider's own counters since the port was made.
struct pollux_tx_counters pollux_account_tx(const struct netdev_pollux*);
// Adds to the kernel's statistics what the kernel cannot know.
void pollux_account_add(const struct netdev_pollux*, struct netdev_stats*);

int netdev_pollux_rxq_recv(struct netdev_rxq*, struct dp_packet_batch*, int* qfill);
int netdev_pollux_send(struct netdev*, int qid, struct dp_packet_batch*, bool concurrent_txq);

int netdev_pollux_get_stats(const struct netdev*, struct netdev_stats*);
int netdev_pollux_get_custom_stats(const struct netdev*, struct netdev_custom_stats*);
int netdev_pollux_get_status(const struct netdev*, struct smap*);
int netdev_pollux_get_config(const struct netdev*, struct smap*);

#endif  // TOOLS_OPENVSWITCH_PROVIDER_NETDEV_POLLUX_H_
