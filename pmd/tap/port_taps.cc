// SPDX-License-Identifier: Apache-2.0
#include "pmd/tap/port_taps.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

namespace pollux::pmd {

void PortTaps::Follow(Device& device, std::size_t rx_queues, std::size_t tx_queues) {
  Clear();
  for (std::size_t number = 0; number < rx_queues; ++number) {
    rx_queues_.push_back(std::make_unique<TappedRxQueue>(device.rx_queue(number)));
  }
  for (std::size_t number = 0; number < tx_queues; ++number) {
    tx_queues_.push_back(std::make_unique<TappedTxQueue>(device.tx_queue(number)));
  }
}

void PortTaps::Clear() {
  if (tap_ != nullptr) tap_->End();
  // No thread uses the queues now.
  tap_.reset();
  leaving_.clear();
  rx_queues_.clear();
  tx_queues_.clear();
}

absl::Status PortTaps::Attach(std::shared_ptr<Tap> tap) {
  if (tap_ != nullptr) return absl::AlreadyExistsError("the port is being captured already");
  if (rx_queues_.size() != tap->rx_queues() || rx_queues_.size() + tx_queues_.size() != tap->rings())
    return absl::FailedPreconditionError("the port is configured otherwise than the tap");
  constexpr std::chrono::seconds kPatience{1};
  for (const auto end = std::chrono::steady_clock::now() + kPatience; Sweep(), !leaving_.empty();) {
    if (std::chrono::steady_clock::now() > end) return absl::UnavailableError("a thread is still at the capture before; try again");
    std::this_thread::yield();
  }
  tap_ = std::move(tap);
  for (std::size_t number = 0; number < rx_queues_.size(); ++number) rx_queues_[number]->point.Set(&tap_->rx(number));
  for (std::size_t number = 0; number < tx_queues_.size(); ++number) tx_queues_[number]->point.Set(&tap_->tx(number));
  return absl::OkStatus();
}

void PortTaps::Detach(const Tap* tap) {
  if (tap == nullptr || tap_.get() != tap) return;
  for (const auto& queue : rx_queues_) queue->point.Set(nullptr);
  for (const auto& queue : tx_queues_) queue->point.Set(nullptr);
  leaving_.push_back(std::move(tap_));
  Sweep();
}

bool PortTaps::IsLeft() const {
  return std::all_of(rx_queues_.begin(), rx_queues_.end(), [](const auto& queue) { return queue->point.IsLeft(); }) &&
         std::all_of(tx_queues_.begin(), tx_queues_.end(), [](const auto& queue) { return queue->point.IsLeft(); });
}

void PortTaps::Sweep() {
  if (!leaving_.empty() && IsLeft()) leaving_.clear();
}

}  // namespace pollux::pmd
