// SPDX-License-Identifier: Apache-2.0
// Calls of pollux.h in any order against a model of who owns which frame: at the end every frame is free again.
#include <pollux.h>

#include <algorithm>

#include "tests/fuzz/input.h"

namespace {

constexpr uint32_t kFrames = 1024;

struct Port {
  pollux_device* device = nullptr;
  pollux_rx_queue* rx = nullptr;
  pollux_tx_queue* tx = nullptr;
};

// What the caller holds.
std::vector<pollux_packet> held;

void Receive(const Port& port, std::size_t count) {
  pollux_packet packets[64];
  const std::size_t received = pollux_receive(port.rx, packets, std::min<std::size_t>(count, 64));
  held.insert(held.end(), packets, packets + received);
}

void Send(const Port& port, std::size_t count, bool more) {
  count = std::min(count, held.size());
  for (std::size_t index = 0; index < count; ++index) held[index].length = 60;
  const std::size_t sent = more ? pollux_send_more(port.tx, held.data(), count) : pollux_send(port.tx, held.data(), count);
  FUZZ_REQUIRE(sent <= count);
  held.erase(held.begin(), held.begin() + static_cast<std::ptrdiff_t>(sent));
}

void Configure(Port& port, pollux_pool* pool, uint32_t queues) {
  pollux_device_config config = POLLUX_DEVICE_DEFAULTS;
  config.pool = pool;
  config.rx_queues = config.tx_queues = queues;
  if (pollux_device_configure(port.device, &config) != 0) return;
  port.rx = pollux_device_rx_queue(port.device, 0);
  port.tx = pollux_device_tx_queue(port.device, 0);
}

void Set(const Port& port, std::size_t value) {
  const uint8_t mac[6] = {2, 0, 0, 0, 0, static_cast<uint8_t>(value)};
  (void)pollux_device_set_mtu(port.device, static_cast<uint32_t>(40 * value));
  (void)pollux_device_set_promiscuous(port.device, static_cast<int>(value % 2));
  (void)pollux_device_set_mac(port.device, mac);
  pollux_device_reset_stats(port.device);
}

void Ask(const Port& port, pollux_pool* pool) {
  pollux_device_info info = POLLUX_DEVICE_INFO;
  if (pollux_device_get_info(port.device, &info) == 0) FUZZ_REQUIRE(info.name[0] != '\0' && info.driver[0] != '\0');
  pollux_link link = POLLUX_LINK;
  (void)pollux_device_get_link(port.device, &link);
  pollux_feature features[4];
  const std::size_t there = std::min<std::size_t>(pollux_device_get_features(port.device, features, 4), 4);
  for (std::size_t index = 0; index < there; ++index) FUZZ_REQUIRE(features[index].name[0] != '\0');
  (void)pollux_device_require(port.device, "zerocopy,native");
  (void)pollux_device_wants_visible(port.device);
  pollux_pool_report report = POLLUX_POOL_REPORT;
  FUZZ_REQUIRE(pollux_pool_get_report(pool, &report) == 0);
}

// The first packet that is held, to another place in its frame.
void Move(const pollux_pool_layout& layout, std::size_t where) {
  if (held.empty()) return;
  pollux_packet& packet = held.front();
  FUZZ_REQUIRE(pollux_pool_owns(&layout, packet.data) && packet.pool == layout.id);
  FUZZ_REQUIRE(pollux_frame_number(&layout, packet.data) < kFrames);
  packet.data = pollux_frame_start(packet.data, layout.frame_size) + 4 * where;
  packet.length = std::min(packet.length, layout.frame_size - static_cast<uint32_t>(4 * where));
  FUZZ_REQUIRE(pollux_packet_headroom(&packet, layout.frame_size) == 4 * where);
  pollux_rx_metadata metadata = POLLUX_RX_METADATA;
  FUZZ_REQUIRE(pollux_packet_get_rx_metadata(&packet, &metadata) == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  pollux::fuzz::Input input(data, size);
  pollux_pool_options options = POLLUX_POOL_DEFAULTS;
  options.frame_count = kFrames;
  options.pages = POLLUX_PAGES_ORDINARY;
  pollux_pool* pool = nullptr;
  FUZZ_REQUIRE(pollux_pool_create(&options, &pool) == 0);
  pollux_pool_layout layout = POLLUX_POOL_LAYOUT;
  FUZZ_REQUIRE(pollux_pool_get_layout(pool, &layout) == 0 && layout.frame_count == kFrames);
  Port ports[2];
  while (!input.empty()) {
    const uint8_t call = input.Byte();
    Port& port = ports[call & 1];
    const std::size_t count = input.Byte();
    switch (call / 2 % 16) {
      case 0:
        if (port.device == nullptr) {
          const char* const names[] = {"net_ring0", "net_ring1", "net_null0", "net_null1"};
          FUZZ_REQUIRE(pollux_device_open(names[(count % 2) * 2 + (call & 1)], nullptr, nullptr, &port.device) == 0);
        }
        break;
      case 1:
        Configure(port, pool, static_cast<uint32_t>(count % 4));
        break;
      case 2:
        (void)pollux_device_start(port.device);
        break;
      case 3:
        (void)pollux_device_stop(port.device);
        break;
      case 4:
        pollux_device_close(port.device);
        port = {};
        break;
      case 5: {
        pollux_packet packets[64];
        const std::size_t allocated = pollux_allocate(pool, packets, std::min<std::size_t>(count, 64));
        held.insert(held.end(), packets, packets + allocated);
        break;
      }
      case 6:
        pollux_free(held.data(), std::min(count, held.size()));
        held.erase(held.begin(), held.begin() + static_cast<std::ptrdiff_t>(std::min(count, held.size())));
        break;
      case 7:
        Receive(port, count);
        break;
      case 8:
      case 9:
        Send(port, count, call / 2 % 16 == 9);
        break;
      case 10:
        (void)pollux_flush(port.tx);
        (void)pollux_tx_poll(port.tx);
        break;
      case 12:
        pollux_pool_flush_thread(pool);
        break;
      case 13:
        Set(port, count);
        break;
      case 14:
        Ask(port, pool);
        break;
      case 15:
        Move(layout, count);
        break;
      default: {
        pollux_stats stats = POLLUX_STATS;
        if (pollux_device_get_stats(port.device, POLLUX_WHOLE_DEVICE, &stats) == 0) FUZZ_REQUIRE(stats.reserved == 0);
        pollux_event events[2];
        (void)pollux_device_poll_events(port.device, events, 2);
        (void)pollux_device_get_counters(port.device, nullptr, 0);
      }
    }
    FUZZ_REQUIRE(pollux_pool_free_count(pool) + held.size() <= kFrames);
  }
  for (Port& port : ports) pollux_device_close(port.device);
  pollux_free(held.data(), held.size());
  held.clear();
  FUZZ_REQUIRE(pollux_pool_free_count(pool) == kFrames);
  pollux_pool_release(pool);
  FUZZ_REQUIRE(pollux_pools_lingering() == 0);
  return 0;
}
