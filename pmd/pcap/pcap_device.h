// SPDX-License-Identifier: Apache-2.0
// net_pcap: receives what a capture file holds, and records what is sent. No kernel device, no root.
#ifndef PMD_PCAP_PCAP_DEVICE_H_
#define PMD_PCAP_PCAP_DEVICE_H_

#include <memory>

#include <absl/status/statusor.h>

#include "pmd/device.h"
#include "pmd/device_arguments.h"

namespace pollux::pmd {

inline constexpr const char* kPcapDriver = "net_pcap";
inline constexpr const char* kPcapArguments =
    "rx_pcap=FILE     replay this capture (pcap, nanosecond pcap, pcapng; Ethernet), a file or a pipe; once for each rx queue\n"
    "tx_pcap=FILE     record to this pcap file; once for each tx queue\n"
    "infinite_rx=0|1  begin anew at the end of the capture (0); loop= is the same\n"
    "rate=NUMBER      packets per second of each rx queue (as fast as asked)";

// Opening reads and checks every rx_pcap, whole (capture.h). Configure creates the files of its tx queues, which are then written to
// until the device goes, also over further configurations; every Start replays from the first packet. Without rx_pcap the rx queues
// stay empty, without tx_pcap the tx queues drop (named). What a write error kept out of the file is tx_dropped
// ("dropped_write_error"), and Stop, having stopped, returns DATA_LOSS. Live interfaces are net_af_xdp's affair: DPDK's keys for
// them are errors that say so.
absl::StatusOr<std::unique_ptr<Device>> OpenPcapDevice(DeviceArguments arguments);

}  // namespace pollux::pmd

#endif  // PMD_PCAP_PCAP_DEVICE_H_
