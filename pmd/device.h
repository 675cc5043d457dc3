// SPDX-License-Identifier: Apache-2.0
// Device: a port. The control path of every driver.
//
//   OpenDevice ---> opened ---Configure--> configured ---Start--> started
//   (drivers.h)       |                      |    ^                  |
//                     +----- destructor -----+    +------Stop--------+
//
// Opening looks; all it changes is what a killed process left changed on this interface, which it puts back. Configure checks, Start
// acquires (sockets, rings, memory registration) and lets packets in, Stop takes them out again; the destructor does what is left to do and
// restores every setting that was changed and still is as it was set.
//
// Thread rule: the control path belongs to one thread at a time, usually the main lcore; while it calls Stop, Configure or the
// destructor no other thread uses the device's queues. Info, Stats and ExtendedStats may be called by any thread while started.
//
// Errors are absl::Status and name the call, the values and what to do. A failed Configure or Start leaves the device as it was.
#ifndef PMD_DEVICE_H_
#define PMD_DEVICE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "mempool/frame_audit.h"
#include "mempool/pool.h"
#include "mempool/region.h"
#include "pmd/device_stats.h"
#include "pmd/feature_state.h"
#include "pmd/mac_address.h"
#include "pmd/queue.h"
#include "pmd/stall.h"
#include "pmd/tx_metadata.h"

namespace pollux::pmd {

class FlowTable;  // flow_table.h
// A port that is an output alone runs the same program as one without flows.
enum class FlowRole { kOutput, kInputAndOutput };

struct LinkState {
  bool up = false;
  uint64_t speed_mbps = 0;  // 0: unknown
  bool full_duplex = true;
};

// What a device is and what it can be asked for.
struct DeviceInfo {
  std::string name;       // the name it was opened under: "net_af_xdp0"
  std::string driver;     // "net_af_xdp"
  std::string interface;  // kernel netdev, empty if none
  std::optional<int> numa_node;
  MacAddress mac;
  std::size_t mtu = 1500;  // payload bytes behind the Ethernet header
  std::size_t maximum_rx_queues = 1;
  std::size_t maximum_tx_queues = 1;
  std::size_t interface_rx_queues = 0;  // that the kernel interface receives by, ours or not; 0: no interface, or nobody knows
  std::size_t hardware_ring = 0;        // frames that an rx queue needs beside its ring: the hardware holds that many
  std::size_t recommended_burst = mempool::kDefaultBurst;
  std::size_t recommended_ring = 2048;
  std::size_t recommended_rx_ring = 2048;
  // Frames that an rx queue with the recommended ring keeps for packets to come: when it is quiet, and at its busiest.
  struct FillFrames {
    std::size_t fewest = 0;
    std::size_t most = 0;
  } fill_frames;
  std::size_t recommended_frame_size = 2048;  // PoolOptions::frame_size; in smaller ones the device may be slower, or not start
  bool wants_visible_region = false;          // frames from CreateVisibleRegion (visible_region.h) can be sent at less cost
  bool has_own_memory = false;                // pools of this port must be of Device::MakeRegion, of it or of another such port
};

struct DeviceConfig {
  std::size_t rx_queues = 1;
  std::size_t tx_queues = 1;
  std::size_t rx_ring = 0;  // descriptors, power of two; 0: recommended_rx_ring, and frames as the load asks for
  std::size_t tx_ring = 0;  // 0: recommended_ring
  // The frames that the queues fill with. Every port of a NUMA node should be given the same pool: packets then travel between
  // them without a copy. Packets of other pools can be sent too; they are copied, and the copies are counted.
  std::shared_ptr<mempool::Pool> pool;
  bool promiscuous = false;
  // The user can do with packets of several frames (queue.h). Whether there are any, Device::scattered says.
  bool scattered = false;
  // What the device is to tell of each packet, where it can: kinds of RxMetadata (rx_metadata.h). It costs time for every packet, so
  // nothing is asked by default. What there is, Device::rx_metadata says.
  uint32_t rx_metadata = 0;
};

// Something that happened to a port, and what it did about it.
struct DeviceEvent {
  enum class Kind {
    kSettings,  // settings of the interface were put back, or could not be
    kRenamed,   // the interface has another name; the port goes on
    // The interface was deleted, or moved to another network namespace. The port has let go of it but for its queues: Stop, when they are
    // quiet, gets their frames back.
    kGone,
    kBack,      // after kGone: an interface of that name is there and up. Start goes on with it, by the same configuration
    kMtu,       // value: what it is now; set by somebody else. The queues send accordingly, as far as frames reach
    kLink,      // value: 1 if it is up and has a carrier now, 0 if not
    kQueues,    // value: how many the interface has now
    kFeatures,  // what the driver can do with XDP has changed
    // A queue stands still while it should move (stall.h). value: 1 where stopping and starting the port may help.
    kStalled,
    kMoves,  // after kStalled: it goes on
  };
  Kind kind = Kind::kSettings;
  std::string text;  // a line for a person
  uint64_t value = 0;
};
// "settings", "renamed", ...
const char* EventName(DeviceEvent::Kind kind);

class Device {
 public:
  virtual ~Device() = default;

