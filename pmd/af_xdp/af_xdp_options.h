// SPDX-License-Identifier: Apache-2.0
// AfXdpOptions: the arguments of net_af_xdp, DPDK's and ours.
#ifndef PMD_AF_XDP_AF_XDP_OPTIONS_H_
#define PMD_AF_XDP_AF_XDP_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>

#include <absl/status/statusor.h>

#include "bpf/xdp_program.h"
#include "pmd/af_xdp/push_timer.h"
#include "pmd/af_xdp/xsk_socket.h"
#include "pmd/device_arguments.h"

namespace pollux::pmd::af_xdp {

inline constexpr const char* kAfXdpDriver = "net_af_xdp";
inline constexpr const char* kFeatureAttach = "attach";  // beside those of pmd/feature_state.h

// How packets are sent: through the tx ring; injected where that is possible; or whichever is cheaper at the moment.
enum class TransmitPolicy { kAutomatic, kRing, kInject };

// What becomes of a checksum that comes unfinished: completed, kept as it is; or completed where the device leaves checksums unfinished.
enum class ChecksumPolicy { kAutomatic, kComplete, kKeep };

// Where packets are taken from the interface: at XDP; at TC, as sk_buffs, by way of a companion; or there where its far end is a network
// stack.
enum class AttachHook { kXdp, kTc, kAutomatic };
// Packets of several frames, where the program can do with them: if the MTU is too large for one frame; at any MTU; never.
enum class ScatterPolicy { kAutomatic, kOn, kOff };

// What packets may ask of the device (pmd/tx_metadata.h).
struct TxMetadataPolicy {
  // Finish checksums: left to kernel and device, as a network stack leaves them; or computed by the kernel before anybody sees the packet.
  enum class Checksum { kOff, kOffload, kSoftware };
  Checksum checksum = Checksum::kOff;
  bool timestamp = false;
  bool launch_time = false;

  bool any() const { return checksum != Checksum::kOff || timestamp || launch_time; }
};

struct AfXdpOptions {
  std::string interface;
  std::string broker;  // socket of pollux-broker, who opens the port; empty: this process does
  AttachHook attach = AttachHook::kXdp;
  std::string needs_xdp;  // the argument that attach=auto stays at XDP for; empty: none
  uint32_t start_queue = 0;
  std::optional<uint32_t> queue_count;  // the most that may be configured; default: what the interface has from start_queue on
  CopyMode copy_mode = CopyMode::kAutomatic;
  TransmitPolicy transmit = TransmitPolicy::kAutomatic;
  ChecksumPolicy rx_checksum = ChecksumPolicy::kAutomatic;
  bool rx_vlan = true;  // put a VLAN tag that the device keeps beside a packet into it
  // Kinds of RxMetadata that the device is asked for; empty: those of DeviceConfig::rx_metadata.
  std::optional<uint32_t> rx_metadata;
  ScatterPolicy scatter = ScatterPolicy::kAutomatic;
  TxMetadataPolicy tx_metadata;
  bool need_wakeup = true;
  BusyPolling busy_polling;
  uint32_t flush_us = kDefaultFlushUs;
  bpf::ProgramOptions program;
};

// The text for --help, one line an argument.
inline constexpr const char* kAfXdpArguments =
    "iface=NAME            kernel interface (required)\n"
    "broker=SOCKET         let pollux-broker open the port; then this process needs no privilege (docs/broker.md)\n"
    "attach=xdp|tc|auto    take packets at XDP; at TC, where those of a network stack at the other end keep its offloads; or at TC where\n"
    "                      that is so and possible (default xdp; docs/flows.md)\n"
    "start_queue=N         first queue of the interface (default 0)\n"
    "queue_count=N         queues at most (default: all from start_queue on)\n"
    "mode=auto|drv|skb     attach the XDP program natively, generically, or natively if possible (default auto)\n"
    "bind_mode=auto|zerocopy|copy\n"
    "                      zero-copy required, never, or if the driver has it (default auto)\n"
    "force_copy=0|1        the same as bind_mode=copy\n"
    "tx=auto|ring|inject   send through the tx ring, without sk_buffs, or whichever is cheaper (default auto; docs/inject.md)\n"
    "rx_checksum=auto|complete|keep\n"
    "                      finish TCP and UDP checksums that the sender left to a device, or pass them on as they are\n"
    "                      (default auto: finish them on veth, tap and virtio-net; docs/packets.md)\n"
    "rx_vlan=auto|off      put VLAN tags that the device keeps beside packets into them (default auto: where kernel and driver can\n"
    "                      tell them; docs/packets.md)\n"
    "rx_metadata=auto|off|[KIND,...]\n"
    "                      what the device tells of packets: timestamp, hash, vlan (default auto: what the program asks for, which "
    "testpmd\n"
    "                      does not; docs/packets.md)\n"
    "sg=auto|on|off        packets of several frames: if the MTU asks for it, always, or never (default auto; Linux 6.6)\n"
    "tx_metadata=off|KIND|[KIND,...]\n"
    "                      what packets may ask of kernel and device: checksum or sw_checksum, timestamp, launch_time (default off;\n"
    "                      docs/packets.md)\n"
    "flush_us=N            longest time that packets wait for others, to be sent in one call (default 20; 0: none)\n"
    "need_wakeup=0|1       system calls only when the kernel asks for them (default 1)\n"
    "busy_budget=N         preferred busy polling, packets a poll; 0: off (default 0)\n"
    "busy_timeout_us=N     how long one busy poll may take (default 20)\n"
    "steer=RULE            leave packets that no rule names to the kernel; may be repeated (docs/steering.md)\n"
    "xdp_prog=FILE         BPF object with an XDP program and a map xsks_map, instead of ours\n"
    "dispatcher=0|1        attach through libxdp's dispatcher, beside other programs (default 0)\n"
    "shared_umem=0|1       accepted: ports with one pool always share its memory";

// Takes the keys it knows; the rest of `arguments` is an error. INVALID_ARGUMENT names key, value and what is allowed.
absl::StatusOr<AfXdpOptions> ParseAfXdpOptions(DeviceArguments& arguments);

// Whether rx_checksum= means that checksums are completed on an interface of this driver, as ethtool -i has it.
bool CompletesChecksums(const AfXdpOptions& options, const std::string& driver);

}  // namespace pollux::pmd::af_xdp

#endif  // PMD_AF_XDP_AF_XDP_OPTIONS_H_
