// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE  // memfd_create
#include "tests/pmd/c/pollux_cases.h"

#include <errno.h>
#include <linux/filter.h>
#include <pollux.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/pmd/c/expect.h"
#include "tests/pmd/c/telemetry_client.h"

_Static_assert(sizeof(struct pollux_packet) == 16, "a packet is as large as a descriptor");

enum { FRAMES = 512, LENGTH = 100 };

static pollux_pool* make_pool(void) {
  struct pollux_pool_options options = POLLUX_POOL_DEFAULTS;
  pollux_pool* pool = NULL;
  options.frame_count = FRAMES;
  options.pages = POLLUX_PAGES_ORDINARY;
  return pollux_pool_create(&options, &pool) == 0 ? pool : NULL;
}

static const char* tells_its_version(void) {
  EXPECT(pollux_check_abi(POLLUX_ABI_VERSION) == 0);
  EXPECT_ERROR(pollux_check_abi(POLLUX_ABI_VERSION + 1), EINVAL, "serves versions");
  EXPECT(strlen(pollux_version()) >= strlen("0.0.0"));
  return NULL;
}

// What a program that was compiled with another version of the header hands over: less, or more.
static const char* structures_of_other_versions(void) {
  struct {
    struct pollux_pool_options known;
    uint64_t later;
  } options = {POLLUX_POOL_DEFAULTS, 0};
  struct {
    struct pollux_pool_layout known;
    uint64_t later;
  } layout = {POLLUX_POOL_LAYOUT, UINT64_MAX};
  pollux_pool* pool = NULL;
  options.known.frame_count = FRAMES;
  options.known.size = 0;
  EXPECT_ERROR(pollux_pool_create(&options.known, &pool), EINVAL, "options->size is 0");
  options.known.size = sizeof options;
  options.later = 1;
  EXPECT_ERROR(pollux_pool_create(&options.known, &pool), EINVAL, "a later pollux.h");
  EXPECT(pool == NULL);
  options.later = 0;
  EXPECT(pollux_pool_create(&options.known, &pool) == 0);
  layout.known.size = 0;
  EXPECT_ERROR(pollux_pool_get_layout(pool, &layout.known), EINVAL, "layout->size is 0");
  // A larger one is zeroed behind what is known, of a smaller one nothing behind its end is touched.
  layout.known.size = sizeof layout;
  EXPECT(pollux_pool_get_layout(pool, &layout.known) == 0);
  EXPECT(layout.known.size == sizeof layout && layout.known.frame_count == FRAMES && layout.known.base != NULL && layout.later == 0);
  layout.known.size = offsetof(struct pollux_pool_layout, frame_size);
  layout.known.frame_count = layout.known.frame_size = 7;
  EXPECT(pollux_pool_get_layout(pool, &layout.known) == 0 && layout.known.frame_count == FRAMES && layout.known.frame_size == 7);
  pollux_pool_release(pool);
  // Options that end early: what is behind them has its default, whatever lies there.
  options.known.size = offsetof(struct pollux_pool_options, frame_size);
  options.known.frame_size = 3000;
  EXPECT(pollux_pool_create(&options.known, &pool) == 0);
  pollux_pool_release(pool);
  return NULL;
}

static const char* null_arguments_are_refused(void) {
  struct pollux_device_info info = POLLUX_DEVICE_INFO;
  struct pollux_link link = POLLUX_LINK;
  struct pollux_stats stats = POLLUX_STATS;
  const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};
  pollux_device* device = NULL;
  EXPECT_ERROR(pollux_device_open(NULL, NULL, NULL, &device), EINVAL, "name is NULL");
  EXPECT_ERROR(pollux_device_open("net_null0", NULL, NULL, NULL), EINVAL, "device is NULL");
  EXPECT_ERROR(pollux_device_get_info(NULL, &info), EINVAL, "pollux_device_get_info: device is NULL");
  EXPECT(pollux_device_get_link(NULL, &link) == EINVAL && pollux_device_wants_visible(NULL) == 0);
  EXPECT(pollux_device_configure(NULL, NULL) == EINVAL);
  EXPECT(pollux_device_start(NULL) == EINVAL && pollux_device_stop(NULL) == EINVAL);
  EXPECT(pollux_device_set_promiscuous(NULL, 1) == EINVAL && pollux_device_set_mtu(NULL, 1500) == EINVAL);
  EXPECT(pollux_device_set_mac(NULL, mac) == EINVAL);
  EXPECT(pollux_device_get_features(NULL, NULL, 0) == 0 && pollux_device_require(NULL, "native") == EINVAL);
  EXPECT(pollux_device_get_stats(NULL, POLLUX_WHOLE_DEVICE, &stats) == EINVAL);
  EXPECT(pollux_device_get_counters(NULL, NULL, 0) == 0);
  EXPECT(pollux_device_rx_queue(NULL, 0) == NULL && pollux_device_tx_queue(NULL, 0) == NULL);
  struct pollux_packet packet;
  EXPECT(pollux_receive(NULL, NULL, 1) == 0 && pollux_send(NULL, NULL, 1) == 0);
  EXPECT(pollux_receive(NULL, &packet, 1) == 0 && pollux_send(NULL, &packet, 1) == 0);
  pollux_device_reset_stats(NULL);
  pollux_device_close(NULL);
  EXPECT(pollux_pool_create(NULL, NULL) == EINVAL && pollux_pool_get_layout(NULL, NULL) == EINVAL);
  EXPECT(pollux_pool_get_report(NULL, NULL) == EINVAL && pollux_pool_free_count(NULL) == 0);
  EXPECT(pollux_allocate(NULL, NULL, 1) == 0);
  pollux_pool_flush_thread(NULL);
  pollux_pool_release(NULL);
  pollux_free(NULL, 0);
  return NULL;
}

