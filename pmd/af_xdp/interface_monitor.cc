// SPDX-License-Identifier: Apache-2.0
#include "pmd/af_xdp/interface_monitor.h"

#include <libmnl/libmnl.h>
#include <linux/ethtool_netlink.h>
#include <linux/genetlink.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <utility>
#include <vector>

#include "bpf/uapi.h"
#include "lcore/errno_status.h"

namespace pollux::pmd::af_xdp {
namespace {

constexpr std::size_t kBufferBytes = 32768;
constexpr int kSubscribeTimeoutMs = 1000;
constexpr int kMostLosses = 16;  // in a row: then the rest waits for the next time

// Calls `body` with each attribute in [first, end).
template <typename Body>
void ForEachAttribute(const nlattr* first, const void* end, Body body) {
  for (const nlattr* attribute = first;
       mnl_attr_ok(attribute, static_cast<int>(static_cast<const char*>(end) - reinterpret_cast<const char*>(attribute)));
       attribute = mnl_attr_next(attribute)) {
    body(attribute);
  }
}
template <typename Body>
void ForEachNested(const nlattr* nest, Body body) {
  const auto* const payload = static_cast<const char*>(mnl_attr_get_payload(nest));
  ForEachAttribute(reinterpret_cast<const nlattr*>(payload), payload + mnl_attr_get_payload_len(nest), body);
}
template <typename Body>
void ForEachOf(const nlmsghdr* message, std::size_t header, Body body) {
  if (message->nlmsg_len < mnl_nlmsg_size(header)) return;
  ForEachAttribute(static_cast<const nlattr*>(mnl_nlmsg_get_payload_offset(message, header)), mnl_nlmsg_get_payload_tail(message), body);
}

// The number of multicast group `group` in an answer about its family; 0: it has none.
uint32_t GroupNumber(const nlmsghdr* message, const char* group) {
  uint32_t number = 0;
  ForEachOf(message, sizeof(genlmsghdr), [&](const nlattr* attribute) {
    if (mnl_attr_get_type(attribute) != CTRL_ATTR_MCAST_GROUPS) return;
    ForEachNested(attribute, [&](const nlattr* entry) {
      uint32_t entry_number = 0;
      bool is_it = false;
      ForEachNested(entry, [&](const nlattr* member) {
        if (mnl_attr_get_type(member) == CTRL_ATTR_MCAST_GRP_ID) entry_number = mnl_attr_get_u32(member);
        if (mnl_attr_get_type(member) == CTRL_ATTR_MCAST_GRP_NAME) is_it = std::strcmp(mnl_attr_get_str(member), group) == 0;
      });
      if (is_it) number = entry_number;
    });
  });
  return number;
}

// False where the kernel has no such family or group.
bool Subscribe(mnl_socket* socket, const char* family, const char* group) {
  std::vector<char> buffer(kBufferBytes);
  nlmsghdr* const request = mnl_nlmsg_put_header(buffer.data());
  request->nlmsg_type = GENL_ID_CTRL;
  request->nlmsg_flags = NLM_F_REQUEST;
  auto* const generic = static_cast<genlmsghdr*>(mnl_nlmsg_put_extra_header(request, sizeof(genlmsghdr)));
  generic->cmd = CTRL_CMD_GETFAMILY;
  generic->version = 1;
  mnl_attr_put_strz(request, CTRL_ATTR_FAMILY_NAME, family);
  if (mnl_socket_sendto(socket, request, request->nlmsg_len) < 0) return false;
  const timeval timeout{.tv_sec = kSubscribeTimeoutMs / 1000, .tv_usec = 0};
  setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
  // Groups that were joined before may tell something first.
  for (;;) {
    const ssize_t length = mnl_socket_recvfrom(socket, buffer.data(), buffer.size());
    if (length <= 0) return false;
    const auto* const answer = reinterpret_cast<const nlmsghdr*>(buffer.data());
    if (!mnl_nlmsg_ok(answer, static_cast<int>(length)) || answer->nlmsg_type == NLMSG_ERROR) return false;
    if (answer->nlmsg_type != GENL_ID_CTRL) continue;
    int number = static_cast<int>(GroupNumber(answer, group));
    return number != 0 && mnl_socket_setsockopt(socket, NETLINK_ADD_MEMBERSHIP, &number, sizeof(number)) == 0;
  }
}

struct Registry {
  std::mutex lock;
  std::map<std::pair<dev_t, ino_t>, std::weak_ptr<InterfaceMonitor>> monitors;

