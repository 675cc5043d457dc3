// SPDX-License-Identifier: Apache-2.0
#include "bpf/feature_probe.h"

#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <net/if.h>

#include <array>
#include <cerrno>
#include <memory>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "bpf/uapi.h"
#include "lcore/errno_status.h"

namespace pollux::bpf {
namespace {

struct CloseSocket {
  void operator()(mnl_socket* socket) const { mnl_socket_close(socket); }
};

// Attributes of an answer by type: integers widened, the rest left out.
using Attributes = std::array<std::optional<uint64_t>, 16>;

int CollectAttribute(const nlattr* attribute, void* data) {
  auto* attributes = static_cast<Attributes*>(data);
  uint16_t type = mnl_attr_get_type(attribute);
  if (type >= attributes->size()) return MNL_CB_OK;
  uint16_t length = mnl_attr_get_payload_len(attribute);
  if (length == sizeof(uint16_t)) (*attributes)[type] = mnl_attr_get_u16(attribute);
  if (length == sizeof(uint32_t)) (*attributes)[type] = mnl_attr_get_u32(attribute);
  if (length == sizeof(uint64_t)) (*attributes)[type] = mnl_attr_get_u64(attribute);
  return MNL_CB_OK;
}

int CollectAnswer(const nlmsghdr* message, void* data) {
  mnl_attr_parse(message, sizeof(genlmsghdr), CollectAttribute, data);
  return MNL_CB_OK;
}

// One request and its answer, in generic netlink. A kernel that does not know the family or command says so in errno.
class GenericNetlink {
 public:
  // False with errno set.
  bool Open() {
    socket_.reset(mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC));
    return socket_ != nullptr && mnl_socket_bind(socket_.get(), 0, MNL_SOCKET_AUTOPID) == 0;
  }

  nlmsghdr* Start(uint16_t family, uint8_t command) {
    nlmsghdr* message = mnl_nlmsg_put_header(buffer_.data());
    message->nlmsg_type = family;
    message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    message->nlmsg_seq = ++sequence_;
    auto* generic = static_cast<genlmsghdr*>(mnl_nlmsg_put_extra_header(message, sizeof(genlmsghdr)));
    generic->cmd = command;
    generic->version = 1;
    return message;
  }

  // Empty with errno set.
  std::optional<Attributes> Ask(nlmsghdr* message) {
    if (mnl_socket_sendto(socket_.get(), message, message->nlmsg_len) < 0) return std::nullopt;
    Attributes attributes;
    for (int result = MNL_CB_OK; result > MNL_CB_STOP;) {
      ssize_t length = mnl_socket_recvfrom(socket_.get(), buffer_.data(), buffer_.size());
      if (length < 0) return std::nullopt;
      result = mnl_cb_run(buffer_.data(), static_cast<size_t>(length), sequence_, mnl_socket_get_portid(socket_.get()), CollectAnswer,
                          &attributes);
      if (result < 0) return std::nullopt;
    }
    return attributes;
  }

