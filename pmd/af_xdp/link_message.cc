// SPDX-License-Identifier: Apache-2.0
#include "pmd/af_xdp/link_message.h"

#include <libmnl/libmnl.h>
#include <linux/capability.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <memory>
#include <vector>

#include <absl/strings/str_cat.h>

#include "bpf/privilege.h"
#include "bpf/unique_fd.h"
#include "lcore/errno_status.h"

namespace pollux::pmd::af_xdp {
namespace {

struct CloseSocket {
  void operator()(mnl_socket* socket) const { mnl_socket_close(socket); }
};

// One request of rtnetlink about a link, and its acknowledgement.
class LinkRequest {
 public:
  LinkRequest(uint16_t type, uint16_t flags) {
    header_ = mnl_nlmsg_put_header(buffer_.data());
    header_->nlmsg_type = type;
    header_->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
    header_->nlmsg_seq = static_cast<uint32_t>(time(nullptr));
    info_ = PutInfo();
  }
  ifinfomsg* PutInfo() {
    auto* const info = static_cast<ifinfomsg*>(mnl_nlmsg_put_extra_header(header_, sizeof(ifinfomsg)));
    info->ifi_family = AF_UNSPEC;
    return info;
  }
  ifinfomsg& info() { return *info_; }
  nlmsghdr* header() { return header_; }

  absl::Status Send(const std::string& call) {
    const std::unique_ptr<mnl_socket, CloseSocket> socket(mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC));
    if (socket == nullptr || mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) != 0) return Failed(call);
    if (mnl_socket_sendto(socket.get(), header_, header_->nlmsg_len) < 0) return Failed(call);
    const ssize_t length = mnl_socket_recvfrom(socket.get(), buffer_.data(), buffer_.size());
    if (length < 0 || mnl_cb_run(buffer_.data(), length, 0, mnl_socket_get_portid(socket.get()), nullptr, nullptr) < 0) return Failed(call);
    return absl::OkStatus();
  }

 private:
  static absl::Status Failed(const std::string& call) { return bpf::CallStatus(errno, call, {CAP_NET_ADMIN}); }

  alignas(nlmsghdr) std::array<char, 4096> buffer_ = {};
  nlmsghdr* header_;
  ifinfomsg* info_;
};

constexpr uint8_t kNoAddresses = 1;  // IN6_ADDR_GEN_MODE_NONE

// SIOCETHTOOL on one interface.
class Ethtool {
 public:
  explicit Ethtool(const std::string& name) : socket_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    std::strncpy(request_.ifr_name, name.c_str(), IFNAMSIZ - 1);
  }
  bool Call(void* command) {
    request_.ifr_data = static_cast<char*>(command);
    return ioctl(socket_.get(), SIOCETHTOOL, &request_) >= 0;  // above: not all of it could be had
  }
  // Names of the offloads, by bit; empty where they are not told.
  std::vector<std::string> Offloads() {
    std::vector<uint32_t> info(sizeof(ethtool_sset_info) / sizeof(uint32_t) + 1);
    auto* const set = reinterpret_cast<ethtool_sset_info*>(info.data());
    set->cmd = ETHTOOL_GSSET_INFO;
    set->sset_mask = 1ull << ETH_SS_FEATURES;
    if (!Call(set) || set->sset_mask == 0) return {};
    const uint32_t count = set->data[0];
    std::vector<uint32_t> bytes((sizeof(ethtool_gstrings) + std::size_t{count} * ETH_GSTRING_LEN) / sizeof(uint32_t));
    auto* const strings = reinterpret_cast<ethtool_gstrings*>(bytes.data());
    strings->cmd = ETHTOOL_GSTRINGS;
    strings->string_set = ETH_SS_FEATURES;
    strings->len = count;
    if (!Call(strings)) return {};
    std::vector<std::string> names;
    for (uint32_t bit = 0; bit < count; ++bit) {
      const char* const name = reinterpret_cast<const char*>(strings->data) + std::size_t{bit} * ETH_GSTRING_LEN;
      names.emplace_back(name, strnlen(name, ETH_GSTRING_LEN));
    }
    return names;
  }

 private:
  const bpf::UniqueFd socket_;
  ifreq request_ = {};
};

// The bit of an offload, or as many as there are.
std::size_t BitOf(const std::vector<std::string>& names, const char* offload) {
  return static_cast<std::size_t>(std::ranges::find(names, offload) - names.begin());
}

}  // namespace

