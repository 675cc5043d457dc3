// SPDX-License-Identifier: Apache-2.0
// CapturedPacket: where a packet of a capture is, and how much of it.
#ifndef PMD_PCAP_CAPTURED_PACKET_H_
#define PMD_PCAP_CAPTURED_PACKET_H_

#include <cstddef>
#include <cstdint>

namespace pollux::pmd {

struct CapturedPacket {
  std::size_t offset = 0;    // in the capture's bytes
  uint32_t length = 0;       // what the capture holds of the packet
  uint32_t wire_length = 0;  // what the packet had; more than length where it was cut (snaplen)
};

}  // namespace pollux::pmd

#endif  // PMD_PCAP_CAPTURED_PACKET_H_
