// SPDX-License-Identifier: Apache-2.0
// Forwards between two ports, in C: what the first receives the second sends, and the other way round.
//
//   bazel run //tools:c_forward -- net_af_xdp0,iface=eth1 net_af_xdp1,iface=eth2
//
// Outside of the tree:   gcc -std=c11 c_forward.c $(pkg-config --cflags --libs pollux)
#include <inttypes.h>
#include <pollux.h>
#include <signal.h>
#include <stdio.h>

enum { BURST = 32 };

static volatile sig_atomic_t stopped;

static void stop(int signal_number) {
  (void)signal_number;
  stopped = 1;
}

static int failed(const char* call) {
  fprintf(stderr, "%s: %s\n", call, pollux_last_error());
  return 1;
}

struct port {
  const char* name;
  pollux_device* device;
  pollux_rx_queue* rx;
  pollux_tx_queue* tx;
};

static int start(struct port* port, pollux_pool* pool) {
  struct pollux_device_config config = POLLUX_DEVICE_DEFAULTS;  // one queue each way
  config.pool = pool;
  config.scattered = 1;  // a burst is passed on as it came, and has room for POLLUX_MOST_FRAMES
  if (pollux_device_open(port->name, NULL, NULL, &port->device) != 0) return failed("open");
  if (pollux_device_configure(port->device, &config) != 0) return failed("configure");
  if (pollux_device_start(port->device) != 0) return failed("start");
  port->rx = pollux_device_rx_queue(port->device, 0);
  port->tx = pollux_device_tx_queue(port->device, 0);
  return 0;
}

static void forward(struct port* from, struct port* to) {
  struct pollux_packet packets[BURST];
  const size_t received = pollux_receive(from->rx, packets, BURST);
  // With an empty burst as well: it reclaims, and pushes on what waits.
  const size_t sent = pollux_send(to->tx, packets, received);
  pollux_free(packets + sent, received - sent);
}

static int run(struct port ports[2], pollux_pool* pool) {
  for (int number = 0; number < 2; ++number) {
    if (start(&ports[number], pool) != 0) return 1;
  }
  while (!stopped) {
    forward(&ports[0], &ports[1]);
    forward(&ports[1], &ports[0]);
  }
  for (int number = 0; number < 2; ++number) {
    struct pollux_stats stats = POLLUX_STATS;
    if (pollux_device_stop(ports[number].device) != 0) return failed("stop");
    if (pollux_device_get_stats(ports[number].device, POLLUX_WHOLE_DEVICE, &stats) != 0) return failed("statistics");
    printf("%s: received %" PRIu64 ", sent %" PRIu64 ", dropped %" PRIu64 "\n", ports[number].name, stats.rx_packets, stats.tx_packets,
           stats.tx_dropped);
  }
  return 0;
}

int main(int argument_count, char** arguments) {
  const struct pollux_pool_options options = POLLUX_POOL_DEFAULTS;
  pollux_pool* pool = NULL;
  if (argument_count != 3) {
    fprintf(stderr, "usage: c_forward DEVICE[,KEY=VALUE...] DEVICE[,KEY=VALUE...]\n");
    return 2;
  }
  struct port ports[2] = {{.name = arguments[1]}, {.name = arguments[2]}};
  signal(SIGINT, stop);
  signal(SIGTERM, stop);
  if (pollux_check_abi(POLLUX_ABI_VERSION) != 0) return failed("library");
  if (pollux_pool_create(&options, &pool) != 0) return failed("pool");
  const int result = run(ports, pool);
  for (int number = 0; number < 2; ++number) pollux_device_close(ports[number].device);
  pollux_pool_release(pool);
  const size_t lingering = pollux_pools_lingering();
  printf("%s\n", lingering == 0 ? "balanced: every frame is free" : "a frame is missing");
  return lingering == 0 ? result : 1;
}
