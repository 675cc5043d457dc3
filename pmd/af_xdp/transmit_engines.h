// SPDX-License-Identifier: Apache-2.0
// TransmitEngines: which engine each transmit queue of a port has, what it counted, and why it is that one. Control path.
#ifndef PMD_AF_XDP_TRANSMIT_ENGINES_H_
#define PMD_AF_XDP_TRANSMIT_ENGINES_H_

#include <memory>
#include <string>
#include <vector>

#include "bpf/feature_probe.h"
#include "bpf/injection.h"
#include "mempool/frame_audit.h"
#include "pmd/af_xdp/af_xdp_options.h"
#include "pmd/af_xdp/inject_tx_queue.h"
#include "pmd/af_xdp/port_interface.h"
#include "pmd/device_stats.h"
#include "pmd/feature_state.h"

namespace pollux::pmd::af_xdp {

// With tx=ring it holds nothing, and the rings are used as they are. Thread rule: pmd/device.h.
class TransmitEngines {
 public:
  TransmitEngines(TransmitPolicy policy, uint32_t flush_us, std::shared_ptr<mempool::Pool> pool, std::vector<RingEnd> rings);

  TxQueue& queue(std::size_t number) { return queues_.empty() ? *rings_[number].queue : *queues_[number]; }

  // After the sockets are bound. `zero_copy[n]`: socket n needs no other engine.
  void Start(PortInterface& interface, const bpf::DeviceFeatures& driver, const std::vector<bool>& zero_copy);
  // With tx=auto: whether packets go through the ring whatever it costs, as there they wait for room that injected ones would not find.
  void PreferRing(bool prefer);
  // Sends what is staged, for up to `patience_ms`, and drops the rest. The rings are still open.
  void Stop(int patience_ms);

  // Adds what was not sent through the ring.
  void AddTo(QueueStats& stats, std::size_t number) const;
  // Adds to the rings' counters of packets and bytes, and appends its own.
  void AppendExtendedStats(std::vector<NamedCounter>& stats) const;
  void ResetStats();
  void AppendFeatures(std::vector<FeatureState>& features) const;
  void CollectFrames(const std::string& device, mempool::FrameAudit& audit) const;

 private:
  std::vector<NamedCounter> Counters(std::size_t number) const;
  QueueStats Totals(std::size_t number) const;

  const TransmitPolicy policy_;
  const uint32_t flush_us_;
  const std::shared_ptr<mempool::Pool> pool_;
  const std::vector<RingEnd> rings_;
  std::vector<std::unique_ptr<InjectTxQueue>> queues_;
  std::unique_ptr<bpf::Injection> injection_;  // null: the ring only
  std::string refused_;                        // why
  bool prefers_ring_ = false;
  std::vector<std::vector<NamedCounter>> baseline_;
  std::vector<QueueStats> totals_baseline_;
};

}  // namespace pollux::pmd::af_xdp

#endif  // PMD_AF_XDP_TRANSMIT_ENGINES_H_
