// SPDX-License-Identifier: Apache-2.0
#include "pmd/af_xdp/xsk_socket.h"

#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include <absl/strings/str_cat.h>

#include "bpf/uapi.h"
#include "lcore/errno_status.h"

namespace pollux::pmd::af_xdp {
namespace {

using lcore::ErrnoStatus;

constexpr int kLongestBindPauseMs = 64;
constexpr std::size_t kSendBufferBytesAPacket = 8192;  // an sk_buff with a page, as the kernel accounts it

#ifndef SO_PREFER_BUSY_POLL
constexpr int SO_PREFER_BUSY_POLL = 69, SO_BUSY_POLL_BUDGET = 70;
#endif

int SetOption(int descriptor, int level, int option, uint32_t value) {
  return setsockopt(descriptor, level, option, &value, sizeof(value));
}

void SleepMs(int milliseconds) {
  poll(nullptr, 0, milliseconds);
}

std::string MemlockHint(std::size_t bytes) {
  rlimit limit{};
  getrlimit(RLIMIT_MEMLOCK, &limit);
  if (limit.rlim_cur == RLIM_INFINITY) return "the kernel could not pin the memory";
  return absl::StrCat("RLIMIT_MEMLOCK is ", limit.rlim_cur, " bytes and ", bytes,
                      " are needed: raise it (ulimit -l unlimited), give CAP_IPC_LOCK, or ask for fewer frames");
}

}  // namespace

absl::StatusOr<std::unique_ptr<XskSocket>> XskSocket::Create(const std::string& interface, uint32_t queue, const UmemLayout& memory,
                                                             const XskRingSizes& sizes, const XskSocket* first) {
  const int descriptor = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (descriptor < 0) {
    const char* hint = errno == EPERM          ? "needs CAP_NET_RAW"
                       : errno == EAFNOSUPPORT ? "this kernel is built without AF_XDP (CONFIG_XDP_SOCKETS)"
                                               : "";
    return ErrnoStatus(errno, "socket(AF_XDP)", hint);
  }
  std::unique_ptr<XskSocket> xsk(new XskSocket(interface, queue, descriptor));
  xsk->first_ = first;
  if (first != nullptr) xsk->takes_tx_metadata_ = first->takes_tx_metadata_;
  if (first == nullptr) {
    if (auto status = xsk->RegisterMemory(memory); !status.ok()) return status;
  }
  if (auto status = xsk->SetRings(sizes); !status.ok()) return status;
  if (auto status = xsk->MapRings(sizes); !status.ok()) return status;
  return xsk;
}

absl::StatusOr<std::unique_ptr<XskSocket>> XskSocket::Adopt(const std::string& interface, uint32_t queue, int descriptor,
                                                            const XskRingSizes& sizes, bool zero_copy) {
  std::unique_ptr<XskSocket> xsk(new XskSocket(interface, queue, descriptor));
  xsk->zero_copy_ = zero_copy;
  if (auto status = xsk->MapRings(sizes); !status.ok()) return status;
  return xsk;
}

XskSocket::~XskSocket() {
  for (const Mapping& mapping : mappings_) {
    if (mapping.base != nullptr) munmap(mapping.base, mapping.bytes);
  }
  close(descriptor_);
}

std::string XskSocket::Where() const {
  return absl::StrCat(interface_, ", queue ", queue_);
}

UmemLayout UmemLayout::Of(const mempool::Pool& pool) {
  return {.base = pool.region().base(),
          .bytes = pool.frame_count() * pool.frame_size(),
          .frame_size = static_cast<uint32_t>(pool.frame_size()),
          .headroom = static_cast<uint32_t>(pool.headroom())};
}

absl::Status XskSocket::RegisterMemory(const UmemLayout& memory) {
  // xdp_umem_reg as of Linux 6.11; older kernels read as much of it as they know.
  struct Registration {
    uint64_t addr = 0;
    uint64_t len = 0;
    uint32_t chunk_size = 0;
    uint32_t headroom = 0;
    uint32_t flags = 0;
    uint32_t tx_metadata_len = 0;
  } registration;
  static_assert(sizeof(Registration) == 32 && offsetof(xdp_umem_reg, flags) == offsetof(Registration, flags));
  registration.addr = reinterpret_cast<uint64_t>(memory.base);
  registration.len = memory.bytes;
  registration.chunk_size = memory.frame_size;
  // The kernel keeps XDP_PACKET_HEADROOM before every packet; this is what the pool wants beyond that.
  registration.headroom = memory.headroom - static_cast<uint32_t>(mempool::kMinimumHeadroom);
  if (memory.tx_metadata_bytes > 0) {
    registration.flags = bpf::kXdpUmemTxMetadataLength | (memory.software_checksum ? bpf::kXdpUmemTxSoftwareChecksum : 0);
    registration.tx_metadata_len = memory.tx_metadata_bytes;
  }
  takes_tx_metadata_ = memory.tx_metadata_bytes > 0;
  int error = setsockopt(descriptor_, SOL_XDP, XDP_UMEM_REG, &registration, sizeof(registration)) == 0 ? 0 : errno;
  if (error == EINVAL && takes_tx_metadata_) {
    // Not with the length alone, as 6.8 took it: a kernel that knows nothing of it would not say so, and then skip what asks.
    takes_tx_metadata_ = false;
    registration.flags = registration.tx_metadata_len = 0;
    error = setsockopt(descriptor_, SOL_XDP, XDP_UMEM_REG, &registration, sizeof(registration)) == 0 ? 0 : errno;
  }
  if (error == 0) return absl::OkStatus();
  const std::string hint = error == ENOBUFS || error == ENOMEM || error == EPERM ? MemlockHint(registration.len) : "";
  return ErrnoStatus(
      error,
      absl::StrCat("setsockopt(XDP_UMEM_REG, ", Where(), ", ", registration.len, " bytes in frames of ", registration.chunk_size, ")"),
      hint);
}

absl::StatusOr<RingMemory> XskSocket::MapRing(const xdp_ring_offset& offsets, uint32_t size, std::size_t entry_bytes, uint64_t page_offset,
                                              Mapping& mapping) {
  const std::size_t bytes = offsets.desc + size * entry_bytes;
  void* const base = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, descriptor_, static_cast<off_t>(page_offset));
  if (base == MAP_FAILED) return ErrnoStatus(errno, absl::StrCat("mmap(AF_XDP ring of ", size, " entries, ", Where(), ")"));
  mapping = {base, bytes};
  auto* const start = static_cast<std::byte*>(base);
  return RingMemory{.producer = reinterpret_cast<uint32_t*>(start + offsets.producer),
                    .consumer = reinterpret_cast<uint32_t*>(start + offsets.consumer),
                    .flags = reinterpret_cast<uint32_t*>(start + offsets.flags),
                    .entries = start + offsets.desc,
                    .size = size};
}

