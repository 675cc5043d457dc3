// SPDX-License-Identifier: Apache-2.0
// Source: a pinned thread that sends numbered UDP frames out of an interface, without sk_buffs.
//
// A call of BPF_PROG_TEST_RUN with live frames runs traffic_source (source.bpf.c) on `frames_per_call` frames; the program redirects
// each into the interface, whose other end gets them from ndo_xdp_xmit, 64 at a time. A call costs some 16 us whatever it sends, since
// the kernel makes a page pool for it, and a frame 0.2 us, since pages are used again within the call: so the rate comes from deep calls.
// The kernel puts the program in the XDP dispatcher around a run, and waits 20 to 40 ms for RCU, unless the program is in there already: so
// it is attached natively to one end of a veth pair that exists for nothing else. A source that forgets this sends floods and pauses, and
// every figure got with it is wrong.
#ifndef TOOLS_PERFORMANCE_RIG_SOURCE_H_
#define TOOLS_PERFORMANCE_RIG_SOURCE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "tools/performance/rig/histogram.h"
#include "tools/support/network_namespace.h"

namespace pollux::performance {

struct SourceOptions {
  std::string interface;
  uint32_t frame_bytes = 64;        // without the frame check sequence; 64 to 1514
  uint32_t flow_count = 1;          // 1 to 65536; a flow has its own source address and port
  uint32_t queue_count = 1;         // of the interface, 1 to flow_count; flow N goes out of queue N modulo queue_count
  uint32_t frames_per_call = 4096;  // at full rate; a paced source sends what is due
  bool time_stamps = false;         // every frame carries the time it was made
  int cpu = 0;
};

// What the source did since it started. Subtract two to know what it did between.
struct SourceSnapshot {
  uint64_t time_ns = 0;
  uint64_t frames = 0;  // given to the interface; whether it took them, its other end's counters tell
  uint64_t calls = 0;
  uint64_t errors = 0;  // calls that failed
  uint64_t cpu_ns = 0;  // that the thread used, with what its frames did at the other end of the veth
  // Full rate: the time of 64 frames, taken in the kernel where they are made, so that a pause of the stream shows within it. Paced:
  // how long the oldest frame of a call was due when the call began.
  Histogram gap_ns;
  Histogram round_trip_ns;  // of frames that came back, if they carry the time
};

class Source {
 public:
  // The thread exists from here on, and sends nothing. Errors name what is missing: privilege, kernel (live frames need 5.18).
  static absl::StatusOr<std::unique_ptr<Source>> Create(const support::NetworkNamespace& network, const SourceOptions& options);
  virtual ~Source() = default;

  // Packets a second from now on: open loop, a frame that is late is sent as soon as possible, and none is dropped. 0 stops.
  virtual void SetRate(double packets_per_second) = 0;
  virtual void SetFullRate() = 0;
  // Returns when nothing is being sent any more.
  virtual void Stop() = 0;
  virtual SourceSnapshot Read() const = 0;
};

}  // namespace pollux::performance

#endif  // TOOLS_PERFORMANCE_RIG_SOURCE_H_
