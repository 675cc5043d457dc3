// SPDX-License-Identifier: Apache-2.0
// What a port without privileges and pollux-broker say to each other (docs/broker.md).
//
//   port (no capability)                         broker (the interface's namespace, CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF)
//     connect(SOCK_SEQPACKET) ---------------->  who is it (SO_PEERCRED), what may it have (configuration)
//     Request [descriptors] ------------------>
//     <------------------------ Reply [descriptors by SCM_RIGHTS], one for each request, in their order
//     close, or death ------------------------>  everything that was set for it is undone
//
// One connection is one port. Both structures have one size and no pointers; strings end with a zero byte, integers are the host's.
// A field that a verb does not name is ignored in a request and zero in a reply. An answer's `error` is an errno, and `text` its words;
// EAGAIN: ask again in a moment. `sequence` comes back with the answer, so that one that was not waited for is told from the next. A
// request is answered by the next broker if the one that it was sent to has ended, or by none.
#ifndef PMD_AF_XDP_BROKER_PROTOCOL_H_
#define PMD_AF_XDP_BROKER_PROTOCOL_H_

#include <cstdint>

namespace pollux::pmd::af_xdp::broker {

inline constexpr uint32_t kVersion = 1;
inline constexpr char kDefaultSocket[] = "/run/pollux/broker.sock";

enum class Verb : uint32_t {
  kOpen = 1,     // text: the interface. First, once.
  kInfo,         // the port as it is now
  kSteer,        // text: a steering rule for the next kAttach (docs/steering.md)
  kAttach,       // flags: kNative or kGeneric or neither, kTells...: wanted. Answer: flags as they came out, kPutsVlanTags; text: why not
  kDetach,       // closes the sockets on the broker's side, too
  kMemory,       // value: bytes, node: NUMA node or -1. Answer: a BPF array map of one value, to be mmapped: frames
  kSocket,       // queue, value: bytes of frames, sizes of rings and frames, flags, the descriptor of a kMemory. Answer: a bound socket,
                 // flags kZeroCopy, kSendsWholeRing, text: why not busy polling
  kReceive,      // queue: its packets come to the socket
  kRelease,      // queue: no packets come any more, and the broker forgets the socket. value 1: has the kernel let go of its frames, now
                 // that the client has closed it? Answer: value 1: yes
  kPromiscuous,  // value: 1 or 0
  kMtu,          // value
  kMac,          // mac
  kRestore,      // MTU and MAC address are put back. Answer: text, what became of them
  kInjector,     // the descriptor of a kMemory, and the injecting program's if the client has an injector for it. Answer: value, the port's
                 // number; the descriptors of an injector (bpf/injector.h), none if the port was added to the client's
  kPassed,       // answer: value, packets that the rules left to the kernel
  kEnd           // behind the last
};

// Of requests and answers.
enum Flags : uint32_t {
  kNative = 1 << 0,
  kGeneric = 1 << 1,
  kCopy = 1 << 2,
  kZeroCopy = 1 << 3,
  kNeedWakeup = 1 << 4,
  kSendsWholeRing = 1 << 5,  // one system call may send all that is in the tx ring
  kPutsVlanTags = 1 << 6,    // the program puts tags that the device keeps beside packets into them
  kTellsTimestamp = 1 << 7,  // the program leaves what the device tells of packets in front of them (bpf/rx_metadata_shared.h)
  kTellsHash = 1 << 8,
  kTellsVlanTag = 1 << 9,
};
// kTells... of the program's RX_METADATA_..., and the other way round.
inline constexpr uint32_t kTellsShift = 7;
inline constexpr uint32_t kTellsAll = kTellsTimestamp | kTellsHash | kTellsVlanTag;

// What the configuration allows beside receiving and sending.
enum Grants : uint32_t {
  kMayInject = 1 << 0,
  kMayBusyPoll = 1 << 1,
  kMaySteer = 1 << 2,
  kMayBePromiscuous = 1 << 3,
  kMaySetMtu = 1 << 4,
  kMaySetMac = 1 << 5,
  kMayAskDevice = 1 << 6,  // for what it tells of packets
};

struct Request {
  uint32_t version = kVersion;
  Verb verb = Verb::kInfo;
  uint32_t queue = 0;
  uint32_t flags = 0;
  uint64_t value = 0;
  int32_t node = -1;
  uint32_t rx_ring = 0, tx_ring = 0, fill_ring = 0, completion_ring = 0;
  uint32_t frame_size = 0, headroom = 0;
  uint32_t busy_budget = 0, busy_timeout_us = 0;
  uint8_t mac[6] = {};
  uint16_t sequence = 0;
  char text[184] = {};
};
static_assert(sizeof(Request) == 256);

struct PortInfo {
  char name[16] = {};
  char driver[32] = {};
  int32_t interface_index = 0;
  int32_t numa_node = -1;
  uint32_t mtu = 0;
  uint32_t queues = 0;                           // of the interface
  uint32_t first_queue = 0, granted_queues = 0;  // of this client
  uint32_t hardware_rx_ring = 0;
  uint32_t speed_mbps = 0;
  uint32_t grants = 0;
  uint32_t zero_copy_segments = 0;
  uint64_t xdp_actions = 0, rx_metadata = 0, xsk_features = 0;
  uint64_t most_memory = 0;  // bytes of kMemory that this client may have in all
  uint8_t mac[6] = {};
  uint8_t up = 0;       // administratively
  uint8_t running = 0;  // carrier
  uint8_t full_duplex = 0;
  uint8_t features_known = 0;
  uint8_t reserved[5] = {};
};

struct Reply {
  uint32_t version = kVersion;
  int32_t error = 0;
  uint32_t flags = 0;
  uint32_t sequence = 0;
  uint64_t value = 0;
  PortInfo info;
  char text[360] = {};
};
static_assert(sizeof(PortInfo) == 136 && sizeof(Reply) == 520);

}  // namespace pollux::pmd::af_xdp::broker

#endif  // PMD_AF_XDP_BROKER_PROTOCOL_H_
