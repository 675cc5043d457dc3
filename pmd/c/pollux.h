// SPDX-License-Identifier: Apache-2.0
// Pollux for C: pools, devices, bursts. Everything that a consumer in C needs, in one header; the objects behind the handles are those of
// mempool/pool.h, pmd/device.h and pmd/queue.h, and so are the rules.
//
//   pollux_pool_create ----> pool ----------------------------> pollux_pool_release      (its memory goes with the last packet)
//                              | frames
//   pollux_device_open ----> opened --configure--> configured --start--> started
//                              |                     |    ^                 |
//                              +------- close -------+    +------stop-------+            (close stops by itself)
//
// Errors. A function that can fail returns 0 or a positive errno value, and then pollux_last_error() has a sentence for a person: the call,
// the values and what to do. A failed call leaves the object as it was, and an output argument untouched. A null handle or pointer
// where none is allowed is EINVAL (a count: 0); it does not crash.
//
//   EINVAL      a bad value: the text names it and what is allowed      EBUSY       wrong order of calls, or something is in the way
//   ENODEV      no such driver, interface, queue or file                EOPNOTSUPP  the driver or the kernel has no such thing
//   EPERM       a capability is missing                                 ENOMEM      memory, frames, or another limit
//   EIO and others: what the kernel said, in the text
//
// Threads. The control path of one device (open to close, settings, queue handles) belongs to one thread at a time; while it stops,
// configures or closes, no other thread uses the device's queues. A queue belongs to one thread at a time; the rx and the tx queue of one
// number may be different threads, and different queues need no lock between them. Information, link, statistics, counters
// and features may be read by any thread while the device is started. Pools and pollux_free: any thread, any time. Nothing here may be
// called in a signal handler.
//
// No C++ exception crosses this line, nothing is printed, no signal handler is installed.
//
// Structures. Those that begin with `size` may grow at their end: the caller sets it to sizeof of the structure, which the initialisers
// here do, and the library reads and writes no more than that. A smaller one than the library's is filled as far as it goes; of a larger
// one the rest is zeroed on the way out, and must be zero on the way in (EINVAL: the program asks for what this library does not know). The
// others (packet, event, feature, counter) stand in arrays and stay as they are.
#ifndef PMD_C_POLLUX_H_
#define PMD_C_POLLUX_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#define POLLUX_NOEXCEPT noexcept
#else
#define POLLUX_NOEXCEPT
#endif
// The library reads and writes these objects by a type of its own, also where both are compiled as one.
#if defined(__GNUC__)
#define POLLUX_MAY_ALIAS __attribute__((may_alias))
#else
#define POLLUX_MAY_ALIAS
#endif

// --- Version ---------------------------------------------------------------------------------------------------------------------

// Counts up with every change here. POLLUX_ABI_OLDEST is the oldest that a program may have been compiled with to run with this library: it
// follows when a function, a structure or a meaning changes in a way that such a program would notice, and the library gets another
// soname then. What is only added leaves it.
#define POLLUX_ABI_VERSION 7
#define POLLUX_ABI_OLDEST 2

// 0 if the library can serve a program that was compiled with a header of this version; else EINVAL and the numbers in the text. To be
// called first: pollux_check_abi(POLLUX_ABI_VERSION).
int pollux_check_abi(uint32_t header_version) POLLUX_NOEXCEPT;
// "0.1.0"
const char* pollux_version(void) POLLUX_NOEXCEPT;

// What the last failed call of this thread had to say; "" if none failed yet. Valid until this thread's next call that fails.
const char* pollux_last_error(void) POLLUX_NOEXCEPT;

// --- Packets ---------------------------------------------------------------------------------------------------------------------

// A packet in a frame of a pool, by value. Whoever holds it owns the frame: exactly one holder may send it or free it, once. The holder
// may write anywhere in the frame, move `data` inside it, and set `length` accordingly:
//
//   frame start                    data                  data + length              frame start + frame_size
//      |<------- headroom ---------->|<------ packet ------>|<-------- tailroom -------->|
//
// A received packet has at least 256 bytes of headroom, all of it the holder's. The value may be taken apart and put together
// again: `pool` is pollux_pool_layout.id of the frame's pool, `flags` is 0 of a packet in one frame.
//
// A packet longer than a frame is several of these in a row, one for each frame, all but the last with POLLUX_PACKET_CONTINUES in `flags`.
// Only devices that were asked for such packets yield them (pollux_device_config.scattered); any may be given them to send.
struct POLLUX_MAY_ALIAS pollux_packet {
  unsigned char* data;  // first byte of the packet (the Ethernet header)
  uint32_t length;      // bytes from data on, without FCS
  uint16_t pool;
  uint16_t flags;  // POLLUX_PACKET_...; the other bits are 0
};
#define POLLUX_PACKET_CONTINUES 1   /* the packet goes on in the next element of the burst */
#define POLLUX_PACKET_TX_METADATA 2 /* it asks something of the device that sends it: pollux_packet_set_tx_metadata */
#define POLLUX_PACKET_RX_METADATA 4 /* the device told something of it: pollux_packet_get_rx_metadata */
#define POLLUX_MOST_FRAMES 18       /* of one packet: what a burst has room for if pollux_device_config.scattered is set */