absl::Status XskSocket::SetRings(const XskRingSizes& sizes) {
  const struct {
    int option;
    const char* name;
    uint32_t size;
  } rings[] = {{XDP_UMEM_FILL_RING, "XDP_UMEM_FILL_RING", sizes.fill},
               {XDP_UMEM_COMPLETION_RING, "XDP_UMEM_COMPLETION_RING", sizes.completion},
               {XDP_RX_RING, "XDP_RX_RING", sizes.rx},
               {XDP_TX_RING, "XDP_TX_RING", sizes.tx}};
  for (const auto& ring : rings) {
    if (SetOption(descriptor_, SOL_XDP, ring.option, ring.size) != 0) {
      return ErrnoStatus(errno, absl::StrCat("setsockopt(", ring.name, ", ", Where(), ", ", ring.size, " entries)"),
                         "a ring's size is a power of two");
    }
  }
  return absl::OkStatus();
}

absl::Status XskSocket::MapRings(const XskRingSizes& sizes) {
  xdp_mmap_offsets offsets{};
  socklen_t length = sizeof(offsets);
  if (getsockopt(descriptor_, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &length) != 0) return ErrnoStatus(errno, "getsockopt(XDP_MMAP_OFFSETS)");
  if (length != sizeof(offsets))
    return absl::UnimplementedError("getsockopt(XDP_MMAP_OFFSETS): no ring flags; need_wakeup needs Linux 5.4");

  const struct {
    const xdp_ring_offset& offsets;
    uint32_t size;
    std::size_t entry_bytes;
    uint64_t page_offset;
    RingMemory& ring;
  } maps[] = {{offsets.fr, sizes.fill, sizeof(uint64_t), XDP_UMEM_PGOFF_FILL_RING, fill_},
              {offsets.cr, sizes.completion, sizeof(uint64_t), XDP_UMEM_PGOFF_COMPLETION_RING, completion_},
              {offsets.rx, sizes.rx, sizeof(xdp_desc), XDP_PGOFF_RX_RING, rx_},
              {offsets.tx, sizes.tx, sizeof(xdp_desc), XDP_PGOFF_TX_RING, tx_}};
  for (std::size_t index = 0; index < std::size(maps); ++index) {
    auto ring = MapRing(maps[index].offsets, maps[index].size, maps[index].entry_bytes, maps[index].page_offset, mappings_[index]);
    if (!ring.ok()) return ring.status();
    maps[index].ring = *ring;
  }
  return absl::OkStatus();
}

