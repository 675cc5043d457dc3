// SPDX-License-Identifier: Apache-2.0
// Wire: one direction of one queue between two ring ports (or from a port back to itself).
//
//     TxQueue of the sender --Send--> [ SpscRing of packets ] --Receive--> RxQueue of the receiver
//
// The receiver's port owns what the ring holds: it opens the wire when it starts and empties it when it stops. Nothing enters a closed
// wire, so a port can stop, or be closed for good, while the other goes on sending: there is one moment after which no packet enters, and
// Close waits for it. Dekker's handshake: the sender says "sending" and then looks whether the wire is open; Close says "not open" and then
// looks whether the sender is sending. Both are sequentially consistent, so that one at least sees the other.
#ifndef PMD_RING_WIRE_H_
#define PMD_RING_WIRE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "lcore/cache_line.h"
#include "mempool/packet.h"
#include "mempool/spsc_ring.h"

namespace pollux::pmd {

class Wire {
 public:
  // Frees what is left.
  ~Wire();

  // Receiver's control path. Open: the wire is closed and empty; `scattered`: the receiver takes packets of several frames. Close returns
  // the number of packets that it found and freed; it waits for a Send under way, which does not block.
  void Open(std::size_t capacity, bool scattered = false);
  std::size_t Close();
  bool is_open() const { return open_.load(std::memory_order_relaxed); }

  // Receiver's data path: takes up to packets.size() of the oldest. Only between Open and Close.
  std::size_t Receive(std::span<mempool::Packet> packets) { return ring_->Pop(packets); }
  // The same, and cuts no packet. What came first and has more frames than `packets` is freed, one a call, and counted in `too_large`.
  std::size_t ReceiveWhole(std::span<mempool::Packet> packets, std::size_t& too_large);

  // Sender's data path: puts the first k packets, or returns nothing if no receiver has opened the wire. All are of one frame.
  std::optional<std::size_t> Send(std::span<const mempool::Packet> packets) {
    std::optional<std::size_t> count;
    sending_.store(true, std::memory_order_seq_cst);
    if (open_.load(std::memory_order_seq_cst)) count = ring_->Push(packets);
    sending_.store(false, std::memory_order_release);
    return count;
  }

  // The same for one packet of several frames: all of it or, if there is no room now, nothing. It is kNever if there will never be, since
  // the receiver takes none, or not as many frames, or its ring is too small.
  static constexpr std::size_t kNever = SIZE_MAX;
  std::optional<std::size_t> SendScattered(std::span<const mempool::Packet> frames);

  // Calls visit(const Packet&) for every packet in the wire. Only while neither side uses it.
  template <typename Visit>
  void ForEach(Visit visit) const {
    if (ring_ != nullptr) ring_->ForEach(visit);
  }

 private:
  std::unique_ptr<mempool::SpscRing<mempool::Packet>> ring_;  // changed only while closed
  bool scattered_ = false;                                    // likewise
  std::atomic<bool> open_{false};
  alignas(lcore::kCacheLineBytes) std::atomic<bool> sending_{false};
};

}  // namespace pollux::pmd

#endif  // PMD_RING_WIRE_H_
