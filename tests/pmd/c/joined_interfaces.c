// SPDX-License-Identifier: Apache-2.0
// Ports on two kernel interfaces, driven from C.
#include <errno.h>
#include <poll.h>
#include <pollux.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/pmd/c/expect.h"
#include "tests/pmd/c/pollux_cases.h"
#include "tests/pmd/c/telemetry_client.h"

enum { BURST = 16, TX_QUEUES = 3, LENGTH = 100 };

// What the kernel says, by ip(8): a packet socket's promiscuous mode is in no flag.
static int is_promiscuous(const char* interface) {
  char command[128];
  snprintf(command, sizeof command, "ip -d link show dev %s | grep -q 'promiscuity 1'", interface);
  return system(command) == 0;
}

static const char* start(const char* name, const char* interface, int promiscuous, pollux_pool* pool, pollux_device** device) {
  struct pollux_device_config config = POLLUX_DEVICE_DEFAULTS;
  EXPECT(pollux_device_open(name, interface, "mode=drv", device) == 0);
  config.tx_queues = TX_QUEUES;  // more than the interface has: they share its socket
  config.rx_ring = config.tx_ring = 256;
  config.pool = pool;
  config.promiscuous = (uint32_t)promiscuous;
  EXPECT(pollux_device_configure(*device, &config) == 0 && pollux_device_start(*device) == 0);
  EXPECT(is_promiscuous(interface) == promiscuous);
  return NULL;
}

// Receives `count` packets within two seconds.
static size_t receive_all(pollux_device* device, struct pollux_packet* packets, size_t count) {
  pollux_rx_queue* const queue = pollux_device_rx_queue(device, 0);
  size_t done = 0;
  for (int waited_ms = 0; done < count && waited_ms < 2000; ++waited_ms) {
    done += pollux_receive(queue, packets + done, count - done);
    if (done < count) poll(NULL, 0, 1);
  }
  return done;
}

static uint64_t counter(const pollux_device* device, const char* name) {
  struct pollux_counter counters[128];
  const size_t count = pollux_device_get_counters(device, counters, 128);
  for (size_t index = 0; index < count && index < 128; ++index) {
    if (strcmp(counters[index].name, name) == 0) return counters[index].value;
  }
  return UINT64_MAX;
}

// From every tx queue of one port to the other, and the same frames back, without a copy.
static const char* there_and_back(pollux_pool* pool, pollux_device* here, pollux_device* there) {
  struct pollux_packet packets[BURST];
  struct pollux_stats stats = POLLUX_STATS;
  for (uint32_t number = 0; number < TX_QUEUES; ++number) {
    EXPECT(pollux_allocate(pool, packets, BURST) == BURST);
    for (size_t index = 0; index < BURST; ++index) {
      packets[index].length = LENGTH;
      memset(packets[index].data, 0xFF, 12);
      memset(packets[index].data + 12, (int)index, LENGTH - 12);
    }
    EXPECT(pollux_send(pollux_device_tx_queue(here, number), packets, BURST) == BURST);
    EXPECT(receive_all(there, packets, BURST) == BURST);
    for (size_t index = 0; index < BURST; ++index) EXPECT(packets[index].length == LENGTH && packets[index].data[99] == index);
    EXPECT(pollux_send(pollux_device_tx_queue(there, number), packets, BURST) == BURST);
    EXPECT(receive_all(here, packets, BURST) == BURST);
    pollux_free(packets, BURST);
    pollux_send(pollux_device_tx_queue(here, number), NULL, 0);
    EXPECT(pollux_device_get_stats(here, (int)number, &stats) == 0 && stats.tx_packets == BURST && stats.tx_pending == 0);
  }
  EXPECT(counter(here, "tx_q2_packets") == BURST && counter(there, "tx_q0_copied") == 0);
  EXPECT(pollux_device_get_stats(here, POLLUX_WHOLE_DEVICE, &stats) == 0 && stats.rx_packets == TX_QUEUES * BURST);
  return NULL;
}

