// SPDX-License-Identifier: Apache-2.0
// The constants that we repeat, against the types of the running kernel.
#include "bpf/uapi.h"

#include <bpf/btf.h>

#include <map>
#include <string>

#include <gtest/gtest.h>

namespace pollux::bpf {
namespace {

// Every enumerator of the kernel with this beginning.
std::map<std::string, uint64_t> Enumerators(const btf* types, const std::string& prefix) {
  std::map<std::string, uint64_t> found;
  for (uint32_t id = 1; id < btf__type_cnt(types); ++id) {
    const btf_type* type = btf__type_by_id(types, id);
    if (!btf_is_enum(type)) continue;
    const struct btf_enum* values = btf_enum(type);
    for (uint16_t i = 0; i < btf_vlen(type); ++i) {
      std::string name = btf__name_by_offset(types, values[i].name_off);
      if (name.compare(0, prefix.size(), prefix) == 0) found[name] = static_cast<uint32_t>(values[i].val);
    }
  }
  return found;
}

TEST(UapiTest, AgreesWithTheRunningKernel) {
  btf* types = btf__load_vmlinux_btf();
  if (types == nullptr) GTEST_SKIP() << "this kernel does not show its types (/sys/kernel/btf/vmlinux)";
  std::map<std::string, uint64_t> kernel = Enumerators(types, "NETDEV_");
  btf__free(types);
  if (kernel.count("NETDEV_CMD_DEV_GET") == 0) GTEST_SKIP() << "no netdev netlink family in this kernel (before 6.3)";
  const std::map<std::string, uint64_t> ours = {
      {"NETDEV_CMD_DEV_GET", kNetdevCommandDeviceGet},
      {"NETDEV_CMD_QUEUE_GET", kNetdevCommandQueueGet},
      {"NETDEV_A_DEV_IFINDEX", kNetdevAttributeIfindex},
      {"NETDEV_A_DEV_XDP_FEATURES", kNetdevAttributeXdpFeatures},
      {"NETDEV_A_DEV_XDP_ZC_MAX_SEGS", kNetdevAttributeXdpZeroCopySegments},
      {"NETDEV_A_DEV_XDP_RX_METADATA_FEATURES", kNetdevAttributeXdpRxMetadata},
      {"NETDEV_A_DEV_XSK_FEATURES", kNetdevAttributeXskFeatures},
      {"NETDEV_A_QUEUE_ID", kNetdevAttributeQueueId},
      {"NETDEV_A_QUEUE_IFINDEX", kNetdevAttributeQueueIfindex},
      {"NETDEV_A_QUEUE_TYPE", kNetdevAttributeQueueType},
      {"NETDEV_A_QUEUE_NAPI_ID", kNetdevAttributeQueueNapiId},
      {"NETDEV_QUEUE_TYPE_RX", 0},
      {"NETDEV_QUEUE_TYPE_TX", 1},
      {"NETDEV_XDP_ACT_BASIC", kXdpActionBasic},
      {"NETDEV_XDP_ACT_REDIRECT", kXdpActionRedirect},
      {"NETDEV_XDP_ACT_NDO_XMIT", kXdpActionTransmit},
      {"NETDEV_XDP_ACT_XSK_ZEROCOPY", kXdpActionZeroCopy},
      {"NETDEV_XDP_ACT_HW_OFFLOAD", kXdpActionHardware},
      {"NETDEV_XDP_ACT_RX_SG", kXdpActionRxMultiBuffer},
      {"NETDEV_XDP_ACT_NDO_XMIT_SG", kXdpActionTransmitMultiBuffer},
      {"NETDEV_XDP_RX_METADATA_VLAN_TAG", kRxMetadataVlanTag},
  };
  // A kernel may be too old for some of them; what it has must be the same.
  for (const auto& [name, value] : ours) {
    auto found = kernel.find(name);
    EXPECT_EQ(found == kernel.end() ? value : found->second, value) << name;
  }
}

}  // namespace
}  // namespace pollux::bpf