// What the device told of a received packet beside its bytes (docs/packets.md): of net_af_xdp, what pollux_device_config.rx_metadata asks
// for, or its argument, as in "rx_metadata=[timestamp,hash,vlan]", where kernel and driver can tell.
#define POLLUX_RX_TIMESTAMP 1
#define POLLUX_RX_HASH 2
#define POLLUX_RX_VLAN_TAG 4
struct pollux_rx_metadata {
  uint32_t size;           // sizeof(struct pollux_rx_metadata)
  uint32_t valid;          // POLLUX_RX_...: which of the following there are; the others are not 0 but unknown
  uint64_t timestamp_ns;   // when it arrived, by the device's clock
  uint32_t hash;           // the same for all packets of a flow
  uint32_t hash_type;      // what went into it: bits of the kernel's enum xdp_rss_hash_type; 0: unknown
  uint16_t vlan_protocol;  // host byte order: 0x8100, 0x88a8
  uint16_t vlan_control;   // host byte order: priority and number
  uint32_t reserved;       // 0
};
#define POLLUX_RX_METADATA \
  { sizeof(struct pollux_rx_metadata), 0, 0, 0, 0, 0, 0, 0 }
// 1 and `metadata` written, or 0: nothing was told, or something was put in front of the packet since. Of a packet's first frame. Any
// thread.
int pollux_packet_get_rx_metadata(const struct pollux_packet* packet, struct pollux_rx_metadata* metadata) POLLUX_NOEXCEPT;

// What a packet asks of the device that sends it (docs/packets.md). A port whose pollux_device_info.tx_metadata has a bit does it, or the
// kernel for it (net_af_xdp with "tx_metadata=[checksum,timestamp]"). A port of net_af_xdp sends every packet that asks, whatever it has: a
// checksum that nobody else finishes is finished by the library, a time that cannot be had is left out; both are counted. Other drivers
// do not look.
#define POLLUX_TX_TIMESTAMP 1   /* tell when it went out: pollux_tx_take_timestamps */
#define POLLUX_TX_CHECKSUM 2    /* finish it */
#define POLLUX_TX_LAUNCH_TIME 4 /* not before launch_time */
struct pollux_tx_metadata {
  uint32_t size;  // sizeof(struct pollux_tx_metadata)
  uint32_t asks;  // POLLUX_TX_...
  // The ones' complement sum of the packet from byte checksum_start to its end is stored checksum_offset bytes behind the start. The field
  // holds the folded sum of the pseudo header before, as a network stack leaves it. From 14 on; the field lies in the packet's first frame.
  uint16_t checksum_start;
  uint16_t checksum_offset;
  uint32_t reserved;     // 0
  uint64_t launch_time;  // ns, of the device's clock
  uint64_t cookie;       // comes back with the time
};
#define POLLUX_TX_METADATA \
  { sizeof(struct pollux_tx_metadata), 0, 0, 0, 0, 0, 0 }
// 1: it is in the 32 bytes in front of the packet, over what a device told of it, and the packet is marked; to be done last, since it stays
// where it is when `data` moves. 0, and nothing is done: there is too little headroom, or it asks for what this library does not know. Of a
// packet's first frame. Any thread.
int pollux_packet_set_tx_metadata(struct pollux_packet* packet, const struct pollux_tx_metadata* metadata) POLLUX_NOEXCEPT;

// Frees packets of any pools, in any mix, also after the devices are closed and the pools were released. Any thread.
void pollux_free(const struct pollux_packet* packets, size_t count) POLLUX_NOEXCEPT;

// --- Pools -----------------------------------------------------------------------------------------------------------------------

typedef struct pollux_pool pollux_pool;
typedef struct pollux_device pollux_device;

#define POLLUX_ANY_NODE (-1)

enum pollux_pages {
  POLLUX_PAGES_AUTOMATIC = 0,  // as request: 2 MiB pages if the node has enough free ones, else ordinary ones
  POLLUX_PAGES_ORDINARY = 1,
  POLLUX_PAGES_2M = 2,
  POLLUX_PAGES_1G = 3,
  // Ordinary ones that BPF programs can read: net_af_xdp's tx=auto and tx=inject then send without sk_buffs (pollux_device_wants_visible).
  // Where the kernel gives no such memory, ordinary ones; the feature "inject" of a started device says why.
  POLLUX_PAGES_VISIBLE = 4
};

