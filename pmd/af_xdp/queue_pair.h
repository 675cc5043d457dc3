// SPDX-License-Identifier: Apache-2.0
// QueuePair: one socket with the queues that use its rings: one rx queue, one tx queue or several that share. Control path.
#ifndef PMD_AF_XDP_QUEUE_PAIR_H_
#define PMD_AF_XDP_QUEUE_PAIR_H_

#include <linux/if_xdp.h>

#include <memory>
#include <string>
#include <vector>

#include <absl/status/status.h>

#include "bpf/feature_probe.h"
#include "bpf/xdp_program.h"
#include "mempool/frame_audit.h"
#include "pmd/af_xdp/af_xdp_options.h"
#include "pmd/af_xdp/inject_tx_queue.h"
#include "pmd/af_xdp/port_interface.h"
#include "pmd/af_xdp/queue_watch.h"
#include "pmd/af_xdp/shared_tx_queue.h"
#include "pmd/af_xdp/xsk_rx_queue.h"
#include "pmd/af_xdp/xsk_socket.h"
#include "pmd/af_xdp/xsk_tx_queue.h"
#include "pmd/af_xdp/xsk_tx_ring.h"
#include "pmd/device_stats.h"
#include "pmd/feature_state.h"

namespace pollux::pmd::af_xdp {

struct QueuePairOptions {
  std::string interface;
  uint32_t queue = 0;    // of the interface
  bool receives = true;  // false: sends only, and packets that arrive on this queue are the kernel's
  // Logical tx queues of this socket: those numbered number, number + tx_stride, number + 2 * tx_stride, ...
  std::size_t tx_queues = 1;
  std::size_t tx_stride = 1;
  XskRingSizes sizes;
  bool fill_follows_load = false;  // false: the fill ring is kept full
  uint32_t hardware_frames = 0;    // that the device keeps in a ring of its own, if it does zero-copy
  CopyMode copy_mode = CopyMode::kAutomatic;
  bool need_wakeup = true;
  BusyPolling busy_polling;
  bool completes_checksums = false;
  uint32_t flush_us = kDefaultFlushUs;
  TxMetadataPolicy tx_metadata;
  std::string why_no_tx_metadata;  // not empty: it is not asked for, whatever tx_metadata says
  uint64_t xsk_features = 0;       // what the driver does in zero-copy mode for packets that ask
  // In copy mode the device sends from our frames all the same (virtio-net: IFF_TX_SKB_NO_LINEAR).
  bool sends_from_frames = false;
};

// The queues live as long as the pair; the socket from Start to Stop. Counters go on over a restart. Control path: one thread.
class QueuePair {
 public:
  // The interface outlives the pair.
  QueuePair(std::size_t number, QueuePairOptions options, PortInterface& interface, std::shared_ptr<mempool::Pool> pool, XskCalls& calls);
  ~QueuePair();

  XskRxQueue& rx() { return rx_; }
  RingEnd tx(std::size_t index) { return {tx_queues_[index].get(), &tx_ring_, &tx_ring_.owner(index), number_}; }

  // Socket, memory, fill, bind, redirection, in this order. `first` as in XskSocket::Create. On error nothing is left. With `why_copy` the
  // mode is copy, for that reason; "": as asked for. `scattered`: packets may have several frames.
  absl::Status Start(const XskSocket* first, bpf::XdpProgram& program, std::size_t maximum_length, const std::string& why_copy,
                     bool scattered);
  // No packet comes in any more, and what was taken for sending is sent, for up to `patience_ms`; the rest is dropped and counted.
  void Stop(bpf::XdpProgram& program, int interface_index, int patience_ms);
  // The program leaves metadata in front of packets. Before Start.
  void SetRxMetadata(bool on) { rx_.SetMetadata(on); }
  // The longest packet that is sent, headers included.
  void SetMaximumLength(std::size_t bytes) { tx_ring_.SetMaximumLength(bytes); }

  // What the socket does for packets that ask.
  TxOffloads tx_offloads() const;

  const XskSocket* socket() const { return socket_.get(); }
  std::size_t tx_count() const { return baselines_.size(); }
  // Of the tx queue `index` of this socket; with the first one come those of the rx queue.
  QueueStats Stats(std::size_t index) const;
  void AppendExtendedStats(std::vector<NamedCounter>& stats) const;
  void ResetStats();
  // `driver` is what the interface's driver says of itself.
  void AppendFeatures(bool native, const bpf::DeviceFeatures& driver, std::vector<FeatureState>& features) const;
  void CollectFrames(const std::string& device, mempool::FrameAudit& audit) const;
  // Looks whether the rings move; true: what stands still has changed. A few times a second.
  bool Watch(bool link_up);
  void AppendStalls(std::vector<Stall>& stalls) const;

 private:
  FillLimits LimitsOfFill(bool zero_copy) const;
  void CloseSocket(std::unique_ptr<XskSocket> socket, int interface_index);
  void RetryRelease(int timeout_ms);
  bool WantsTxMetadata() const { return options_.tx_metadata.any() && options_.why_no_tx_metadata.empty(); }
  TxGrant GrantOf(const XskSocket& socket) const;
  void AppendTxMetadata(std::vector<FeatureState>& features) const;
  std::string WhyCopy(bool native, const bpf::DeviceFeatures& driver) const;
  std::vector<NamedCounter> Counters(std::size_t index) const;
  xdp_statistics KernelStatistics() const;
  QueueStats Totals(std::size_t index) const;

  const std::size_t number_;
  const QueuePairOptions options_;
  PortInterface& interface_;
  const std::shared_ptr<mempool::Pool> pool_;
  XskCalls& calls_;
  std::unique_ptr<XskSocket> socket_;
  XskRxQueue rx_;
  XskTxRing tx_ring_;
  TxSharing sharing_;
  QueueWatch watch_;
  std::vector<std::unique_ptr<TxQueue>> tx_queues_;  // one XskTxQueue, without a lock, or several SharedTxQueues
  int unreleased_on_ = 0;                            // index of the interface that may still use frames of a closed socket; 0: none does
  TxGrant grant_;
  std::string busy_polling_refused_;
  std::string why_copy_;             // as Start was told
  xdp_statistics closed_sockets_{};  // sums over sockets that are closed
  struct Baseline {
    std::vector<NamedCounter> counters;
    QueueStats totals;
  };
  std::vector<Baseline> baselines_;  // of each tx queue, with the first one the rx queue's
};

}  // namespace pollux::pmd::af_xdp

#endif  // PMD_AF_XDP_QUEUE_PAIR_H_
