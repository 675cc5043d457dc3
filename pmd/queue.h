// SPDX-License-Identifier: Apache-2.0
// RxQueue and TxQueue: bursts in and out. The data path of every driver.
//
// Thread rule: single-lcore. One thread at a time uses an RxQueue, one a TxQueue; the two of one number may be different
// threads. Statistics may be read by any thread at any time (device.h).
//
// Neither function blocks, allocates, logs or takes a shared lock. There is no error channel: what goes wrong bumps a named counter
// (Device::ExtendedStats), and what cannot be cured shows there and in the link state. The one exception: where a device has more tx queues
// than its hardware, those that share take a spin lock for the time of writing up to 64 descriptors.
//
// Packets of several frames ("scattered", mempool/packet.h) come out of those ports alone whose user set DeviceConfig::scattered. Such a
// packet is several elements of a burst, in a row, and no burst ends within one: neither what Receive returns, nor what Send is given, nor
// the first k that it takes. Sizes of bursts and what the functions return count elements, so frames; all statistics count packets. Who
// owns the packet owns its frames, and frees each. A queue that cannot send as many frames sends a copy in fewer if one will do; if not, it
// drops the packet and counts it ("dropped_too_many_frames"). A burst for a scattered port has room for mempool::kMostFramesOfPacket: a
// packet that is larger than a whole burst is dropped and counted likewise.
#ifndef PMD_QUEUE_H_
#define PMD_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "mempool/packet.h"
#include "pmd/tx_metadata.h"

namespace pollux::pmd {

using mempool::Packet;

class RxQueue {
 public:
  virtual ~RxQueue() = default;

  // Receives up to packets.size() packets into packets[0..returned). The caller owns them: each must be sent or freed
  // (mempool::Pool::Free), at any later time, by any thread. As many as asked: more may be waiting.
  // A stopped queue returns 0.
  virtual std::size_t Receive(std::span<Packet> packets) = 0;

  // For a thread that would rather wait than poll (lcore/idle_governor.h): a descriptor that can be read when Receive has packets to
  // return. After this call Receive is to be called once more; if it returns 0, poll(2) may wait for the descriptor, which asks the driver
  // for a wake-up if it needs to be asked. -1: there is none, or not now, and only polling finds packets. Of the queue's thread.
  virtual int PrepareToWait() { return -1; }

  // When the first packet came since PrepareToWait was called last, in nanoseconds of CLOCK_MONOTONIC, as seen by the XDP program, before
  // the packet was put into a ring. 0: none came, or nobody knows. Of the queue's thread.
  virtual uint64_t FirstArrivalNs() { return 0; }
};

class TxQueue {
 public:
  virtual ~TxQueue() = default;

  // Takes the first k = returned packets; the rest, packets[k..], stays the caller's to send again or to free. No packet is half-owned.
  // A packet that was taken is sent, or counted under the name of what prevented it (too long for the wire, refused
  // by the kernel, ...); its frame goes back to its pool, here or at a later call: completion is lazy.
  // A stopped queue takes none.
  //
  // It asks for all that waits to be sent now; an empty burst does that alone.
  virtual std::size_t Send(std::span<const Packet> packets) = 0;

  // As Send, but the driver may hold back what it takes, to send it together with what follows: until enough waits, until the
  // oldest has waited for as long as the driver's options say (net_af_xdp: flush_us, 20 us), or until a Send asks. For a loop whose
  // last Receive returned as many as it asked for.
  virtual std::size_t SendMore(std::span<const Packet> packets) { return Send(packets); }

  // Visits what waits: sends what has waited long enough, tries again what the kernel had put off, takes back what was completed.
  // Returns whether anything is left that was taken and is neither sent nor dropped. Nothing else sees to that: whoever uses a queue
  // comes back to it, with Poll or with a Send, until nothing is left, also while it has nothing to send. A few instructions if so.
  virtual bool Poll() { return false; }

  // When packets that asked for it went out (tx_metadata.h), in the order of their completion: fills stamps[0..returned). Those that
  // nobody takes are kept for a while, some hundreds; what comes then is lost, and counted. Looks at no ring: Send and Poll do.
  virtual std::size_t TakeTimestamps(std::span<TxTimestamp> stamps) {
    static_cast<void>(stamps);
    return 0;
  }
};

}  // namespace pollux::pmd

#endif  // PMD_QUEUE_H_
