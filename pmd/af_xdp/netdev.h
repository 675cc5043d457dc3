// SPDX-License-Identifier: Apache-2.0
// Netdev: the settings of a kernel interface, read and set by ioctl.
#ifndef PMD_AF_XDP_NETDEV_H_
#define PMD_AF_XDP_NETDEV_H_

#include <cstdint>
#include <memory>
#include <string>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "pmd/device.h"
#include "pmd/mac_address.h"

namespace pollux::pmd::af_xdp {

// An interface by name, in the network namespace of the thread that opened it. Reads ask the kernel each time. Any thread.
class Netdev {
 public:
  // NOT_FOUND if there is no such interface.
  static absl::StatusOr<std::unique_ptr<Netdev>> Open(const std::string& name);
  ~Netdev();
  Netdev(const Netdev&) = delete;
  Netdev& operator=(const Netdev&) = delete;

  const std::string& name() const { return name_; }
  // The index that the name has now: a device that was deleted and made again has another. NOT_FOUND if it is gone.
  absl::StatusOr<int> Index() const;

  // As ethtool -i has it; empty where there is none.
  std::string DriverName() const;
  absl::StatusOr<bool> IsUp() const;  // administratively up
  absl::StatusOr<LinkState> Link() const;
  absl::StatusOr<std::size_t> Mtu() const;
  absl::Status SetMtu(std::size_t mtu) const;
  absl::StatusOr<MacAddress> Mac() const;
  absl::Status SetMac(const MacAddress& mac) const;
  // Receive queues that can have a socket: combined channels, or the larger of rx and tx channels.
  absl::StatusOr<uint32_t> QueueCount() const;
  // Descriptors of the hardware's receive ring; 0 where the driver does not tell.
  uint32_t HardwareRxRing() const;

 private:
  Netdev(std::string name, int descriptor) : name_(std::move(name)), descriptor_(descriptor) {}
  absl::Status Failed(int error, const char* call) const;

  const std::string name_;
  const int descriptor_;
};

// Promiscuous mode for as long as this object lives: the membership of a packet socket, which ends with the process (packet(7)).
class PromiscuousMembership {
 public:
  static absl::StatusOr<std::unique_ptr<PromiscuousMembership>> Join(const std::string& interface, int interface_index);
  ~PromiscuousMembership();
  PromiscuousMembership(const PromiscuousMembership&) = delete;
  PromiscuousMembership& operator=(const PromiscuousMembership&) = delete;

 private:
  explicit PromiscuousMembership(int descriptor) : descriptor_(descriptor) {}
  const int descriptor_;
};

}  // namespace pollux::pmd::af_xdp

#endif  // PMD_AF_XDP_NETDEV_H_
