// SPDX-License-Identifier: Apache-2.0
// EngineOptions: what the command line says to the forward modes.
#ifndef TOOLS_TESTPMD_ENGINES_ENGINE_OPTIONS_H_
#define TOOLS_TESTPMD_ENGINES_ENGINE_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace pollux::testpmd {

// The noisy neighbour: a forwarder with a backlog that also walks through memory (--noisy-*).
struct NoisyOptions {
  std::string forward_mode = "io";      // --noisy-forward-mode: io, mac, macswap, 5tswap
  std::size_t buffer_packets = 0;       // --noisy-tx-sw-buffer-size; 0: no buffer
  uint32_t flush_time_ms = 0;           // --noisy-tx-sw-buffer-flushtime: the buffer is sent on after so long without traffic; 0: never
  std::size_t lookup_memory_mib = 0;    // --noisy-lkup-memory
  std::size_t lookup_reads = 0;         // --noisy-lkup-num-reads, for every packet
  std::size_t lookup_writes = 0;        // --noisy-lkup-num-writes
  std::size_t lookup_reads_writes = 0;  // --noisy-lkup-num-reads-writes: reads, each followed by a write
};

struct EngineOptions {
  // --txpkts: a generated packet is as long as their sum, in one frame. A first segment shorter than the headers is refused, as DPDK does.
  std::vector<std::size_t> tx_segments = {64};
  uint32_t tx_ip_source = 0xC6120001;       // --tx-ip, host byte order: 198.18.0.1
  uint32_t tx_ip_destination = 0xC6120002;  // 198.18.0.2
  uint16_t tx_udp_source = 9;               // --tx-udp
  uint16_t tx_udp_destination = 9;
  bool txonly_multi_flow = false;    // --txonly-multi-flow: another source address with every packet
  std::size_t flowgen_flows = 1024;  // --flowgen-flows
  NoisyOptions noisy;
};

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_ENGINES_ENGINE_OPTIONS_H_