  static Registry& OfProcess() {
    static auto* const registry = new Registry();
    return *registry;
  }
};

}  // namespace

absl::StatusOr<std::shared_ptr<InterfaceMonitor>> InterfaceMonitor::Of(const Netdev& netdev) {
  struct stat status {};
  // Sockets keep their namespace: no other has its number meanwhile.
  if (fstat(netdev.namespace_descriptor(), &status) != 0) status = {};
  Registry& registry = Registry::OfProcess();
  const std::lock_guard lock(registry.lock);
  std::weak_ptr<InterfaceMonitor>& entry = registry.monitors[{status.st_dev, status.st_ino}];
  if (std::shared_ptr<InterfaceMonitor> known = entry.lock()) return known;
  const auto visit = netdev.EnterNamespace();
  if (!visit.ok()) return visit.status();
  std::shared_ptr<InterfaceMonitor> monitor(new InterfaceMonitor());
  if (absl::Status opened = monitor->Open(); !opened.ok()) return opened;
  entry = monitor;
  return monitor;
}

absl::Status InterfaceMonitor::Open() {
  links_ = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
  if (links_ == nullptr || mnl_socket_bind(links_, RTMGRP_LINK | RTMGRP_TC, MNL_SOCKET_AUTOPID) != 0) {
    return lcore::ErrnoStatus(errno, "socket(AF_NETLINK, NETLINK_ROUTE, groups of links and of traffic control)");
  }
  features_ = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
  if (features_ == nullptr || mnl_socket_bind(features_, 0, MNL_SOCKET_AUTOPID) != 0) {
    return lcore::ErrnoStatus(errno, "socket(AF_NETLINK, NETLINK_GENERIC)");
  }
  const bool drivers = Subscribe(features_, bpf::kNetdevFamily, "mgmt");
  const bool channels = Subscribe(features_, ETHTOOL_GENL_NAME, ETHTOOL_MCGRP_MONITOR_NAME);
  if (!drivers && !channels) mnl_socket_close(std::exchange(features_, nullptr));
  return absl::OkStatus();
}

InterfaceMonitor::~InterfaceMonitor() {
  for (mnl_socket* socket : {links_, features_}) {
    if (socket != nullptr) mnl_socket_close(socket);
  }
}

void InterfaceMonitor::Changed(int index, InterfaceNews::Departure departure) {
  for (Watcher* watcher : watchers_) {
    if (watcher->index_ != index && watcher->index_ != Watcher::kAny) continue;
    watcher->news_.changed = true;
    if (watcher->index_ == index && departure != InterfaceNews::Departure::kNone) watcher->news_.departure = departure;
  }
}

void InterfaceMonitor::HandleLink(const nlmsghdr* message) {
  if (message->nlmsg_len < mnl_nlmsg_size(sizeof(ifinfomsg))) return;
  const auto* const info = static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(message));
  if (info->ifi_family != AF_UNSPEC) return;  // that of a bridge's port: it leaves the bridge, and stays
  auto departure = InterfaceNews::Departure::kNone;
  if (message->nlmsg_type == RTM_DELLINK) {
    departure = InterfaceNews::Departure::kDeleted;
    ForEachOf(message, sizeof(ifinfomsg), [&](const nlattr* attribute) {
      if (mnl_attr_get_type(attribute) == IFLA_NEW_NETNSID) departure = InterfaceNews::Departure::kMoved;
    });
  }
  Changed(info->ifi_index, departure);
}

// Of both families the attribute that says which interface is the first.
void InterfaceMonitor::Handle(const nlmsghdr* message) {
  if (message->nlmsg_type == RTM_NEWLINK || message->nlmsg_type == RTM_DELLINK) return HandleLink(message);
  if (message->nlmsg_type == RTM_NEWQDISC || message->nlmsg_type == RTM_DELQDISC) {
    if (message->nlmsg_len >= mnl_nlmsg_size(sizeof(tcmsg)))
      Changed(static_cast<const tcmsg*>(mnl_nlmsg_get_payload(message))->tcm_ifindex);
    return;
  }
  if (message->nlmsg_type < NLMSG_MIN_TYPE) return;
  ForEachOf(message, sizeof(genlmsghdr), [&](const nlattr* attribute) {
    if (mnl_attr_get_type(attribute) != bpf::kNetdevAttributeIfindex) return;
    if (mnl_attr_get_payload_len(attribute) == sizeof(uint32_t)) return Changed(static_cast<int>(mnl_attr_get_u32(attribute)));
    ForEachNested(attribute, [&](const nlattr* member) {
      if (mnl_attr_get_type(member) == ETHTOOL_A_HEADER_DEV_INDEX && mnl_attr_get_payload_len(member) == sizeof(uint32_t)) {
        Changed(static_cast<int>(mnl_attr_get_u32(member)));
      }
    });
  });
}

bool InterfaceMonitor::Read(mnl_socket* socket) {
  std::vector<char> buffer(kBufferBytes);
  for (;;) {
    const ssize_t received = recv(mnl_socket_get_fd(socket), buffer.data(), buffer.size(), MSG_DONTWAIT | MSG_TRUNC);
    if (received < 0 && errno == EINTR) continue;
    if (received < 0) return errno == EAGAIN || errno == EWOULDBLOCK;
    if (received > static_cast<ssize_t>(buffer.size())) return false;
    int length = static_cast<int>(received);
    for (const auto* message = reinterpret_cast<const nlmsghdr*>(buffer.data()); mnl_nlmsg_ok(message, length);
         message = mnl_nlmsg_next(message, &length)) {
      Handle(message);
    }
  }
}

void InterfaceMonitor::ReadAll() {
  for (mnl_socket* socket : {links_, features_}) {
    // ENOBUFS: the kernel had more to tell than there was room for. Everything may be different.
    for (int losses = 0; socket != nullptr && losses < kMostLosses && !Read(socket); ++losses) {
      for (Watcher* watcher : watchers_) watcher->news_.changed = true;
    }
  }
}

InterfaceMonitor::Watcher::Watcher(std::shared_ptr<InterfaceMonitor> monitor) : monitor_(std::move(monitor)) {
  const std::lock_guard lock(monitor_->lock_);
  monitor_->watchers_.insert(this);
}

InterfaceMonitor::Watcher::~Watcher() {
  const std::lock_guard lock(monitor_->lock_);
  monitor_->watchers_.erase(this);
}

void InterfaceMonitor::Watcher::Watch(int index) {
  const std::lock_guard lock(monitor_->lock_);
  monitor_->ReadAll();  // what comes later is of what is watched from now on
  index_ = index;
  news_ = {.changed = true};
}

InterfaceNews InterfaceMonitor::Watcher::Take() {
  const std::lock_guard lock(monitor_->lock_);
  monitor_->ReadAll();
  return std::exchange(news_, {});
}

}  // namespace pollux::pmd::af_xdp
