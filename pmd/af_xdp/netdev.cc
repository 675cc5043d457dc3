// SPDX-License-Identifier: Apache-2.0
#include "pmd/af_xdp/netdev.h"

#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <filesystem>
#include <new>
#include <vector>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include "lcore/errno_status.h"

namespace pollux::pmd::af_xdp {
namespace {

using lcore::ErrnoStatus;

ifreq Request(const std::string& name) {
  ifreq request{};
  std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
  return request;
}

// False where the driver does not have the command.
template <typename Command>
bool Ethtool(int descriptor, const std::string& name, Command& command) {
  ifreq request = Request(name);
  request.ifr_data = reinterpret_cast<char*>(&command);
  return ioctl(descriptor, SIOCETHTOOL, &request) == 0;
}

// Queues in sysfs, for drivers without ethtool channels.
uint32_t CountSysfsQueues(const std::string& name) {
  std::error_code error;
  uint32_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(absl::StrCat("/sys/class/net/", name, "/queues"), error)) {
    if (absl::StartsWith(entry.path().filename().string(), "rx-")) ++count;
  }
  return std::max(count, 1u);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Netdev>> Netdev::Open(const std::string& name) {
  if (name.empty() || name.size() >= IFNAMSIZ) {
    return absl::InvalidArgumentError(absl::StrCat("interface name '", name, "': 1 to ", IFNAMSIZ - 1, " characters"));
  }
  const int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return ErrnoStatus(errno, "socket(AF_INET)");
  std::unique_ptr<Netdev> netdev(new Netdev(name, descriptor));
  if (auto index = netdev->Index(); !index.ok()) return index.status();
  return netdev;
}

Netdev::~Netdev() {
  close(descriptor_);
}

absl::Status Netdev::Failed(int error, const char* call) const {
  if (error == ENODEV)
    return absl::NotFoundError(absl::StrCat("interface ", name_, ": no such interface in this network namespace (ip link shows them)"));
  return ErrnoStatus(error, absl::StrCat("ioctl(", call, ", ", name_, ")"), error == EPERM ? "needs CAP_NET_ADMIN" : "");
}

absl::StatusOr<int> Netdev::Index() const {
  ifreq request = Request(name_);
  if (ioctl(descriptor_, SIOCGIFINDEX, &request) != 0) return Failed(errno, "SIOCGIFINDEX");
  return request.ifr_ifindex;
}

std::string Netdev::DriverName() const {
  ethtool_drvinfo driver{};
  driver.cmd = ETHTOOL_GDRVINFO;
  if (!Ethtool(descriptor_, name_, driver)) return "";
  return std::string(driver.driver, strnlen(driver.driver, sizeof(driver.driver)));
}

absl::StatusOr<bool> Netdev::IsUp() const {
  ifreq request = Request(name_);
  if (ioctl(descriptor_, SIOCGIFFLAGS, &request) != 0) return Failed(errno, "SIOCGIFFLAGS");
  return (request.ifr_flags & IFF_UP) != 0;
}

absl::StatusOr<LinkState> Netdev::Link() const {
  ifreq request = Request(name_);
  if (ioctl(descriptor_, SIOCGIFFLAGS, &request) != 0) return Failed(errno, "SIOCGIFFLAGS");
  LinkState link;
  link.up = (request.ifr_flags & (IFF_UP | IFF_RUNNING)) == (IFF_UP | IFF_RUNNING);

  // The number of link mode words is negotiated: the first call answers it as a negative number (linux/ethtool.h).
  std::vector<std::byte> buffer(sizeof(ethtool_link_settings) + 3 * SCHAR_MAX * sizeof(uint32_t));
  auto& settings = *new (buffer.data()) ethtool_link_settings{};
  settings.cmd = ETHTOOL_GLINKSETTINGS;
  if (!Ethtool(descriptor_, name_, settings)) return link;
  settings.cmd = ETHTOOL_GLINKSETTINGS;
  settings.link_mode_masks_nwords = static_cast<int8_t>(-settings.link_mode_masks_nwords);
  if (!Ethtool(descriptor_, name_, settings)) return link;
  if (settings.speed != static_cast<uint32_t>(SPEED_UNKNOWN)) link.speed_mbps = settings.speed;
  link.full_duplex = settings.duplex != DUPLEX_HALF;
  return link;
}

absl::StatusOr<std::size_t> Netdev::Mtu() const {
  ifreq request = Request(name_);
  if (ioctl(descriptor_, SIOCGIFMTU, &request) != 0) return Failed(errno, "SIOCGIFMTU");
  return static_cast<std::size_t>(request.ifr_mtu);
}

absl::Status Netdev::SetMtu(std::size_t mtu) const {
  ifreq request = Request(name_);
  request.ifr_mtu = static_cast<int>(mtu);
  if (ioctl(descriptor_, SIOCSIFMTU, &request) != 0) return Failed(errno, absl::StrCat("SIOCSIFMTU ", mtu).c_str());
  return absl::OkStatus();
}

absl::StatusOr<MacAddress> Netdev::Mac() const {
  ifreq request = Request(name_);
  if (ioctl(descriptor_, SIOCGIFHWADDR, &request) != 0) return Failed(errno, "SIOCGIFHWADDR");
  MacAddress mac;
  std::memcpy(mac.bytes.data(), request.ifr_hwaddr.sa_data, mac.bytes.size());
  return mac;
}

absl::Status Netdev::SetMac(const MacAddress& mac) const {
  ifreq request = Request(name_);
  request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
  std::memcpy(request.ifr_hwaddr.sa_data, mac.bytes.data(), mac.bytes.size());
  if (ioctl(descriptor_, SIOCSIFHWADDR, &request) != 0) return Failed(errno, absl::StrCat("SIOCSIFHWADDR ", mac.ToString()).c_str());
  return absl::OkStatus();
}

absl::StatusOr<uint32_t> Netdev::QueueCount() const {
  if (auto index = Index(); !index.ok()) return index.status();
  ethtool_channels channels{};
  channels.cmd = ETHTOOL_GCHANNELS;
  if (!Ethtool(descriptor_, name_, channels)) return CountSysfsQueues(name_);
  return std::max({channels.combined_count + std::max(channels.rx_count, channels.tx_count), 1u});
}

uint32_t Netdev::HardwareRxRing() const {
  ethtool_ringparam ring{};
  ring.cmd = ETHTOOL_GRINGPARAM;
  return Ethtool(descriptor_, name_, ring) ? ring.rx_pending : 0;
}

absl::StatusOr<std::unique_ptr<PromiscuousMembership>> PromiscuousMembership::Join(const std::string& interface, int interface_index) {
  const int descriptor = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);  // protocol 0: receives nothing
  if (descriptor < 0) return ErrnoStatus(errno, "socket(AF_PACKET)", errno == EPERM ? "promiscuous mode needs CAP_NET_RAW" : "");
  std::unique_ptr<PromiscuousMembership> membership(new PromiscuousMembership(descriptor));
  packet_mreq request{};
  request.mr_ifindex = interface_index;
  request.mr_type = PACKET_MR_PROMISC;
  if (setsockopt(descriptor, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, sizeof(request)) != 0) {
    return ErrnoStatus(errno, absl::StrCat("setsockopt(PACKET_ADD_MEMBERSHIP, ", interface, ", promiscuous)"));
  }
  return membership;
}

PromiscuousMembership::~PromiscuousMembership() {
  close(descriptor_);
}

}  // namespace pollux::pmd::af_xdp
