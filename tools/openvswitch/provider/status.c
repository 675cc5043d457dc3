// SPDX-License-Identifier: Apache-2.0
// What a user is told: `ovs-vsctl get interface p0 status`, `statistics`, and dpctl/show.
#include <stdlib.h>
#include <string.h>

#include "netdev_pollux.h"
#include "offload.h"
#include "openvswitch/vlog.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(netdev_pollux_status);

#define OFFLOAD_CAPACITY 32

static void AddCounter(struct netdev_custom_stats* stats, const char* name, uint64_t value) {
  struct netdev_custom_counter* counter = &stats->counters[stats->size++];
  ovs_strlcpy(counter->name, name, sizeof counter->name);
  counter->value = value;
}

// Packets that the device copied, since they came from another pool: of the counters tx_qN_copied.
static uint64_t CopiedByDevice(const struct pollux_counter* counters, size_t count) {
  uint64_t copied = 0;
  for (size_t i = 0; i < count; i++) {
    const char* name = counters[i].name;
    if (!strncmp(name, "tx_", 3) && !strcmp(name + strlen(name) - MIN(strlen(name), 7), "_copied")) copied += counters[i].value;
  }
  return copied;
}

int netdev_pollux_get_custom_stats(const struct netdev* netdev, struct netdev_custom_stats* stats) {
  struct netdev_pollux* port = netdev_pollux_cast(netdev);
  ovs_mutex_lock(&port->mutex);
  // Their number changes only when the device is started or stopped.
  size_t count = port->device != NULL ? pollux_device_get_counters(port->device, NULL, 0) : 0;
  struct pollux_counter* counters = xcalloc(count, sizeof *counters);
  if (count > 0) count = MIN(count, pollux_device_get_counters(port->device, counters, count));
  const struct pollux_tx_counters ours = pollux_account_tx(port);
  uint64_t outgrown = 0, clones = 0, unfinished, no_queue, no_interface, joined, hashes;
  atomic_read_relaxed(&port->dropped_unfinished, &unfinished);
  atomic_read_relaxed(&port->dropped_no_queue, &no_queue);
  atomic_read_relaxed(&port->dropped_no_interface, &no_interface);
  atomic_read_relaxed(&port->copied_joined, &joined);
  atomic_read_relaxed(&port->hashes_taken, &hashes);
  if (port->memory != NULL) {
    atomic_read_relaxed(&port->memory->outgrown, &outgrown);
    atomic_read_relaxed(&port->memory->clones, &clones);
  }
  ovs_mutex_unlock(&port->mutex);

  struct pollux_counter offload[OFFLOAD_CAPACITY];
  const size_t offload_count = pollux_offload_get_counters(netdev, offload, OFFLOAD_CAPACITY);
  stats->size = 0;
  stats->counters = xcalloc(count + 15 + offload_count, sizeof *stats->counters);
  AddCounter(stats, "copied", ours.copied_foreign + ours.copied_outgrown + ours.copied_scattered + CopiedByDevice(counters, count));
  AddCounter(stats, "copied_foreign", ours.copied_foreign);
  AddCounter(stats, "copied_outgrown", ours.copied_outgrown);
  AddCounter(stats, "copied_scattered", ours.copied_scattered);
  AddCounter(stats, "rx_copied_scattered", joined);
  AddCounter(stats, "rx_hashes_taken", hashes);
  AddCounter(stats, "copied_other_pool", CopiedByDevice(counters, count));
  AddCounter(stats, "tx_dropped_longer_than_frame", ours.dropped_too_long);
  AddCounter(stats, "tx_dropped_no_frame", ours.dropped_no_frame);
  AddCounter(stats, "tx_dropped_ring_full", ours.dropped_ring_full);
  AddCounter(stats, "tx_dropped_no_queue", no_queue);
  AddCounter(stats, "tx_dropped_no_interface", no_interface);
  AddCounter(stats, "tx_dropped_unfinished", unfinished);
  AddCounter(stats, "memory_clones", clones);
  AddCounter(stats, "memory_outgrown", outgrown);
  for (size_t i = 0; i < offload_count; i++) AddCounter(stats, offload[i].name, offload[i].value);
  for (size_t i = 0; i < count; i++) AddCounter(stats, counters[i].name, counters[i].value);
  free(counters);
  return 0;
}

int netdev_pollux_get_stats(const struct netdev* netdev, struct netdev_stats* stats) {
  struct netdev_pollux* port = netdev_pollux_cast(netdev);
  // The kernel counts what passes the interface; it cannot know what never got that far.
  int error = get_stats_via_netlink(netdev, stats);
  ovs_mutex_lock(&port->mutex);
  if (error && port->device != NULL) {
    // By this name there is none: it is gone, or has another. What the port itself has dropped is known.
    stats->rx_dropped = stats->tx_dropped = stats->rx_errors = 0;
    error = 0;
  }
  if (!error) pollux_account_add(port, stats);
  ovs_mutex_unlock(&port->mutex);
  return error;
}

static void AddMemoryStatus(const struct pollux_memory* memory, struct smap* status) {
  static const char* const pages[] = {"automatic", "ordinary pages", "2 MiB pages", "1 GiB pages"};
  struct pollux_pool_report report = POLLUX_POOL_REPORT;
  if (pollux_pool_get_report(memory->pool, &report)) return;
  smap_add_format(status, "memory", "%" PRIu32 " frames of %" PRIu32 " bytes in %s", memory->layout.frame_count, memory->layout.frame_size,
                  pages[MIN(report.pages, ARRAY_SIZE(pages) - 1)]);
  if (report.numa_node != POLLUX_ANY_NODE) smap_add_format(status, "memory-numa-node", "%" PRId32, report.numa_node);
  smap_add_format(status, "memory-free-frames", "%" PRIuSIZE, pollux_pool_free_count(memory->pool));
}