static const char* what_cannot_be_opened_is_named(void) {
  pollux_device* const untouched = (pollux_device*)&untouched;
  pollux_device* device = untouched;
  EXPECT_ERROR(pollux_device_open("net_nothing0", NULL, NULL, &device), ENODEV, "there are net_af_xdp, net_null");
  EXPECT_ERROR(pollux_device_open("net_null0", NULL, "size=64,no_such_key=1", &device), EINVAL, "no_such_key");
  EXPECT_ERROR(pollux_device_open("net_null0", NULL, "size=huge", &device), EINVAL, "size");
  EXPECT_ERROR(pollux_device_open("net_null0", "p0", NULL, &device), EINVAL, "iface");
  EXPECT_ERROR(pollux_device_open("net_af_xdp0", "no-such0", NULL, &device), ENODEV, "no-such0");
  EXPECT_ERROR(pollux_device_open("net_af_xdp0", "a\"b", NULL, &device), EINVAL, "quotation mark");
  EXPECT_ERROR(pollux_device_open("net_af_xdp0", NULL, NULL, &device), EINVAL, "iface");
  EXPECT_ERROR(pollux_device_open("", NULL, NULL, &device), EINVAL, "");
  EXPECT(device == untouched);
  return NULL;
}

static const char* pools_check_their_options(void) {
  struct pollux_pool_options options = POLLUX_POOL_DEFAULTS;
  pollux_pool* pool = NULL;
  options.frame_size = 3000;
  EXPECT_ERROR(pollux_pool_create(&options, &pool), EINVAL, "frame_size=3000");
  options.frame_size = 2048;
  options.headroom = 2000;
  EXPECT_ERROR(pollux_pool_create(&options, &pool), EINVAL, "headroom=2000");
  options.headroom = 0;
  options.pages = 99;
  EXPECT_ERROR(pollux_pool_create(&options, &pool), EINVAL, "pages=99");
  options.pages = POLLUX_PAGES_ORDINARY;
  options.numa_node = 999;
  EXPECT_ERROR(pollux_pool_create(&options, &pool), ENODEV, "999");
  EXPECT(pool == NULL);
  // Whether the kernel has such memory or not, there is a pool.
  options = (struct pollux_pool_options)POLLUX_POOL_DEFAULTS;
  options.frame_count = 512;
  options.pages = POLLUX_PAGES_VISIBLE;
  struct pollux_pool_report report = POLLUX_POOL_REPORT;
  EXPECT(pollux_pool_create(&options, &pool) == 0 && pollux_pool_get_report(pool, &report) == 0);
  EXPECT(report.pages == POLLUX_PAGES_ORDINARY);
  pollux_pool_release(pool);
  // For a device: what is wrong is refused as well, and any memory suits a port without an interface.
  pollux_device* device = NULL;
  EXPECT(pollux_device_open("net_null0", NULL, NULL, &device) == 0);
  options.pages = POLLUX_PAGES_AUTOMATIC;
  EXPECT_ERROR(pollux_pool_create_for(NULL, &options, &pool), EINVAL, "device");
  EXPECT_ERROR(pollux_pool_create_for(device, NULL, &pool), EINVAL, "options");
  EXPECT_ERROR(pollux_pool_create_for(device, &options, NULL), EINVAL, "pool");
  EXPECT(pollux_pool_create_for(device, &options, &pool) == 0 && pollux_pool_free_count(pool) == 512);
  pollux_device_close(device);
  pollux_pool_release(pool);
  return NULL;
}

