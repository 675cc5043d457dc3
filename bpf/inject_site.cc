// SPDX-License-Identifier: Apache-2.0
#include "bpf/inject_site.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <thread>

#include <absl/strings/str_cat.h>

#include "bpf/privilege.h"
#include "lcore/errno_status.h"

namespace pollux::bpf {
namespace {

constexpr int kLoopbackIfindex = 1;
constexpr char kTapDevice[] = "/dev/net/tun";

absl::StatusOr<UniqueFd> Link(int program, int ifindex, uint32_t flags) {
  DECLARE_LIBBPF_OPTS(bpf_link_create_opts, options, .flags = flags);
  UniqueFd link(bpf_link_create(program, ifindex, BPF_XDP, &options));
  if (!link) return CallStatus(errno, "bpf_link_create(injecting program)", {CAP_NET_ADMIN, CAP_BPF});
  return link;
}

// In the calling thread's network namespace.
absl::StatusOr<InjectSite> AttachToTap(int program) {
  InjectSite site{.device = UniqueFd(open(kTapDevice, O_RDWR | O_CLOEXEC)), .link = {}};
  if (!site.device) return lcore::ErrnoStatus(errno, absl::StrCat("open ", kTapDevice));
  ifreq request = {};
  std::snprintf(request.ifr_name, sizeof(request.ifr_name), "plx%di%%d", getpid());
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  if (ioctl(site.device.get(), TUNSETIFF, &request) != 0) return CallStatus(errno, "ioctl(TUNSETIFF)", {CAP_NET_ADMIN});
  const unsigned ifindex = if_nametoindex(request.ifr_name);
  if (ifindex == 0) return lcore::ErrnoStatus(errno, absl::StrCat("if_nametoindex(", request.ifr_name, ")"));
  auto link = Link(program, static_cast<int>(ifindex), XDP_FLAGS_DRV_MODE);
  if (!link.ok()) return link.status();
  site.link = *std::move(link);
  return site;
}

absl::StatusOr<InjectSite> AttachToLoopback(int program) {
  InjectSite site{.device = UniqueFd(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)), .link = {}};
  if (!site.device) return lcore::ErrnoStatus(errno, "open /proc/thread-self/ns/net");
  auto link = Link(program, kLoopbackIfindex, XDP_FLAGS_SKB_MODE);
  if (!link.ok()) return link.status();
  site.link = *std::move(link);
  return site;
}

}  // namespace

absl::StatusOr<InjectSite> InjectSite::Attach(int program) {
  absl::StatusOr<InjectSite> site = absl::UnknownError("");
  bool apart = false;
  // A thread can leave its network namespace and cannot come back without the right to: so it is one that ends.
  std::thread([&] {
    apart = unshare(CLONE_NEWNET) == 0;
    if (!apart) return;
    site = AttachToTap(program);
    if (!site.ok()) site = AttachToLoopback(program);
  }).join();
  if (!apart) site = AttachToTap(program);
  if (site.ok()) return site;
  return lcore::Annotate(site.status(), "a device for the injecting program, which takes CAP_SYS_ADMIN, or CAP_NET_ADMIN and /dev/net/tun");
}

}  // namespace pollux::bpf