struct pollux_pool_options {
  uint32_t size;           // sizeof(struct pollux_pool_options)
  uint32_t frame_count;    // 0: 32768
  uint32_t frame_size;     // bytes: 2048 or 4096; 0: 2048
  uint32_t headroom;       // bytes before a packet: 256 to frame_size - 256; 0: 256
  int32_t numa_node;       // POLLUX_ANY_NODE: wherever the kernel puts it
  uint32_t pages;          // enum pollux_pages
  uint32_t require_pages;  // 1: too few pages of this kind is an error instead of a fall-back
  uint32_t require_node;   // 1: a page on another node is an error
};
#define POLLUX_POOL_DEFAULTS \
  { sizeof(struct pollux_pool_options), 0, 0, 0, POLLUX_ANY_NODE, POLLUX_PAGES_AUTOMATIC, 0, 0 }

// Memory for frames, all of it touched. All ports of a NUMA node should share a pool: packets then travel between them without a
// copy. A port needs frames for its fill rings, what is under way in the tx rings, and what the caller holds; a thread caches up to 512. Of
// net_af_xdp with rx_ring 0 an rx queue holds 64 to 1024 when it is quiet, and up to 8192 under load (and in zero-copy mode as many as the
// interface's own ring more); with a number, rx_ring and the interface's own ring, always. At most 64 pools exist at a time.
int pollux_pool_create(const struct pollux_pool_options* options, pollux_pool** pool) POLLUX_NOEXCEPT;

// The same, in memory that suits this device, for all the ports that share the pool: POLLUX_PAGES_AUTOMATIC is POLLUX_PAGES_VISIBLE where
// the device wants that, and of a port that a broker opens ("broker=", docs/broker.md) the memory is the broker's: it takes no other.
int pollux_pool_create_for(pollux_device* device, const struct pollux_pool_options* options, pollux_pool** pool) POLLUX_NOEXCEPT;

// Gives the handle up. The memory stays until every device that was configured with the pool is closed and every packet is freed,
// so that a packet may outlive port and handle; which pools can go is looked at in pollux_pool_create, pollux_pool_release,
// pollux_device_close and pollux_pools_lingering. NULL is allowed.
void pollux_pool_release(pollux_pool* pool) POLLUX_NOEXCEPT;

// Lets go of what can go; returns how many released pools wait for packets or devices. 0 after everything was closed and freed:
// else packets have leaked.
size_t pollux_pools_lingering(void) POLLUX_NOEXCEPT;

// Where the frames are. Constant for the life of the pool: copy it to where the hot path reads it. Frame n starts at
// base + n * frame_size, and every frame at a multiple of frame_size in memory.
struct pollux_pool_layout {
  uint32_t size;  // sizeof(struct pollux_pool_layout)
  uint32_t frame_count;
  uint32_t frame_size;   // bytes, power of two
  uint32_t frame_shift;  // frame_size == 1 << frame_shift
  uint32_t headroom;     // of a packet that pollux_allocate returns
  uint32_t id;           // pollux_packet.pool
  unsigned char* base;
};
#define POLLUX_POOL_LAYOUT \
  { sizeof(struct pollux_pool_layout), 0, 0, 0, 0, 0, NULL }
int pollux_pool_get_layout(const pollux_pool* pool, struct pollux_pool_layout* layout) POLLUX_NOEXCEPT;

// What was asked and what was got.
struct pollux_pool_report {
  uint32_t size;           // sizeof(struct pollux_pool_report)
  int32_t numa_node;       // where the pages are; POLLUX_ANY_NODE: on several nodes, or unknown
  uint64_t pages_total;    // pages that were looked at
  uint64_t pages_on_node;  // of these, on the node that was asked for (on any one node if none was)
  uint32_t pages;          // enum pollux_pages
  char fallback[512];      // "", or what is missing and what would cure it
};
#define POLLUX_POOL_REPORT \
  { sizeof(struct pollux_pool_report), POLLUX_ANY_NODE, 0, 0, 0, "" }
int pollux_pool_get_report(const pollux_pool* pool, struct pollux_pool_report* report) POLLUX_NOEXCEPT;

// Free frames now, those in threads' caches included. Exact only while no other thread allocates or frees.
size_t pollux_pool_free_count(const pollux_pool* pool) POLLUX_NOEXCEPT;

// Takes up to `count` packets of length 0 that start behind the headroom; returns how many. Fewer: the pool is empty.
size_t pollux_allocate(pollux_pool* pool, struct pollux_packet* packets, size_t count) POLLUX_NOEXCEPT;

