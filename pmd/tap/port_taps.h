// SPDX-License-Identifier: Apache-2.0
// PortTaps: where a Tap can be hung at a port's queues while they run.
#ifndef PMD_TAP_PORT_TAPS_H_
#define PMD_TAP_PORT_TAPS_H_

#include <memory>
#include <vector>

#include "pmd/device.h"
#include "pmd/tap/tap.h"
#include "pmd/tap/tapped_queues.h"

namespace pollux::pmd {

// Who wants a port's packets to be captured keeps one beside its Device, uses these queues instead of the device's, and shows it in its
// ProcessView. Packets that the kernel forwards by itself (flow_table.h) pass by.
//
// Thread rule: the control thread's, Attach and Detach also while other threads use the queues. Queues as the device's: valid until the
// next Follow, for which, as for the destructor, no thread may use them.
class PortTaps {
 public:
  ~PortTaps() { Clear(); }

  // After Device::Configure with these numbers of queues. A tap that is there ends.
  void Follow(Device& device, std::size_t rx_queues, std::size_t tx_queues);
  // Before the device goes. A tap that is there ends.
  void Clear();

  RxQueue& rx_queue(std::size_t number) { return *rx_queues_[number]; }
  TxQueue& tx_queue(std::size_t number) { return *tx_queues_[number]; }

  // From the next burst on, packets are copied to `tap`, which was made for as many queues as there are. Waits for up to 1 s for threads
  // that are still at the tap before. Errors: FAILED_PRECONDITION (other queues), ALREADY_EXISTS (there is one), UNAVAILABLE (a thread is
  // at the last one for longer than that).
  absl::Status Attach(std::shared_ptr<Tap> tap);
  // Takes it away, if it is that one; its memory goes when no thread is at it. Waits for nobody.
  void Detach(const Tap* tap);

 private:
  bool IsLeft() const;
  // Lets go of taps that no thread is at.
  void Sweep();

  std::vector<std::unique_ptr<TappedRxQueue>> rx_queues_;
  std::vector<std::unique_ptr<TappedTxQueue>> tx_queues_;
  std::shared_ptr<Tap> tap_;
  std::vector<std::shared_ptr<Tap>> leaving_;  // a thread may still be at them
};

}  // namespace pollux::pmd

#endif  // PMD_TAP_PORT_TAPS_H_
