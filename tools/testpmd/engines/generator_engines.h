// SPDX-License-Identifier: Apache-2.0
// The engines that make packets: txonly and flowgen.
#ifndef TOOLS_TESTPMD_ENGINES_GENERATOR_ENGINES_H_
#define TOOLS_TESTPMD_ENGINES_GENERATOR_ENGINES_H_

#include <memory>

#include <absl/status/statusor.h>

#include "tools/testpmd/engines/engine_options.h"
#include "tools/testpmd/engines/forward_engine.h"
#include "tools/testpmd/engines/packet_template.h"

namespace pollux::testpmd {

// The addresses and ports of flowgen, DPDK's: destination 10.253.0.0 and upwards.
inline constexpr UdpFlow kFlowgenFlow = {0x0AFE0000, 0x0AFD0000, 1000, 1001};

// Sends copies of one packet. With several flows the third byte of the source address counts up, and its last byte is moved by the
// number of the tx queue, so that the streams of a port differ. Where Stream::asks_for_times says so, one packet of each burst asks when
// it went out.
class TxOnlyEngine : public ForwardEngine {
 public:
  // INVALID_ARGUMENT: --txpkts does not fit.
  static absl::StatusOr<std::unique_ptr<ForwardEngine>> Make(const EngineOptions& options, const Stream& stream);
  std::size_t Poll(Stream& stream) override;

 private:
  TxOnlyEngine(const EngineOptions& options, const Stream& stream, std::size_t length);

  const PacketTemplate template_;
  const bool multi_flow_;
  const uint32_t first_source_;
  uint8_t next_source_ = 0;
  BurstBuffer buffer_;
};

// Sends packets to one destination address after the other; receives too, and frees what comes. A packet that could not be sent
// is made again next time: no flow is left out.
class FlowgenEngine : public ForwardEngine {
 public:
  // INVALID_ARGUMENT: --txpkts does not fit, or --flowgen-flows is 0 or above 2^16.
  static absl::StatusOr<std::unique_ptr<ForwardEngine>> Make(const EngineOptions& options, const Stream& stream);
  std::size_t Poll(Stream& stream) override;

 private:
  FlowgenEngine(const EngineOptions& options, const Stream& stream, std::size_t length);

  const PacketTemplate template_;
  const std::size_t flows_;
  std::size_t next_flow_ = 0;
  BurstBuffer buffer_;
};

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_ENGINES_GENERATOR_ENGINES_H_