// Hands the frames that this thread caches back to all; a thread's exit does it by itself. For a thread that stops using the pool.
void pollux_pool_flush_thread(pollux_pool* pool) POLLUX_NOEXCEPT;

// Where a packet lies in its frame, from a frame_size that the caller keeps. Nothing is called.
static inline unsigned char* pollux_frame_start(const unsigned char* data, uint32_t frame_size) {
  return (unsigned char*)((uintptr_t)data & ~((uintptr_t)frame_size - 1));
}
static inline uint32_t pollux_packet_headroom(const struct pollux_packet* packet, uint32_t frame_size) {
  return (uint32_t)((uintptr_t)packet->data & (frame_size - 1));
}
static inline uint32_t pollux_packet_tailroom(const struct pollux_packet* packet, uint32_t frame_size) {
  return frame_size - pollux_packet_headroom(packet, frame_size) - packet->length;
}
// The number of the frame that holds this byte, below layout->frame_count: an index for metadata of the caller's.
static inline uint32_t pollux_frame_number(const struct pollux_pool_layout* layout, const unsigned char* data) {
  return (uint32_t)((size_t)(data - layout->base) >> layout->frame_shift);
}
// True if the byte lies in a frame of this pool.
static inline int pollux_pool_owns(const struct pollux_pool_layout* layout, const unsigned char* data) {
  return (uintptr_t)data - (uintptr_t)layout->base < (uintptr_t)layout->frame_count << layout->frame_shift;
}

// --- Devices: the control path ---------------------------------------------------------------------------------------------------

typedef struct pollux_rx_queue pollux_rx_queue;
typedef struct pollux_tx_queue pollux_tx_queue;

// Opens a port: looks at it. All it changes is what a killed process left changed on this interface, which it puts back (docs/ports.md).
//   name       driver and suffix: "net_af_xdp0", "net_null0", "net_ring_a", "net_pcap0". Messages and counters name the port by it
//   interface  the kernel's, for drivers that have one; NULL: none, or it stands in the arguments as "iface="
//   arguments  "key=value,key=value..." as behind testpmd's --vdev NAME (testpmd --help lists them); NULL or "": none
// ENODEV: no such driver (the text lists them) or interface. EINVAL: unknown key, bad value.
int pollux_device_open(const char* name, const char* interface, const char* arguments, pollux_device** device) POLLUX_NOEXCEPT;

// Stops the device if it is started, restores every setting that was changed and still is as it was set, and frees the handle and its
// queues. NULL is allowed.
// If the process ends without it, even by SIGKILL, the kernel detaches program and sockets.
void pollux_device_close(pollux_device* device) POLLUX_NOEXCEPT;

struct pollux_device_info {
  uint32_t size;      // sizeof(struct pollux_device_info)
  int32_t numa_node;  // POLLUX_ANY_NODE: unknown, or no hardware
  uint32_t mtu;       // bytes behind the Ethernet header
  uint32_t maximum_rx_queues;
  uint32_t maximum_tx_queues;  // logical ones: see pollux_device_config
  uint32_t recommended_burst;  // packets
  uint32_t recommended_ring;   // descriptors, of a tx ring
  uint8_t mac[8];              // 6 bytes, and 2 of zero
  char name[64];               // as opened
  char driver[32];             // "net_af_xdp"
  char interface[32];          // "" if none
  // 1: pollux_receive may return packets of several frames. As of the last start; never unless pollux_device_config.scattered was set.
  uint32_t scattered;
  uint32_t rx_metadata;  // POLLUX_RX_...: what the device tells of packets, of what was asked for. As of the last start
  uint32_t tx_metadata;  // POLLUX_TX_...: what the port does for packets that ask, on all of its queues. As of the last start
};
#define POLLUX_DEVICE_INFO \
  { sizeof(struct pollux_device_info), POLLUX_ANY_NODE, 0, 0, 0, 0, 0, {0}, "", "", "", 0, 0, 0 }
int pollux_device_get_info(const pollux_device* device, struct pollux_device_info* info) POLLUX_NOEXCEPT;

// 1 if this device can send frames of a pool of POLLUX_PAGES_VISIBLE at less cost than others; 0 if not, or if device is NULL.
int pollux_device_wants_visible(const pollux_device* device) POLLUX_NOEXCEPT;

struct pollux_link {
  uint32_t size;  // sizeof(struct pollux_link)
  uint32_t up;    // administratively up, with a carrier
  uint32_t full_duplex;
  uint32_t speed_mbps;  // 0: unknown
};
#define POLLUX_LINK \
  { sizeof(struct pollux_link), 0, 0, 0 }
int pollux_device_get_link(const pollux_device* device, struct pollux_link* link) POLLUX_NOEXCEPT;