// A line for each feature: what was got, and why it is not more. Of the queues only the first is shown, and those that differ from it.
static void AddFeatureStatus(const pollux_device* device, struct smap* status) {
  struct pollux_feature* features = xmalloc(POLLUX_FEATURE_CAPACITY * sizeof *features);
  const size_t count = MIN(pollux_device_get_features(device, features, POLLUX_FEATURE_CAPACITY), POLLUX_FEATURE_CAPACITY);
  const char* native = "generic";
  const char* zerocopy = "";
  for (size_t i = 0; i < count; i++) {
    const struct pollux_feature* feature = &features[i];
    char* value = feature->reason[0] ? xasprintf("%s (%s)", feature->got, feature->reason) : xstrdup(feature->got);
    const char* first = smap_get(status, feature->name);
    if (first == NULL) {
      smap_add(status, feature->name, value);
    } else if (strcmp(first, value)) {
      char* key = xasprintf("%s-queue-%" PRId32, feature->name, feature->queue);
      smap_replace(status, key, value);
      free(key);
    }
    free(value);
    if (!strcmp(feature->name, "native") && feature->present) native = "native";
    if (!strcmp(feature->name, "zerocopy") && feature->queue <= 0 && feature->present) zerocopy = "-with-zerocopy";
  }
  smap_add_format(status, "xdp-mode", "%s%s", native, zerocopy);
  free(features);
}

// What a queue that nobody polls receives goes to the kernel's stack, and the bridge never sees it.
static char* UnpolledQueues(const struct netdev_pollux* port) {
  struct pollux_device_info info = POLLUX_DEVICE_INFO;
  if (pollux_device_get_info(port->device, &info) || info.maximum_rx_queues <= port->running.rx_queues) return NULL;
  return xasprintf("%" PRIu32 " of %" PRIu32 " receive queues are polled, packets of the others go to the kernel (options:n_rxq=%" PRIu32
                   ", or ethtool -L %s combined %" PRIu32 ")",
                   port->running.rx_queues, info.maximum_rx_queues, info.maximum_rx_queues, info.interface, port->running.rx_queues);
}

void pollux_warn(const struct netdev_pollux* port) {
  const char* name = netdev_get_name(&port->up.up);
  char* unpolled = UnpolledQueues(port);
  if (unpolled != NULL) VLOG_WARN("%s: %s", name, unpolled);
  free(unpolled);
  // Who asked for generic mode knows of it.
  if (port->running.arguments != NULL && strstr(port->running.arguments, "mode=") != NULL) return;
  struct pollux_feature* features = xmalloc(POLLUX_FEATURE_CAPACITY * sizeof *features);
  const size_t count = MIN(pollux_device_get_features(port->device, features, POLLUX_FEATURE_CAPACITY), POLLUX_FEATURE_CAPACITY);
  for (size_t i = 0; i < count; i++) {
    if (!strcmp(features[i].name, "native") && !features[i].present) {
      VLOG_WARN("%s: XDP in generic mode, which is slow: %s", name, features[i].reason);
    }
  }
  free(features);
}

int netdev_pollux_get_status(const struct netdev* netdev, struct smap* status) {
  struct netdev_pollux* port = netdev_pollux_cast(netdev);
  int error = netdev_linux_class.get_status(netdev, status);
  ovs_mutex_lock(&port->mutex);
  smap_add(status, "pollux", pollux_version());
  if (port->device != NULL && port->gone == NULL) {
    struct pollux_device_info info = POLLUX_DEVICE_INFO;
    if (!pollux_device_get_info(port->device, &info) && strcmp(info.interface, netdev_get_name(netdev))) {
      smap_add_format(status, "interface", "called %s now", info.interface);
    }
    AddFeatureStatus(port->device, status);
    AddMemoryStatus(port->memory, status);
    smap_add_format(status, "tx-queues", "%" PRIu32, port->tx_queue_count);
    char* unpolled = UnpolledQueues(port);
    if (unpolled != NULL) smap_add_nocopy(status, xstrdup("rx-queues"), unpolled);
    if (port->stalled != NULL) smap_add(status, "stalled", port->stalled);
  }
  if (port->has_policing) smap_add(status, "ingress-policing", "no effect: " POLLUX_METER_HINT);
  if (port->has_qos) smap_add(status, "qos", "no effect: " POLLUX_METER_HINT);
  const char* text = port->gone != NULL ? port->gone : port->error;
  if (text != NULL) smap_add(status, "error", text);
  // What netdev-linux asks the kernel for by name is not to be had of one that is gone; what became of it is.
  if (port->device != NULL) error = 0;
  ovs_mutex_unlock(&port->mutex);
  return error;
}

int netdev_pollux_get_config(const struct netdev* netdev, struct smap* config) {
  struct netdev_pollux* port = netdev_pollux_cast(netdev);
  const struct smap_node* node;
  ovs_mutex_lock(&port->mutex);
  SMAP_FOR_EACH(node, &port->options) {
    if (strcmp(node->key, "n_rxq")) smap_add(config, node->key, node->value);
  }
  smap_add_format(config, "n_rxq", "%d", netdev->n_rxq);
  ovs_mutex_unlock(&port->mutex);
  return 0;
}