static const char* packets_lie_where_the_layout_says(void) {
  struct pollux_pool_options options = POLLUX_POOL_DEFAULTS;
  struct pollux_pool_report report = POLLUX_POOL_REPORT;
  struct pollux_pool_layout layout = POLLUX_POOL_LAYOUT;
  struct pollux_packet packets[FRAMES + 1];
  unsigned char seen[FRAMES] = {0};
  pollux_pool* pool = NULL;
  options.frame_count = FRAMES;
  options.frame_size = 4096;
  options.headroom = 384;
  EXPECT(pollux_pool_create(&options, &pool) == 0);
  EXPECT(pollux_pool_get_report(pool, &report) == 0 && report.pages_total > 0);
  EXPECT(pollux_pool_get_layout(pool, &layout) == 0);
  EXPECT(layout.frame_count == FRAMES && layout.frame_size == 4096 && layout.frame_size == 1u << layout.frame_shift);
  EXPECT(pollux_allocate(pool, packets, FRAMES + 1) == FRAMES && pollux_pool_free_count(pool) == 0);
  for (size_t index = 0; index < FRAMES; ++index) {
    struct pollux_packet* const packet = &packets[index];
    const uint32_t frame = pollux_frame_number(&layout, packet->data);
    EXPECT(frame < FRAMES && !seen[frame]);
    seen[frame] = 1;
    EXPECT(packet->length == 0 && packet->pool == layout.id && packet->flags == 0);
    EXPECT(pollux_packet_headroom(packet, layout.frame_size) == 384);
    packet->data -= 100;
    packet->length = 200;
    EXPECT(pollux_packet_headroom(packet, layout.frame_size) == 284);
    EXPECT(pollux_packet_tailroom(packet, layout.frame_size) == 4096 - 284 - 200);
    EXPECT(pollux_frame_start(packet->data, layout.frame_size) == layout.base + (size_t)frame * 4096);
    EXPECT(pollux_pool_owns(&layout, packet->data));
  }
  EXPECT(!pollux_pool_owns(&layout, seen));
  pollux_free(packets, FRAMES);
  EXPECT(pollux_pool_free_count(pool) == FRAMES);
  pollux_pool_flush_thread(pool);
  pollux_pool_release(pool);
  EXPECT(pollux_pools_lingering() == 0);
  return NULL;
}

// A ring port that receives what it sends.
static const char* make_loopback(pollux_pool* pool, uint32_t queues, pollux_device** device) {
  struct pollux_device_config config = POLLUX_DEVICE_DEFAULTS;
  EXPECT(pollux_device_open("net_ring0", NULL, NULL, device) == 0);
  config.rx_queues = config.tx_queues = queues;
  config.pool = pool;
  EXPECT(pollux_device_configure(*device, &config) == 0 && pollux_device_start(*device) == 0);
  return NULL;
}

// Sends `count` packets round the loopback and leaves them in `packets`.
static const char* pass(pollux_pool* pool, pollux_device* device, uint32_t queue, struct pollux_packet* packets, size_t count) {
  pollux_tx_queue* const tx = pollux_device_tx_queue(device, queue);
  pollux_rx_queue* const rx = pollux_device_rx_queue(device, queue);
  EXPECT(tx != NULL && rx != NULL);
  EXPECT(pollux_allocate(pool, packets, count) == count);
  for (size_t index = 0; index < count; ++index) {
    packets[index].length = LENGTH;
    memset(packets[index].data, (int)index, LENGTH);
  }
  EXPECT(pollux_send(tx, packets, count) == count && pollux_send(tx, NULL, 0) == 0);
  memset(packets, 0, count * sizeof *packets);
  EXPECT(pollux_receive(rx, packets, count) == count);
  for (size_t index = 0; index < count; ++index) EXPECT(packets[index].length == LENGTH && packets[index].data[LENGTH - 1] == index);
  return NULL;
}

