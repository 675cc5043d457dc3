// SPDX-License-Identifier: Apache-2.0
#include "pmd/ring/cable.h"

#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>

namespace pollux::pmd {
namespace {

struct CableList {
  std::mutex mutex;
  std::vector<std::weak_ptr<Cable>> cables;
};

CableList& List() {
  static auto* const list = new CableList;  // never destroyed: a port may outlive main
  return *list;
}

// Where a name stands.
struct Place {
  std::shared_ptr<Cable> cable;
  std::size_t end = 0;
};

// Under the list's lock. Forgets cables without ports on the way.
Place FindName(CableList& list, const std::string& name) {
  std::erase_if(list.cables, [](const auto& cable) { return cable.expired(); });
  for (const auto& weak : list.cables) {
    std::shared_ptr<Cable> cable = weak.lock();
    for (std::size_t end = 0; end < cable->ends.size(); ++end) {
      if (cable->ends[end].name == name) return {std::move(cable), end};
    }
  }
  return {};
}

absl::Status CannotJoin(const std::string& name, const std::string& peer, absl::string_view why) {
  return absl::FailedPreconditionError(absl::StrCat(name, ": peer=", peer, ": ", why));
}

}  // namespace

absl::StatusOr<Plug> Plug::Insert(const std::string& name, const std::string& peer) {
  CableList& list = List();
  const std::lock_guard lock(list.mutex);
  const Place own = FindName(list, name);
  if (own.cable != nullptr) {
    if (own.cable->ends[own.end].plugged) return absl::AlreadyExistsError(absl::StrCat(name, ": a ring port of this name is open"));
    const std::string& other = own.cable->ends[1 - own.end].name;
    if (!peer.empty() && peer != other)
      return CannotJoin(name, peer, absl::StrCat(name, " is the other end of ", other, "; close that first"));
    return Plug(own.cable, own.end);
  }
  if (peer.empty()) {
    auto cable = std::make_shared<Cable>();
    cable->ends[0].name = name;
    list.cables.push_back(cable);
    return Plug(std::move(cable), 0);
  }
  const Place other = FindName(list, peer);
  if (other.cable == nullptr || !other.cable->ends[other.end].plugged) {
    return absl::NotFoundError(absl::StrCat(name, ": peer=", peer, ": no ring port of this name is open; open it first, without peer="));
  }
  Cable::End& end = other.cable->ends[1 - other.end];
  if (end.plugged) return CannotJoin(name, peer, absl::StrCat("it is joined to ", end.name));
  if (!other.cable->joined() && other.cable->ends[other.end].configured) {
    return CannotJoin(name, peer, "it is configured as a loopback; open both before either is configured");
  }
  end.name = name;
  return Plug(other.cable, 1 - other.end);
}

Plug::Plug(std::shared_ptr<Cable> cable, std::size_t end) : cable_(std::move(cable)), end_(end) {
  cable_->ends[end_].plugged = true;
  cable_->ends[end_].configured = false;
}

Plug::~Plug() {
  if (cable_ == nullptr) return;  // moved from
  const std::lock_guard lock(List().mutex);
  cable_->ends[end_].plugged = false;
}

void Plug::SettlePeer() {
  const std::lock_guard lock(List().mutex);
  cable_->ends[end_].configured = true;
  joined_ = cable_->joined();
}

}  // namespace pollux::pmd
