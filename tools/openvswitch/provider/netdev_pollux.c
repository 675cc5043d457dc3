// SPDX-License-Identifier: Apache-2.0
// The class "pollux": life of a port, and how it comes into Open vSwitch.
#include "netdev_pollux.h"

#include <errno.h>
#include <stdlib.h>

#include "netdev-vport.h"
#include "offload.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "ovs-numa.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(netdev_pollux);

// --- Starting and stopping -------------------------------------------------------------------------------------------------------

// No thread uses the queues. Afterwards all that the device has counted is in the account.
static void StopQueues(struct netdev_pollux* port) OVS_REQUIRES(port->mutex) {
  if (port->tx_queues == NULL) return;
  for (uint32_t i = 0; i < port->tx_queue_count; i++) pollux_tx_queue_close(port->tx_queues[i]);
  pollux_device_stop(port->device);
  pollux_account_close(port);
  pollux_device_reset_stats(port->device);
  free(port->tx_queues);
  port->tx_queues = NULL;
  port->tx_queue_count = 0;
}

static void Stop(struct netdev_pollux* port) OVS_REQUIRES(port->mutex) {
  StopQueues(port);
  pollux_device_close(port->device);
  port->device = NULL;
  pollux_set_gone(port, NULL);
  free(port->stalled);
  port->stalled = NULL;
  pollux_settings_free(&port->running);
}

static int Configure(const struct netdev_pollux* port, pollux_device* device, const struct pollux_settings* settings,
                     struct pollux_memory* memory) {
  const struct pollux_device_config config = {.size = sizeof config,
                                              .rx_queues = settings->rx_queues,
                                              .tx_queues = MAX(port->asked_tx_queues, 1),
                                              .rx_ring = settings->rx_ring,
                                              .tx_ring = settings->tx_ring,
                                              .pool = memory->pool,
                                              .scattered = 1};
  int error = pollux_device_configure(device, &config);
  if (!error) error = pollux_device_start(device);
  if (!error && settings->require[0]) error = pollux_device_require(device, settings->require);
  return error;
}

// Starts the port with `settings`; the port must be stopped. On failure it is still stopped, and pollux_last_error() says why.
static int Start(struct netdev_pollux* port, const struct pollux_settings* settings) OVS_REQUIRES(port->mutex) {
  const char* name = netdev_get_name(&port->up.up);
  struct pollux_device_info info = POLLUX_DEVICE_INFO;
  pollux_device* device;
  int error = pollux_device_open("net_af_xdp", name, settings->arguments, &device);
  if (error) return error;
  error = pollux_device_get_info(device, &info);
  struct pollux_pool_options options = settings->memory;
  options.frame_size = pollux_frame_size_for(settings, info.mtu);
  struct pollux_memory* memory = error ? NULL : pollux_memory_get(&options, device, settings->brokered);
  if (!error) error = memory == NULL ? ENOMEM : Configure(port, device, settings, memory);
  if (!error) error = pollux_device_get_info(device, &info);
  if (error) {
    pollux_device_close(device);
    return error;
  }
  port->device = device;
  port->numa_node = info.numa_node;
  port->scattered = info.scattered;
  port->memory = memory;
  port->tx_queue_count = MAX(port->asked_tx_queues, 1);
  port->tx_queues = xmalloc(port->tx_queue_count * sizeof *port->tx_queues);
  for (uint32_t i = 0; i < port->tx_queue_count; i++) {
    port->tx_queues[i] = pollux_tx_queue_open(pollux_device_tx_queue(device, i), port->scattered);
  }
  pollux_settings_copy(&port->running, settings);
  pollux_account_start(port);
  pollux_offload_restarted(port);
  pollux_warn(port);
  return 0;
}

static void SetError(struct netdev_pollux* port, const char* text) OVS_REQUIRES(port->mutex) {
  free(port->error);
  port->error = nullable_xstrdup(text);
}

// True if what runs is what was asked for, as far as the interface still is what it was.
static bool RunsAsAsked(const struct netdev_pollux* port) {
  struct pollux_device_info info = POLLUX_DEVICE_INFO;
  return port->device != NULL && !port->reopens && port->tx_queue_count == MAX(port->asked_tx_queues, 1) &&
         pollux_settings_equal(&port->running, &port->asked) && !pollux_device_get_info(port->device, &info) &&
         port->memory->layout.frame_size == pollux_frame_size_for(&port->asked, info.mtu) &&
         port->scattered == pollux_needs_several_frames(&port->asked, info.mtu);
}

