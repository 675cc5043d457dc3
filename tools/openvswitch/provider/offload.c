// SPDX-License-Identifier: Apache-2.0
// The table, the ports in it, and what was offloaded. Called by the datapath through a seam (offload.h).
//
// A port gets a number when it comes in, and keeps it while its device is started anew. Before a number is given to another port no flow is
// left that names it, as input or as output: the datapath deletes flows later than ports.
#include "offload.h"

#include <errno.h>
#include <stdlib.h>

#include "dpif.h"
#include "hash.h"
#include "openvswitch/hmap.h"
#include "openvswitch/vlog.h"
#include "ovs-atomic.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(netdev_pollux_offload);

#define MOST_PORTS 1024  // of a table
#define MOST_MASKS 128
#define OWN_COUNTERS 4

// What one asker was told in all.
struct told {
  const void* asker;
  uint64_t packets;
  uint64_t bytes;
};

// A flow that is in the table.
struct offloaded {
  struct hmap_node node;  // of `all`, by id and input
  ovs_u128 id;
  uint32_t input;   // numbers of ports
  uint32_t output;  // POLLUX_NO_NUMBER: dropped
  uint64_t flow;    // in the table
  struct told* told;
  size_t told_count;
};

static struct ovs_mutex mutex = OVS_MUTEX_INITIALIZER;  // of all below; taken behind a port's
static pollux_flow_table* table;                        // made once, under the lock, before a port has a number
static struct hmap all OVS_GUARDED_BY(mutex) = HMAP_INITIALIZER(&all);
static const struct netdev* ports[MOST_PORTS] OVS_GUARDED_BY(mutex);  // by number; NULL: free
static uint64_t flows_of[MOST_PORTS] OVS_GUARDED_BY(mutex);           // by number of the input

// --- Flows -----------------------------------------------------------------------------------------------------------------------

static uint32_t HashOf(const ovs_u128* id, uint32_t input) {
  return hash_int(input, hash_bytes(id, sizeof *id, 0));
}

static struct offloaded* Find(const ovs_u128* id, uint32_t input) OVS_REQUIRES(mutex) {
  struct offloaded* one;
  if (input == POLLUX_NO_NUMBER) return NULL;
  HMAP_FOR_EACH_WITH_HASH(one, node, HashOf(id, input), &all) {
    if (one->input == input && ovs_u128_equals(one->id, *id)) return one;
  }
  return NULL;
}

// What nobody was told, and nobody will be, is counted at the port.
static void Delete(struct offloaded* one) OVS_REQUIRES(mutex) {
  struct pollux_flow_statistics statistics = POLLUX_FLOW_STATISTICS;
  uint64_t told = 0;
  if (pollux_flow_remove(table, one->flow, &statistics)) VLOG_ERR("a flow stays offloaded: %s", pollux_last_error());
  for (size_t i = 0; i < one->told_count; i++) told += one->told[i].packets;
  if (ports[one->input] != NULL && statistics.packets > told) {
    uint64_t before;
    atomic_add_relaxed(&netdev_pollux_cast(ports[one->input])->offload.untold, statistics.packets - told, &before);
  }
  flows_of[one->input]--;
  hmap_remove(&all, &one->node);
  free(one->told);
  free(one);
}

static void DeleteOf(uint32_t number, bool outputs_too) OVS_REQUIRES(mutex) {
  struct offloaded *one, *next;
  HMAP_FOR_EACH_SAFE(one, next, node, &all) {
    if (one->input == number || (outputs_too && one->output == number)) Delete(one);
  }
}

static int Refuse(struct netdev_pollux* port, const char* why) {
  static struct vlog_rate_limit limit = VLOG_RATE_LIMIT_INIT(10, 10);
  uint64_t before;
  atomic_add_relaxed(&port->offload.refused, 1, &before);
  VLOG_DBG_RL(&limit, "%s: a flow stays with the PMD threads: %s", netdev_get_name(&port->up.up), why);
  return EOPNOTSUPP;
}

static int Add(struct netdev_pollux* port, const struct pollux_translation* translation, const ovs_u128* id) OVS_REQUIRES(mutex) {
  uint64_t flow;
  const int error = pollux_flow_add(table, &translation->flow, &flow);
  if (error == ENOMEM) {
    static struct ovsthread_once once = OVSTHREAD_ONCE_INITIALIZER;
    if (ovsthread_once_start(&once)) {
      VLOG_INFO("flows stay with the PMD threads, the counter offload_refused has how many: %s", pollux_last_error());
      ovsthread_once_done(&once);
    }
  }
  if (error) return Refuse(port, pollux_last_error());
  struct offloaded* one = xzalloc(sizeof *one);
  one->id = *id;
  one->input = port->offload.number;
  one->output = translation->output;
  one->flow = flow;
  hmap_insert(&all, &one->node, HashOf(id, one->input));
  flows_of[one->input]++;
  __atomic_store_n(&port->offload.begun, port->offload.begun + 1, __ATOMIC_RELAXED);
  return 0;
}