  // The number of the netdev family; empty where the kernel has none.
  std::optional<uint16_t> NetdevFamily() {
    nlmsghdr* message = Start(GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
    mnl_attr_put_strz(message, CTRL_ATTR_FAMILY_NAME, kNetdevFamily);
    std::optional<Attributes> answer = Ask(message);
    if (!answer || !(*answer)[CTRL_ATTR_FAMILY_ID]) return std::nullopt;
    return static_cast<uint16_t>(*(*answer)[CTRL_ATTR_FAMILY_ID]);
  }

 private:
  std::unique_ptr<mnl_socket, CloseSocket> socket_;
  std::vector<char> buffer_ = std::vector<char>(16384);
  uint32_t sequence_ = 0;
};

}  // namespace

absl::StatusOr<DeviceFeatures> ProbeDevice(const std::string& interface) {
  unsigned ifindex = if_nametoindex(interface.c_str());
  if (ifindex == 0)
    return absl::NotFoundError(absl::StrCat("interface ", interface, ": there is none of this name in this network namespace"));
  return ProbeDevice(static_cast<int>(ifindex));
}

absl::StatusOr<DeviceFeatures> ProbeDevice(int interface_index) {
  GenericNetlink netlink;
  if (!netlink.Open()) return lcore::ErrnoStatus(errno, "socket(AF_NETLINK, NETLINK_GENERIC)");
  std::optional<uint16_t> family = netlink.NetdevFamily();
  if (!family) return DeviceFeatures();
  nlmsghdr* message = netlink.Start(*family, kNetdevCommandDeviceGet);
  mnl_attr_put_u32(message, kNetdevAttributeIfindex, static_cast<uint32_t>(interface_index));
  std::optional<Attributes> answer = netlink.Ask(message);
  if (!answer && errno == ENODEV) return absl::NotFoundError(absl::StrCat("interface ", interface_index, " went away"));
  if (!answer) return DeviceFeatures();
  DeviceFeatures features;
  features.known = (*answer)[kNetdevAttributeXdpFeatures].has_value();
  features.xdp_actions = (*answer)[kNetdevAttributeXdpFeatures].value_or(0);
  features.zero_copy_segments = static_cast<uint32_t>((*answer)[kNetdevAttributeXdpZeroCopySegments].value_or(0));
  features.rx_metadata = (*answer)[kNetdevAttributeXdpRxMetadata].value_or(0);
  features.xsk_features = (*answer)[kNetdevAttributeXskFeatures].value_or(0);
  return features;
}

std::optional<uint32_t> QueueNapiId(const std::string& interface, uint32_t queue, QueueDirection direction) {
  return QueueNapiId(static_cast<int>(if_nametoindex(interface.c_str())), queue, direction);
}

std::optional<uint32_t> QueueNapiId(int interface_index, uint32_t queue, QueueDirection direction) {
  GenericNetlink netlink;
  if (interface_index == 0 || !netlink.Open()) return std::nullopt;
  std::optional<uint16_t> family = netlink.NetdevFamily();
  if (!family) return std::nullopt;
  nlmsghdr* message = netlink.Start(*family, kNetdevCommandQueueGet);
  mnl_attr_put_u32(message, kNetdevAttributeQueueIfindex, static_cast<uint32_t>(interface_index));
  mnl_attr_put_u32(message, kNetdevAttributeQueueType, direction == QueueDirection::kRx ? 0 : 1);
  mnl_attr_put_u32(message, kNetdevAttributeQueueId, queue);
  std::optional<Attributes> answer = netlink.Ask(message);
  if (!answer || !(*answer)[kNetdevAttributeQueueNapiId]) return std::nullopt;
  return static_cast<uint32_t>(*(*answer)[kNetdevAttributeQueueNapiId]);
}

std::string DescribeFeatures(const DeviceFeatures& features) {
  if (!features.known) return "unknown (the kernel does not tell)";
  constexpr std::pair<uint64_t, const char*> kNames[] = {
      {kXdpActionBasic, "native XDP"},
      {kXdpActionRedirect, "redirect"},
      {kXdpActionTransmit, "transmit"},
      {kXdpActionZeroCopy, "zero-copy"},
      {kXdpActionHardware, "hardware offload"},
      {kXdpActionRxMultiBuffer, "multi-buffer rx"},
      {kXdpActionTransmitMultiBuffer, "multi-buffer transmit"},
  };
  std::vector<std::string> words;
  for (const auto& [bit, name] : kNames) {
    if (features.xdp_actions & bit) words.emplace_back(name);
  }
  if (features.zero_copy_segments > 1) words.push_back(absl::StrCat(features.zero_copy_segments, " segments in zero-copy"));
  return words.empty() ? "none" : absl::StrJoin(words, ", ");
}

}  // namespace pollux::bpf