// Nothing starts on the interface that is there, because of `error`: the port waits, and says what to do.
static void SayUnusable(struct netdev_pollux* port, const char* error) OVS_REQUIRES(port->mutex) {
  const char* name = netdev_get_name(&port->up.up);
  struct pollux_device_info info = POLLUX_DEVICE_INFO;
  struct ds text = DS_EMPTY_INITIALIZER;
  ds_put_format(&text, "the interface that is there now cannot be used: %s", error);
  if (!pollux_device_get_info(port->device, &info) && pollux_needs_several_frames(&port->asked, info.mtu)) {
    const int most = pollux_largest_mtu_in_one_frame(&port->asked);
    ds_put_format(&text, "; up to MTU %d packets have one frame each (mtu_request=%d, or ip link set %s mtu %d)", most, most, name, most);
  }
  VLOG_ERR("%s: %s", name, ds_cstr(&text));
  pollux_set_gone(port, ds_cstr(&text));
  ds_destroy(&text);
}

// The interface is gone, or another one has its place: that one gets a device of its own, with what is asked for now. Until it has, the
// old device waits, for it knows when there is something new.
static void Replace(struct netdev_pollux* port) OVS_REQUIRES(port->mutex) {
  const char* name = netdev_get_name(&port->up.up);
  const bool unusable = port->unusable;
  StopQueues(port);
  if (!port->returned) return;
  port->returned = false;
  pollux_device* gone = port->device;
  struct pollux_settings before = port->running;
  port->running = (struct pollux_settings){0};
  if (Start(port, &port->asked)) {
    SayUnusable(port, pollux_last_error());
    port->unusable = unusable;
    port->running = before;
    return;
  }
  VLOG_INFO("%s: goes on with the interface that is there now", name);
  pollux_set_gone(port, NULL);
  if (unusable && !port->options_refused) SetError(port, NULL);
  pollux_settings_free(&before);
  pollux_device_close(gone);
}

// Nothing starts on the interface as it is. The port stays in the datapath without queues, with a device that knows when the interface
// changes. Takes `settings`, those that ran before.
static int AwaitChange(struct netdev_pollux* port, struct pollux_settings* settings) OVS_REQUIRES(port->mutex) {
  pollux_device* device;
  const int error = pollux_device_open("net_af_xdp", netdev_get_name(&port->up.up), settings->arguments, &device);
  if (error) return error;
  port->device = device;
  port->running = *settings;
  *settings = (struct pollux_settings){0};
  SayUnusable(port, port->error);
  port->unusable = true;
  return 0;
}

// While it runs, no thread uses the port. What cannot be started is said, and not tried again until the options change: what ran before is
// started again, and is what later calls keep to. If that cannot be either, the port waits.
static int netdev_pollux_reconfigure(struct netdev* netdev) {
  struct netdev_pollux* port = netdev_pollux_cast(netdev);
  int error = 0;
  ovs_mutex_lock(&port->mutex);
  if (port->gone != NULL) {
    Replace(port);
    netdev_change_seq_changed(netdev);
  } else if (!RunsAsAsked(port)) {
    struct pollux_settings before = {0};
    if (port->device != NULL) pollux_settings_copy(&before, &port->running);
    port->reopens = false;
    Stop(port);
    error = Start(port, &port->asked);
    if (error) {
      SetError(port, pollux_last_error());
      VLOG_ERR("%s: %s", netdev_get_name(netdev), port->error);
      if (before.arguments != NULL && !Start(port, &before)) {
        VLOG_INFO("%s: goes on with the settings that it had", netdev_get_name(netdev));
        port->options_refused |= !pollux_settings_equal(&port->asked, &port->running);
        pollux_settings_free(&port->asked);
        pollux_settings_copy(&port->asked, &port->running);
        error = 0;
      } else if (before.arguments != NULL) {
        error = AwaitChange(port, &before);
      }
    } else if (!port->options_refused) {
      SetError(port, NULL);
    }
    pollux_settings_free(&before);
    netdev_change_seq_changed(netdev);
  }
  netdev->n_rxq = port->tx_queue_count > 0 ? port->running.rx_queues : 0;
  netdev->n_txq = MAX(port->asked_tx_queues, 1);  // the datapath counts on one
  ovs_mutex_unlock(&port->mutex);
  return error;
}