int pollux_offload_put(struct netdev* netdev, const struct match* match, const struct nlattr* actions, size_t actions_length,
                       const ovs_u128* id, const struct pollux_output_finder* finder) {
  struct netdev_pollux* port = netdev_pollux_cast(netdev);
  struct pollux_translation* translation = xmalloc(sizeof *translation);
  int error = 0;
  ovs_mutex_lock(&mutex);
  struct offloaded* one = Find(id, port->offload.number);
  if (port->offload.number == POLLUX_NO_NUMBER) {
    error = EOPNOTSUPP;
  } else if (port->offload.output_only) {
    error = Refuse(port, "its packets may have several frames");
  } else if (!pollux_translate(match, actions, actions_length, port->offload.number, finder, translation)) {
    error = Refuse(port, translation->obstacle);
  } else if (one == NULL) {
    error = Add(port, translation, id);
  } else if (pollux_flow_modify(table, one->flow, translation->actions, translation->flow.action_count)) {
    error = Refuse(port, pollux_last_error());
  } else {
    one->output = translation->output;
  }
  // The actions that it had are not to be taken any more.
  if (error && one != NULL) Delete(one);
  ovs_mutex_unlock(&mutex);
  free(translation);
  return error;
}

int pollux_offload_delete(struct netdev* netdev, const ovs_u128* id) {
  ovs_mutex_lock(&mutex);
  struct offloaded* one = Find(id, netdev_pollux_cast(netdev)->offload.number);
  if (one != NULL) Delete(one);
  ovs_mutex_unlock(&mutex);
  return one != NULL ? 0 : ENOENT;
}

void pollux_offload_flush(struct netdev* netdev) {
  ovs_mutex_lock(&mutex);
  DeleteOf(netdev_pollux_cast(netdev)->offload.number, false);
  ovs_mutex_unlock(&mutex);
}

uint64_t pollux_offload_count(struct netdev* netdev) {
  ovs_mutex_lock(&mutex);
  const uint32_t number = netdev_pollux_cast(netdev)->offload.number;
  const uint64_t count = number != POLLUX_NO_NUMBER ? flows_of[number] : 0;
  ovs_mutex_unlock(&mutex);
  return count;
}

// --- Statistics ------------------------------------------------------------------------------------------------------------------

// Tells the asker what nobody was told yet.
static struct told* Tell(struct offloaded* one, const void* asker, uint64_t packets, uint64_t bytes) OVS_REQUIRES(mutex) {
  struct told* found = NULL;
  for (size_t i = 0; i < one->told_count; i++) {
    packets -= one->told[i].packets;
    bytes -= one->told[i].bytes;
    if (one->told[i].asker == asker) found = &one->told[i];
  }
  if (found == NULL) {
    one->told = xrealloc(one->told, (one->told_count + 1) * sizeof *one->told);
    found = &one->told[one->told_count++];
    *found = (struct told){.asker = asker};
  }
  found->packets += packets;
  found->bytes += bytes;
  return found;
}

int pollux_offload_get(struct netdev* netdev, const ovs_u128* id, const void* asker, struct dpif_flow_stats* stats,
                       struct dpif_flow_attrs* attributes) {
  struct pollux_flow_statistics statistics = POLLUX_FLOW_STATISTICS;
  ovs_mutex_lock(&mutex);
  struct offloaded* one = Find(id, netdev_pollux_cast(netdev)->offload.number);
  const bool found = one != NULL && !pollux_flow_get_statistics(table, one->flow, &statistics);
  if (found) {
    const struct told* told = Tell(one, asker, statistics.packets, statistics.bytes);
    memset(stats, 0, sizeof *stats);
    stats->n_packets = told->packets;
    stats->n_bytes = told->bytes;
    stats->used = statistics.last_use_ns / 1000000;  // time_msec() is of the same clock
    stats->tcp_flags = statistics.tcp_flags;
    memset(attributes, 0, sizeof *attributes);
    attributes->offloaded = true;
    attributes->dp_layer = netdev_pollux_cast(netdev)->offload.at_tc ? "tc" : "xdp";
  }
  ovs_mutex_unlock(&mutex);
  return found ? 0 : ENOENT;
}

static void AddCounter(struct pollux_counter* counters, size_t* count, const char* name, uint64_t value) {
  ovs_strlcpy(counters[*count].name, name, sizeof counters[*count].name);
  counters[(*count)++].value = value;
}

