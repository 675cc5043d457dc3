// SPDX-License-Identifier: Apache-2.0
// XskSocket: one AF_XDP socket on one queue of one interface, with its four rings. Owns the descriptor and the mappings.
#ifndef PMD_AF_XDP_XSK_SOCKET_H_
#define PMD_AF_XDP_XSK_SOCKET_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <linux/if_xdp.h>

#include "mempool/pool.h"
#include "pmd/af_xdp/xsk_ring.h"

namespace pollux::pmd::af_xdp {

enum class CopyMode { kAutomatic, kZeroCopy, kCopy };

struct XskRingSizes {
  uint32_t rx = 2048;
  uint32_t tx = 2048;
  uint32_t fill = 2048;
  uint32_t completion = 2048;
};

struct BusyPolling {
  uint32_t budget = 0;  // packets a poll; 0: off
  uint32_t timeout_us = 20;
};

// Memory for frames, all of one size, as a socket registers it (XDP_UMEM_REG).
struct UmemLayout {
  std::byte* base = nullptr;
  std::size_t bytes = 0;
  uint32_t frame_size = 0;
  uint32_t headroom = 0;  // that the pool keeps before a packet, the kernel's XDP_PACKET_HEADROOM among it

  // Room for what a packet asks (tx_requests.h), in the headroom in front of it; 0: none. With `software_checksum` the kernel computes the
  // checksums that are asked for, in copy mode, before anybody sees the packet.
  uint32_t tx_metadata_bytes = 0;
  bool software_checksum = false;

  static UmemLayout Of(const mempool::Pool& pool);
};

// Made in two steps, because some drivers lose buffers for good unless the fill ring is filled before bind(2):
//   Create: socket, memory registration, rings      Bind: queue of an interface
// Single-threaded.
class XskSocket {
 public:
  // Registers the memory as a UMEM of this socket, or uses the registration of `first`, another socket of the same
  // interface (XDP_SHARED_UMEM, so that the driver maps the memory for DMA once). Without metadata where the kernel knows of none. Errors
  // name the system call.
  static absl::StatusOr<std::unique_ptr<XskSocket>> Create(const std::string& interface, uint32_t queue, const UmemLayout& memory,
                                                           const XskRingSizes& sizes, const XskSocket* first);
  // A socket that another process made so and bound for this one (tools/broker); takes the descriptor, whatever comes of it.
  static absl::StatusOr<std::unique_ptr<XskSocket>> Adopt(const std::string& interface, uint32_t queue, int descriptor,
                                                          const XskRingSizes& sizes, bool zero_copy);
  ~XskSocket();
  XskSocket(const XskSocket&) = delete;
  XskSocket& operator=(const XskSocket&) = delete;

  // Before Bind: packets of several descriptors, too. With `first`, as that socket has it.
  void TakeScattered() { scattered_ = true; }
  // With `first` the mode is that socket's. EBUSY is tried again: a socket that was just closed leaves its queue only a moment later.
  // That is said to be another's after three seconds where others use the interface. Where nobody else does, the kernel is still at it, and
  // on a busy machine that takes up to half a minute, which is waited for. `patience_ms`: for as long instead.
  enum class Others { kMayUseIt, kDoNot };
  absl::Status Bind(int interface_index, CopyMode mode, bool need_wakeup, Others others = Others::kMayUseIt,
                    std::optional<int> patience_ms = std::nullopt);
  // The kernel takes the socket of an ended process apart in a work queue, which on a loaded machine took more than half a second.
  static constexpr int BindPatienceMs(Others others) { return others == Others::kDoNot ? 30'000 : 3'000; }

  // Fails if the kernel refuses an option. Whether busy polling takes place is another question: NapiId.
  absl::Status SetBusyPolling(const BusyPolling& options);
  void StopBusyPolling();
  // Lets one sendto send more than 32 packets in copy mode (kernel 6.17), and lifts the send buffer's limit. What is refused
  // stays as it is. Returns whether one call may send them all.
  bool RaiseSendLimits(uint32_t packets);
  // The NAPI instance that this socket polls; 0: none, so that busy polling has no effect (SO_INCOMING_NAPI_ID).
  uint32_t NapiId() const;

  int descriptor() const { return descriptor_; }
  bool zero_copy() const { return zero_copy_; }
  // The memory is registered with tx_metadata_bytes.
  bool takes_tx_metadata() const { return takes_tx_metadata_; }
  uint32_t queue() const { return queue_; }
  // The six counters of XDP_STATISTICS since the socket was made.
  xdp_statistics Statistics() const;

  const RingMemory& rx() const { return rx_; }
  const RingMemory& tx() const { return tx_; }
  const RingMemory& fill() const { return fill_; }
  const RingMemory& completion() const { return completion_; }

 private:
  XskSocket(std::string interface, uint32_t queue, int descriptor)
      : interface_(std::move(interface)), queue_(queue), descriptor_(descriptor) {}

  absl::Status RegisterMemory(const UmemLayout& memory);
  absl::Status SetRings(const XskRingSizes& sizes);
  absl::Status MapRings(const XskRingSizes& sizes);
  absl::Status BindError(int error, CopyMode mode, Others others) const;
  std::string Where() const;

  struct Mapping {
    void* base = nullptr;
    std::size_t bytes = 0;
  };
  absl::StatusOr<RingMemory> MapRing(const xdp_ring_offset& offsets, uint32_t size, std::size_t entry_bytes, uint64_t page_offset,
                                     Mapping& mapping);

  const std::string interface_;
  const uint32_t queue_;
  const int descriptor_;
  const XskSocket* first_ = nullptr;
  bool zero_copy_ = false;
  bool scattered_ = false;
  bool takes_tx_metadata_ = false;
  RingMemory rx_, tx_, fill_, completion_;
  Mapping mappings_[4];
};

// Waits until the kernel has let go of a queue whose zero-copy socket was closed: tear-down is asynchronous, and until then the
// device may write to its frames. False: it did not within `timeout_ms`.
bool WaitForRelease(int interface_index, uint32_t queue, int timeout_ms);

}  // namespace pollux::pmd::af_xdp

#endif  // PMD_AF_XDP_XSK_SOCKET_H_