struct pollux_device_config {
  uint32_t size;       // sizeof(struct pollux_device_config)
  uint32_t rx_queues;  // 0 to maximum_rx_queues
  // 0 to maximum_tx_queues. Of net_af_xdp these are logical queues: there may be more than the interface has, one for every
  // thread that sends. Queue i then uses socket i modulo their number; one that has a socket for itself takes no lock, others share
  // a lock for the time of writing descriptors, never over a system call.
  uint32_t tx_queues;
  uint32_t rx_ring;  // descriptors, power of two; 0: the driver's choice, filled with frames as the load asks for
  uint32_t tx_ring;
  pollux_pool* pool;  // what the rx queues fill with; the device holds it, the caller may release its handle. Required
  uint32_t promiscuous;
  uint32_t unused;  // padding until version 4: not read
  // 1: the program can do with packets of several frames. Whether there are any, pollux_device_info.scattered says: of net_af_xdp by its
  // argument "sg" and the MTU, docs/packets.md.
  uint32_t scattered;
  uint32_t unused2;  // padding until version 6: not read
  // POLLUX_RX_...: what the device is to tell of each packet, where it can. It costs time for every packet. What there is,
  // pollux_device_info.rx_metadata says; an argument "rx_metadata=" of net_af_xdp other than "auto" comes first.
  uint32_t rx_metadata;
  uint32_t reserved;  // 0
};
#define POLLUX_DEVICE_DEFAULTS \
  { sizeof(struct pollux_device_config), 1, 1, 0, 0, NULL, 0, 0, 0, 0, 0, 0 }

// Configure acquires what it can check; Start binds the sockets, attaches the program and lets packets in. The device must be stopped
// to be configured (again); queue handles end with the next successful configure. After Stop nothing is in flight: every frame is back in
// its pool, or still the caller's.
int pollux_device_configure(pollux_device* device, const struct pollux_device_config* config) POLLUX_NOEXCEPT;
int pollux_device_start(pollux_device* device) POLLUX_NOEXCEPT;
int pollux_device_stop(pollux_device* device) POLLUX_NOEXCEPT;

// Settings of the interface; close restores what they were. EOPNOTSUPP where a driver has none.
int pollux_device_set_promiscuous(pollux_device* device, int on) POLLUX_NOEXCEPT;
int pollux_device_set_mtu(pollux_device* device, uint32_t mtu) POLLUX_NOEXCEPT;
int pollux_device_set_mac(pollux_device* device, const uint8_t mac[6]) POLLUX_NOEXCEPT;

// What happens to the interface while the port is open (docs/ports.md). A port is an interface, not a name: a renamed one goes on.
enum pollux_event_kind {
  POLLUX_EVENT_SETTINGS = 0,  // settings of the interface were put back, or could not be
  POLLUX_EVENT_RENAMED = 1,   // pollux_device_get_info has the new name
  // The interface was deleted, or moved to another network namespace; program and settings are off it. When no thread uses the queues,
  // pollux_device_stop gets their frames back.
  POLLUX_EVENT_GONE = 2,
  POLLUX_EVENT_BACK =
      3,  // after GONE: an interface of that name is there and up. pollux_device_start goes on with it; ask pollux_device_require again
  POLLUX_EVENT_MTU = 4,       // value: the MTU that somebody else has set; the queues send up to that, as far as frames reach
  POLLUX_EVENT_LINK = 5,      // value: 1 if it is up and has a carrier now
  POLLUX_EVENT_QUEUES = 6,    // value: receive queues of the interface now
  POLLUX_EVENT_FEATURES = 7,  // what the driver can do with XDP has changed
  POLLUX_EVENT_STALLED = 8,   // a queue stands still while it should move (docs/watchdog.md); value: 1 where stop and start may help
  POLLUX_EVENT_MOVES = 9      // after STALLED: it goes on
};
struct pollux_event {
  uint32_t kind;  // enum pollux_event_kind
  uint64_t value;
  char text[512];  // for a person
};
// Looks what happened, handles it, and writes up to `capacity` of the events that were not told yet; returns how many it wrote. Of the
// control path: the thread that stops and starts the device calls it a few times a second; without it nothing is noticed.
size_t pollux_device_poll_events(pollux_device* device, struct pollux_event* events, size_t capacity) POLLUX_NOEXCEPT;

// What was asked of the kernel and the machine, and what was got.
struct pollux_feature {
  char name[32];     // "zerocopy", "native", "busy_poll", "need_wakeup", ...
  char asked[64];    // "auto"
  char got[64];      // "copy"
  char reason[512];  // "", or why it is not present and what would cure it
  int32_t queue;     // -1: the whole device
  uint32_t present;  // 1: in effect
};
// Writes up to `capacity` features; returns how many there are, which may be more. Complete once started.
size_t pollux_device_get_features(const pollux_device* device, struct pollux_feature* features, size_t capacity) POLLUX_NOEXCEPT;

