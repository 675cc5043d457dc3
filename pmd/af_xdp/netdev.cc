// SPDX-License-Identifier: Apache-2.0
#include "pmd/af_xdp/netdev.h"

#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <new>
#include <utility>
#include <vector>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include "lcore/errno_status.h"

namespace pollux::pmd::af_xdp {
namespace {

using lcore::ErrnoStatus;

#ifndef SO_NETNS_COOKIE
constexpr int SO_NETNS_COOKIE = 71;
#endif
constexpr const char* kOwnNamespace = "/proc/thread-self/ns/net";

void CopyName(const std::string& name, ifreq& request) {
  std::memset(request.ifr_name, 0, IFNAMSIZ);
  std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
}

// Queues in sysfs, for drivers without ethtool channels.
uint32_t CountSysfsQueues(const std::string& name) {
  std::error_code error;
  uint32_t count = 0;
  std::filesystem::directory_iterator entry(absl::StrCat("/sys/class/net/", name, "/queues"), error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    if (absl::StartsWith(entry->path().filename().string(), "rx-")) ++count;
  }
  return std::max(count, 1u);
}

std::string FirstLine(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// 0 unless sysfs shows this interface: that of another namespace may be mounted, with another interface of this name.
uint64_t SysfsInode(const std::string& name, int index, const MacAddress& mac) {
  const std::string folder = absl::StrCat("/sys/class/net/", name);
  struct stat status {};
  if (FirstLine(folder + "/ifindex") != absl::StrCat(index)) return 0;
  if (MacAddress::Parse(FirstLine(folder + "/address")) != mac) return 0;
  return stat(folder.c_str(), &status) == 0 ? status.st_ino : 0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Netdev>> Netdev::Open(const std::string& name) {
  if (name.empty() || name.size() >= IFNAMSIZ) {
    return absl::InvalidArgumentError(absl::StrCat("interface name '", name, "': 1 to ", IFNAMSIZ - 1, " characters"));
  }
  const int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return ErrnoStatus(errno, "socket(AF_INET)");
  std::unique_ptr<Netdev> netdev(new Netdev(name, descriptor, open(kOwnNamespace, O_RDONLY | O_CLOEXEC)));
  const absl::StatusOr<int> index = netdev->Find(name);
  if (!index.ok()) return index.status();
  netdev->index_ = *index;
  ifreq request{};
  if (const int error = netdev->Call(SIOCGIFHWADDR, request); error != 0) return netdev->Failed(error, "SIOCGIFHWADDR");
  const int type = request.ifr_hwaddr.sa_family;
  if (type != ARPHRD_ETHER && type != ARPHRD_LOOPBACK) {
    return absl::InvalidArgumentError(
        absl::StrCat("interface ", name, ": its packets have no Ethernet header (link type ", type, ", as of a tunnel); a port needs one"));
  }
  return netdev;
}

absl::StatusOr<std::unique_ptr<Netdev>> Netdev::Duplicate() const {
  const int descriptor = fcntl(descriptor_, F_DUPFD_CLOEXEC, 3);
  if (descriptor < 0) return ErrnoStatus(errno, "fcntl(F_DUPFD_CLOEXEC)");
  std::unique_ptr<Netdev> twin(new Netdev(name(), descriptor, namespace_ < 0 ? -1 : fcntl(namespace_, F_DUPFD_CLOEXEC, 3)));
  twin->index_ = index();
  return twin;
}

Netdev::~Netdev() {
  close(descriptor_);
  if (namespace_ >= 0) close(namespace_);
}

std::string Netdev::name() const {
  ifreq request{};
  request.ifr_ifindex = index();
  const bool found = request.ifr_ifindex != 0 && ioctl(descriptor_, SIOCGIFNAME, &request) == 0;
  const std::lock_guard lock(name_lock_);
  if (found) last_name_.assign(request.ifr_name, strnlen(request.ifr_name, IFNAMSIZ));
  return last_name_;
}

absl::Status Netdev::Failed(int error, const char* call) const {
  if (error == ENODEV)
    return absl::NotFoundError(absl::StrCat("interface ", name(), ": no such interface in this network namespace (ip link shows them)"));
  return ErrnoStatus(error, absl::StrCat("ioctl(", call, ", ", name(), ")"), error == EPERM ? "needs CAP_NET_ADMIN" : "");
}

absl::StatusOr<int> Netdev::Find(const std::string& name) const {
  ifreq request{};
  CopyName(name, request);
  if (ioctl(descriptor_, SIOCGIFINDEX, &request) != 0) return Failed(errno, "SIOCGIFINDEX");
  return request.ifr_ifindex;
}

absl::StatusOr<int> Netdev::Index() const {
  ifreq request{};
  request.ifr_ifindex = index();
  if (ioctl(descriptor_, SIOCGIFNAME, &request) != 0) return Failed(errno, "SIOCGIFNAME");
  return request.ifr_ifindex;
}

absl::Status Netdev::Follow() {
  if (Index().ok()) return absl::OkStatus();
  const absl::StatusOr<int> found = Find(name());
  if (!found.ok()) return found.status();
  index_.store(*found, std::memory_order_relaxed);
  return absl::OkStatus();
}

// The name may change between the two calls: then another interface, or none, answers to it, and the index tells.
int Netdev::Call(unsigned long number, ifreq& request) const {
  ifreq named{};
  named.ifr_ifindex = index();
  if (ioctl(descriptor_, SIOCGIFNAME, &named) != 0) return errno;
  std::memcpy(request.ifr_name, named.ifr_name, IFNAMSIZ);
  return ioctl(descriptor_, number, &request) == 0 ? 0 : errno;
}

// False where the driver does not have the command.
template <typename Command>
bool Netdev::Ethtool(Command& command) const {
  ifreq request{};
  request.ifr_data = reinterpret_cast<char*>(&command);
  return Call(SIOCETHTOOL, request) == 0;
}

absl::StatusOr<InterfaceIdentity> Netdev::Identity() const {
  InterfaceIdentity identity;
  const auto index = Index();
  if (!index.ok()) return index.status();
  const auto mac = Mac();
  if (!mac.ok()) return mac.status();
  identity.index = *index;
  identity.boot = FirstLine("/proc/sys/kernel/random/boot_id");
  uint64_t cookie = 0;
  socklen_t length = sizeof(cookie);
  struct stat status {};
  if (getsockopt(descriptor_, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &length) == 0) {
    identity.network = absl::StrCat("n", cookie);
  } else if (fstat(namespace_, &status) == 0) {
    identity.network = absl::StrCat("i", status.st_ino);
  } else {
    return ErrnoStatus(errno, absl::StrCat("open(", kOwnNamespace, ")"), "is /proc mounted?");
  }
  identity.creation = SysfsInode(name(), *index, *mac);
  std::array<std::byte, sizeof(ethtool_perm_addr) + MAX_ADDR_LEN> buffer{};
  auto& permanent = *new (buffer.data()) ethtool_perm_addr{};
  permanent.cmd = ETHTOOL_GPERMADDR;
  permanent.size = MAX_ADDR_LEN;
  if (Ethtool(permanent) && permanent.size >= identity.address.bytes.size()) {
    std::memcpy(identity.address.bytes.data(), permanent.data, identity.address.bytes.size());
  }
  if (identity.address == MacAddress{}) identity.address = *mac;
  return identity;
}

absl::StatusOr<Netdev::Visit> Netdev::EnterNamespace() const {
  struct stat here {
  }, there{};
  if (namespace_ < 0 || stat(kOwnNamespace, &here) != 0 || fstat(namespace_, &there) != 0)
    return Visit(-1);  // no /proc: nothing to tell by
  if (here.st_ino == there.st_ino && here.st_dev == there.st_dev) return Visit(-1);
  const int home = open(kOwnNamespace, O_RDONLY | O_CLOEXEC);
  if (home < 0) return ErrnoStatus(errno, absl::StrCat("open(", kOwnNamespace, ")"));
  Visit visit(home);
  if (setns(namespace_, CLONE_NEWNET) != 0) {
    return ErrnoStatus(errno, absl::StrCat("setns(network namespace of ", name(), ")"),
                       "this thread is in another namespace than the one that opened the port, and going there needs CAP_SYS_ADMIN");
  }
  return visit;
}

Netdev::Visit::~Visit() {
  if (home_ < 0) return;
  if (setns(home_, CLONE_NEWNET) != 0) std::abort();  // it came from there: going on elsewhere would touch other interfaces
  close(home_);
}

std::string Netdev::DriverName() const {
  ethtool_drvinfo driver{};
  driver.cmd = ETHTOOL_GDRVINFO;
  if (!Ethtool(driver)) return "";
  return std::string(driver.driver, strnlen(driver.driver, sizeof(driver.driver)));
}

std::string Netdev::Qdisc() const {
  const auto visit = EnterNamespace();
  mnl_socket* const socket = visit.ok() ? mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC) : nullptr;
  if (socket == nullptr) return "";
  std::array<char, 32768> buffer{};
  nlmsghdr* const request = mnl_nlmsg_put_header(buffer.data());
  request->nlmsg_type = RTM_GETLINK;
  request->nlmsg_flags = NLM_F_REQUEST;
  static_cast<ifinfomsg*>(mnl_nlmsg_put_extra_header(request, sizeof(ifinfomsg)))->ifi_index = index();
  std::string qdisc;
  const bool asked = mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) == 0 && mnl_socket_sendto(socket, request, request->nlmsg_len) > 0;
  const ssize_t length = asked ? mnl_socket_recvfrom(socket, buffer.data(), buffer.size()) : -1;
  const auto* const answer = reinterpret_cast<const nlmsghdr*>(buffer.data());
  if (length > 0 && mnl_nlmsg_ok(answer, static_cast<int>(length)) && answer->nlmsg_type == RTM_NEWLINK) {
    const auto take = [](const nlattr* attribute, void* text) {
      if (mnl_attr_get_type(attribute) == IFLA_QDISC && mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) == 0) {
        *static_cast<std::string*>(text) = mnl_attr_get_str(attribute);
      }
      return MNL_CB_OK;
    };
    mnl_attr_parse(answer, sizeof(ifinfomsg), take, &qdisc);
  }
  mnl_socket_close(socket);
  return qdisc;
}

absl::StatusOr<bool> Netdev::IsUp() const {
  ifreq request{};
  if (const int error = Call(SIOCGIFFLAGS, request); error != 0) return Failed(error, "SIOCGIFFLAGS");
  return (request.ifr_flags & IFF_UP) != 0;
}

absl::StatusOr<LinkState> Netdev::Link() const {
  ifreq request{};
  if (const int error = Call(SIOCGIFFLAGS, request); error != 0) return Failed(error, "SIOCGIFFLAGS");
  LinkState link;
  link.up = (request.ifr_flags & (IFF_UP | IFF_RUNNING)) == (IFF_UP | IFF_RUNNING);

  // The number of link mode words is negotiated: the first call answers it as a negative number (linux/ethtool.h).
  std::vector<std::byte> buffer(sizeof(ethtool_link_settings) + 3 * SCHAR_MAX * sizeof(uint32_t));
  auto& settings = *new (buffer.data()) ethtool_link_settings{};
  settings.cmd = ETHTOOL_GLINKSETTINGS;
  if (!Ethtool(settings)) return link;
  settings.cmd = ETHTOOL_GLINKSETTINGS;
  settings.link_mode_masks_nwords = static_cast<int8_t>(-settings.link_mode_masks_nwords);
  if (!Ethtool(settings)) return link;
  if (settings.speed != static_cast<uint32_t>(SPEED_UNKNOWN)) link.speed_mbps = settings.speed;
  link.full_duplex = settings.duplex != DUPLEX_HALF;
  return link;
}

absl::StatusOr<std::size_t> Netdev::Mtu() const {
  ifreq request{};
  if (const int error = Call(SIOCGIFMTU, request); error != 0) return Failed(error, "SIOCGIFMTU");
  return static_cast<std::size_t>(request.ifr_mtu);
}

absl::Status Netdev::SetMtu(std::size_t mtu) const {
  if (mtu > INT_MAX) return absl::InvalidArgumentError(absl::StrCat("interface ", name(), ": MTU ", mtu, ": no interface has that"));
  ifreq request{};
  request.ifr_mtu = static_cast<int>(mtu);
  if (const int error = Call(SIOCSIFMTU, request); error != 0) return Failed(error, absl::StrCat("SIOCSIFMTU ", mtu).c_str());
  return absl::OkStatus();
}

absl::StatusOr<MacAddress> Netdev::Mac() const {
  ifreq request{};
  if (const int error = Call(SIOCGIFHWADDR, request); error != 0) return Failed(error, "SIOCGIFHWADDR");
  MacAddress mac;
  std::memcpy(mac.bytes.data(), request.ifr_hwaddr.sa_data, mac.bytes.size());
  return mac;
}

absl::Status Netdev::SetMac(const MacAddress& mac) const {
  ifreq request{};
  request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
  std::memcpy(request.ifr_hwaddr.sa_data, mac.bytes.data(), mac.bytes.size());
  if (const int error = Call(SIOCSIFHWADDR, request); error != 0)
    return Failed(error, absl::StrCat("SIOCSIFHWADDR ", mac.ToString()).c_str());
  return absl::OkStatus();
}

absl::StatusOr<uint32_t> Netdev::QueueCount() const {
  if (auto index = Index(); !index.ok()) return index.status();
  ethtool_channels channels{};
  channels.cmd = ETHTOOL_GCHANNELS;
  if (!Ethtool(channels)) return CountSysfsQueues(name());
  return std::max({channels.combined_count + std::max(channels.rx_count, channels.tx_count), 1u});
}

uint32_t Netdev::HardwareRxRing() const {
  ethtool_ringparam ring{};
  ring.cmd = ETHTOOL_GRINGPARAM;
  return Ethtool(ring) ? ring.rx_pending : 0;
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
