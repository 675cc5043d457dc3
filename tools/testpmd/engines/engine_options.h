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
  std::string forward_mode = "io";  // --noisy-forward-mode: io, mac, macswap, 5tswap
  std::size_t buffer_packets = 0;   // --noisy-tx-sw-buffer-size; 0: no buffer
  uint32_t flush_time_ms = 0;  // --noisy-tx-sw-buffer-flushtime: packets wait at most so long in the buffer; 0: until others push them out
  std::size_t lookup_memory_mib = 0;    // --noisy-lkup-memory
  std::size_t lookup_reads = 0;         // --noisy-lkup-num-reads, for every packet
  std::size_t lookup_writes = 0;        // --noisy-lkup-num-writes
  std::size_t lookup_reads_writes = 0;  // --noisy-lkup-num-reads-writes: reads, each followed by a write
};

struct EngineOptions {
  // --txpkts: a generated packet is as long as their sum, and in as few frames as hold it. flowgen counts 4 bytes of it as the wire's
  // checksum, as DPDK does: its packets are 4 shorter than those of txonly.
  std::vector<std::size_t> tx_segments = {64};
  uint32_t tx_ip_source = 0xC6120001;       // --tx-ip, host byte order: 198.18.0.1; txonly
  uint32_t tx_ip_destination = 0xC6120002;  // 198.18.0.2
  uint16_t tx_udp_source = 9;               // --tx-udp; txonly
  uint16_t tx_udp_destination = 9;
  bool txonly_multi_flow = false;    // --txonly-multi-flow: 256 source addresses a stream, one after the other
  std::size_t flowgen_flows = 1024;  // --flowgen-flows: as many destination addresses, one after the other
  NoisyOptions noisy;
};

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_ENGINES_ENGINE_OPTIONS_H_
