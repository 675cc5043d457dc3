// SPDX-License-Identifier: Apache-2.0
#include "pmd/af_xdp/interface_watch.h"

#include <utility>

#include <absl/strings/str_cat.h>

#include "bpf/feature_probe.h"

namespace pollux::pmd::af_xdp {

using Kind = DeviceEvent::Kind;
using Departure = InterfaceNews::Departure;

void InterfaceWatch::Take() {
  interface_.Watch(false);  // first, so that nothing is missed
  gone_ = looks_again_ = false;
  departure_ = Departure::kNone;
  offered_.reset();
  if (const auto now = Look()) state_ = *now;
}

std::optional<InterfaceState> InterfaceWatch::Look() const {
  const auto facts = interface_.Facts();
  if (!facts.ok()) return std::nullopt;
  return InterfaceState{.index = facts->index,
                        .creation = facts->creation,
                        .name = facts->name,
                        .up = facts->up,
                        .running = facts->link.up,
                        .mtu = facts->mtu,
                        .queues = facts->queues,
                        .xdp_actions = facts->features.xdp_actions,
                        .waits_when_full = facts->waits_when_full};
}

std::vector<DeviceEvent> InterfaceWatch::Poll() {
  std::vector<DeviceEvent> events;
  const InterfaceNews news = interface_.News();
  const bool looks_again = std::exchange(looks_again_, false);
  if (!news.changed && !looks_again) return events;
  if (!gone_) {
    const auto now = news.departure == Departure::kNone ? Look() : std::nullopt;
    const bool another = now && now->creation != state_.creation && now->creation != 0 && state_.creation != 0;
    if (now && !another) {
      Compare(*now, events);
    } else if (!now && news.departure == Departure::kNone && !looks_again) {
      looks_again_ = true;
    } else {
      Lose(news.departure, events);
    }
  }
  if (gone_) LookForReturn(events);
  return events;
}

void InterfaceWatch::Compare(const InterfaceState& now, std::vector<DeviceEvent>& events) {
  const InterfaceState before = std::exchange(state_, now);
  if (now.name != before.name) {
    events.push_back(
        {.kind = Kind::kRenamed, .text = absl::StrCat("interface ", before.name, " is called ", now.name, " now; the port goes on")});
  }
  if (now.running != before.running) {
    events.push_back({.kind = Kind::kLink, .text = absl::StrCat("link state change: ", now.running ? "up" : "down"), .value = now.running});
  }
  if (now.mtu != before.mtu) {
    events.push_back(
        {.kind = Kind::kMtu, .text = absl::StrCat(now.name, ": MTU is ", now.mtu, " now, ", before.mtu, " before"), .value = now.mtu});
  }
  if (now.queues != before.queues) {
    events.push_back({.kind = Kind::kQueues,
                      .text = absl::StrCat(now.name, ": the interface has ", now.queues, " queue(s) now, ", before.queues, " before"),
                      .value = now.queues});
  }
  if (now.xdp_actions != before.xdp_actions) {
    const auto words = [](uint64_t actions) { return bpf::DescribeFeatures({.known = true, .xdp_actions = actions}); };
    events.push_back({.kind = Kind::kFeatures,
                      .text = absl::StrCat(now.name, ": XDP of the driver (or, of a veth, as its other end lets it): ",
                                           words(now.xdp_actions), "; before: ", words(before.xdp_actions)),
                      .value = now.xdp_actions});
  }
  if (now.waits_when_full != before.waits_when_full) {
    events.push_back(
        {.kind = Kind::kFeatures,
         .text = absl::StrCat(now.name, now.waits_when_full
                                            ? ": has a qdisc now, where packets of the tx ring wait for room: tx=auto takes the ring"
                                            : ": has no qdisc any more: tx=auto takes the cheaper engine"),
         .value = now.xdp_actions});
  }
}

void InterfaceWatch::Lose(Departure departure, std::vector<DeviceEvent>& events) {
  gone_ = true;
  departure_ = departure;
  const char* const how = departure == Departure::kMoved        ? "was moved to another network namespace"
                          : departure == Departure::kDeleted    ? "was deleted"
                          : departure == Departure::kOutOfReach ? "is out of reach: its broker has ended the connection"
                                                                : "is not there any more";
  events.push_back({.kind = Kind::kGone, .text = absl::StrCat("interface ", state_.name, " ", how)});
  interface_.Watch(true);
}

void InterfaceWatch::LookForReturn(std::vector<DeviceEvent>& events) {
  if (!interface_.Follow().ok()) return;
  const auto now = Look();
  if (!now || !now->up || now == offered_) return;
  offered_ = now;
  events.push_back({.kind = Kind::kBack, .text = absl::StrCat("an interface ", now->name, " is there (again), with index ", now->index)});
}

}  // namespace pollux::pmd::af_xdp
