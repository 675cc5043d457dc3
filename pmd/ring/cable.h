// SPDX-License-Identifier: Apache-2.0
// Cable: the wires of one ring port, or of two that are joined, and the process-wide list of who is plugged in where.
#ifndef PMD_RING_CABLE_H_
#define PMD_RING_CABLE_H_

#include <array>
#include <cstddef>
#include <memory>
#include <string>

#include <absl/status/statusor.h>

#include "pmd/ring/wire.h"

namespace pollux::pmd {

inline constexpr std::size_t kMaximumRingQueues = 64;

// Two ends, each with the wires that it receives from. With one end in use it leads back: a loopback.
struct Cable {
  struct End {
    std::string name;         // of the port; kept when the port is closed, so that it can be plugged in again
    bool plugged = false;     // a port of this name is open
    bool configured = false;  // the port has made its queues, and so settled whether it is a loopback
    std::array<Wire, kMaximumRingQueues> wires;
  };
  std::array<End, 2> ends;

  bool joined() const { return !ends[1].name.empty(); }
};

// One port's hold on its end. Control path: the list has a lock; the data path knows nothing of it.
class Plug {
 public:
  // Plugs port `name` into the cable of the open port `peer`, or into one of its own where `peer` is empty. A port that left a joined cable
  // whose other port is still open comes back to its end. Errors: ALREADY_EXISTS (the name is open), NOT_FOUND (no such
  // peer), FAILED_PRECONDITION (the peer is joined to another, or is configured as a loopback).
  static absl::StatusOr<Plug> Insert(const std::string& name, const std::string& peer);
  ~Plug();
  Plug(Plug&&) = default;
  Plug& operator=(Plug&&) = delete;

  // Settles whom this end sends to: the other end, or itself if nobody joined it so far; from now on nobody can.
  void SettlePeer();
  // Both valid after SettlePeer.
  bool joined() const { return joined_; }
  Wire& tx_wire(std::size_t queue) const { return cable_->ends[joined_ ? 1 - end_ : end_].wires[queue]; }

  Wire& rx_wire(std::size_t queue) const { return cable_->ends[end_].wires[queue]; }
  const std::shared_ptr<Cable>& cable() const { return cable_; }

 private:
  Plug(std::shared_ptr<Cable> cable, std::size_t end);

  std::shared_ptr<Cable> cable_;
  std::size_t end_;
  bool joined_ = false;
};

}  // namespace pollux::pmd

#endif  // PMD_RING_CABLE_H_