  virtual DeviceInfo Info() const = 0;
  virtual absl::StatusOr<LinkState> Link() const = 0;

  // Memory for frames of a pool that suits this port, and other kinds of ports as well. Errors: those of mempool::Region::Create, and of a
  // broker, if the port is opened by one.
  virtual absl::StatusOr<std::unique_ptr<mempool::Region>> MakeRegion(const mempool::RegionOptions& options);

  virtual absl::Status Configure(const DeviceConfig& config) = 0;
  virtual absl::Status Start() = 0;
  // Afterwards nothing is in flight: every frame is back in its pool, or still the application's.
  virtual absl::Status Stop() = 0;

  // Receive may return packets of several frames. As of the last Start; never unless DeviceConfig::scattered was set.
  virtual bool scattered() const { return false; }
  // Kinds of RxMetadata that kernel and driver can tell of packets that Receive returns, of those that were asked for; a packet's own
  // `valid` has the last word. As of the last Start.
  virtual uint32_t rx_metadata() const { return 0; }
  // What the port does for packets that ask (tx_metadata.h), on all of its queues. As of the last Start.
  virtual TxOffloads tx_offloads() const { return {}; }

  // Queue numbers are below DeviceConfig's; valid from Configure until the next Configure or the destructor.
  virtual RxQueue& rx_queue(std::size_t number) = 0;
  virtual TxQueue& tx_queue(std::size_t number) = 0;

  // Since Configure or the last ResetStats.
  virtual QueueStats Stats(std::size_t queue) const = 0;
  virtual QueueStats Stats() const = 0;
  virtual std::vector<NamedCounter> ExtendedStats() const = 0;
  virtual void ResetStats() = 0;

  // Settings of the interface; the destructor restores what they were. UNIMPLEMENTED where a driver has no such thing.
  virtual absl::Status SetPromiscuous(bool on);
  virtual absl::Status SetMtu(std::size_t mtu);
  virtual absl::Status SetMac(const MacAddress& mac);

  // From now on the port has the number `port` in `flows`: flows may send to it, and with kInputAndOutput packets that come in are looked
  // up before they come up to the rx queues. Null: no more. The port holds the table. Kept over Stop and Start; while the port is stopped,
  // nothing is sent to it. An output is ready while its link is up and its driver takes packets from XDP programs (a veth: while the far
  // end has GRO on, or an XDP program). UNIMPLEMENTED for a driver without a kernel interface; FAILED_PRECONDITION where packets should be
  // looked up and the interface is shared with another process.
  virtual absl::Status UseFlows(std::shared_ptr<FlowTable> flows, uint32_t port, FlowRole role);

  // What happened since the last call, from the opening on. The control thread is to ask a few times a second: nothing is looked at in
  // between.
  virtual std::vector<DeviceEvent> PollEvents() { return {}; }
  // Puts the settings back now, unless another device of this process is on the same interface; what became of each is an event. The
  // destructor does the same, but cannot tell.
  virtual void RestoreSettings() {}

  // What was asked and what was got; complete once configured, final once started.
  virtual std::vector<FeatureState> Features() const { return {}; }

  // The queues that stand still, as of the last PollEvents; of the control thread, as that.
  virtual std::vector<Stall> Stalls() const { return {}; }

  // Reports every frame that the device holds. Only while no thread uses its queues.
  virtual void CollectFrames(mempool::FrameAudit& audit) const = 0;
};

}  // namespace pollux::pmd

#endif  // PMD_DEVICE_H_