static const char* settings_and_features(pollux_device* device, const char* interface) {
  const uint8_t mac[6] = {2, 0, 0, 0, 0, 7};
  struct pollux_device_info info = POLLUX_DEVICE_INFO;
  struct pollux_link link = POLLUX_LINK;
  struct pollux_feature features[16];
  EXPECT(pollux_device_get_info(device, &info) == 0 && strcmp(info.interface, interface) == 0);
  EXPECT(pollux_device_wants_visible(device));
  EXPECT(info.mtu == 1500 && info.numa_node == POLLUX_ANY_NODE && info.maximum_rx_queues == 1 && info.maximum_tx_queues > 100);
  EXPECT(pollux_device_get_link(device, &link) == 0 && link.up && link.full_duplex && link.speed_mbps > 0);
  EXPECT(pollux_device_set_mtu(device, 1400) == 0 && pollux_device_set_mac(device, mac) == 0);
  EXPECT(pollux_device_get_info(device, &info) == 0 && info.mtu == 1400 && memcmp(info.mac, mac, 6) == 0);
  EXPECT_ERROR(pollux_device_set_mtu(device, 9000), EINVAL, "MTU 9000: a frame of 2048 bytes");
  EXPECT(pollux_device_set_promiscuous(device, 0) == 0 && !is_promiscuous(interface));
  const size_t count = pollux_device_get_features(device, features, 16);
  EXPECT(count > 2 && count <= 16);
  int native = 0;
  for (size_t index = 0; index < count; ++index) native |= strcmp(features[index].name, "native") == 0 && features[index].present;
  EXPECT(native);
  EXPECT(pollux_device_require(device, "native, need_wakeup") == 0);
  EXPECT_ERROR(pollux_device_require(device, "zerocopy"), EBUSY, "asked auto, got copy");
  EXPECT_ERROR(pollux_device_require(device, "wings"), EINVAL, "wings");
  return NULL;
}

// Packets that come in by port 1 are dropped by a flow, counted, and let through again when it is gone.
// What telemetry says of the flows of port 1, which has the number 1 in the table as well.
static const char* flows_are_shown(const char* expected) {
  char folder[] = "/tmp/plxXXXXXX", path[108], text[8192];
  const int client = start_telemetry(folder, path, sizeof path);
  EXPECT(client >= 0);
  EXPECT(send(client, "/pollux/flows,1", 15, 0) == 15 && await_answer(client, text, sizeof text) > 0);
  EXPECT(strstr(text, expected) != NULL);
  stop_telemetry(folder, client);
  return NULL;
}

