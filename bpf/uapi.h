// SPDX-License-Identifier: Apache-2.0
// Kernel constants that Debian 12's headers (Linux 6.1) are too old to have. The only place that repeats them; whether the running
// kernel knows them is asked at run time, never by #ifdef. Sources: include/uapi/linux/if_xdp.h, netdev.h, bpf.h of Linux 6.18.
#ifndef BPF_UAPI_H_
#define BPF_UAPI_H_

#include <cstdint>

namespace pollux::bpf {

// Socket options of SOL_XDP.
inline constexpr int kXdpMaximumTxBudgetOption = 9;  // XDP_MAX_TX_SKB_BUDGET, from 6.17: frames a copy-mode sendto sends

// Attach types of bpf_link_create (enum bpf_attach_type).
inline constexpr int kAttachTcxIngress = 46;             // BPF_TCX_INGRESS, from 6.6
inline constexpr uint16_t kXdpUseSgFlag = 1 << 4;        // XDP_USE_SG, of sockaddr_xdp: packets of several descriptors, from 6.6
inline constexpr uint32_t kXdpPacketContinues = 1 << 0;  // XDP_PKT_CONTD, of xdp_desc.options
inline constexpr uint32_t kXdpTxMetadata = 1 << 1;       // XDP_TX_METADATA, of xdp_desc.options, from 6.8

// Flags of struct xdp_umem_reg, whose last four bytes are tx_metadata_len.
inline constexpr uint32_t kXdpUmemTxSoftwareChecksum = 1 << 1;  // XDP_UMEM_TX_SW_CSUM, from 6.8: computed before the device sees the packet
inline constexpr uint32_t kXdpUmemTxMetadataLength = 1 << 2;    // XDP_UMEM_TX_METADATA_LEN, from 6.11: tx_metadata_len is meant

// Generic netlink family "netdev" (Documentation/netlink/specs/netdev.yaml), from 6.3.
inline constexpr const char* kNetdevFamily = "netdev";
inline constexpr uint8_t kNetdevCommandDeviceGet = 1;               // NETDEV_CMD_DEV_GET
inline constexpr uint8_t kNetdevCommandQueueGet = 10;               // NETDEV_CMD_QUEUE_GET, from 6.8
inline constexpr uint16_t kNetdevAttributeIfindex = 1;              // NETDEV_A_DEV_IFINDEX
inline constexpr uint16_t kNetdevAttributeXdpFeatures = 3;          // NETDEV_A_DEV_XDP_FEATURES
inline constexpr uint16_t kNetdevAttributeXdpZeroCopySegments = 4;  // NETDEV_A_DEV_XDP_ZC_MAX_SEGS
inline constexpr uint16_t kNetdevAttributeXdpRxMetadata = 5;        // NETDEV_A_DEV_XDP_RX_METADATA_FEATURES
inline constexpr uint64_t kRxMetadataTimestamp = 1;                 // NETDEV_XDP_RX_METADATA_TIMESTAMP
inline constexpr uint64_t kRxMetadataHash = 2;                      // NETDEV_XDP_RX_METADATA_HASH
inline constexpr uint64_t kRxMetadataVlanTag = 4;                   // NETDEV_XDP_RX_METADATA_VLAN_TAG
inline constexpr uint16_t kNetdevAttributeXskFeatures = 6;          // NETDEV_A_DEV_XSK_FEATURES
inline constexpr uint64_t kXskFeatureTimestamp = 1;                 // NETDEV_XSK_FLAGS_TX_TIMESTAMP
inline constexpr uint64_t kXskFeatureChecksum = 2;                  // NETDEV_XSK_FLAGS_TX_CHECKSUM
inline constexpr uint64_t kXskFeatureLaunchTime = 4;                // NETDEV_XSK_FLAGS_TX_LAUNCH_TIME_FIFO
inline constexpr uint16_t kNetdevAttributeQueueId = 1;              // NETDEV_A_QUEUE_ID
inline constexpr uint16_t kNetdevAttributeQueueIfindex = 2;         // NETDEV_A_QUEUE_IFINDEX
inline constexpr uint16_t kNetdevAttributeQueueType = 3;            // NETDEV_A_QUEUE_TYPE: 0 rx, 1 tx
inline constexpr uint16_t kNetdevAttributeQueueNapiId = 4;          // NETDEV_A_QUEUE_NAPI_ID

// Flag of BPF_PROG_LOAD: the program is bound to the device prog_ifindex, and may ask it about packets. From 6.3.
inline constexpr uint32_t kXdpDeviceBoundOnly = 1u << 6;  // BPF_F_XDP_DEV_BOUND_ONLY

// Bits of NETDEV_A_DEV_XDP_FEATURES (enum netdev_xdp_act).
inline constexpr uint64_t kXdpActionBasic = 1;
inline constexpr uint64_t kXdpActionRedirect = 2;
inline constexpr uint64_t kXdpActionTransmit = 4;  // NETDEV_XDP_ACT_NDO_XMIT
inline constexpr uint64_t kXdpActionZeroCopy = 8;  // NETDEV_XDP_ACT_XSK_ZEROCOPY
inline constexpr uint64_t kXdpActionHardware = 16;
inline constexpr uint64_t kXdpActionRxMultiBuffer = 32;
inline constexpr uint64_t kXdpActionTransmitMultiBuffer = 64;

}  // namespace pollux::bpf

#endif  // BPF_UAPI_H_