// A value that cannot be is reported to ovs-vsctl. So is a first start that fails: the text of an error in reconfigure would end in the
// log.
static int netdev_pollux_set_config(struct netdev* netdev, const struct smap* options, char** errp) {
  struct netdev_pollux* port = netdev_pollux_cast(netdev);
  struct pollux_settings settings;
  int error = 0;
  ovs_mutex_lock(&port->mutex);
  if (port->device != NULL && smap_equal(options, &port->options)) goto exit;
  error = pollux_settings_parse(netdev_get_name(netdev), options, &settings, errp);
  if (error) goto exit;
  if (port->device == NULL && (error = Start(port, &settings)) != 0) {
    *errp = xstrdup(pollux_last_error());
    pollux_settings_free(&settings);
    goto exit;
  }
  pollux_settings_free(&port->asked);
  port->asked = settings;
  port->options_refused = false;
  port->returned |= port->unusable;
  SetError(port, NULL);
  smap_destroy(&port->options);
  smap_clone(&port->options, options);
  netdev_request_reconfigure(netdev);
exit:
  ovs_mutex_unlock(&port->mutex);
  // What Open vSwitch itself logs is the error's number.
  if (error) VLOG_INFO("%s: %s", netdev_get_name(netdev), *errp);
  return error;
}

static int netdev_pollux_set_tx_multiq(struct netdev* netdev, unsigned int count) {
  struct netdev_pollux* port = netdev_pollux_cast(netdev);
  ovs_mutex_lock(&port->mutex);
  count = MIN(count, POLLUX_MOST_QUEUES);
  if (port->asked_tx_queues != count) {
    port->asked_tx_queues = count;
    netdev_request_reconfigure(netdev);
  }
  ovs_mutex_unlock(&port->mutex);
  return 0;
}

// --- Life of a netdev ------------------------------------------------------------------------------------------------------------

static struct netdev* netdev_pollux_alloc(void) {
  struct netdev_pollux* port = xzalloc(sizeof *port);
  return &port->up.up;
}

static void netdev_pollux_dealloc(struct netdev* netdev) {
  free(netdev_pollux_cast(netdev));
}

static int netdev_pollux_construct(struct netdev* netdev) {
  struct netdev_pollux* port = netdev_pollux_cast(netdev);
  int error = netdev_linux_construct(netdev);
  if (error) return error;
  ovs_mutex_init(&port->mutex);
  smap_init(&port->options);
  pollux_claim_unfinished(netdev);
  netdev->n_rxq = 0;
  netdev->n_txq = 0;
  // One PMD thread, and the threads that the datapath serialises: what most bridges have.
  port->asked_tx_queues = 2;
  port->offload.number = POLLUX_NO_NUMBER;
  netdev_request_reconfigure(netdev);
  return 0;
}

static void netdev_pollux_destruct(struct netdev* netdev) {
  struct netdev_pollux* port = netdev_pollux_cast(netdev);
  pollux_offload_leave(netdev);
  ovs_mutex_lock(&port->mutex);
  Stop(port);
  SetError(port, NULL);
  ovs_mutex_unlock(&port->mutex);
  pollux_settings_free(&port->asked);
  smap_destroy(&port->options);
  ovs_mutex_destroy(&port->mutex);
  netdev_linux_class.destruct(netdev);
}

static int netdev_pollux_get_numa_id(const struct netdev* netdev) {
  struct netdev_pollux* port = netdev_pollux_cast(netdev);
  ovs_mutex_lock(&port->mutex);
  const int32_t node = port->device != NULL ? port->numa_node : POLLUX_ANY_NODE;
  ovs_mutex_unlock(&port->mutex);
  return node != POLLUX_ANY_NODE && ovs_numa_numa_id_is_valid(node) ? node : 0;
}

// What it means for the port is the same as if somebody else had set it.
static int netdev_pollux_set_mtu(struct netdev* netdev, int mtu) {
  struct netdev_pollux* port = netdev_pollux_cast(netdev);
  ovs_mutex_lock(&port->mutex);
  const int largest = pollux_largest_mtu(&port->asked);
  const bool one_frame = port->asked.one_frame;
  ovs_mutex_unlock(&port->mutex);
  if (mtu > largest) {
    VLOG_WARN("%s: mtu_request=%d: with these options packets have up to MTU %d%s", netdev_get_name(netdev), mtu, largest,
              one_frame ? ", one frame each" : "");
    return EINVAL;
  }
  int error = netdev_linux_class.set_mtu(netdev, mtu);
  if (!error) pollux_watch(port);
  return error;
}