absl::Status MakeVethPair(const VethPair& pair) {
  LinkRequest request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  nlmsghdr* const header = request.header();
  const auto put_link = [&](const std::string& name) {
    mnl_attr_put_strz(header, IFLA_IFNAME, name.c_str());
    mnl_attr_put_u32(header, IFLA_MTU, static_cast<uint32_t>(pair.mtu));
    mnl_attr_put_u32(header, IFLA_NUM_RX_QUEUES, pair.queues);
    mnl_attr_put_u32(header, IFLA_NUM_TX_QUEUES, pair.queues);
  };
  put_link(pair.name);
  nlattr* const link = mnl_attr_nest_start(header, IFLA_LINKINFO);
  mnl_attr_put_str(header, IFLA_INFO_KIND, "veth");
  nlattr* const data = mnl_attr_nest_start(header, IFLA_INFO_DATA);
  nlattr* const peer = mnl_attr_nest_start(header, VETH_INFO_PEER);
  request.PutInfo();
  put_link(pair.peer_name);
  mnl_attr_put_u32(header, IFLA_NET_NS_FD, static_cast<uint32_t>(pair.peer_network));
  mnl_attr_nest_end(header, peer);
  mnl_attr_nest_end(header, data);
  mnl_attr_nest_end(header, link);
  return request.Send(absl::StrCat("RTM_NEWLINK(veth ", pair.name, ")"));
}

absl::Status SetUpWithoutAddresses(const std::string& name) {
  const unsigned index = if_nametoindex(name.c_str());
  if (index == 0) return lcore::ErrnoStatus(errno, absl::StrCat("if_nametoindex(", name, ")"));
  {
    LinkRequest request(RTM_NEWLINK, 0);
    request.info().ifi_index = static_cast<int>(index);
    nlattr* const families = mnl_attr_nest_start(request.header(), IFLA_AF_SPEC);
    nlattr* const ipv6 = mnl_attr_nest_start(request.header(), AF_INET6);
    mnl_attr_put_u8(request.header(), IFLA_INET6_ADDR_GEN_MODE, kNoAddresses);
    mnl_attr_nest_end(request.header(), ipv6);
    mnl_attr_nest_end(request.header(), families);
    request.Send("").IgnoreError();  // a kernel without IPv6 has no such thing
  }
  LinkRequest request(RTM_NEWLINK, 0);
  request.info().ifi_index = static_cast<int>(index);
  request.info().ifi_flags = request.info().ifi_change = IFF_UP;
  return request.Send(absl::StrCat("RTM_NEWLINK(", name, ", up)"));
}

absl::Status RemoveLink(int ifindex) {
  LinkRequest request(RTM_DELLINK, 0);
  request.info().ifi_index = ifindex;
  return request.Send(absl::StrCat("RTM_DELLINK(interface index ", ifindex, ")"));
}

absl::Status SetOffloads(const std::string& name, std::initializer_list<std::pair<const char*, bool>> offloads) {
  Ethtool ethtool(name);
  const std::vector<std::string> names = ethtool.Offloads();
  const std::size_t blocks = (names.size() + 31) / 32;
  std::vector<uint32_t> bytes((sizeof(ethtool_sfeatures) + blocks * sizeof(ethtool_set_features_block)) / sizeof(uint32_t));
  auto* const command = reinterpret_cast<ethtool_sfeatures*>(bytes.data());
  command->cmd = ETHTOOL_SFEATURES;
  command->size = static_cast<uint32_t>(blocks);
  for (const auto& [offload, on] : offloads) {
    const std::size_t bit = BitOf(names, offload);
    if (bit == names.size()) continue;
    command->features[bit / 32].valid |= 1u << bit % 32;
    if (on) command->features[bit / 32].requested |= 1u << bit % 32;
  }
  if (ethtool.Call(command)) return absl::OkStatus();
  return bpf::CallStatus(errno, absl::StrCat("ioctl(SIOCETHTOOL, ETHTOOL_SFEATURES, ", name, ")"), {CAP_NET_ADMIN});
}

bool HasOffload(const std::string& name, const char* offload) {
  Ethtool ethtool(name);
  const std::vector<std::string> names = ethtool.Offloads();
  const std::size_t bit = BitOf(names, offload);
  if (bit == names.size()) return false;
  const std::size_t blocks = (names.size() + 31) / 32;
  std::vector<uint32_t> bytes((sizeof(ethtool_gfeatures) + blocks * sizeof(ethtool_get_features_block)) / sizeof(uint32_t));
  auto* const command = reinterpret_cast<ethtool_gfeatures*>(bytes.data());
  command->cmd = ETHTOOL_GFEATURES;
  command->size = static_cast<uint32_t>(blocks);
  return ethtool.Call(command) && (command->features[bit / 32].active >> bit % 32 & 1) != 0;
}

}  // namespace pollux::pmd::af_xdp
