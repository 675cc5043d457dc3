// SPDX-License-Identifier: Apache-2.0
// InterfaceWatch: what became of the interface of one port, as events.
#ifndef PMD_AF_XDP_INTERFACE_WATCH_H_
#define PMD_AF_XDP_INTERFACE_WATCH_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pmd/af_xdp/port_interface.h"
#include "pmd/device.h"

namespace pollux::pmd::af_xdp {

// What a port has to know of its interface; comparing two of them tells what happened.
struct InterfaceState {
  int index = 0;
  uint64_t creation = 0;  // as in InterfaceIdentity
  std::string name;
  bool up = false;  // administratively
  bool running = false;
  std::size_t mtu = 0;
  uint32_t queues = 0;
  uint64_t xdp_actions = 0;
  bool waits_when_full = false;

  bool operator==(const InterfaceState&) const = default;
};

// The interface is there until it is deleted or moved away; then any interface that gets its last name, and is up, is offered instead,
// again if it changes and was not taken. Belongs to the control path.
class InterfaceWatch {
 public:
  // The interface is followed, and outlives this.
  explicit InterfaceWatch(PortInterface& interface) : interface_(interface) { Take(); }

  // What happened since the last call. A link event is of the state of being up with a carrier.
  std::vector<DeviceEvent> Poll();
  bool gone() const { return gone_; }
  // As of the last Poll or Take.
  bool link_up() const { return !gone_ && state_.up && state_.running; }
  bool waits_when_full() const { return state_.waits_when_full; }  // as in InterfaceFacts
  InterfaceNews::Departure departure() const { return departure_; }
  // The interface as it is now, by this name and index, is the port's: what it is was seen, and is no news.
  void Take();
  // The port itself has changed it.
  void KnowMtu(std::size_t mtu) { state_.mtu = mtu; }

 private:
  // Empty if there is none of its index.
  std::optional<InterfaceState> Look() const;
  void Compare(const InterfaceState& now, std::vector<DeviceEvent>& events);
  void Lose(InterfaceNews::Departure departure, std::vector<DeviceEvent>& events);
  void LookForReturn(std::vector<DeviceEvent>& events);

  PortInterface& interface_;
  InterfaceState state_;
  bool gone_ = false;
  bool looks_again_ = false;  // it is not there, and the message that says what became of it is still to come
  InterfaceNews::Departure departure_ = InterfaceNews::Departure::kNone;
  std::optional<InterfaceState> offered_;
};

}  // namespace pollux::pmd::af_xdp

#endif  // PMD_AF_XDP_INTERFACE_WATCH_H_