// --- Receive queues --------------------------------------------------------------------------------------------------------------

static struct netdev_rxq* netdev_pollux_rxq_alloc(void) {
  struct netdev_rxq_pollux* rx = xzalloc(sizeof *rx);
  return &rx->up;
}

static int netdev_pollux_rxq_construct(struct netdev_rxq* rxq) {
  struct netdev_rxq_pollux* rx = CONTAINER_OF(rxq, struct netdev_rxq_pollux, up);
  struct netdev_pollux* port = netdev_pollux_cast(rxq->netdev);
  ovs_mutex_lock(&port->mutex);
  rx->queue = port->tx_queue_count > 0 ? pollux_device_rx_queue(port->device, rxq->queue_id) : NULL;
  rx->memory = port->memory;
  rx->scattered = port->scattered;
  rx->port = port;
  rx->begun_seen = __atomic_load_n(&port->offload.begun, __ATOMIC_RELAXED);
  ovs_mutex_unlock(&port->mutex);
  return rx->queue != NULL ? 0 : ENODEV;
}

static void netdev_pollux_rxq_destruct(struct netdev_rxq* rxq) {}

static void netdev_pollux_rxq_dealloc(struct netdev_rxq* rxq) {
  free(CONTAINER_OF(rxq, struct netdev_rxq_pollux, up));
}

// --- Registration ----------------------------------------------------------------------------------------------------------------

static struct netdev_class netdev_pollux_class;

static void Register(void) {
  if (pollux_check_abi(POLLUX_ABI_VERSION)) {
    VLOG_ERR("no ports of type=pollux: %s", pollux_last_error());
    return;
  }
  pollux_packets_initialize();
  // What a port has in common with every other interface of the kernel: flags, addresses, carrier, features, QoS.
  struct netdev_class* class = &netdev_pollux_class;
  *class = netdev_linux_class;
  class->type = "pollux";
  class->is_pmd = true;
  class->wait = pollux_wait;  // what netdev-linux waits for it waits for once, for its own class
  class->alloc = netdev_pollux_alloc;
  class->construct = netdev_pollux_construct;
  class->destruct = netdev_pollux_destruct;
  class->dealloc = netdev_pollux_dealloc;
  class->get_config = netdev_pollux_get_config;
  class->set_config = netdev_pollux_set_config;
  class->reconfigure = netdev_pollux_reconfigure;
  class->set_tx_multiq = netdev_pollux_set_tx_multiq;
  class->get_numa_id = netdev_pollux_get_numa_id;
  class->set_mtu = netdev_pollux_set_mtu;
  pollux_finish_packets(class);
  class->get_stats = netdev_pollux_get_stats;
  class->get_custom_stats = netdev_pollux_get_custom_stats;
  class->get_status = netdev_pollux_get_status;
  class->get_block_id = NULL;
  class->rxq_alloc = netdev_pollux_rxq_alloc;
  class->rxq_construct = netdev_pollux_rxq_construct;
  class->rxq_destruct = netdev_pollux_rxq_destruct;
  class->rxq_dealloc = netdev_pollux_rxq_dealloc;
  class->rxq_recv = netdev_pollux_rxq_recv;
  class->rxq_wait = NULL;
  class->rxq_drain = NULL;
  pollux_stay_out_of_traffic_control(class);
  netdev_register_provider(class);
  pollux_offload_register_netdev();
}

bool netdev_pollux_is(const struct netdev* netdev) {
  return netdev->netdev_class == &netdev_pollux_class;
}

// The linker sends the tree's call of netdev_vport_tunnel_register here (-Wl,--wrap): it is the last thing of netdev_initialize that
// both trees have, and so registering needs no change to them.
void __real_netdev_vport_tunnel_register(void);
void __wrap_netdev_vport_tunnel_register(void);
void __wrap_netdev_vport_tunnel_register(void) {
  static bool registered;
  __real_netdev_vport_tunnel_register();
  // With --enable-dummy the tree calls it a second time.
  if (!registered) Register();
  registered = true;
}
