// SPDX-License-Identifier: Apache-2.0
// RxQueue and TxQueue: bursts in and out. The data path of every driver.
//
// Thread rule: single-lcore. One thread at a time uses an RxQueue, one a TxQueue; the two of one number may be different
// threads. Statistics may be read by any thread at any time (device.h).
//
// Neither function blocks, allocates, logs or takes a shared lock. There is no error channel: what goes wrong bumps a named counter
// (Device::ExtendedStats), and what cannot be cured shows there and in the link state. The one exception: where a device has more tx queues
// than its hardware, those that share take a spin lock for the time of writing a burst's descriptors.
#ifndef PMD_QUEUE_H_
#define PMD_QUEUE_H_

#include <cstddef>
#include <span>

#include "mempool/packet.h"

namespace pollux::pmd {

using mempool::Packet;

class RxQueue {
 public:
  virtual ~RxQueue() = default;

  // Receives up to packets.size() packets into packets[0..returned). The caller owns them: each must be sent or freed
  // (mempool::Pool::Free), at any later time, by any thread. As many as asked: more may be waiting.
  // A stopped queue returns 0.
  virtual std::size_t Receive(std::span<Packet> packets) = 0;
};

class TxQueue {
 public:
  virtual ~TxQueue() = default;

  // Takes the first k = returned packets; the rest, packets[k..], stays the caller's to send again or to free. No packet is half-owned.
  // A packet that was taken is sent, or counted under the name of what prevented it (too long for the wire, refused
  // by the kernel, ...); its frame goes back to its pool, here or at a later call: completion is lazy.
  // A stopped queue takes none.
  //
  // An empty burst is allowed and useful: it reclaims what was completed, and pushes on what the kernel had put off. A loop that
  // stops sending calls it now and then, so that nothing waits for the next packet.
  virtual std::size_t Send(std::span<const Packet> packets) = 0;

  // As Send, and says that more follows at once: the driver may hold back what it takes, to send it together with the rest. Whoever
  // calls it ends the poll round with a Send, empty or not. For a loop whose last Receive returned as many as it asked for.
  virtual std::size_t SendMore(std::span<const Packet> packets) { return Send(packets); }
};

}  // namespace pollux::pmd

#endif  // PMD_QUEUE_H_