// 0 if each of these features ("zerocopy,native") is present on the whole device and on each queue; else EBUSY, and the text says what
// was asked, what was got and why. EINVAL: not a feature. For a started device.
int pollux_device_require(const pollux_device* device, const char* features) POLLUX_NOEXCEPT;

// --- Statistics ------------------------------------------------------------------------------------------------------------------

#define POLLUX_WHOLE_DEVICE (-1)

// packets taken by pollux_send = tx_packets + tx_dropped + tx_pending
struct pollux_stats {
  uint32_t size;        // sizeof(struct pollux_stats)
  uint32_t reserved;    // 0
  uint64_t rx_packets;  // handed to the caller
  uint64_t rx_bytes;
  uint64_t rx_missed;   // reached the queue, never the caller: ring full, no frame to fill, discarded at stop
  uint64_t rx_errors;   // reached the queue in a state that could not be handed on
  uint64_t rx_nombuf;   // times a refill found the pool empty (no packet is lost by that alone)
  uint64_t tx_packets;  // given to the wire, as far as the driver can know
  uint64_t tx_bytes;    // of packets handed to the kernel or the device, also of those that were dropped there
  uint64_t tx_dropped;  // taken and not sent: the sum of the named causes
  uint64_t tx_pending;  // taken, outcome not yet known
};
#define POLLUX_STATS \
  { sizeof(struct pollux_stats), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }
// Of one queue number, or of POLLUX_WHOLE_DEVICE; since configure or the last reset.
int pollux_device_get_stats(const pollux_device* device, int queue, struct pollux_stats* stats) POLLUX_NOEXCEPT;

struct pollux_counter {
  char name[56];  // "rx_q0_ring_full"
  uint64_t value;
};
// Writes up to `capacity` counters; returns how many there are, which may be more. Order and names are the same until the device is
// configured, started or stopped.
size_t pollux_device_get_counters(const pollux_device* device, struct pollux_counter* counters, size_t capacity) POLLUX_NOEXCEPT;

void pollux_device_reset_stats(pollux_device* device) POLLUX_NOEXCEPT;

// --- Flows: packets that the kernel forwards by itself ----------------------------------------------------------------------------

// A table of flows, shared by ports. What no flow matches, and what the program is not sure about, comes up to the queues as always; which
// that is, what can be matched and done, and when an output is ready: docs/flows.md. Functions on a table: any thread, at any time.
typedef struct pollux_flow_table pollux_flow_table;

struct pollux_flow_table_options {
  uint32_t size;   // sizeof(struct pollux_flow_table_options)
  uint32_t flows;  // at once; 0: 65536
  uint32_t masks;  // different pairs of priority and mask at once, 128 at most; 0: 64
};
#define POLLUX_FLOW_TABLE_DEFAULTS \
  { sizeof(struct pollux_flow_table_options), 0, 0 }

// EPERM without CAP_BPF and CAP_NET_ADMIN.
int pollux_flow_table_create(const struct pollux_flow_table_options* options, pollux_flow_table** table) POLLUX_NOEXCEPT;
// Gives the handle up; the table goes with the last device that uses it. NULL is allowed.
void pollux_flow_table_release(pollux_flow_table* table) POLLUX_NOEXCEPT;

enum pollux_flow_role {
  POLLUX_FLOW_OUTPUT = 0,           // flows may send to the port
  POLLUX_FLOW_INPUT_AND_OUTPUT = 1  // and packets that come in are looked up
};
// The port has the number `port` (below 1024) in this table from now on, started or not; NULL: it has no part in one any more. Control path
// of the device. EOPNOTSUPP for a driver without a kernel interface; EBUSY for an input whose interface is shared with another process.
int pollux_device_use_flows(pollux_device* device, pollux_flow_table* table, uint32_t port, uint32_t role) POLLUX_NOEXCEPT;

#define POLLUX_FLOW_TAG_PRESENT 0x1000 /* of `tag`: there is one; in the place of the DEI bit, which is no part of a key */
#define POLLUX_FLOW_FRAGMENT 1         /* of `fragment`: a first fragment has this alone */
#define POLLUX_FLOW_FRAGMENT_LATER 2   /* and a later one both; it has no ports */

