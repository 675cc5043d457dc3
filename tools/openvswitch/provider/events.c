// SPDX-License-Identifier: Apache-2.0
// What happens to the interfaces of ports: renamed, moved away, deleted, made again, another MTU. A port is the interface, not its name.
//
//   running --- its interface is gone ---> waiting: no queues, status:error, what is sent is counted as dropped
//      ^                                       |
//      +--- one of that name is there, up -----+   with the options of now
//
// The port stays in the datapath all the time, and so keeps its number and its flows. The main thread looks several times a second; queues
// come and go in `reconfigure`, as always.
#include <stdlib.h>

#include "netdev_pollux.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(netdev_pollux_events);

#define WATCH_MS 250

void pollux_set_gone(struct netdev_pollux* port, const char* text) {
  free(port->gone);
  port->gone = nullable_xstrdup(text);
  port->returned = false;
}

static void Handle(struct netdev_pollux* port, const struct pollux_event* event) OVS_REQUIRES(port->mutex) {
  struct netdev* netdev = &port->up.up;
  VLOG(event->kind == POLLUX_EVENT_GONE ? VLL_WARN : VLL_INFO, "%s: %s", netdev_get_name(netdev), event->text);
  switch (event->kind) {
    case POLLUX_EVENT_GONE:
      pollux_set_gone(port, event->text);
      netdev_request_reconfigure(netdev);
      break;
    case POLLUX_EVENT_BACK:
      port->returned = true;
      netdev_request_reconfigure(netdev);
      break;
    case POLLUX_EVENT_MTU:
      // Longer packets need larger frames, and a port with larger frames starts anew.
      if (port->gone == NULL && event->value <= pollux_largest_mtu(&port->asked) &&
          port->memory->layout.frame_size != pollux_frame_size_for(&port->asked, event->value)) {
        netdev_request_reconfigure(netdev);
      }
      break;
    default:
      break;
  }
  netdev_change_seq_changed(netdev);
}

void pollux_watch(struct netdev_pollux* port) {
  struct pollux_event event;
  ovs_mutex_lock(&port->mutex);
  while (port->device != NULL && pollux_device_poll_events(port->device, &event, 1) > 0) Handle(port, &event);
  ovs_mutex_unlock(&port->mutex);
}

// In `wait`, which the main loop calls as often as `run`: by the latter netdev-linux knows the classes that are its own.
void pollux_wait(const struct netdev_class* class) {
  static long long int next;
  static bool any;  // there were ports when it looked last
  pollux_tx_queues_wait();
  if (time_msec() >= next) {
    struct shash ports = SHASH_INITIALIZER(&ports);
    struct shash_node* node;
    netdev_get_devices(class, &ports);
    any = !shash_is_empty(&ports);
    SHASH_FOR_EACH(node, &ports) {
      struct netdev* netdev = node->data;
      pollux_watch(netdev_pollux_cast(netdev));
      netdev_close(netdev);
    }
    shash_destroy(&ports);
    next = time_msec() + WATCH_MS;
  }
  if (any) poll_timer_wait_until(next);
}
