// SPDX-License-Identifier: Apache-2.0
// Offload of flows up to 3.5: struct netdev_flow_api. The datapath queues what it adds, changes and deletes, and its offload thread calls
// here. 4.0 has offload_dpif.c's interface instead, and not this header.
#include "netdev_pollux.h"

#if __has_include("netdev-offload-provider.h")
#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "mpsc-queue.h"
#include "netdev-offload-provider.h"
#include "netdev-offload.h"
#include "offload.h"
#include "ovs-rcu.h"
#include "util.h"

struct output_finder {
  struct pollux_output_finder up;
  const char* datapath;
};

static uint32_t FindOutput(const struct pollux_output_finder* finder, odp_port_t output) {
  const char* datapath = CONTAINER_OF(finder, struct output_finder, up)->datapath;
  struct netdev* netdev = netdev_ports_get(output, datapath);
  if (netdev == NULL) return POLLUX_NO_NUMBER;
  const uint32_t number = pollux_offload_number(netdev);
  netdev_close(netdev);
  return number;
}

static int InitFlowApi(struct netdev* netdev) {
  return netdev_pollux_is(netdev) ? pollux_offload_enter(netdev) : EOPNOTSUPP;
}

static int FlowFlush(struct netdev* netdev) {
  pollux_offload_flush(netdev);
  return 0;
}

static int FlowPut(struct netdev* netdev, struct match* match, struct nlattr* actions, size_t actions_length, const ovs_u128* id,
                   struct offload_info* info, struct dpif_flow_stats* stats) {
  const struct output_finder finder = {.up.find = FindOutput, .datapath = netdev_get_dpif_type(netdev)};
  return pollux_offload_put(netdev, match, actions, actions_length, id, &finder.up);
}

static int FlowDelete(struct netdev* netdev, const ovs_u128* id, struct dpif_flow_stats* stats) {
  return pollux_offload_delete(netdev, id);
}

// The id is a member of the datapath's flow, of one PMD thread.
static int FlowGet(struct netdev* netdev, struct match* match, struct nlattr** actions, const ovs_u128* id, struct dpif_flow_stats* stats,
                   struct dpif_flow_attrs* attributes, struct ofpbuf* buffer) {
  return pollux_offload_get(netdev, id, id, stats, attributes);
}

static int FlowCount(struct netdev* netdev, uint64_t* counts) {
  // All of them; which of the threads has added one does not matter to who asks.
  counts[0] = pollux_offload_count(netdev);
  return 0;
}

static char type_name[] = "pollux";
static const struct netdev_flow_api flow_api = {
    .type = type_name,
    .flow_flush = FlowFlush,
    .flow_put = FlowPut,
    .flow_get = FlowGet,
    .flow_del = FlowDelete,
    .flow_get_n_flows = FlowCount,
    .init_flow_api = InitFlowApi,
    .uninit_flow_api = pollux_offload_leave,
};

void pollux_offload_register_netdev(void) {
  netdev_register_flow_api_provider(&flow_api);
}
// --- Without delay ---------------------------------------------------------------------------------------------------------------
// When its queue is empty the offload thread sleeps, for up to 64 ms: for so long packets would take the actions of a flow that is gone.
// The linker sends the tree's two calls here (-Wl,--wrap): what is put into a queue wakes who sleeps.

#define OFFLOAD_THREAD "hw_offload"

static pthread_once_t wake_once = PTHREAD_ONCE_INIT;
static pthread_mutex_t wake_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake;
static uint64_t inserted;                // since the start, into all queues
static __thread uint64_t inserted_seen;  // when this thread slept last

void __real_mpsc_queue_insert(struct mpsc_queue*, struct mpsc_queue_node*);
void __wrap_mpsc_queue_insert(struct mpsc_queue*, struct mpsc_queue_node*);
void __real_xnanosleep(uint64_t nanoseconds);
void __wrap_xnanosleep(uint64_t nanoseconds);

static void MakeWake(void) {
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&wake, &attributes);
  pthread_condattr_destroy(&attributes);
}

void __wrap_mpsc_queue_insert(struct mpsc_queue* queue, struct mpsc_queue_node* node) {
  __real_mpsc_queue_insert(queue, node);
  pthread_once(&wake_once, MakeWake);
  pthread_mutex_lock(&wake_mutex);
  inserted++;
  pthread_cond_broadcast(&wake);
  pthread_mutex_unlock(&wake_mutex);
}

void __wrap_xnanosleep(uint64_t nanoseconds) {
  struct timespec until;
  if (strncmp(get_subprogram_name(), OFFLOAD_THREAD, strlen(OFFLOAD_THREAD))) {
    __real_xnanosleep(nanoseconds);
    return;
  }
  clock_gettime(CLOCK_MONOTONIC, &until);
  nanoseconds += until.tv_nsec;
  until.tv_sec += nanoseconds / 1000000000;
  until.tv_nsec = nanoseconds % 1000000000;
  pthread_once(&wake_once, MakeWake);
  ovsrcu_quiesce_start();
  pthread_mutex_lock(&wake_mutex);
  while (inserted == inserted_seen && !pthread_cond_timedwait(&wake, &wake_mutex, &until)) {
  }
  inserted_seen = inserted;
  pthread_mutex_unlock(&wake_mutex);
  ovsrcu_quiesce_end();
}
#else
void pollux_offload_register_netdev(void) {}
#endif