// What a packet is, or which bits of it are asked for. All but `port` in network byte order; what a packet does not have is 0. ARP: the
// operation in `protocol`, addresses in the first four bytes of source (sender) and destination (target), hardware addresses in bytes 8 to
// 13 of these. ICMP and ICMPv6: the type in source_port, the code in destination_port.
struct pollux_flow_key {
  uint32_t reserved;  // 0
  uint32_t port;      // that the packet came in by
  uint8_t destination_mac[6];
  uint8_t source_mac[6];
  uint16_t ether_type;   // behind the tags
  uint16_t tag_type[2];  // 0x8100 or 0x88a8; the outer tag first
  uint16_t tag[2];       // priority and number, with POLLUX_FLOW_TAG_PRESENT
  uint8_t protocol;
  uint8_t type_of_service;  // IPv6: traffic class
  uint8_t time_to_live;     // IPv6: hop limit
  uint8_t fragment;
  uint16_t tcp_flags;  // 12 bits
  uint16_t source_port;
  uint16_t destination_port;
  uint8_t source[16];  // IPv4 in the first four bytes
  uint8_t destination[16];
};

enum pollux_flow_action_kind {
  POLLUX_FLOW_ACTION_OUTPUT = 0,      // to `port`, as the packet is now
  POLLUX_FLOW_ACTION_DROP = 1,        // the one action of a flow
  POLLUX_FLOW_ACTION_USER_SPACE = 2,  // to the port's own queue: the one action of a flow
  POLLUX_FLOW_ACTION_SET = 3,         // MAC and IP addresses, type_of_service, time_to_live, ports to (field & ~mask) | value
  POLLUX_FLOW_ACTION_PUSH_VLAN = 4,   // tag_type and tag, in front
  POLLUX_FLOW_ACTION_POP_VLAN = 5,    // the match has to make sure that there is one
  POLLUX_FLOW_ACTION_SET_VLAN = 6     // the outermost tag to (tag & ~tag_mask) | tag
};
struct pollux_flow_action {
  uint32_t kind;  // enum pollux_flow_action_kind
  uint32_t port;
  uint16_t tag_type;  // host byte order, as tag and tag_mask
  uint16_t tag;
  uint16_t tag_mask;
  uint16_t reserved;
  struct pollux_flow_key value;
  struct pollux_flow_key mask;
};

// A packet matches if (key & mask) == value.
struct pollux_flow {
  uint32_t size;      // sizeof(struct pollux_flow)
  uint32_t priority;  // lower ones come first; of those of one priority any that matches
  struct pollux_flow_key value;
  struct pollux_flow_key mask;
  const struct pollux_flow_action* actions;
  size_t action_count;
};

struct pollux_flow_statistics {
  uint32_t size;         // sizeof(struct pollux_flow_statistics)
  uint32_t tcp_flags;    // all that were seen
  uint64_t packets;      // that the actions were applied to
  uint64_t bytes;        // of these, as they came in, without FCS
  uint64_t last_use_ns;  // CLOCK_MONOTONIC_COARSE; 0: never
};
#define POLLUX_FLOW_STATISTICS \
  { sizeof(struct pollux_flow_statistics), 0, 0, 0, 0 }

// 0 if pollux_flow_add would take it, but for room. EINVAL, EOPNOTSUPP, ERANGE (a port that cannot be): the text names the part.
int pollux_flow_validate(const struct pollux_flow* flow) POLLUX_NOEXCEPT;
// EEXIST: there is a flow of this priority and match. ENOMEM: all flows, or all masks, are in use. An id is never 0 and never used again.
int pollux_flow_add(pollux_flow_table* table, const struct pollux_flow* flow, uint64_t* id) POLLUX_NOEXCEPT;
// Other actions; what was counted stays. When it has returned, no packet takes the former ones. ENODEV: there is no such flow.
int pollux_flow_modify(pollux_flow_table* table, uint64_t id, const struct pollux_flow_action* actions, size_t count) POLLUX_NOEXCEPT;
// When it has returned, no packet takes the flow any more, and `statistics` (NULL: not wanted) is all that it did.
int pollux_flow_remove(pollux_flow_table* table, uint64_t id, struct pollux_flow_statistics* statistics) POLLUX_NOEXCEPT;
// Without a system call.
int pollux_flow_get_statistics(const pollux_flow_table* table, uint64_t id, struct pollux_flow_statistics* statistics) POLLUX_NOEXCEPT;
// "flow_hits", "flow_misses", ...: returns how many there are, and writes up to `capacity`.
size_t pollux_flow_table_get_counters(const pollux_flow_table* table, struct pollux_counter* counters, size_t capacity) POLLUX_NOEXCEPT;

// --- Queues: the data path -------------------------------------------------------------------------------------------------------

// NULL (and an error text) if there is no queue of this number. Valid until the next successful configure, or close.
pollux_rx_queue* pollux_device_rx_queue(pollux_device* device, uint32_t number) POLLUX_NOEXCEPT;
pollux_tx_queue* pollux_device_tx_queue(pollux_device* device, uint32_t number) POLLUX_NOEXCEPT;

