// SPDX-License-Identifier: Apache-2.0
#include "tools/performance/rig/traffic_frame.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/udp.h>

#include <cstddef>
#include <cstring>

#include "tools/performance/rig/traffic_format.h"

namespace pollux::performance {
namespace {

constexpr uint32_t kDestinationAddress = 0xc6130001;  // 198.19.0.1
constexpr uint16_t kDestinationPort = 9;              // discard

static_assert(sizeof(ethhdr) + offsetof(iphdr, check) == TRAFFIC_IP_CHECKSUM_OFFSET);
static_assert(sizeof(ethhdr) + offsetof(iphdr, saddr) == TRAFFIC_SOURCE_ADDRESS_OFFSET);
static_assert(sizeof(ethhdr) + sizeof(iphdr) == TRAFFIC_SOURCE_PORT_OFFSET);
static_assert(sizeof(ethhdr) + sizeof(iphdr) + sizeof(udphdr) == TRAFFIC_SEQUENCE_OFFSET);

uint32_t SumWords(const void* header, size_t bytes) {
  uint32_t sum = 0;
  const auto* octets = static_cast<const uint8_t*>(header);
  for (size_t i = 0; i < bytes; i += 2) sum += octets[i] << 8 | octets[i + 1];
  return sum;
}

}  // namespace

// MAC addresses are nobody's on the rig: a plain stack takes the frames for those of
// another host, and drops them at IP's first check.
TrafficFrame MakeTrafficFrame(uint32_t frame_bytes) {
  TrafficFrame frame = {.bytes = std::vector<uint8_t>(frame_bytes)};
  ethhdr ethernet = {.h_dest = {0x02, 0, 0, 0, 0, 0x22}, .h_source = {0x02, 0, 0, 0, 0, 0x11}, .h_proto = htons(ETH_P_IP)};
  iphdr ip = {};
  ip.version = 4;
  ip.ihl = 5;
  ip.tot_len = htons(static_cast<uint16_t>(frame_bytes - sizeof ethernet));
  ip.ttl = 64;
  ip.protocol = IPPROTO_UDP;
  ip.daddr = htonl(kDestinationAddress);
  udphdr udp = {};
  udp.dest = htons(kDestinationPort);
  udp.len = htons(static_cast<uint16_t>(frame_bytes - sizeof ethernet - sizeof ip));
  frame.ip_checksum_base = SumWords(&ip, sizeof ip);
  std::memcpy(frame.bytes.data(), &ethernet, sizeof ethernet);
  std::memcpy(frame.bytes.data() + sizeof ethernet, &ip, sizeof ip);
  std::memcpy(frame.bytes.data() + sizeof ethernet + sizeof ip, &udp, sizeof udp);
  return frame;
}

}  // namespace pollux::performance
