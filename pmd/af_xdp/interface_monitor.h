// SPDX-License-Identifier: Apache-2.0
// InterfaceMonitor: what the kernel tells of the interfaces of a network namespace as it happens, by netlink.
#ifndef PMD_AF_XDP_INTERFACE_MONITOR_H_
#define PMD_AF_XDP_INTERFACE_MONITOR_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <set>

#include <absl/status/statusor.h>

#include "pmd/af_xdp/netdev.h"
#include "pmd/af_xdp/port_interface.h"

struct mnl_socket;
struct nlmsghdr;

namespace pollux::pmd::af_xdp {

// The kernel's messages say that something is different; what it is now is read from the interface itself, so that a message more or less
// does no harm. One pair of sockets a network namespace in a process: rtnetlink's groups of links and of traffic control (qdiscs), and of
// generic netlink the groups of the families "netdev" (what a driver can do) and "ethtool" (channels, rings), where the kernel has them.
// There is no thread: who asks, reads. Any thread.
class InterfaceMonitor {
 public:
  // That of the interface's namespace.
  static absl::StatusOr<std::shared_ptr<InterfaceMonitor>> Of(const Netdev& netdev);
  ~InterfaceMonitor();
  InterfaceMonitor(const InterfaceMonitor&) = delete;
  InterfaceMonitor& operator=(const InterfaceMonitor&) = delete;

  // Follows one interface by its index; without one, any that comes or changes is news. Single-threaded.
  class Watcher {
   public:
    explicit Watcher(std::shared_ptr<InterfaceMonitor> monitor);
    ~Watcher();
    Watcher(const Watcher&) = delete;
    Watcher& operator=(const Watcher&) = delete;

    static constexpr int kAny = 0;
    void Watch(int index);
    InterfaceNews Take();

   private:
    friend class InterfaceMonitor;
    const std::shared_ptr<InterfaceMonitor> monitor_;
    int index_ = kAny;  // guarded by the monitor's lock, as is the next
    InterfaceNews news_;
  };

 private:
  InterfaceMonitor() = default;
  absl::Status Open();
  void ReadAll();
  // False: messages were lost.
  bool Read(mnl_socket* socket);
  void HandleLink(const nlmsghdr* message);
  void Handle(const nlmsghdr* message);
  void Changed(int index, InterfaceNews::Departure departure = InterfaceNews::Departure::kNone);

  std::mutex lock_;
  mnl_socket* links_ = nullptr;
  mnl_socket* features_ = nullptr;  // null: none of the families is there
  std::set<Watcher*> watchers_;
};

}  // namespace pollux::pmd::af_xdp

#endif  // PMD_AF_XDP_INTERFACE_MONITOR_H_