static const char* bursts_and_statistics(void) {
  struct pollux_packet packets[32];
  struct pollux_stats stats = POLLUX_STATS;
  struct pollux_counter counters[64];
  struct pollux_device_info info = POLLUX_DEVICE_INFO;
  struct pollux_link link = POLLUX_LINK;
  pollux_pool* const pool = make_pool();
  pollux_device* device = NULL;
  const char* wrong = make_loopback(pool, 2, &device);
  if (wrong != NULL) return wrong;
  EXPECT(pollux_device_get_info(device, &info) == 0);
  EXPECT(strcmp(info.name, "net_ring0") == 0 && strcmp(info.driver, "net_ring") == 0 && strcmp(info.interface, "") == 0);
  EXPECT(info.numa_node == POLLUX_ANY_NODE && info.maximum_tx_queues >= 2 && info.recommended_burst > 0);
  EXPECT(pollux_device_get_link(device, &link) == 0 && link.up == 1 && !pollux_device_wants_visible(device));
  if ((wrong = pass(pool, device, 1, packets, 32)) != NULL) return wrong;
  pollux_free(packets, 32);
  EXPECT(pollux_device_get_stats(device, 1, &stats) == 0 && stats.tx_packets == 32 && stats.rx_bytes == 32 * LENGTH);
  EXPECT(pollux_device_get_stats(device, POLLUX_WHOLE_DEVICE, &stats) == 0 && stats.rx_packets == 32 && stats.tx_pending == 0);
  EXPECT(pollux_device_get_stats(device, 0, &stats) == 0 && stats.tx_packets == 0);
  EXPECT_ERROR(pollux_device_get_stats(device, 2, &stats), EINVAL, "queue 2: 2 are configured");
  EXPECT(pollux_device_get_stats(device, -2, &stats) == EINVAL);

  const size_t count = pollux_device_get_counters(device, NULL, 0);
  EXPECT(count > 4 && count <= 64);
  memset(counters, 0, sizeof counters);
  EXPECT(pollux_device_get_counters(device, counters, 1) == count && counters[1].name[0] == '\0');
  EXPECT(pollux_device_get_counters(device, counters, 64) == count);
  uint64_t packets_sent = 0;
  for (size_t index = 0; index < count; ++index) {
    if (strcmp(counters[index].name, "tx_q1_packets") == 0) packets_sent = counters[index].value;
  }
  EXPECT(packets_sent == 32);
  pollux_device_reset_stats(device);
  EXPECT(pollux_device_get_stats(device, 1, &stats) == 0 && stats.tx_packets == 0);
  EXPECT(pollux_device_set_mtu(device, 1400) == EOPNOTSUPP && pollux_device_get_features(device, NULL, 0) == 0);
  pollux_device_close(device);
  pollux_pool_release(pool);
  EXPECT(pollux_pools_lingering() == 0);
  return NULL;
}

static const char* a_failed_call_leaves_the_device_as_it_was(void) {
  struct pollux_device_config config = POLLUX_DEVICE_DEFAULTS;
  struct pollux_packet packets[8];
  pollux_pool* const pool = make_pool();
  pollux_device* device = NULL;
  EXPECT(pollux_device_open("net_ring0", NULL, NULL, &device) == 0);
  EXPECT_ERROR(pollux_device_start(device), EBUSY, "Configure comes first");
  EXPECT_ERROR(pollux_device_configure(device, &config), EINVAL, "pool is NULL");
  EXPECT(pollux_device_rx_queue(device, 0) == NULL);
  pollux_device_close(device);

  const char* wrong = make_loopback(pool, 1, &device);
  if (wrong != NULL) return wrong;
  config.pool = pool;
  EXPECT_ERROR(pollux_device_configure(device, &config), EBUSY, "Stop comes first");
  EXPECT(pollux_device_start(device) == EBUSY && pollux_device_stop(device) == 0 && pollux_device_stop(device) == EBUSY);
  config.rx_ring = 100;
  EXPECT_ERROR(pollux_device_configure(device, &config), EINVAL, "100");
  config.rx_ring = 0;
  config.tx_queues = 100000;
  EXPECT_ERROR(pollux_device_configure(device, &config), EINVAL, "100000");
  EXPECT(pollux_device_start(device) == 0);
  EXPECT(pollux_device_tx_queue(device, 1) == NULL && strstr(pollux_last_error(), "no tx queue 1: 1 are configured") != NULL);
  if ((wrong = pass(pool, device, 0, packets, 8)) != NULL) return wrong;
  pollux_free(packets, 8);
  pollux_device_close(device);
  pollux_pool_release(pool);
  EXPECT(pollux_pools_lingering() == 0);
  return NULL;
}

