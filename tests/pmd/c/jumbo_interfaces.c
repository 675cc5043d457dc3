// SPDX-License-Identifier: Apache-2.0
// Packets of several frames between two kernel interfaces, driven from C.
#include <errno.h>
#include <poll.h>
#include <pollux.h>
#include <string.h>

#include "tests/pmd/c/expect.h"
#include "tests/pmd/c/pollux_cases.h"

enum { MTU = 9000, LENGTH = MTU + 14, FRAME_ROOM = 1792, NEEDED = (LENGTH + FRAME_ROOM - 1) / FRAME_ROOM, FRAMES = 4096 };

static const char* start(const char* name, const char* interface, uint32_t scattered, pollux_pool* pool, pollux_device** device) {
  struct pollux_device_config config = POLLUX_DEVICE_DEFAULTS;
  struct pollux_device_info info = POLLUX_DEVICE_INFO;
  EXPECT(pollux_device_open(name, interface, "mode=drv", device) == 0);
  config.pool = pool;
  config.scattered = scattered;
  EXPECT(pollux_device_configure(*device, &config) == 0);
  if (scattered) EXPECT(pollux_device_set_mtu(*device, MTU) == 0);
  if (!scattered) EXPECT_ERROR(pollux_device_set_mtu(*device, MTU), EINVAL, "a frame of 2048 bytes");
  EXPECT(pollux_device_start(*device) == 0);
  EXPECT(pollux_device_get_info(*device, &info) == 0 && info.scattered == scattered);
  return NULL;
}

// A packet whose bytes count up.
static const char* make(pollux_pool* pool, struct pollux_packet* packets) {
  uint32_t written = 0;
  EXPECT(pollux_allocate(pool, packets, NEEDED) == NEEDED);
  for (size_t index = 0; index < NEEDED; ++index) {
    const uint32_t left = LENGTH - written;
    packets[index].length = left < FRAME_ROOM ? left : FRAME_ROOM;
    packets[index].flags = index + 1 < NEEDED ? POLLUX_PACKET_CONTINUES : 0;
    for (uint32_t byte = 0; byte < packets[index].length; ++byte) packets[index].data[byte] = (unsigned char)(written++ * 7 % 251);
  }
  memset(packets[0].data, 0xFF, 12);
  packets[0].data[12] = 0x88;  // an EtherType for experiments
  packets[0].data[13] = 0xB5;
  return NULL;
}

static const char* check(const struct pollux_packet* packets, size_t count) {
  uint32_t seen = 0;
  for (size_t index = 0; index < count; ++index) {
    EXPECT(packets[index].flags == (index + 1 < count ? POLLUX_PACKET_CONTINUES : 0));
    for (uint32_t byte = 0; byte < packets[index].length; ++byte, ++seen) {
      if (seen >= 14) EXPECT(packets[index].data[byte] == seen * 7 % 251);
    }
  }
  EXPECT(seen == LENGTH);
  return NULL;
}

const char* pollux_case_jumbo_interfaces(const char* first, const char* second) {
  struct pollux_pool_options options = POLLUX_POOL_DEFAULTS;
  struct pollux_packet packets[POLLUX_MOST_FRAMES];
  struct pollux_stats stats = POLLUX_STATS;
  pollux_pool* pool = NULL;
  pollux_device *here = NULL, *there = NULL;
  size_t count = 0;
  options.frame_count = FRAMES;
  options.pages = POLLUX_PAGES_ORDINARY;
  EXPECT(pollux_pool_create(&options, &pool) == 0);
  const char* wrong = start("net_af_xdp0", first, 0, pool, &here);
  pollux_device_close(here);
  if (wrong == NULL) wrong = start("net_af_xdp0", first, 1, pool, &here);
  if (wrong == NULL) wrong = start("net_af_xdp1", second, 1, pool, &there);
  if (wrong == NULL) wrong = make(pool, packets);
  if (wrong != NULL) return wrong;
  EXPECT(pollux_send(pollux_device_tx_queue(here, 0), packets, NEEDED) == NEEDED);
  for (int waited_ms = 0; count == 0 && waited_ms < 20000; ++waited_ms) {
    pollux_tx_poll(pollux_device_tx_queue(here, 0));
    count = pollux_receive(pollux_device_rx_queue(there, 0), packets, POLLUX_MOST_FRAMES);
    if (count == 0) poll(NULL, 0, 1);
  }
  EXPECT(count >= 2);
  if ((wrong = check(packets, count)) != NULL) return wrong;
  pollux_free(packets, count);
  EXPECT(pollux_device_stop(here) == 0 && pollux_device_stop(there) == 0);
  EXPECT(pollux_device_get_stats(here, POLLUX_WHOLE_DEVICE, &stats) == 0);
  EXPECT(stats.tx_packets == 1 && stats.tx_bytes == LENGTH && stats.tx_dropped == 0 && stats.tx_pending == 0);
  EXPECT(pollux_device_get_stats(there, POLLUX_WHOLE_DEVICE, &stats) == 0);
  EXPECT(stats.rx_packets == 1 && stats.rx_bytes == LENGTH && stats.rx_missed == 0);
  pollux_device_close(here);
  pollux_device_close(there);
  EXPECT(pollux_pool_free_count(pool) == FRAMES);
  pollux_pool_release(pool);
  EXPECT(pollux_pools_lingering() == 0);
  return NULL;
}