// Receives up to `count` packets into packets[0..returned); the caller owns them. `count` returned: more may be waiting. A stopped queue
// returns 0. Never blocks, allocates or logs.
//
// Of packets of several frames `count` and what is returned are elements, so frames, here and in pollux_send; statistics count packets. No
// burst ends within a packet, neither what is returned nor the first that pollux_send takes: its elements are all owned by the caller or
// none. A packet that has more frames than POLLUX_MOST_FRAMES, or than `count`, is dropped ("rx_q0_dropped_too_many_frames"): a scattered
// device is asked for POLLUX_MOST_FRAMES or more.
size_t pollux_receive(pollux_rx_queue* queue, struct pollux_packet* packets, size_t count) POLLUX_NOEXCEPT;

// Takes the first `returned` packets, of any pools; the rest stays the caller's, to send again or to free. A packet that was taken is
// sent, or counted under the name of what prevented it; its frame goes back to its pool, here or later. A packet of another pool than the
// device's is copied, and counted ("tx_q0_copied"), and so is one of more frames than the device sends, if it fits in fewer: else it
// is dropped ("tx_q0_dropped_too_many_frames"). Never blocks, allocates or logs.
//
// It asks for all that waits on the queue to be sent now; count 0 does that alone.
size_t pollux_send(pollux_tx_queue* queue, const struct pollux_packet* packets, size_t count) POLLUX_NOEXCEPT;

// As pollux_send, but the driver may hold back what it takes, to send it together with what follows: until enough waits, until the oldest
// has waited for as long as the device's arguments say (net_af_xdp: flush_us=20), or until pollux_send or pollux_flush asks. For a
// thread whose last pollux_receive returned as many as it asked for.
size_t pollux_send_more(pollux_tx_queue* queue, const struct pollux_packet* packets, size_t count) POLLUX_NOEXCEPT;

// Sends what waits now, and takes back what was completed. As pollux_tx_poll otherwise.
int pollux_flush(pollux_tx_queue* queue) POLLUX_NOEXCEPT;

// Visits what waits: sends what has waited long enough, tries again what the kernel had put off, takes back what was completed. Returns 1
// as long as anything is left that was taken and is neither sent nor dropped, else 0. Nothing else sees to that: whoever uses a queue comes
// back to it, with this or with pollux_send or pollux_flush, until nothing is left, also while it has nothing to send. A few instructions
// if so.
int pollux_tx_poll(pollux_tx_queue* queue) POLLUX_NOEXCEPT;

// When packets that asked for it (POLLUX_TX_TIMESTAMP) went out, in the order of their completion: of the device's clock, in ns; in copy
// mode the kernel's CLOCK_TAI when it was done with the packet.
struct pollux_tx_timestamp {
  uint64_t cookie;
  uint64_t time_ns;
};
// Writes up to `capacity` of them; returns how many. Those that nobody takes are kept for a while, some hundreds; what comes then is lost,
// and counted ("tx_q0_timestamps_lost"). Looks at no ring: sends and pollux_tx_poll do. Of the queue's thread.
size_t pollux_tx_take_timestamps(pollux_tx_queue* queue, struct pollux_tx_timestamp* timestamps, size_t capacity) POLLUX_NOEXCEPT;

// --- Telemetry -------------------------------------------------------------------------------------------------------------------

// Shows the open devices and their pools to clients of DPDK's telemetry protocol, dpdk-telemetry.py and `pollux top` among them
// (docs/telemetry.md). One for the process; no thread is made for it. Devices are numbered in the order of their opening, the lowest free
// number first. While it answers, what opens, configures, starts, stops or closes a device waits, and the other way round; what moves
// packets waits for nothing. Any thread may call these.
//
// prefix   of the socket's folder: letters, digits, "._-"; NULL: "rte", where DPDK's clients look by themselves
// version  what clients are greeted with; NULL: "Pollux" and the library's version
// EBUSY: it runs already. EPERM: the folder is somebody else's, or others may write to it.
int pollux_telemetry_start(const char* prefix, const char* version) POLLUX_NOEXCEPT;
// Readable when there is something for pollux_telemetry_poll to do; -1: not started.
int pollux_telemetry_descriptor(void) POLLUX_NOEXCEPT;
// The socket's path; "" if it is not started. What does not fit is cut off.
void pollux_telemetry_get_path(char* path, size_t capacity) POLLUX_NOEXCEPT;
// Answers what has come in; does not wait.
void pollux_telemetry_poll(void) POLLUX_NOEXCEPT;
// Removes the socket.
void pollux_telemetry_stop(void) POLLUX_NOEXCEPT;

#ifdef __cplusplus
}  // extern "C"
#endif

#endif  // PMD_C_POLLUX_H_