// As a port leaves it in front of a packet (bpf/rx_metadata_shared.h): through a ring, and until something is put there.
static const char* what_a_device_told(void) {
  const struct {
    uint64_t timestamp_ns;
    uint32_t hash, hash_type;
    uint16_t vlan_protocol, vlan_control;
    uint32_t valid, reserved, mark;
  } left = {7, 8, 9, 0x8100, 42, POLLUX_RX_HASH | POLLUX_RX_VLAN_TAG, 0, 0x4d786c70};
  struct pollux_rx_metadata told = POLLUX_RX_METADATA;
  struct pollux_device_config config = POLLUX_DEVICE_DEFAULTS;
  struct pollux_packet packet;
  pollux_pool* const pool = make_pool();
  pollux_device* device = NULL;
  EXPECT(pollux_device_open("net_ring0", NULL, NULL, &device) == 0);
  config.pool = pool;
  EXPECT(pollux_device_configure(device, &config) == 0 && pollux_device_start(device) == 0);
  EXPECT(pollux_allocate(pool, &packet, 1) == 1);
  packet.length = LENGTH;
  memcpy(packet.data - sizeof left, &left, sizeof left);
  EXPECT(pollux_packet_get_rx_metadata(&packet, &told) == 0);
  packet.flags = POLLUX_PACKET_RX_METADATA;
  EXPECT(pollux_send(pollux_device_tx_queue(device, 0), &packet, 1) == 1);
  memset(&packet, 0, sizeof packet);
  EXPECT(pollux_receive(pollux_device_rx_queue(device, 0), &packet, 1) == 1);
  EXPECT(pollux_packet_get_rx_metadata(&packet, &told) == 1);
  EXPECT(told.size == sizeof told && told.valid == left.valid && told.timestamp_ns == 7 && told.hash == 8 && told.hash_type == 9);
  EXPECT(told.vlan_protocol == 0x8100 && told.vlan_control == 42);
  EXPECT(pollux_packet_get_rx_metadata(NULL, &told) == 0 && pollux_packet_get_rx_metadata(&packet, NULL) == 0);
  packet.data -= 4;
  memset(packet.data, 0, 4);
  EXPECT(pollux_packet_get_rx_metadata(&packet, &told) == 0);
  pollux_free(&packet, 1);
  pollux_device_close(device);
  pollux_pool_release(pool);
  EXPECT(pollux_pools_lingering() == 0);
  return NULL;
}

// What a packet asks lies in front of it, over what a device told; and a program of an earlier version asks for nothing by accident.
static const char* what_a_packet_asks(void) {
  struct pollux_rx_metadata told = POLLUX_RX_METADATA;
  struct pollux_tx_metadata asks = POLLUX_TX_METADATA;
  struct pollux_device_config config = POLLUX_DEVICE_DEFAULTS;
  struct pollux_device_info info = POLLUX_DEVICE_INFO;
  struct pollux_tx_timestamp stamps[2];
  struct pollux_packet packet;
  struct {
    uint64_t asks;
    uint16_t start, offset;
    uint32_t unused;
    uint64_t launch_time, cookie;
  } written;
  const uint32_t mark = 0x4d786c70;
  pollux_pool* const pool = make_pool();
  pollux_device* device = NULL;
  EXPECT(pollux_device_open("net_ring0", NULL, NULL, &device) == 0);
  config.pool = pool;
  config.rx_metadata = 8;
  EXPECT_ERROR(pollux_device_configure(device, &config), EINVAL, "config->rx_metadata is 8: must be of POLLUX_RX_TIMESTAMP (1)");
  config.rx_metadata = POLLUX_RX_HASH;
  config.reserved = 1;
  EXPECT_ERROR(pollux_device_configure(device, &config), EINVAL, "config->reserved is 1");
  // To version 6 what follows `scattered` was padding, and nothing behind it.
  config.size = offsetof(struct pollux_device_config, rx_metadata);
  config.unused2 = UINT32_MAX;
  EXPECT(pollux_device_configure(device, &config) == 0 && pollux_device_start(device) == 0);
  EXPECT(pollux_device_get_info(device, &info) == 0 && info.rx_metadata == 0 && info.tx_metadata == 0);

  EXPECT(pollux_allocate(pool, &packet, 1) == 1);
  packet.length = LENGTH;
  memcpy(packet.data - sizeof mark, &mark, sizeof mark);
  packet.flags = POLLUX_PACKET_RX_METADATA;
  EXPECT(pollux_packet_get_rx_metadata(&packet, &told) == 1);
  asks.asks = POLLUX_TX_CHECKSUM | POLLUX_TX_TIMESTAMP;
  asks.checksum_start = 34;
  asks.checksum_offset = 6;
  asks.launch_time = 11;
  asks.cookie = 12;
  EXPECT(pollux_packet_set_tx_metadata(&packet, &asks) == 1 && packet.flags == POLLUX_PACKET_TX_METADATA);
  EXPECT(pollux_packet_get_rx_metadata(&packet, &told) == 0);
  memcpy(&written, packet.data - sizeof written, sizeof written);
  EXPECT(sizeof written == 32 && written.asks == 3 && written.start == 34 && written.offset == 6);
  EXPECT(written.launch_time == 11 && written.cookie == 12);

  packet.flags = 0;
  asks.asks = 8;
  EXPECT(pollux_packet_set_tx_metadata(&packet, &asks) == 0 && packet.flags == 0);
  asks.asks = POLLUX_TX_CHECKSUM;
  asks.reserved = 1;
  EXPECT(pollux_packet_set_tx_metadata(&packet, &asks) == 0);
  asks.reserved = 0;
  asks.size = sizeof asks.size;
  EXPECT(pollux_packet_set_tx_metadata(&packet, &asks) == 0);
  EXPECT(pollux_packet_set_tx_metadata(NULL, &asks) == 0 && pollux_packet_set_tx_metadata(&packet, NULL) == 0);
  asks.size = sizeof asks;
  packet.data -= 256 - 31;
  EXPECT(pollux_packet_set_tx_metadata(&packet, &asks) == 0 && packet.flags == 0);
  packet.data += 1;
  EXPECT(pollux_packet_set_tx_metadata(&packet, &asks) == 1);
  pollux_free(&packet, 1);
  EXPECT(pollux_tx_take_timestamps(pollux_device_tx_queue(device, 0), stamps, 2) == 0);
  EXPECT(pollux_tx_take_timestamps(NULL, stamps, 2) == 0);
  EXPECT(pollux_tx_take_timestamps(pollux_device_tx_queue(device, 0), NULL, 2) == 0);
  pollux_device_close(device);
  pollux_pool_release(pool);
  EXPECT(pollux_pools_lingering() == 0);
  return NULL;
}

