// SPDX-License-Identifier: Apache-2.0
// What a port has counted in all, over the devices that ran it one after the other: a change of options or of the number of PMD threads
// starts a new device, whose counters begin at 0, and the interface's statistics must not fall.
#include "netdev_pollux.h"
#include "util.h"

static void AddTxCounters(struct pollux_tx_counters* sum, const struct pollux_tx_counters* more) {
  pollux_count(&sum->copied_foreign, __atomic_load_n(&more->copied_foreign, __ATOMIC_RELAXED));
  pollux_count(&sum->copied_outgrown, __atomic_load_n(&more->copied_outgrown, __ATOMIC_RELAXED));
  pollux_count(&sum->copied_scattered, __atomic_load_n(&more->copied_scattered, __ATOMIC_RELAXED));
  pollux_count(&sum->dropped_too_long, __atomic_load_n(&more->dropped_too_long, __ATOMIC_RELAXED));
  pollux_count(&sum->dropped_no_frame, __atomic_load_n(&more->dropped_no_frame, __ATOMIC_RELAXED));
  pollux_count(&sum->dropped_ring_full, __atomic_load_n(&more->dropped_ring_full, __ATOMIC_RELAXED));
}

struct pollux_tx_counters pollux_account_tx(const struct netdev_pollux* port) {
  struct pollux_tx_counters sum = port->account.closed_tx;
  for (uint32_t i = 0; i < port->tx_queue_count; i++) AddTxCounters(&sum, &port->tx_queues[i]->counters);
  return sum;
}

// What the device lost and the kernel has not counted. Some drops are in both: veth counts what finds no place in the receive ring, other
// drivers do not. So of the two figures since the device was started the larger one holds.
static uint64_t UnknownToKernel(uint64_t device, uint64_t kernel, uint64_t kernel_at_start) {
  const uint64_t counted = kernel >= kernel_at_start ? kernel - kernel_at_start : 0;
  return device > counted ? device - counted : 0;
}

// Adds what the kernel cannot know of the running device.
static void AddDevice(const struct netdev_pollux* port, const struct netdev_stats* kernel, struct netdev_stats* sum) {
  struct pollux_stats device = POLLUX_STATS;
  if (port->device != NULL) pollux_device_get_stats(port->device, POLLUX_WHOLE_DEVICE, &device);
  sum->rx_dropped += UnknownToKernel(device.rx_missed, kernel->rx_dropped, port->account.kernel_rx_dropped);
  sum->rx_errors += device.rx_errors;
  sum->tx_dropped += UnknownToKernel(device.tx_dropped, kernel->tx_dropped, port->account.kernel_tx_dropped);
}

void pollux_account_add(const struct netdev_pollux* port, struct netdev_stats* stats) {
  const struct netdev_stats kernel = *stats;
  const struct pollux_tx_counters ours = pollux_account_tx(port);
  uint64_t unfinished, no_queue, no_interface;
  atomic_read_relaxed(&CONST_CAST(struct netdev_pollux*, port)->dropped_unfinished, &unfinished);
  atomic_read_relaxed(&CONST_CAST(struct netdev_pollux*, port)->dropped_no_queue, &no_queue);
  atomic_read_relaxed(&CONST_CAST(struct netdev_pollux*, port)->dropped_no_interface, &no_interface);
  AddDevice(port, &kernel, stats);
  stats->rx_dropped += port->account.closed_rx_dropped;
  stats->rx_errors += port->account.closed_rx_errors;
  stats->tx_dropped += port->account.closed_tx_dropped + ours.dropped_too_long + ours.dropped_no_frame + ours.dropped_ring_full +
                       unfinished + no_queue + no_interface;
}

void pollux_account_start(struct netdev_pollux* port) {
  struct netdev_stats kernel = {0};
  if (get_stats_via_netlink(&port->up.up, &kernel)) return;
  port->account.kernel_rx_dropped = kernel.rx_dropped;
  port->account.kernel_tx_dropped = kernel.tx_dropped;
}

void pollux_account_close(struct netdev_pollux* port) {
  // If the interface is gone, the kernel's counters are too.
  struct netdev_stats kernel = {0}, device = {0};
  if (get_stats_via_netlink(&port->up.up, &kernel)) kernel = (struct netdev_stats){0};
  AddDevice(port, &kernel, &device);
  port->account.closed_rx_dropped += device.rx_dropped;
  port->account.closed_rx_errors += device.rx_errors;
  port->account.closed_tx_dropped += device.tx_dropped;
  port->account.closed_tx = pollux_account_tx(port);
}
