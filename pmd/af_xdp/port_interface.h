// SPDX-License-Identifier: Apache-2.0
// PortInterface: all that a port asks of its kernel interface, whoever may do it.
//
//   AfXdpDevice, QueuePair, TransmitEngines, InterfaceWatch
//        |                      PortInterface
//        +--- LocalInterface ------- this process does it: ioctl, netlink, bpf, AF_XDP                 (local_interface.h)
//        +--- CompanionInterface --- the same, but packets go by TC and a veth pair of our own: attach=tc  (companion_interface.h)
//        +--- BrokeredInterface ---- pollux-broker does it, and hands the descriptors over: broker=    (brokered_interface.h)
#ifndef PMD_AF_XDP_PORT_INTERFACE_H_
#define PMD_AF_XDP_PORT_INTERFACE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "bpf/feature_probe.h"
#include "bpf/injection.h"
#include "bpf/xdp_program.h"
#include "mempool/pool.h"
#include "mempool/region.h"
#include "pmd/af_xdp/netdev.h"
#include "pmd/af_xdp/xsk_socket.h"
#include "pmd/device.h"
#include "pmd/feature_state.h"
#include "pmd/mac_address.h"

namespace pollux::pmd::af_xdp {

// What an interface is at one moment.
struct InterfaceFacts {
  int index = 0;
  uint64_t creation = 0;  // as in InterfaceIdentity
  std::string name;
  std::string driver;  // as ethtool -i has it
  std::optional<int> numa_node;
  MacAddress mac;
  std::size_t mtu = 0;
  bool up = false;  // administratively
  LinkState link;
  uint32_t queues = 0;                      // of the interface
  uint32_t first_queue = 0, end_queue = 0;  // what this process may use of them: from the first to before the end
  uint32_t hardware_rx_ring = 0;            // 0 where the driver does not tell
  bpf::DeviceFeatures features;
  // A device that would drop what it has no room for, and was given a qdisc: what the ring sends waits there.
  bool waits_when_full = false;
  // Of the interface itself, where its sockets are on another one.
  std::optional<bpf::DeviceFeatures> output_features;
};

// What happened to an interface since it was asked last. That something is different is all that is told; what it is now, facts tell. Only
// how it went cannot be read afterwards.
struct InterfaceNews {
  bool changed = false;  // look at it
  enum class Departure { kNone, kDeleted, kMoved, kOutOfReach };
  Departure departure = Departure::kNone;
};

// A socket to be made.
struct SocketOrder {
  uint32_t queue = 0;
  XskRingSizes sizes;
  const mempool::Pool* pool = nullptr;
  const XskSocket* first = nullptr;  // as in XskSocket::Create
  CopyMode mode = CopyMode::kAutomatic;
  bool need_wakeup = true;
  bool scattered = false;  // packets of several frames
  // As in UmemLayout; where another process makes the socket, there is none.
  uint32_t tx_metadata_bytes = 0;
  bool software_checksum = false;
  BusyPolling busy_polling;  // budget 0: not asked for
  XskSocket::Others others = XskSocket::Others::kMayUseIt;
};
struct MadeSocket {
  std::unique_ptr<XskSocket> socket;
  bool sends_whole_ring = false;     // one call may (XskSocket::RaiseSendLimits)
  std::string busy_polling_refused;  // "": it was not, or nobody asked
};

// Control path. Facts and Link: any thread; the rest: that of pmd/device.h.
class PortInterface {
 public:
  virtual ~PortInterface() = default;

  // The last known name; the index in the interface's own network namespace.
  virtual std::string name() const = 0;
  virtual int index() const = 0;
  // NOT_FOUND: it is gone.
  virtual absl::StatusOr<InterfaceFacts> Facts() const = 0;
  virtual absl::StatusOr<LinkState> Link() const = 0;
  // If the interface is gone: goes over to the one that has its last name now, of another index. NOT_FOUND: there is none.
  virtual absl::Status Follow() = 0;
  // The calling thread is where the calls below can be made while this lives.
  virtual absl::StatusOr<Netdev::Visit> Enter() const = 0;

  // What becomes of it: of the interface with this index; with `any`, of any that comes.
  virtual void Watch(bool any) = 0;
  virtual InterfaceNews News() = 0;

  virtual absl::Status SetPromiscuous(bool on) = 0;
  virtual absl::Status SetMtu(std::size_t mtu) = 0;
  virtual absl::Status SetMac(const MacAddress& mac) = 0;
  // Put back what was set, and what a killed process left; a line for each. `deleted`: there is nothing left to put back.
  virtual std::vector<std::string> RestoreSettings(bool deleted) = 0;
  virtual absl::StatusOr<std::vector<std::string>> RestoreAbandoned() = 0;

  virtual absl::StatusOr<std::unique_ptr<bpf::XdpProgram>> Attach(const bpf::ProgramOptions& options) = 0;
  // Socket and rings; between the two the caller fills the fill ring, where it can. A brokered socket comes bound. Errors name the call.
  virtual absl::StatusOr<MadeSocket> MakeSocket(const SocketOrder& order) = 0;
  virtual absl::Status BindSocket(const SocketOrder& order, MadeSocket& made) = 0;
  // After a socket of the interface with this index was closed: waits until the kernel has let go of its frames (WaitForRelease).
  virtual bool AwaitRelease(int interface_index, uint32_t queue, int timeout_ms) = 0;
  virtual absl::StatusOr<std::unique_ptr<bpf::Injection>> OpenInjection(const mempool::Region& memory) = 0;

  // Frames must be of MakeRegion, of this or another interface of that kind.
  virtual bool has_own_memory() const { return false; }
  // `visible`: BPF programs should be able to read it.
  virtual absl::StatusOr<std::unique_ptr<mempool::Region>> MakeRegion(const mempool::RegionOptions& options, bool visible) = 0;
  virtual void AppendFeatures(std::vector<FeatureState>& features) const {}
};

}  // namespace pollux::pmd::af_xdp

#endif  // PMD_AF_XDP_PORT_INTERFACE_H_