absl::Status XskSocket::Bind(int interface_index, CopyMode mode, bool need_wakeup, Others others, std::optional<int> patience) {
  sockaddr_xdp address{};
  address.sxdp_family = AF_XDP;
  address.sxdp_ifindex = static_cast<uint32_t>(interface_index);
  address.sxdp_queue_id = queue_;
  if (first_ != nullptr) {
    address.sxdp_flags = XDP_SHARED_UMEM;
    address.sxdp_shared_umem_fd = static_cast<uint32_t>(first_->descriptor_);
  } else {
    if (mode == CopyMode::kZeroCopy) address.sxdp_flags |= XDP_ZEROCOPY;
    if (mode == CopyMode::kCopy) address.sxdp_flags |= XDP_COPY;
    if (need_wakeup) address.sxdp_flags |= XDP_USE_NEED_WAKEUP;
    if (scattered_) address.sxdp_flags |= bpf::kXdpUseSgFlag;
  }
  int error = 0;
  const int patience_ms = patience.value_or(BindPatienceMs(others));
  for (int waited_ms = 0, pause_ms = 1;; waited_ms += pause_ms, pause_ms = std::min(2 * pause_ms, kLongestBindPauseMs)) {
    error = bind(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0 ? 0 : errno;
    if (error != EBUSY || waited_ms >= patience_ms) break;
    SleepMs(pause_ms);
  }
  if (error != 0) return BindError(error, mode, others);

  xdp_options options{};
  socklen_t length = sizeof(options);
  if (getsockopt(descriptor_, SOL_XDP, XDP_OPTIONS, &options, &length) != 0) return ErrnoStatus(errno, "getsockopt(XDP_OPTIONS)");
  zero_copy_ = (options.flags & XDP_OPTIONS_ZEROCOPY) != 0;
  return absl::OkStatus();
}

absl::Status XskSocket::BindError(int error, CopyMode mode, Others others) const {
  const char* hint = "";
  switch (error) {
    case EBUSY:
      hint = others == Others::kMayUseIt
                 ? "another socket holds this queue; other ports share the interface (try another start_queue=)"
                 : "no other XDP program is on the interface, and in half a minute the queue was not free: the kernel has "
                   "not taken apart the socket of a process that ended, or a socket without a program holds it";
      break;
    case EINVAL:
      hint = scattered_                    ? "packets of several frames need Linux 6.6 (sg=off)"
             : mode == CopyMode::kZeroCopy ? "the interface has no such queue, or cannot do zero-copy as it is set up"
                                           : "the interface has no such queue (ethtool -l shows how many)";
      break;
    case ENETDOWN:
      hint = "the interface is down (ip link set up)";
      break;
    case ENODEV:
    case ENXIO:
      hint = "the interface is gone";
      break;
    case EOPNOTSUPP:
    case ENOENT:
      hint = scattered_ ? "the driver has no zero-copy for packets of several frames (try bind_mode=auto, or sg=off)"
                        : "the driver has no zero-copy for this queue (try bind_mode=auto)";
      break;
    default:
      break;
  }
  return ErrnoStatus(error, absl::StrCat("bind(AF_XDP, ", Where(), ")"), hint);
}

absl::Status XskSocket::SetBusyPolling(const BusyPolling& options) {
  const struct {
    int option;
    const char* name;
    uint32_t value;
  } settings[] = {{SO_PREFER_BUSY_POLL, "SO_PREFER_BUSY_POLL", 1},
                  {SO_BUSY_POLL, "SO_BUSY_POLL", options.timeout_us},
                  {SO_BUSY_POLL_BUDGET, "SO_BUSY_POLL_BUDGET", options.budget}};
  for (const auto& setting : settings) {
    if (SetOption(descriptor_, SOL_SOCKET, setting.option, setting.value) != 0) {
      return ErrnoStatus(errno, absl::StrCat("setsockopt(", setting.name, ", ", Where(), ", ", setting.value, ")"),
                         errno == EPERM ? "needs CAP_NET_ADMIN" : "preferred busy polling needs Linux 5.11");
    }
  }
  return absl::OkStatus();
}

void XskSocket::StopBusyPolling() {
  SetOption(descriptor_, SOL_SOCKET, SO_PREFER_BUSY_POLL, 0);
  SetOption(descriptor_, SOL_SOCKET, SO_BUSY_POLL, 0);
}

bool XskSocket::RaiseSendLimits(uint32_t packets) {
  const bool raised = SetOption(descriptor_, SOL_XDP, bpf::kXdpMaximumTxBudgetOption, packets) == 0;
  const auto bytes = static_cast<uint32_t>(packets * kSendBufferBytesAPacket);
  if (SetOption(descriptor_, SOL_SOCKET, SO_SNDBUFFORCE, bytes) != 0) SetOption(descriptor_, SOL_SOCKET, SO_SNDBUF, bytes);
  return raised;
}

uint32_t XskSocket::NapiId() const {
  uint32_t id = 0;
  socklen_t length = sizeof(id);
  return getsockopt(descriptor_, SOL_SOCKET, SO_INCOMING_NAPI_ID, &id, &length) == 0 ? id : 0;
}

xdp_statistics XskSocket::Statistics() const {
  xdp_statistics statistics{};
  socklen_t length = sizeof(statistics);
  getsockopt(descriptor_, SOL_XDP, XDP_STATISTICS, &statistics, &length);
  return statistics;
}

bool WaitForRelease(int interface_index, uint32_t queue, int timeout_ms) {
  // A bind in copy mode touches no hardware, and is refused with EBUSY as long as the queue has its old buffer pool.
  mempool::PoolOptions options{.frame_count = 2, .slab_frames = 2};
  auto region = mempool::Region::Create({.bytes = 2 * options.frame_size, .pages = mempool::PageKind::kOrdinary});
  if (!region.ok()) return false;
  auto pool = mempool::Pool::Create(std::move(*region), options);
  if (!pool.ok()) return false;
  constexpr int kStepMs = XskSocket::BindPatienceMs(XskSocket::Others::kMayUseIt);
  for (int waited_ms = 0; waited_ms < timeout_ms; waited_ms += kStepMs) {
    auto probe = XskSocket::Create("release probe", queue, UmemLayout::Of(**pool), {.rx = 2, .tx = 2, .fill = 2, .completion = 2}, nullptr);
    if (!probe.ok()) return false;
    const int patience_ms = std::min(kStepMs, timeout_ms - waited_ms);
    const absl::Status status = (*probe)->Bind(interface_index, CopyMode::kCopy, false, XskSocket::Others::kMayUseIt, patience_ms);
    if (status.code() != absl::ErrnoToStatusCode(EBUSY)) return true;  // bound, or the device itself is gone
  }
  return false;
}

}  // namespace pollux::pmd::af_xdp
