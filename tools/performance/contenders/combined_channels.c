// SPDX-License-Identifier: Apache-2.0
// Preloaded into DPDK where a port has several queues: net_af_xdp looks at a device's combined channels alone, and takes a veth, which
// tells rx and tx channels, for a device of one queue. As many rx as tx channels are told as combined ones.
#define _GNU_SOURCE
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int ioctl(int descriptor, unsigned long request, ...) {
  va_list arguments;
  va_start(arguments, request);
  void* argument = va_arg(arguments, void*);
  va_end(arguments);
  const int result = (int)syscall(SYS_ioctl, descriptor, request, argument);
  if (result != 0 || request != SIOCETHTOOL) return result;
  struct ethtool_channels* channels = (struct ethtool_channels*)((struct ifreq*)argument)->ifr_data;
  if (channels->cmd != ETHTOOL_GCHANNELS || channels->max_combined > 0 || channels->rx_count != channels->tx_count) return result;
  channels->max_combined = channels->max_rx;
  channels->combined_count = channels->rx_count;
  return result;
}