static const char* flows(pollux_pool* pool, pollux_device* here, pollux_device* there) {
  struct pollux_flow_table_options options = POLLUX_FLOW_TABLE_DEFAULTS;
  struct pollux_flow_statistics statistics = POLLUX_FLOW_STATISTICS;
  struct pollux_flow_action actions[2];
  struct pollux_counter counters[32];
  struct pollux_packet packets[BURST];
  struct pollux_flow flow;
  pollux_flow_table* table = NULL;
  uint64_t id = 0, again = 0;
  options.flows = 1;
  EXPECT(pollux_flow_table_create(&options, &table) == 0);
  EXPECT(pollux_device_use_flows(here, table, 0, POLLUX_FLOW_OUTPUT) == 0);
  EXPECT(pollux_device_use_flows(there, table, 1, POLLUX_FLOW_INPUT_AND_OUTPUT) == 0);
  EXPECT_ERROR(pollux_device_use_flows(there, table, 1, 7), EINVAL, "role 7");
  memset(&flow, 0, sizeof flow);
  memset(actions, 0, sizeof actions);
  flow.size = sizeof flow;
  flow.value.port = 1;
  flow.mask.port = UINT32_MAX;
  flow.actions = actions;
  flow.action_count = 1;
  actions[0].kind = POLLUX_FLOW_ACTION_DROP;
  EXPECT(pollux_flow_validate(&flow) == 0);
  EXPECT(pollux_flow_add(table, &flow, &id) == 0 && id != 0);
  flow.priority = 1;
  EXPECT_ERROR(pollux_flow_add(table, &flow, &again), ENOMEM, "all 1 flows are in use");
  actions[0].kind = POLLUX_FLOW_ACTION_POP_VLAN;
  EXPECT_ERROR(pollux_flow_validate(&flow), EINVAL, "pop of VLAN tag 1");
  actions[0].kind = 99;
  EXPECT_ERROR(pollux_flow_validate(&flow), EINVAL, "actions[0].kind is 99");
  EXPECT_ERROR(pollux_flow_add(NULL, &flow, &again), EINVAL, "table");
  EXPECT(pollux_allocate(pool, packets, BURST) == BURST);
  for (size_t index = 0; index < BURST; ++index) {
    packets[index].length = LENGTH;
    memset(packets[index].data, 0xFF, LENGTH);
    packets[index].data[12] = 0x88;  // an EtherType for experiments
    packets[index].data[13] = 0xB5;
  }
  EXPECT(pollux_send(pollux_device_tx_queue(here, 0), packets, BURST) == BURST);
  for (int waited_ms = 0; statistics.packets < BURST && waited_ms < 5000; ++waited_ms) {
    EXPECT(pollux_flow_get_statistics(table, id, &statistics) == 0);
    poll(NULL, 0, 1);
  }
  EXPECT(statistics.packets == BURST && statistics.bytes == BURST * LENGTH && statistics.last_use_ns > 0);
  EXPECT(pollux_receive(pollux_device_rx_queue(there, 0), packets, BURST) == 0);
  const size_t count = pollux_flow_table_get_counters(table, counters, 32);
  EXPECT(count > 0 && count <= 32 && strcmp(counters[0].name, "flow_hits") == 0 && counters[0].value == BURST);
  actions[0].kind = POLLUX_FLOW_ACTION_USER_SPACE;
  EXPECT(pollux_flow_modify(table, id, actions, 1) == 0);
  EXPECT(pollux_allocate(pool, packets, 1) == 1);
  packets[0].length = LENGTH;
  memset(packets[0].data, 0xFF, LENGTH);
  EXPECT(pollux_send(pollux_device_tx_queue(here, 0), packets, 1) == 1);
  EXPECT(receive_all(there, packets, 1) == 1);
  pollux_free(packets, 1);
  const char* wrong = flows_are_shown("\"match\":\"port=1\"");
  if (wrong != NULL) return wrong;
  EXPECT(pollux_flow_remove(table, id, &statistics) == 0 && statistics.packets >= BURST);
  EXPECT_ERROR(pollux_flow_remove(table, id, NULL), ENODEV, "there is no flow");
  EXPECT(pollux_device_use_flows(there, NULL, 0, 0) == 0);
  wrong = flows_are_shown("port 1 uses no flow table");
  if (wrong != NULL) return wrong;
  pollux_flow_table_release(table);  // the output still holds it
  return NULL;
}

// What cannot be had is an error at start, and nothing is left in the way of the next.
static const char* a_start_that_fails_leaves_nothing(pollux_pool* pool, const char* interface) {
  struct pollux_device_config config = POLLUX_DEVICE_DEFAULTS;
  const size_t free_before = pollux_pool_free_count(pool);
  pollux_device* device = NULL;
  config.rx_ring = config.tx_ring = 256;
  config.pool = pool;
  EXPECT(pollux_device_open("net_af_xdp0", interface, "bind_mode=zerocopy", &device) == 0);
  EXPECT(pollux_device_configure(device, &config) == 0);
  const int error = pollux_device_start(device);
  EXPECT(error != 0 && strstr(pollux_last_error(), "bind(AF_XDP") != NULL);
  EXPECT(pollux_receive(pollux_device_rx_queue(device, 0), NULL, 1) == 0);
  EXPECT(pollux_pool_free_count(pool) == free_before);
  pollux_device_close(device);
  return NULL;
}

const char* pollux_case_joined_interfaces(const char* first, const char* second) {
  struct pollux_pool_options options = POLLUX_POOL_DEFAULTS;
  pollux_pool* pool = NULL;
  pollux_device *here = NULL, *there = NULL;
  options.frame_count = 4096;
  options.pages = POLLUX_PAGES_ORDINARY;
  EXPECT(pollux_pool_create(&options, &pool) == 0);
  const char* wrong = a_start_that_fails_leaves_nothing(pool, first);
  if (wrong == NULL) wrong = start("net_af_xdp0", first, 1, pool, &here);
  if (wrong == NULL) wrong = start("net_af_xdp1", second, 0, pool, &there);
  if (wrong == NULL) wrong = there_and_back(pool, here, there);
  if (wrong == NULL) wrong = flows(pool, here, there);
  if (wrong == NULL) wrong = settings_and_features(here, first);
  pollux_device_close(here);
  pollux_device_close(there);
  if (wrong != NULL) return wrong;
  EXPECT(pollux_pool_free_count(pool) == 4096);
  pollux_pool_release(pool);
  EXPECT(pollux_pools_lingering() == 0);
  return NULL;
}