// A packet of several frames is several elements of a burst, and no burst ends within it.
static const char* packets_of_several_frames(void) {
  struct pollux_device_config config = POLLUX_DEVICE_DEFAULTS;
  struct pollux_device_info info = POLLUX_DEVICE_INFO;
  struct pollux_stats stats = POLLUX_STATS;
  struct pollux_packet packets[POLLUX_MOST_FRAMES];
  pollux_pool* const pool = make_pool();
  pollux_device* device = NULL;
  for (uint32_t scattered = 0; scattered < 2; ++scattered) {
    EXPECT(pollux_device_open("net_ring0", NULL, scattered ? "sg=on" : NULL, &device) == 0);
    config.pool = pool;
    config.scattered = scattered;
    // What a program of version 4 has there is padding.
    config.unused = UINT32_MAX;
    if (scattered == 0) config.size = offsetof(struct pollux_device_config, scattered);
    EXPECT(pollux_device_configure(device, &config) == 0 && pollux_device_start(device) == 0);
    EXPECT(pollux_device_get_info(device, &info) == 0 && info.scattered == scattered);
    EXPECT(pollux_allocate(pool, packets, 4) == 4);
    for (size_t index = 0; index < 4; ++index) packets[index].length = LENGTH;
    packets[1].flags = packets[2].flags = POLLUX_PACKET_CONTINUES;
    EXPECT(pollux_send(pollux_device_tx_queue(device, 0), packets, 4) == 4);
    memset(packets, 0, sizeof packets);
    if (scattered) {
      EXPECT(pollux_receive(pollux_device_rx_queue(device, 0), packets, 3) == 1 && packets[0].flags == 0);
      EXPECT(pollux_receive(pollux_device_rx_queue(device, 0), packets + 1, 17) == 3);
      EXPECT(packets[1].flags == POLLUX_PACKET_CONTINUES && packets[2].flags == POLLUX_PACKET_CONTINUES && packets[3].flags == 0);
    } else {
      EXPECT(pollux_receive(pollux_device_rx_queue(device, 0), packets, 18) == 1);
    }
    EXPECT(pollux_device_get_stats(device, 0, &stats) == 0 && stats.tx_dropped == 1 - scattered);
    EXPECT(stats.rx_packets == 1 + scattered && stats.rx_bytes == LENGTH * (scattered ? 4 : 1) && stats.tx_packets == stats.rx_packets);
    pollux_free(packets, scattered ? 4 : 1);
    config = (struct pollux_device_config)POLLUX_DEVICE_DEFAULTS;
    pollux_device_close(device);
    EXPECT(pollux_pool_free_count(pool) == FRAMES);
  }
  pollux_pool_release(pool);
  EXPECT(pollux_pools_lingering() == 0);
  return NULL;
}

