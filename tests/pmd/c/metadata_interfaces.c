// SPDX-License-Identifier: Apache-2.0
// What a device tells of packets, and what packets ask of it, between two kernel interfaces, driven from C.
#include <arpa/inet.h>
#include <poll.h>
#include <pollux.h>
#include <string.h>

#include "tests/pmd/c/expect.h"
#include "tests/pmd/c/pollux_cases.h"

enum { LENGTH = 100, IP = 14, UDP = 34, FRAMES = 4096, COOKIE = 4711 };

static uint32_t sum_of(const unsigned char* bytes, size_t length) {
  uint32_t sum = 0;
  for (size_t index = 0; index < length; index += 2) sum += (uint32_t)bytes[index] << 8 | bytes[index + 1];
  return sum;
}

static uint16_t fold(uint32_t sum) {
  while (sum > 0xFFFF) sum = (sum & 0xFFFF) + (sum >> 16);
  return (uint16_t)sum;
}

// Addresses, protocol and length.
static uint32_t pseudo_header_of(const unsigned char* packet) {
  return sum_of(packet + IP + 12, 8) + 17 + LENGTH - UDP;
}

static int is_finished(const unsigned char* packet) {
  return fold(pseudo_header_of(packet) + sum_of(packet + UDP, LENGTH - UDP)) == 0xFFFF;
}

// A UDP packet as a network stack leaves it to a device: its checksum is the pseudo header's sum.
static const char* make_unfinished(pollux_pool* pool, struct pollux_packet* packet) {
  static const unsigned char headers[UDP + 6] = {
      0xFF, 0xFF, 0xFF, 0xFF,        0xFF, 0xFF, 2, 0, 0,  0,  0, 1, 8,   0,  // Ethernet
      0x45, 0,    0,    LENGTH - IP, 0,    0,    0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2, 0, 7, 0, 9, 0, LENGTH - UDP};
  EXPECT(pollux_allocate(pool, packet, 1) == 1);
  packet->length = LENGTH;
  memset(packet->data, 0x5A, LENGTH);
  memcpy(packet->data, headers, sizeof headers);
  const uint16_t partial = htons(fold(pseudo_header_of(packet->data)));
  memcpy(packet->data + UDP + 6, &partial, sizeof partial);
  EXPECT(!is_finished(packet->data));
  return NULL;
}

static const char* start(const char* name, const char* interface, const char* arguments, uint32_t asks, pollux_pool* pool,
                         pollux_device** device) {
  struct pollux_device_config config = POLLUX_DEVICE_DEFAULTS;
  EXPECT(pollux_device_open(name, interface, arguments, device) == 0);
  config.rx_ring = config.tx_ring = 256;
  config.pool = pool;
  config.rx_metadata = asks;
  EXPECT(pollux_device_configure(*device, &config) == 0 && pollux_device_start(*device) == 0);
  return NULL;
}

// Sends one packet and receives it.
static const char* pass(pollux_device* from, pollux_device* to, struct pollux_packet* packet) {
  pollux_tx_queue* const queue = pollux_device_tx_queue(from, 0);
  size_t count = 0;
  EXPECT(pollux_send(queue, packet, 1) == 1);
  for (int waited_ms = 0; waited_ms < 20000 && (count == 0 || pollux_tx_poll(queue)); ++waited_ms) {
    pollux_tx_poll(queue);
    if (count == 0) count = pollux_receive(pollux_device_rx_queue(to, 0), packet, 1);
    if (count == 0) poll(NULL, 0, 1);
  }
  EXPECT(count == 1 && packet->length == LENGTH);
  return NULL;
}

const char* pollux_case_metadata_interfaces(const char* first, const char* second) {
  struct pollux_pool_options options = POLLUX_POOL_DEFAULTS;
  struct pollux_device_info info = POLLUX_DEVICE_INFO;
  struct pollux_rx_metadata told = POLLUX_RX_METADATA;
  struct pollux_tx_metadata asks = POLLUX_TX_METADATA;
  struct pollux_tx_timestamp stamps[2];
  struct pollux_packet packet;
  pollux_pool* pool = NULL;
  pollux_device *here = NULL, *there = NULL;
  options.frame_count = FRAMES;
  options.pages = POLLUX_PAGES_ORDINARY;
  EXPECT(pollux_pool_create(&options, &pool) == 0);
  const char* wrong = start("net_af_xdp0", first, "rx_checksum=keep,tx_metadata=[sw_checksum,timestamp]", 0, pool, &here);
  if (wrong == NULL) wrong = start("net_af_xdp1", second, "rx_checksum=keep", POLLUX_RX_HASH | POLLUX_RX_VLAN_TAG, pool, &there);
  if (wrong == NULL) wrong = make_unfinished(pool, &packet);
  if (wrong != NULL) return wrong;
  EXPECT(pollux_device_get_info(here, &info) == 0 && info.rx_metadata == 0);
  EXPECT(info.tx_metadata == (POLLUX_TX_CHECKSUM | POLLUX_TX_TIMESTAMP));
  EXPECT(pollux_device_get_info(there, &info) == 0 && info.rx_metadata == (POLLUX_RX_HASH | POLLUX_RX_VLAN_TAG) && info.tx_metadata == 0);

  asks.asks = POLLUX_TX_CHECKSUM | POLLUX_TX_TIMESTAMP;
  asks.checksum_start = UDP;
  asks.checksum_offset = 6;
  asks.cookie = COOKIE;
  EXPECT(pollux_packet_set_tx_metadata(&packet, &asks) == 1);
  if ((wrong = pass(here, there, &packet)) != NULL) return wrong;
  EXPECT(is_finished(packet.data));
  EXPECT(pollux_tx_take_timestamps(pollux_device_tx_queue(here, 0), stamps, 2) == 1);
  EXPECT(stamps[0].cookie == COOKIE && stamps[0].time_ns > 0);
  EXPECT(pollux_packet_get_rx_metadata(&packet, &told) == 1 && told.valid == POLLUX_RX_HASH && told.hash != 0);

  // What is asked of a port without it is done all the same, and takes the place of what was told.
  const uint16_t partial = htons(fold(pseudo_header_of(packet.data)));
  memcpy(packet.data + UDP + 6, &partial, sizeof partial);
  asks.asks = POLLUX_TX_CHECKSUM;
  EXPECT(pollux_packet_set_tx_metadata(&packet, &asks) == 1 && pollux_packet_get_rx_metadata(&packet, &told) == 0);
  if ((wrong = pass(there, here, &packet)) != NULL) return wrong;
  EXPECT(is_finished(packet.data) && pollux_packet_get_rx_metadata(&packet, &told) == 0);
  pollux_free(&packet, 1);
  pollux_device_close(here);
  pollux_device_close(there);
  EXPECT(pollux_pool_free_count(pool) == FRAMES);
  pollux_pool_release(pool);
  EXPECT(pollux_pools_lingering() == 0);
  return NULL;
}
