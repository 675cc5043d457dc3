// SPDX-License-Identifier: Apache-2.0
// Netdev: a kernel interface in a network namespace, its settings read and set by ioctl and netlink.
#ifndef PMD_AF_XDP_NETDEV_H_
#define PMD_AF_XDP_NETDEV_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "pmd/device.h"
#include "pmd/mac_address.h"

struct ifreq;

namespace pollux::pmd::af_xdp {

// What tells an interface from every other one that ever was there under the same number, as far as the kernel tells.
struct InterfaceIdentity {
  std::string boot;       // of the machine
  std::string network;    // of the namespace: its cookie, which is never used again; before Linux 5.14 its inode, which is
  int index = 0;          // in the namespace
  uint64_t creation = 0;  // inode of its folder in sysfs: as long as the interface lives, renamed and moved or not; 0: not visible here
  MacAddress address;     // the hardware's; where it has none, the one it had when it was looked at

  bool operator==(const InterfaceIdentity&) const = default;
};

// An interface by its index, in the network namespace of the thread that opened it: it keeps its index when it is renamed. Reads ask the
// kernel each time. Any thread, but for Follow, which belongs to the control path.
class Netdev {
 public:
  // NOT_FOUND if there is no such interface; INVALID_ARGUMENT if its packets have no Ethernet header.
  static absl::StatusOr<std::unique_ptr<Netdev>> Open(const std::string& name);
  // The same interface, followed by itself.
  absl::StatusOr<std::unique_ptr<Netdev>> Duplicate() const;
  ~Netdev();
  Netdev(const Netdev&) = delete;
  Netdev& operator=(const Netdev&) = delete;

  // As the kernel has it now; of one that is gone, the last name.
  std::string name() const;
  // NOT_FOUND if it is gone.
  absl::StatusOr<int> Index() const;
  int index() const { return index_.load(std::memory_order_relaxed); }
  // If the interface is gone: goes over to the one that has its last name now. NOT_FOUND: there is none.
  absl::Status Follow();
  absl::StatusOr<InterfaceIdentity> Identity() const;

  // The calling thread is in the interface's namespace while this lives; a thread that is there already just stays.
  class Visit {
   public:
    // Where the thread is already.
    static Visit Here() { return Visit(-1); }
    Visit(Visit&& other) noexcept : home_(std::exchange(other.home_, -1)) {}
    ~Visit();

   private:
    friend class Netdev;
    explicit Visit(int home) : home_(home) {}
    int home_;
  };
  absl::StatusOr<Visit> EnterNamespace() const;
  int namespace_descriptor() const { return namespace_; }

  // As ethtool -i has it; empty where there is none.
  std::string DriverName() const;
  absl::StatusOr<bool> IsUp() const;  // administratively up
  absl::StatusOr<LinkState> Link() const;
  // The root qdisc: "noqueue", "pfifo", ...; empty where the kernel does not tell.
  std::string Qdisc() const;
  absl::StatusOr<std::size_t> Mtu() const;
  absl::Status SetMtu(std::size_t mtu) const;
  absl::StatusOr<MacAddress> Mac() const;
  absl::Status SetMac(const MacAddress& mac) const;
  // Receive queues that can have a socket: combined channels, or the larger of rx and tx channels.
  absl::StatusOr<uint32_t> QueueCount() const;
  // Descriptors of the hardware's receive ring; 0 where the driver does not tell.
  uint32_t HardwareRxRing() const;

 private:
  Netdev(std::string name, int descriptor, int network) : last_name_(std::move(name)), descriptor_(descriptor), namespace_(network) {}
  absl::Status Failed(int error, const char* call) const;
  absl::StatusOr<int> Find(const std::string& name) const;
  // Fills in the name and calls; 0 or the errno.
  int Call(unsigned long number, ifreq& request) const;
  template <typename Command>
  bool Ethtool(Command& command) const;

  mutable std::mutex name_lock_;
  mutable std::string last_name_;
  std::atomic<int> index_{0};
  const int descriptor_;
  const int namespace_;
};

// Promiscuous mode for as long as this object lives: the membership of a packet socket, which ends with the process (packet(7)).
class PromiscuousMembership {
 public:
  static absl::StatusOr<std::unique_ptr<PromiscuousMembership>> Join(const std::string& interface, int interface_index);
  // One that another process has left to this one; takes the descriptor.
  explicit PromiscuousMembership(int descriptor) : descriptor_(descriptor) {}
  int descriptor() const { return descriptor_; }
  ~PromiscuousMembership();
  PromiscuousMembership(const PromiscuousMembership&) = delete;
  PromiscuousMembership& operator=(const PromiscuousMembership&) = delete;

 private:
  const int descriptor_;
};

}  // namespace pollux::pmd::af_xdp

#endif  // PMD_AF_XDP_NETDEV_H_