static void* free_eight(void* packets) {
  pollux_free(packets, 8);
  return NULL;
}

static const char* packets_outlive_port_and_pool(void) {
  struct pollux_packet packets[8];
  pollux_pool* const pool = make_pool();
  pollux_device* device = NULL;
  pthread_t thread;
  const char* wrong = make_loopback(pool, 1, &device);
  if (wrong != NULL) return wrong;
  if ((wrong = pass(pool, device, 0, packets, 8)) != NULL) return wrong;
  pollux_pool_release(pool);
  EXPECT(pollux_pools_lingering() == 1);
  pollux_device_close(device);
  EXPECT(pollux_pools_lingering() == 1);
  for (size_t index = 0; index < 8; ++index) {
    EXPECT(packets[index].data[0] == index);
    memset(packets[index].data, 0xEE, packets[index].length);
  }
  EXPECT(pthread_create(&thread, NULL, free_eight, packets) == 0 && pthread_join(thread, NULL) == 0);
  EXPECT(pollux_pools_lingering() == 0);
  return NULL;
}

static void* last_error_of_a_new_thread(void* unused) {
  (void)unused;
  return (void*)(uintptr_t)(pollux_last_error()[0] == '\0');
}

static const char* error_texts_are_the_threads(void) {
  pthread_t thread;
  void* empty = NULL;
  EXPECT(pollux_device_start(NULL) == EINVAL && pollux_last_error()[0] != '\0');
  EXPECT(pthread_create(&thread, NULL, last_error_of_a_new_thread, NULL) == 0 && pthread_join(thread, &empty) == 0);
  EXPECT(empty != NULL);
  return NULL;
}

static int answers(int client, const char* question, const char* expected) {
  char text[4096];
  const size_t length = strlen(question);
  return send(client, question, length, 0) == (ssize_t)length && await_answer(client, text, sizeof text) > 0 &&
         strstr(text, expected) != NULL;
}

static const char* telemetry_shows_the_open_devices(void) {
  char folder[] = "/tmp/plxXXXXXX", path[108];
  pollux_pool* const pool = make_pool();
  pollux_device *device = NULL, *second = NULL, *third = NULL;
  const char* const wrong = make_loopback(pool, 1, &device);
  if (wrong != NULL) return wrong;
  EXPECT(pollux_telemetry_descriptor() == -1);
  pollux_telemetry_get_path(path, sizeof path);
  EXPECT(path[0] == '\0');
  pollux_telemetry_poll();
  EXPECT(pollux_telemetry_start("../elsewhere", NULL) == EINVAL);
  const int client = start_telemetry(folder, path, sizeof path);
  EXPECT(client >= 0 && strstr(path, "/dpdk/cases/dpdk_telemetry.v2") != NULL);
  EXPECT(pollux_telemetry_start("cases", NULL) == EBUSY && strstr(pollux_last_error(), "runs already") != NULL);
  EXPECT(pollux_telemetry_descriptor() >= 0);
  EXPECT(answers(client, "/ethdev/list", "{\"/ethdev/list\":[0]}"));
  EXPECT(answers(client, "/ethdev/stats,0", "\"ipackets\":0"));
  EXPECT(answers(client, "/pollux/watchdog", "\"queues\":[]"));
  EXPECT(answers(client, "/mempool/list", "[\"mb_pool_"));
  EXPECT(answers(client, "/ethdev/info,0", "\"dev_started\":1"));
  EXPECT(pollux_device_stop(device) == 0 && answers(client, "/ethdev/info,0", "\"dev_started\":0"));
  EXPECT(pollux_device_start(device) == 0 && answers(client, "/ethdev/info,0", "\"dev_started\":1"));
  // The lowest number that is free.
  EXPECT(pollux_device_open("net_null1", NULL, NULL, &second) == 0);
  EXPECT(answers(client, "/ethdev/list", "[0,1]") && answers(client, "/ethdev/info,1", "\"dev_configured\":0"));
  pollux_device_close(device);
  EXPECT(answers(client, "/ethdev/list", "[1]") && answers(client, "/mempool/list", "[]"));
  EXPECT(pollux_device_open("net_null2", NULL, NULL, &third) == 0 && answers(client, "/ethdev/list", "[0,1]"));
  EXPECT(answers(client, "/ethdev/info,0", "\"name\":\"net_null2\""));
  pollux_device_close(second);
  pollux_device_close(third);
  EXPECT(answers(client, "/ethdev/list", "{\"/ethdev/list\":[]}"));
  pollux_pool_release(pool);
  EXPECT(pollux_pools_lingering() == 0);
  stop_telemetry(folder, client);
  EXPECT(access(path, F_OK) != 0 && pollux_telemetry_descriptor() == -1);
  return NULL;
}

