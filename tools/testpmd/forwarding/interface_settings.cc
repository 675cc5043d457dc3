// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/forwarding/interface_settings.h"

#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <absl/strings/str_cat.h>

#include "lcore/errno_status.h"

namespace pollux::testpmd {

absl::StatusOr<std::unique_ptr<InterfaceSettings>> InterfaceSettings::Of(const std::string& interface) {
  const unsigned index = if_nametoindex(interface.c_str());
  if (index == 0) return lcore::ErrnoStatus(errno, absl::StrCat("if_nametoindex(", interface, ")"));
  const int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return lcore::ErrnoStatus(errno, "socket(AF_INET, SOCK_DGRAM)");
  return std::unique_ptr<InterfaceSettings>(new InterfaceSettings(static_cast<int>(index), descriptor));
}

InterfaceSettings::~InterfaceSettings() {
  SetAllMulticast(false).IgnoreError();
  std::string name;
  if (found_up_.has_value() && *found_up_ != set_up_) {
    const absl::StatusOr<short> flags = Flags(name);
    if (flags.ok() && ((*flags & IFF_UP) != 0) == set_up_) SetUp(*found_up_).IgnoreError();
  }
  close(descriptor_);
}

absl::StatusOr<short> InterfaceSettings::Flags(std::string& name) const {
  char buffer[IFNAMSIZ] = "";
  if (if_indextoname(static_cast<unsigned>(index_), buffer) == nullptr) {
    return lcore::ErrnoStatus(errno, absl::StrCat("if_indextoname(", index_, ")"), "the interface is gone");
  }
  name = buffer;
  ifreq request{};
  std::memcpy(request.ifr_name, buffer, sizeof(request.ifr_name));
  if (ioctl(descriptor_, SIOCGIFFLAGS, &request) != 0) return lcore::ErrnoStatus(errno, absl::StrCat("ioctl(SIOCGIFFLAGS, ", name, ")"));
  return request.ifr_flags;
}

absl::Status InterfaceSettings::SetUp(bool up) {
  std::string name;
  const absl::StatusOr<short> flags = Flags(name);
  if (!flags.ok()) return flags.status();
  const bool is_up = (*flags & IFF_UP) != 0;
  if (!found_up_.has_value()) found_up_ = is_up;
  set_up_ = up;
  if (is_up == up) return absl::OkStatus();
  ifreq request{};
  std::strncpy(request.ifr_name, name.c_str(), sizeof(request.ifr_name) - 1);
  request.ifr_flags = static_cast<short>(up ? *flags | IFF_UP : *flags & ~IFF_UP);
  if (ioctl(descriptor_, SIOCSIFFLAGS, &request) == 0) return absl::OkStatus();
  return lcore::ErrnoStatus(errno, absl::StrCat("ioctl(SIOCSIFFLAGS, ", name, up ? ", up)" : ", down)"), "needs CAP_NET_ADMIN");
}

absl::Status InterfaceSettings::SetAllMulticast(bool on) {
  if (on == all_multicast()) return absl::OkStatus();
  if (!on) {
    close(multicast_descriptor_);
    multicast_descriptor_ = -1;
    return absl::OkStatus();
  }
  const int descriptor = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return lcore::ErrnoStatus(errno, "socket(AF_PACKET)", "needs CAP_NET_RAW");
  packet_mreq membership{};
  membership.mr_ifindex = index_;
  membership.mr_type = PACKET_MR_ALLMULTI;
  if (setsockopt(descriptor, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &membership, sizeof(membership)) != 0) {
    const absl::Status status = lcore::ErrnoStatus(errno, absl::StrCat("setsockopt(PACKET_MR_ALLMULTI, index ", index_, ")"));
    close(descriptor);
    return status;
  }
  multicast_descriptor_ = descriptor;
  return absl::OkStatus();
}

}  // namespace pollux::testpmd
