// SPDX-License-Identifier: Apache-2.0
// The packets of a capture in pcapng, as draft-ietf-opsawg-pcapng has it.
//
// libpcap reads a pcapng file if all of its interfaces have one link type and one snap length, and so not what dumpcap writes of several
// interfaces, nor files that were put one behind the other. Of a replay's packets only their bytes matter, so that this is short: blocks
// with a type and a length, of which five kinds count.
#ifndef PMD_PCAP_PCAPNG_H_
#define PMD_PCAP_PCAPNG_H_

#include <cstddef>
#include <span>
#include <vector>

#include <absl/status/status.h>

#include "pmd/pcap/captured_packet.h"

namespace pollux::pmd {

bool IsPcapng(std::span<const std::byte> file);

// Appends the packets of all sections and interfaces, in the order of the file, in either byte order. INVALID_ARGUMENT: damaged, or a
// packet is not Ethernet. DATA_LOSS: the file ends within a block; what was appended is whole.
absl::Status ParsePcapng(std::span<const std::byte> file, std::vector<CapturedPacket>& packets);

}  // namespace pollux::pmd

#endif  // PMD_PCAP_PCAPNG_H_
