// SPDX-License-Identifier: Apache-2.0
// Commands of DPDK's testpmd that find nothing here to act on: each says so, and why.
#include <absl/strings/str_cat.h>

#include "tools/testpmd/console/commands.h"

namespace pollux::testpmd {
namespace {

struct Foreign {
  const char* pattern;
  const char* reason;
};

constexpr const char* kNoOffload = "AF_XDP has no such offload; the kernel's own are set with ethtool -K";
constexpr const char* kNoFilter =
    "the port has no filter of its own: it is promiscuous (set promisc), and --steer says which packets are ours";
constexpr const char* kNoQueueSwitch = "queues start and stop with their port (port stop, port config all rxq|txq, port start)";
constexpr const char* kNoHardware = "there is no hardware that a kernel interface would let us reach; see ethtool, ip link, tc";

constexpr Foreign kForeign[] = {
    {"set link_check on|off", "links are watched all the time, and a change is printed; nothing waits for one"},
    {"set txsplit [TEXT...]", "a packet is sent from one frame (set txpkts: the sum)"},
    {"set txtimes [TEXT...]", "txonly sends as fast as it can; set tx-timestamps on tells when packets went out"},
    {"show config txtimes", "txonly sends as fast as it can"},
    {"set rxpkts|rxhdrs|rxoffs [TEXT...]", "a received packet is in one frame"},
    {"set stat_qmap [TEXT...]", "every queue has counters of its own (show port xstats)"},
    {"set flow_ctrl [TEXT...]", kNoHardware},
    {"set vf|tx|rx|bypass|macsec|tm [TEXT...]", kNoHardware},
    {"set hash_global_config|hash_input_set [TEXT...]", kNoHardware},
    {"vlan|rx_vlan|tx_vlan|tx_qinq [TEXT...]", kNoOffload},
    {"tso|tunnel_tso|gso|gro [TEXT...]", kNoOffload},
    {"set gso|gro [TEXT...]", kNoOffload},
    {"rx_vxlan_port|tx_cksum [TEXT...]", kNoOffload},
    {"flow_director [TEXT...]", "there is no flow director; see flow create"},
    {"mac_addr add|remove [TEXT...]", kNoFilter},
    {"mcast_addr [TEXT...]", kNoFilter},
    {"set_hw_port|mirror [TEXT...]", kNoHardware},
    {"port PORT rxq|txq QUEUE start|stop|setup", kNoQueueSwitch},
    {"port config PORT rss|rx_offload|tx_offload|udp_tunnel_port|loopback|dcb|dcf|mirror [TEXT...]", kNoHardware},
    {"port config PORT speed|duplex [TEXT...]", "the link's speed is the kernel's to set: ethtool -s"},
    {"port config all rss|crc-strip|scatter|rx-cksum|rx-timestamp|hw-vlan|hw-vlan-filter|hw-vlan-strip|hw-vlan-extend|drop-en [TEXT...]",
     kNoOffload},
    {"port config all txpt|txht|txwt|txfreet|txrst|rxpt|rxht|rxwt|rxfreet N", "the rings of AF_XDP have no such thresholds"},
    {"port config rx_offload|tx_offload [TEXT...]", kNoOffload},
    {"show port PORT rss-hash|rx_offload|tx_offload|tso [TEXT...]", kNoOffload},
    {"show port fdir|dcb_tc|cap|stat_qmap|tm|module_eeprom|eeprom [TEXT...]", kNoHardware},
    {"dump_physmem|dump_memzone|dump_struct_sizes|dump_ring|dump_log_types|dump_socket_mem|dump_lcores",
     "there is no EAL behind this testpmd (dump_mempool)"},
    {"read|write [TEXT...]", kNoHardware},
    {"ptype|ddp|add|del [TEXT...]", kNoHardware},
};

}  // namespace

void AddForeignCommands(CommandTable& table) {
  for (const Foreign& foreign : kForeign) {
    table.Add({foreign.pattern, "", "", [reason = foreign.reason](const Words& words) {
                 return absl::UnimplementedError(
                     absl::StrCat(words.front(), words.size() > 1 ? absl::StrCat(" ", words[1]) : "", " has no effect here: ", reason));
               }});
  }
}

}  // namespace pollux::testpmd