// As `pollux capture` does: a filter in a file of memory goes there, a file with rings comes back.
static const char* packets_are_captured(void) {
  static const char kStart[] = "/pollux/capture,0,65535,1048576";
  const struct sock_filter all = {0x06 /* return */, 0, 0, 65535};
  char folder[] = "/tmp/plxXXXXXX", path[108], text[4096], control[CMSG_SPACE(sizeof(int))] = {0};
  struct iovec place = {(void*)kStart, sizeof kStart - 1};
  struct msghdr message = {.msg_iov = &place, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  pollux_pool* const pool = make_pool();
  pollux_device* device = NULL;
  struct pollux_packet packets[4];
  uint64_t ended = 1;
  int rings = -1;
  const char* const wrong = make_loopback(pool, 1, &device);
  if (wrong != NULL) return wrong;
  const int client = start_telemetry(folder, path, sizeof path), filter = memfd_create("filter", MFD_CLOEXEC);
  EXPECT(client >= 0 && filter >= 0 && write(filter, &all, sizeof all) == sizeof all);
  struct cmsghdr* const head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(sizeof filter);
  memcpy(CMSG_DATA(head), &filter, sizeof filter);
  EXPECT(sendmsg(client, &message, 0) > 0);
  EXPECT(await_answer_and(client, text, sizeof text, &rings) > 0 && strstr(text, "\"rings\":2") != NULL && rings >= 0);
  // A second one of the same client is refused, and the first goes on.
  EXPECT(sendmsg(client, &message, 0) > 0);
  EXPECT(await_answer(client, text, sizeof text) > 0 && strstr(text, "has a capture already") != NULL);
  EXPECT(pollux_allocate(pool, packets, 4) == 4);
  for (int i = 0; i < 4; ++i) packets[i].length = LENGTH;
  EXPECT(pollux_send(pollux_device_tx_queue(device, 0), packets, 4) == 4);
  EXPECT(pollux_receive(pollux_device_rx_queue(device, 0), packets, 4) == 4);
  pollux_free(packets, 4);
  EXPECT(send(client, "/pollux/capture", 15, 0) == 15);
  EXPECT(await_answer(client, text, sizeof text) > 0 && strstr(text, "\"packets\":8") != NULL && strstr(text, "\"taken\":8") != NULL);
  // A device that goes ends its capture, and says so in the first word of the file; what was captured stays the client's.
  EXPECT(pread(rings, &ended, sizeof ended, 0) == sizeof ended && ended == 0);
  pollux_device_close(device);
  EXPECT(pread(rings, &ended, sizeof ended, 0) == sizeof ended && ended != 0);
  pollux_pool_release(pool);
  EXPECT(pollux_pools_lingering() == 0);
  stop_telemetry(folder, client);
  close(filter);
  close(rings);
  return NULL;
}

const struct pollux_case pollux_cases[] = {
    {"TellsItsVersion", tells_its_version},
    {"NullArgumentsAreRefused", null_arguments_are_refused},
    {"WhatCannotBeOpenedIsNamed", what_cannot_be_opened_is_named},
    {"PoolsCheckTheirOptions", pools_check_their_options},
    {"StructuresOfOtherVersions", structures_of_other_versions},
    {"PacketsLieWhereTheLayoutSays", packets_lie_where_the_layout_says},
    {"BurstsAndStatistics", bursts_and_statistics},
    {"AFailedCallLeavesTheDeviceAsItWas", a_failed_call_leaves_the_device_as_it_was},
    {"PacketsOfSeveralFrames", packets_of_several_frames},
    {"WhatADeviceTold", what_a_device_told},
    {"WhatAPacketAsks", what_a_packet_asks},
    {"PacketsOutlivePortAndPool", packets_outlive_port_and_pool},
    {"TelemetryShowsTheOpenDevices", telemetry_shows_the_open_devices},
    {"PacketsAreCaptured", packets_are_captured},
    {"ErrorTextsAreTheThreads", error_texts_are_the_threads},
};
const size_t pollux_case_count = sizeof pollux_cases / sizeof pollux_cases[0];
