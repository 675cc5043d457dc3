// SPDX-License-Identifier: Apache-2.0
// TestpmdOptions: what stands behind "--" on a testpmd command line.
#ifndef TOOLS_TESTPMD_OPTIONS_TESTPMD_OPTIONS_H_
#define TOOLS_TESTPMD_OPTIONS_TESTPMD_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "lcore/idle_governor.h"
#include "mempool/packet.h"
#include "mempool/region.h"
#include "pmd/mac_address.h"
#include "tools/testpmd/engines/engine_options.h"
#include "tools/testpmd/forwarding/port_topology.h"

namespace pollux::testpmd {

// Which capabilities stay once testpmd runs (docs/privileges.md). kDefault: kPorts where a port may have to be opened again, else kNone.
enum class KeptPrivileges { kDefault, kNone, kPorts, kAll };

struct TestpmdOptions {
  // What to run.
  bool interactive = false;
  bool auto_start = false;  // without -i forwarding starts in any case
  std::string command_file;
  bool echo_commands = true;  // of command_file
  std::string forward_mode = "io";
  PortTopology topology = PortTopology::kPaired;
  std::size_t tx_first_bursts = 0;
  uint32_t stats_period_s = 0;
  uint32_t run_seconds = 0;  // 0: until told to stop
  KeptPrivileges privileges = KeptPrivileges::kDefault;

  // Lcores, ports and queues.
  std::optional<std::size_t> forward_core_count;  // --nb-cores
  std::vector<std::size_t> forward_cores;         // --coremask; empty: all but the main lcore
  std::optional<std::size_t> forward_port_count;  // --nb-ports
  std::vector<std::size_t> forward_ports;         // --portmask, --portlist; empty: all
  std::size_t rx_queues = 1;
  std::size_t tx_queues = 1;
  std::size_t rx_ring = 0;  // 0: the driver's recommendation
  std::size_t tx_ring = 0;
  std::size_t burst = mempool::kDefaultBurst;  // 0: the drivers' recommendation
  lcore::IdleMode idle = lcore::IdleMode::kSpin;
  std::optional<uint32_t> idle_latency_us;  // --idle-latency-us: the longest that a processor may take to wake
  bool offload = false;                     // --offload=auto: what a mode does with packets is done by the kernel where it can
  bool flush_rx = true;
  bool link_check = true;
  bool reopen_replaced = true;  // --on-replace: a port whose interface is made again starts again
  std::map<std::size_t, pmd::MacAddress> peers;
  std::vector<std::string> steer;
  std::vector<std::string> require;

  // Memory.
  std::optional<std::size_t> frame_count;  // --total-num-mbufs, of every NUMA node
  std::optional<std::size_t> frame_size;   // --mbuf-size
  std::optional<std::size_t> headroom;
  std::optional<std::size_t> cache_frames;  // --mbcache
  std::optional<std::size_t> maximum_packet;
  mempool::PageKind pages = mempool::PageKind::kAutomatic;

  // What to show.
  std::vector<std::string> display_xstats;
  bool record_core_cycles = false;
  bool record_burst_stats = false;
  bool json = false;
  uint32_t verbose = 0;
  std::string record_file;  // empty: no record
  uint32_t record_period_ms = 1000;
  uint32_t record_limit_mib = 256;

  EngineOptions engine;
  std::vector<std::string> without_meaning;  // accepted, as typed: "--rss-udp"
  std::vector<std::string> notes;            // sentences about options that have no effect beside the others
  bool help = false;
  bool version = false;
};

absl::StatusOr<TestpmdOptions> ParseTestpmdOptions(const std::vector<std::string>& arguments);

std::string TestpmdHelp();
std::vector<std::string> TestpmdOptionNames();

// The AF_XDP frame that DPDK's --mbuf-size=N asks for: 2048 for N up to 2176, DPDK's default with its headroom of 128; 4096 up to 4224.
absl::StatusOr<std::size_t> FrameSizeFor(std::size_t mbuf_size);

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_OPTIONS_TESTPMD_OPTIONS_H_
