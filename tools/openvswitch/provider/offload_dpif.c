// SPDX-License-Identifier: Apache-2.0
// Offload of flows from 4.0 on: struct dpif_offload_class. The thread that adds, changes or deletes a flow calls here, and waits until it
// is done. 3.1 and 3.5 have offload_netdev.c's interface instead, and not this header.
//
// Each PMD thread that has a flow offers it, under one id. The datapath wants to know when its flows are not referred to any more, so it is
// kept which threads' flows stand for an offloaded one; with the last of them it is deleted.
#include "netdev_pollux.h"

#if __has_include("dpif-offload-provider.h")
#include <errno.h>
#include <stdlib.h>

#include "dpif-offload-provider.h"
#include "dpif-offload.h"
#include "hash.h"
#include "offload.h"
#include "openvswitch/hmap.h"
#include "ovs-rcu.h"
#include "util.h"

struct pollux_offload {
  struct dpif_offload up;
  dpif_offload_flow_unreference_cb* unreference;
  bool enabled;
};

static struct pollux_offload* Cast(const struct dpif_offload* offload) {
  return CONTAINER_OF(offload, struct pollux_offload, up);
}

// --- Which flows stand for an offloaded one --------------------------------------------------------------------------------------

struct holder {
  unsigned pmd;
  void* flow;  // of the datapath; we have a reference
};

struct held {
  struct hmap_node node;  // of `all`, by id
  ovs_u128 id;
  const struct netdev* input;
  struct holder* holders;
  size_t count;
};

static struct ovs_mutex mutex = OVS_MUTEX_INITIALIZER;
static struct hmap all OVS_GUARDED_BY(mutex) = HMAP_INITIALIZER(&all);

static struct held* Find(const struct netdev* input, const ovs_u128* id) OVS_REQUIRES(mutex) {
  struct held* held;
  HMAP_FOR_EACH_WITH_HASH(held, node, hash_bytes(id, sizeof *id, 0), &all) {
    if (held->input == input && ovs_u128_equals(held->id, *id)) return held;
  }
  return NULL;
}

static struct holder* HolderOf(struct held* held, unsigned pmd) {
  for (size_t i = 0; held != NULL && i < held->count; i++) {
    if (held->holders[i].pmd == pmd) return &held->holders[i];
  }
  return NULL;
}

// Returns what it had before, or NULL.
static void* Hold(struct held* held, const struct netdev* input, const ovs_u128* id, unsigned pmd, void* flow) OVS_REQUIRES(mutex) {
  struct holder* holder = HolderOf(held, pmd);
  void* former = holder != NULL ? holder->flow : NULL;
  if (held == NULL) {
    held = xzalloc(sizeof *held);
    held->id = *id;
    held->input = input;
    hmap_insert(&all, &held->node, hash_bytes(id, sizeof *id, 0));
  }
  if (holder == NULL) {
    held->holders = xrealloc(held->holders, (held->count + 1) * sizeof *held->holders);
    holder = &held->holders[held->count++];
  }
  *holder = (struct holder){.pmd = pmd, .flow = flow};
  return former;
}

static void Forget(struct held* held) OVS_REQUIRES(mutex) {
  hmap_remove(&all, &held->node);
  free(held->holders);
  free(held);
}

// Returns the reference. True in `*last`: it was the last of them.
static void* Drop(struct held* held, struct holder* holder, bool* last) OVS_REQUIRES(mutex) {
  void* flow = holder->flow;
  *holder = held->holders[--held->count];
  *last = held->count == 0;
  if (*last) Forget(held);
  return flow;
}

static void ReleaseAllOf(const struct pollux_offload* offload, const struct netdev* input) {
  struct held *held, *next;
  ovs_mutex_lock(&mutex);
  HMAP_FOR_EACH_SAFE(held, next, node, &all) {
    if (held->input != input) continue;
    for (size_t i = 0; i < held->count && offload->unreference != NULL; i++) {
      offload->unreference(held->holders[i].pmd, held->holders[i].flow);
    }
    Forget(held);
  }
  ovs_mutex_unlock(&mutex);
}

// --- Flows -----------------------------------------------------------------------------------------------------------------------

struct output_finder {
  struct pollux_output_finder up;
  const struct dpif_offload* offload;
};

static uint32_t FindOutput(const struct pollux_output_finder* finder, odp_port_t output) {
  const struct dpif_offload* offload = CONTAINER_OF(finder, struct output_finder, up)->offload;
  const struct dpif_offload_port* port = dpif_offload_port_mgr_find_by_odp_port(offload, output);
  return port != NULL ? pollux_offload_number(port->netdev) : POLLUX_NO_NUMBER;
}

static int FlowPut(const struct dpif_offload* offload, struct netdev* netdev, struct dpif_offload_flow_put* put, void** former) {
  const struct output_finder finder = {.up.find = FindOutput, .offload = offload};
  bool last;
  *former = NULL;
  ovs_mutex_lock(&mutex);
  const int error = pollux_offload_put(netdev, put->match, put->actions, put->actions_len, put->ufid, &finder.up);
  struct held* held = Find(netdev, put->ufid);
  struct holder* holder = HolderOf(held, put->pmd_id);
  if (!error) {
    *former = Hold(held, netdev, put->ufid, put->pmd_id, put->flow_reference);
  } else if (holder != NULL) {
    *former = Drop(held, holder, &last);
  }
  ovs_mutex_unlock(&mutex);
  return error;
}

