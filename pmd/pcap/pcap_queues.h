// SPDX-License-Identifier: Apache-2.0
// The queues of net_pcap: replay and record. Data path.
#ifndef PMD_PCAP_PCAP_QUEUES_H_
#define PMD_PCAP_PCAP_QUEUES_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <absl/status/status.h>

#include "mempool/pool.h"
#include "pmd/basic_device.h"
#include "pmd/pcap/capture.h"
#include "pmd/pcap/pacer.h"
#include "pmd/pcap/recorder.h"

namespace pollux::pmd {

struct ReplayOptions {
  bool loop = false;
  uint64_t rate = 0;  // packets per second of one queue; 0: as fast as asked
};

// Gives the packets of a capture, from its first one at every Start.
class ReplayQueue final : public BasicRxQueue {
 public:
  // Without a capture there is nothing to receive. `scattered`: the receiver takes packets of several frames.
  ReplayQueue(std::shared_ptr<const Capture> capture, const ReplayOptions& options, std::shared_ptr<mempool::Pool> pool, bool scattered);

  // There are packets of several frames in the capture, and the receiver takes them.
  bool scattered() const { return scattered_; }

  void Start() override;
  std::size_t Receive(std::span<Packet> packets) override;

 private:
  // Copies the records that come next into the frames; returns how many of the frames were used, the first ones.
  std::size_t Fill(std::span<Packet> frames);
  bool CopyNext(Packet& packet);
  // The same with packets of several frames: up to `wanted` records into frames of its own; returns how many elements.
  std::size_t ReceiveScattered(std::span<Packet> packets, std::size_t wanted);
  void Wrap();

  const std::shared_ptr<const Capture> capture_;
  const ReplayOptions options_;
  const std::shared_ptr<mempool::Pool> pool_;
  bool scattered_ = false;
  std::optional<Pacer> pacer_;
  std::size_t next_ = 0;
};

// Writes packets to a file. What is in the buffer is tx_pending; a full buffer, an empty burst and Stop flush it: then it is tx_packets, or
// tx_dropped ("dropped_write_error"). The flush is a write(2), which may wait for the disk: the one blocking call of this data path.
class RecordQueue final : public BasicTxQueue {
 public:
  // `device` for the message of Stop.
  RecordQueue(std::shared_ptr<Recorder> recorder, std::string device);

  // DATA_LOSS: the file, the cause, and how many packets since Start it lacks.
  absl::Status Stop() override;
  void Start() override;
  std::size_t Send(std::span<const Packet> packets) override;

 private:
  void Flush();
  std::span<const std::byte> Gather(std::span<const Packet> frames);

  std::vector<std::byte> whole_packet_;  // of several frames
  const std::shared_ptr<Recorder> recorder_;
  const std::string device_;
  uint64_t pending_packets_ = 0;
  uint64_t pending_bytes_ = 0;
  uint64_t lost_since_start_ = 0;
};

// Takes and drops: the port records nothing. Counted as dropped, "dropped_no_file".
class NoFileQueue final : public BasicTxQueue {
 public:
  NoFileQueue();
  std::size_t Send(std::span<const Packet> packets) override;
};

}  // namespace pollux::pmd

#endif  // PMD_PCAP_PCAP_QUEUES_H_
