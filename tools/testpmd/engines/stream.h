// SPDX-License-Identifier: Apache-2.0
// Stream: packets from one rx queue to one tx queue, and what became of each of them.
#ifndef TOOLS_TESTPMD_ENGINES_STREAM_H_
#define TOOLS_TESTPMD_ENGINES_STREAM_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "lcore/cache_line.h"
#include "lcore/counter.h"
#include "mempool/packet.h"
#include "mempool/pool.h"
#include "pmd/mac_address.h"
#include "pmd/queue.h"

namespace pollux::testpmd {

using lcore::Counter;
using mempool::Packet;

// How often each burst size occurred; index 0 counts the empty ones.
struct BurstHistogram {
  std::array<Counter, mempool::kMaximumBurst + 1> bursts;
};

// Written by the stream's lcore, readable by any thread. Every packet that came in left in one way, which has a counter, or is
// held by the engine:
//
//     rx_packets + generated = tx_packets + forward_dropped + too_short + not_answered + consumed + held
//
// kStreamCounters says which counter is on which side.
struct StreamStats {
  Counter rx_packets;       // received
  Counter generated;        // made by txonly, flowgen
  Counter tx_packets;       // taken by the tx queue
  Counter forward_dropped;  // not taken by the tx queue (after the retries, if any), and freed
  Counter too_short;        // freed: no whole Ethernet header to rewrite
  Counter not_answered;     // icmpecho: freed, neither a request nor for us
  Counter consumed;         // rxonly, flowgen: freed, as these modes do with all they receive

  Counter allocation_failed;   // packets not generated because the pool was empty
  Counter rx_bad_ip_checksum;  // csum: packets, forwarded with a correct one
  Counter rx_bad_l4_checksum;  // csum: UDP, TCP, ICMP, ICMPv6; likewise
  Counter tx_timestamps;       // txonly, while Stream::asks_for_times: packets that kernel or device told the time of
  Counter tx_delay_ns;         // of these, from being handed over to that time, added up
  Counter busy_cycles;         // while Stream::record_cycles: of the polls that handled a packet, or may have sent a held back one
  Counter receive_cycles;      // of these: in the rx queue
  Counter send_cycles;         // of these: in the tx queue, with its system calls
  BurstHistogram rx_bursts;    // while Stream::record_bursts
  BurstHistogram tx_bursts;    // likewise: packets of one burst that the tx queue took, retries included
};

// Which side of the equation above a counter is on.
enum class CounterRole { kIn, kOut, kDrop, kConsumed, kEvent };

struct StreamCounter {
  const char* name;  // "forward_dropped"
  CounterRole role;
  Counter StreamStats::*counter;
};

// All single counters but those of cycles. Drops are lost traffic; consumed and unanswered packets ended as their mode wants it.
inline constexpr StreamCounter kStreamCounters[] = {
    {"rx_packets", CounterRole::kIn, &StreamStats::rx_packets},
    {"generated", CounterRole::kIn, &StreamStats::generated},
    {"tx_packets", CounterRole::kOut, &StreamStats::tx_packets},
    {"forward_dropped", CounterRole::kDrop, &StreamStats::forward_dropped},
    {"too_short", CounterRole::kDrop, &StreamStats::too_short},
    {"not_answered", CounterRole::kConsumed, &StreamStats::not_answered},
    {"consumed", CounterRole::kConsumed, &StreamStats::consumed},
    {"allocation_failed", CounterRole::kEvent, &StreamStats::allocation_failed},
    {"rx_bad_ip_checksum", CounterRole::kEvent, &StreamStats::rx_bad_ip_checksum},
    {"rx_bad_l4_checksum", CounterRole::kEvent, &StreamStats::rx_bad_l4_checksum},
    {"tx_timestamps", CounterRole::kEvent, &StreamStats::tx_timestamps},
    {"tx_delay_ns", CounterRole::kEvent, &StreamStats::tx_delay_ns},
};

// Transport checksums that `csum set PROTOCOL hw` leaves to the device that sends (pmd/tx_metadata.h).
struct ChecksumSet {
  bool udp = false;
  bool tcp = false;
};

// What `set fwd MODE retry` asks for: a burst that was taken in part is offered again.
struct RetryOptions {
  bool enabled = false;
  std::size_t count = 64;  // further attempts
  uint32_t delay_us = 1;   // before each
};

// Called by the stream's lcore for every burst received (received) or about to be sent, while a verbose level asks for it.
class BurstObserver {
 public:
  virtual ~BurstObserver() = default;
  virtual void OnBurst(std::size_t port, std::size_t queue, bool received, std::span<const Packet> packets) = 0;
};

// Single-lcore, but for `stats`. The queues and the pool outlive it.
struct Stream {
  std::size_t rx_port = 0;
  std::size_t rx_queue = 0;
  std::size_t tx_port = 0;
  std::size_t tx_queue = 0;
  pmd::RxQueue* rx = nullptr;
  pmd::TxQueue* tx = nullptr;
  mempool::Pool* pool = nullptr;               // of the tx port, for generated packets
  pmd::MacAddress tx_port_mac;                 // source of what mac, csum, icmpecho and the generators send
  pmd::MacAddress peer_mac;                    // --eth-peer of the tx port: destination of what mac, csum and the generators send
  std::size_t burst = mempool::kDefaultBurst;  // 1 .. kMaximumBurst
  bool scattered = false;                      // packets may have several frames (pmd/queue.h)
  std::size_t tx_frames = 1;                   // of a packet that the tx port sends, at most
  ChecksumSet device_checksums;                // csum: left to the device that sends
  bool asks_for_times = false;                 // txonly: the first packet of each burst is to tell when it went out (pmd/tx_metadata.h)
  RetryOptions retry;
  bool record_bursts = false;
  bool record_cycles = false;
  bool full_burst = false;  // the last one received
  bool busy = false;        // this poll's cycles count: it received something, or follows a full burst, which may still wait to be sent
  BurstObserver* observer = nullptr;  // null: nobody looks

  alignas(lcore::kCacheLineBytes) StreamStats stats;
};

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_ENGINES_STREAM_H_