static int FlowDelete(const struct dpif_offload* offload, struct netdev* netdev, struct dpif_offload_flow_del* del) {
  bool last = false;
  ovs_mutex_lock(&mutex);
  struct held* held = Find(netdev, del->ufid);
  struct holder* holder = HolderOf(held, del->pmd_id);
  const bool found = holder != NULL && holder->flow == del->flow_reference;
  if (found) Drop(held, holder, &last);
  if (last) pollux_offload_delete(netdev, del->ufid);
  ovs_mutex_unlock(&mutex);
  return found ? 0 : ENOENT;
}

// The id is a member of the datapath's flow, of one PMD thread.
static bool FlowStatistics(const struct dpif_offload* offload, struct netdev* netdev, const ovs_u128* id, struct dpif_flow_stats* stats,
                           struct dpif_flow_attrs* attributes) {
  return !pollux_offload_get(netdev, id, id, stats, attributes);
}

static uint64_t FlowCount(const struct dpif_offload* offload) {
  struct dpif_offload_port* port;
  uint64_t count = 0;
  DPIF_OFFLOAD_PORT_FOR_EACH(port, offload) count += pollux_offload_count(port->netdev);
  return count;
}

static void RegisterUnreference(const struct dpif_offload* offload, dpif_offload_flow_unreference_cb* unreference) {
  Cast(offload)->unreference = unreference;
}

// --- Ports -----------------------------------------------------------------------------------------------------------------------

static bool CanOffload(struct dpif_offload* offload, struct netdev* netdev) {
  return netdev_pollux_is(netdev);
}

static void Enable(struct dpif_offload* offload, struct netdev* netdev) {
  // A port that cannot be in the table is one whose flows are refused.
  pollux_offload_enter(netdev);
  dpif_offload_set_netdev_offload(netdev, offload);
}

static int PortAdd(struct dpif_offload* offload, struct netdev* netdev, odp_port_t number) {
  struct dpif_offload_port* port = xmalloc(sizeof *port);
  if (!dpif_offload_port_mgr_add(offload, port, netdev, number, false)) {
    free(port);
    return EEXIST;
  }
  if (dpif_offload_enabled()) Enable(offload, netdev);
  return 0;
}

static void FreePort(struct dpif_offload_port* port) {
  netdev_close(port->netdev);
  free(port);
}

static int PortDelete(struct dpif_offload* offload, odp_port_t number) {
  struct dpif_offload_port* port = dpif_offload_port_mgr_remove(offload, number);
  if (port == NULL) return 0;
  dpif_offload_set_netdev_offload(port->netdev, NULL);
  pollux_offload_leave(port->netdev);
  ReleaseAllOf(Cast(offload), port->netdev);
  ovsrcu_postpone(FreePort, port);
  return 0;
}

static struct netdev* GetNetdev(const struct dpif_offload* offload, odp_port_t number) {
  const struct dpif_offload_port* port = dpif_offload_port_mgr_find_by_odp_port(offload, number);
  return port != NULL ? port->netdev : NULL;
}

// --- The class -------------------------------------------------------------------------------------------------------------------

static int Open(const struct dpif_offload_class* class, struct dpif* dpif, struct dpif_offload** offload) {
  struct pollux_offload* opened = xzalloc(sizeof *opened);
  dpif_offload_init(&opened->up, class, dpif);
  *offload = &opened->up;
  return 0;
}

static void Close(struct dpif_offload* offload) {
  struct dpif_offload_port* port;
  DPIF_OFFLOAD_PORT_FOR_EACH(port, offload) PortDelete(offload, port->port_no);
  dpif_offload_destroy(offload);
  free(Cast(offload));
}

// For ports that were there before hw-offload was set.
static void SetConfig(struct dpif_offload* offload, const struct smap* config) {
  struct dpif_offload_port* port;
  if (Cast(offload)->enabled || !smap_get_bool(config, "hw-offload", false)) return;
  Cast(offload)->enabled = true;
  DPIF_OFFLOAD_PORT_FOR_EACH(port, offload) {
    if (pollux_offload_number(port->netdev) == POLLUX_NO_NUMBER) Enable(offload, port->netdev);
  }
}

static const char* const datapaths[] = {"netdev", NULL};
static const struct dpif_offload_class offload_class = {
    .type = "pollux",
    .supported_dpif_types = datapaths,
    .impl_type = DPIF_OFFLOAD_IMPL_FLOWS_DPIF_SYNCED,
    .open = Open,
    .close = Close,
    .set_config = SetConfig,
    .can_offload = CanOffload,
    .port_add = PortAdd,
    .port_del = PortDelete,
    .flow_count = FlowCount,
    .get_netdev = GetNetdev,
    .netdev_flow_put = FlowPut,
    .netdev_flow_del = FlowDelete,
    .netdev_flow_stats = FlowStatistics,
    .register_flow_unreference_cb = RegisterUnreference,
};

// The linker sends the tree's one call of dpif_attach_offload_providers here (-Wl,--wrap): the tree's own list of classes is closed. Ours
// comes last of those that a new datapath has.
int __real_dpif_attach_offload_providers(struct dpif*);
int __wrap_dpif_attach_offload_providers(struct dpif*);
int __wrap_dpif_attach_offload_providers(struct dpif* dpif) {
  const int error = __real_dpif_attach_offload_providers(dpif);
  if (error || strcmp(dpif_normalize_type(dpif_type(dpif)), datapaths[0])) return error;
  struct dpif_offload* offload;
  Open(&offload_class, dpif, &offload);
  struct dpif_offload_provider_collection* collection =
      ovsrcu_get(struct dpif_offload_provider_collection*, &dpif->offload_provider_collection);
  ovs_list_push_back(&collection->list, &offload->dpif_list_node);
  return 0;
}
#endif