size_t pollux_offload_get_counters(const struct netdev* netdev, struct pollux_counter* counters, size_t capacity) {
  struct netdev_pollux* port = netdev_pollux_cast(netdev);
  size_t count = 0;
  uint64_t refused, untold, overtaken;
  if (capacity < OWN_COUNTERS || pollux_offload_number(netdev) == POLLUX_NO_NUMBER) return 0;
  atomic_read_relaxed(&port->offload.refused, &refused);
  atomic_read_relaxed(&port->offload.untold, &untold);
  atomic_read_relaxed(&port->offload.overtaken, &overtaken);
  AddCounter(counters, &count, "offload_flows", pollux_offload_count(CONST_CAST(struct netdev*, netdev)));
  AddCounter(counters, &count, "offload_refused", refused);
  AddCounter(counters, &count, "offload_untold", untold);
  AddCounter(counters, &count, "offload_overtaken_at_most", overtaken);
  return count + MIN(pollux_flow_table_get_counters(table, counters + count, capacity - count), capacity - count);
}

// --- Ports -----------------------------------------------------------------------------------------------------------------------

// Why there is none is in pollux_last_error().
static int MakeTable(void) OVS_REQUIRES(mutex) {
  const struct pollux_flow_table_options options = {.size = sizeof options, .masks = MOST_MASKS};
  return table != NULL ? 0 : pollux_flow_table_create(&options, &table);
}

// Of a device that is started: whether its program is at TC ingress (options:attach).
static bool IsAtTc(const pollux_device* device) {
  struct pollux_feature* features = xcalloc(POLLUX_FEATURE_CAPACITY, sizeof *features);
  const size_t count = MIN(pollux_device_get_features(device, features, POLLUX_FEATURE_CAPACITY), POLLUX_FEATURE_CAPACITY);
  bool at_tc = false;
  for (size_t i = 0; i < count; i++) at_tc |= !strcmp(features[i].name, "attach") && features[i].present;
  free(features);
  return at_tc;
}

static int UseFlows(struct netdev_pollux* port) OVS_REQUIRES(port->mutex) OVS_EXCLUDED(mutex) {
  const bool at_tc = IsAtTc(port->device);
  ovs_mutex_lock(&mutex);
  port->offload.at_tc = at_tc;
  port->offload.output_only = port->scattered;
  if (port->scattered) DeleteOf(port->offload.number, false);
  ovs_mutex_unlock(&mutex);
  return pollux_device_use_flows(port->device, table, port->offload.number,
                                 port->scattered ? POLLUX_FLOW_OUTPUT : POLLUX_FLOW_INPUT_AND_OUTPUT);
}

static uint32_t TakeNumber(const struct netdev* netdev) OVS_REQUIRES(mutex) {
  for (uint32_t number = 0; number < MOST_PORTS; number++) {
    if (ports[number] != NULL) continue;
    ports[number] = netdev;
    return number;
  }
  return POLLUX_NO_NUMBER;
}

static void GiveNumber(struct netdev_pollux* port) OVS_EXCLUDED(mutex) {
  ovs_mutex_lock(&mutex);
  if (port->offload.number != POLLUX_NO_NUMBER) {
    DeleteOf(port->offload.number, true);
    ports[port->offload.number] = NULL;
    port->offload.number = POLLUX_NO_NUMBER;
  }
  ovs_mutex_unlock(&mutex);
}

int pollux_offload_enter(struct netdev* netdev) {
  struct netdev_pollux* port = netdev_pollux_cast(netdev);
  ovs_mutex_lock(&port->mutex);
  ovs_mutex_lock(&mutex);
  int error = MakeTable();
  if (!error && port->offload.number == POLLUX_NO_NUMBER) port->offload.number = TakeNumber(netdev);
  if (!error && port->offload.number == POLLUX_NO_NUMBER) error = ENOSPC;
  ovs_mutex_unlock(&mutex);
  // A device that is gone is followed by another, which comes in then (pollux_offload_restarted).
  if (!error && port->device != NULL && port->gone == NULL) error = UseFlows(port);
  if (error) {
    VLOG_WARN("%s: its flows are not offloaded: %s", netdev_get_name(netdev),
              error == ENOSPC ? "the table has no place for another port" : pollux_last_error());
    GiveNumber(port);
  }
  ovs_mutex_unlock(&port->mutex);
  return error;
}

void pollux_offload_leave(struct netdev* netdev) {
  struct netdev_pollux* port = netdev_pollux_cast(netdev);
  ovs_mutex_lock(&port->mutex);
  if (port->offload.number != POLLUX_NO_NUMBER && port->device != NULL) {
    pollux_device_use_flows(port->device, NULL, 0, POLLUX_FLOW_OUTPUT);
  }
  GiveNumber(port);
  ovs_mutex_unlock(&port->mutex);
}

void pollux_offload_restarted(struct netdev_pollux* port) {
  if (port->offload.number == POLLUX_NO_NUMBER || !UseFlows(port)) return;
  // Its flows stay in the table, where no packet meets them; what others would send to it goes through the PMD.
  VLOG_WARN("%s: its flows are not offloaded any more: %s", netdev_get_name(&port->up.up), pollux_last_error());
}

uint32_t pollux_offload_number(const struct netdev* netdev) {
  return netdev_pollux_is(netdev) ? netdev_pollux_cast(netdev)->offload.number : POLLUX_NO_NUMBER;
}
