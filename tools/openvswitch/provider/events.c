// SPDX-License-Identifier: Apache-2.0
// What happens to the interfaces of ports: renamed, moved away, deleted, made again, another MTU. A port is the interface, not its name.
//
//   running --- its interface is gone ---> waiting: no queues, status:error, what is sent is counted as dropped
//      ^                                       |
//      +--- one of that name is there, up -----+   with the options of now
//
// It waits in the same way for an interface on which nothing starts as it is (an MTU for which the kernel is too old, a link that is down),
// until that changes, or the options do.
//
// The port stays in the datapath all the time, and so keeps its number and its flows. The main thread looks several times a second; queues
// come and go in `reconfigure`, as always. So does a device whose queue stands still, where opening it anew may help (docs/watchdog.md).
//
// The main thread also answers telemetry clients (docs/telemetry.md): it is the one that opens and closes devices.
#include <poll.h>
#include <stdlib.h>

#include "fatal-signal.h"
#include "netdev_pollux.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(netdev_pollux_events);

#define WATCH_MS 250
#define FIRST_REOPEN_MS 1000  // between two openings of a port whose queue stands still; doubled each time
#define LONGEST_REOPEN_MS 64000

static bool any;  // there were ports when the main thread looked last

void pollux_set_gone(struct netdev_pollux* port, const char* text) {
  free(port->gone);
  port->gone = nullable_xstrdup(text);
  port->unusable = false;
  port->returned = false;
}

// With what runs, started anew: not at once again if that did not help.
static void Reopen(struct netdev_pollux* port) OVS_REQUIRES(port->mutex) {
  const long long int now = time_msec();
  if (port->gone != NULL || now < port->reopen_next) return;
  const bool recovered = now > port->reopen_next + 2 * LONGEST_REOPEN_MS;
  port->reopen_pause_ms = recovered ? FIRST_REOPEN_MS : MIN(2 * port->reopen_pause_ms, LONGEST_REOPEN_MS);
  port->reopen_next = now + port->reopen_pause_ms;
  port->reopens = true;
  netdev_request_reconfigure(&port->up.up);
}

// Perhaps something starts on it now. (Features change with what runs at a veth's other end, which may be a port that waits as well.)
static bool MayBeUsable(const struct netdev_pollux* port, const struct pollux_event* event) {
  return port->unusable && (event->kind == POLLUX_EVENT_MTU || event->kind == POLLUX_EVENT_LINK || event->kind == POLLUX_EVENT_QUEUES);
}

static void Handle(struct netdev_pollux* port, const struct pollux_event* event) OVS_REQUIRES(port->mutex) {
  struct netdev* netdev = &port->up.up;
  const bool is_bad = event->kind == POLLUX_EVENT_GONE || (event->kind == POLLUX_EVENT_STALLED && event->value);
  VLOG(is_bad ? VLL_WARN : VLL_INFO, "%s: %s", netdev_get_name(netdev), event->text);
  if (MayBeUsable(port, event)) {
    port->returned = true;
    netdev_request_reconfigure(netdev);
  }
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
      // Longer packets need larger frames, or several, and a port that has these starts anew.
      if (port->gone == NULL && event->value <= pollux_largest_mtu(&port->asked) &&
          (port->memory->layout.frame_size != pollux_frame_size_for(&port->asked, event->value) ||
           port->scattered != pollux_needs_several_frames(&port->asked, event->value))) {
        netdev_request_reconfigure(netdev);
      }
      break;
    case POLLUX_EVENT_STALLED:
      free(port->stalled);
      port->stalled = xstrdup(event->text);
      if (event->value) Reopen(port);
      break;
    case POLLUX_EVENT_MOVES:
      free(port->stalled);
      port->stalled = NULL;
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

static void StopTelemetry(void* unused OVS_UNUSED) {
  pollux_telemetry_stop();
}

// From the first port on. A folder that cannot be had is said once: nothing that forwards needs it.
static void AnswerTelemetry(void) {
  static bool tried;
  if (!tried && any) {
    char path[108];
    tried = true;
    if (pollux_telemetry_start(NULL, NULL)) {
      VLOG_INFO("no telemetry: %s", pollux_last_error());
    } else {
      pollux_telemetry_get_path(path, sizeof path);
      VLOG_INFO("telemetry: %s", path);
      fatal_signal_add_hook(StopTelemetry, NULL, NULL, true);
    }
  }
  const int descriptor = pollux_telemetry_descriptor();
  if (descriptor < 0) return;
  pollux_telemetry_poll();
  poll_fd_wait(descriptor, POLLIN);
}

// In `wait`, which the main loop calls as often as `run`: by the latter netdev-linux knows the classes that are its own.
void pollux_wait(const struct netdev_class* class) {
  static long long int next;
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
  AnswerTelemetry();
}
