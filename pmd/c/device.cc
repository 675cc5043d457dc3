// SPDX-License-Identifier: Apache-2.0
// The functions of pollux.h on devices.
#include "pmd/device.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

#include "pmd/c/copy_text.h"
#include "pmd/c/error.h"
#include "pmd/c/flow_handle.h"
#include "pmd/c/pollux.h"
#include "pmd/c/pool_handle.h"
#include "pmd/c/registry.h"
#include "pmd/c/sized.h"
#include "pmd/drivers.h"
#include "pmd/rx_metadata.h"
#include "pmd/tap/port_taps.h"

struct pollux_device {
  std::unique_ptr<pollux::pmd::Device> device;
  pollux::pmd::PortTaps taps = {};  // of its queues, which the program uses through it
  std::string name = {};
  // Of the last successful configure.
  std::size_t rx_queues = 0;
  std::size_t tx_queues = 0;
  std::vector<pollux::pmd::DeviceEvent> events = {};  // that were not told yet
  std::size_t number = 0;                             // in the registry
};

namespace pollux::pmd::c {
namespace {

// NAME,iface="INTERFACE",ARGUMENTS
absl::StatusOr<std::string> DeviceText(const char* name, const char* interface, const char* arguments) {
  std::string text = name;
  if (interface != nullptr && *interface != '\0') {
    if (std::strchr(interface, '"') != nullptr) {
      return absl::InvalidArgumentError(absl::StrCat(name, ": interface name ", interface, ": a quotation mark is not possible"));
    }
    absl::StrAppend(&text, ",iface=\"", interface, "\"");
  }
  if (arguments != nullptr && *arguments != '\0') absl::StrAppend(&text, ",", arguments);
  return text;
}

absl::Status NoSuchQueue(const pollux_device& device, const char* direction, uint32_t number, std::size_t count) {
  return absl::NotFoundError(absl::StrCat(device.name, ": no ", direction, " queue ", number, ": ", count, " are configured"));
}

// Runs `body` on the Device behind a handle that must not be null.
template <typename Body>
int WithDevice(const pollux_device* device, const char* call, Body body) noexcept {
  return Guarded([&]() -> absl::Status {
    if (device == nullptr) return NullArgument(call, "device");
    return body(*device->device);
  });
}

// The same for what changes the device, and so waits for telemetry that looks at it; `body` gets what that is to know of it, too.
template <typename Body>
int ChangeDevice(const pollux_device* device, const char* call, Body body) noexcept {
  return WithDevice(device, call, [&](Device& to) {
    Registry& registry = Registry::OfProcess();
    const std::lock_guard lock(registry.lock());
    return body(to, registry.port(device->number));
  });
}

uint32_t TxBits(const TxOffloads& offloads) {
  return (offloads.timestamp ? POLLUX_TX_TIMESTAMP : 0) | (offloads.checksum ? POLLUX_TX_CHECKSUM : 0) |
         (offloads.launch_time ? POLLUX_TX_LAUNCH_TIME : 0);
}

absl::Status CheckRxMetadata(const pollux_device_config& config) {
  if (config.reserved != 0) return absl::InvalidArgumentError(absl::StrCat("config->reserved is ", config.reserved, ": must be 0"));
  if ((config.rx_metadata & ~RxMetadata::kAll) == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("config->rx_metadata is ", config.rx_metadata, ": must be of POLLUX_RX_TIMESTAMP (",
                                                 POLLUX_RX_TIMESTAMP, "), POLLUX_RX_HASH (", POLLUX_RX_HASH, ") and POLLUX_RX_VLAN_TAG (",
                                                 POLLUX_RX_VLAN_TAG, ")"));
}

// Writes what fits of a list that `make` returns, entry by entry; returns the list's length, 0 after an error.
template <typename Entry, typename Make, typename Convert>
std::size_t CopyList(Entry* entries, std::size_t capacity, Make make, Convert convert) noexcept {
  std::size_t count = 0;
  Guarded([&] {
    const auto list = make();
    for (std::size_t index = 0; entries != nullptr && index < std::min(capacity, list.size()); ++index)
      convert(list[index], entries[index]);
    count = list.size();
    return absl::OkStatus();
  });
  return count;
}

}  // namespace
}  // namespace pollux::pmd::c

namespace c = pollux::pmd::c;
using pollux::pmd::Device;

// The kinds have the same numbers in both.
static_assert(POLLUX_EVENT_MOVES == static_cast<int>(pollux::pmd::DeviceEvent::Kind::kMoves));
static_assert(POLLUX_EVENT_FEATURES == static_cast<int>(pollux::pmd::DeviceEvent::Kind::kFeatures));
static_assert(POLLUX_EVENT_GONE == static_cast<int>(pollux::pmd::DeviceEvent::Kind::kGone));

int pollux_device_open(const char* name, const char* interface, const char* arguments, pollux_device** device) noexcept {
  return c::Guarded([&]() -> absl::Status {
    if (name == nullptr) return c::NullArgument("pollux_device_open", "name");
    if (device == nullptr) return c::NullArgument("pollux_device_open", "device");
    const absl::StatusOr<std::string> text = c::DeviceText(name, interface, arguments);
    if (!text.ok()) return text.status();
    absl::StatusOr<std::unique_ptr<Device>> opened = pollux::pmd::OpenDevice(*text);
    if (!opened.ok()) return opened.status();
    auto made = std::make_unique<pollux_device>();
    made->device = *std::move(opened);
    made->name = made->device->Info().name;
    const std::lock_guard lock(c::Registry::OfProcess().lock());
    made->number = c::Registry::OfProcess().Add(*made->device, made->taps);
    *device = made.release();
    return absl::OkStatus();
  });
}

int pollux_pool_create_for(pollux_device* device, const pollux_pool_options* options, pollux_pool** pool) noexcept {
  return c::WithDevice(device, "pollux_pool_create_for",
                       [&](Device& maker) { return c::CreatePool("pollux_pool_create_for", options, &maker, pool); });
}

void pollux_device_close(pollux_device* device) noexcept {
  if (device == nullptr) return;
  c::Guarded([&] {
    {
      const std::lock_guard lock(c::Registry::OfProcess().lock());
      c::Registry::OfProcess().Remove(device->number);
      device->taps.Clear();
    }
    delete device;
    c::LingeringPools::OfProcess().Sweep();
    return absl::OkStatus();
  });
}

int pollux_device_get_info(const pollux_device* device, pollux_device_info* info) noexcept {
  return c::WithDevice(device, "pollux_device_get_info", [&](const Device& from) {
    if (absl::Status status = c::CheckSized("pollux_device_get_info", "info", info); !status.ok()) return status;
    const pollux::pmd::DeviceInfo got = from.Info();
    pollux_device_info known = POLLUX_DEVICE_INFO;
    c::CopyText(got.name, known.name);
    c::CopyText(got.driver, known.driver);
    c::CopyText(got.interface, known.interface);
    known.numa_node = got.numa_node.value_or(POLLUX_ANY_NODE);
    known.mtu = static_cast<uint32_t>(got.mtu);
    known.maximum_rx_queues = static_cast<uint32_t>(got.maximum_rx_queues);
    known.maximum_tx_queues = static_cast<uint32_t>(got.maximum_tx_queues);
    known.recommended_burst = static_cast<uint32_t>(got.recommended_burst);
    known.recommended_ring = static_cast<uint32_t>(got.recommended_ring);
    std::copy(got.mac.bytes.begin(), got.mac.bytes.end(), known.mac);
    known.scattered = from.scattered() ? 1 : 0;
    known.rx_metadata = from.rx_metadata();
    known.tx_metadata = c::TxBits(from.tx_offloads());
    c::WriteSized(known, *info);
    return absl::OkStatus();
  });
}

int pollux_device_wants_visible(const pollux_device* device) noexcept {
  int wants = 0;
  c::WithDevice(device, "pollux_device_wants_visible", [&](const Device& from) {
    wants = from.Info().wants_visible_region ? 1 : 0;
    return absl::OkStatus();
  });
  return wants;
}

size_t pollux_device_poll_events(pollux_device* device, pollux_event* events, size_t capacity) noexcept {
  std::size_t count = 0;
  c::ChangeDevice(device, "pollux_device_poll_events", [&](Device& from, pollux::pmd::PortView&) {
    if (events == nullptr && capacity > 0) return c::NullArgument("pollux_device_poll_events", "events");
    for (pollux::pmd::DeviceEvent& event : from.PollEvents()) device->events.push_back(std::move(event));
    count = std::min(capacity, device->events.size());
    for (std::size_t index = 0; index < count; ++index) {
      const pollux::pmd::DeviceEvent& event = device->events[index];
      events[index] = {.kind = static_cast<uint32_t>(event.kind), .value = event.value, .text = {}};
      c::CopyText(event.text, events[index].text);
    }
    device->events.erase(device->events.begin(), device->events.begin() + static_cast<std::ptrdiff_t>(count));
    return absl::OkStatus();
  });
  return count;
}

int pollux_device_get_link(const pollux_device* device, pollux_link* link) noexcept {
  return c::WithDevice(device, "pollux_device_get_link", [&](const Device& from) {
    if (absl::Status status = c::CheckSized("pollux_device_get_link", "link", link); !status.ok()) return status;
    const auto got = from.Link();
    if (!got.ok()) return got.status();
    const pollux_link known = {
        .size = sizeof(known), .up = got->up, .full_duplex = got->full_duplex, .speed_mbps = static_cast<uint32_t>(got->speed_mbps)};
    c::WriteSized(known, *link);
    return absl::OkStatus();
  });
}

int pollux_device_configure(pollux_device* device, const pollux_device_config* config) noexcept {
  return c::ChangeDevice(device, "pollux_device_configure", [&](Device& to, pollux::pmd::PortView& view) -> absl::Status {
    pollux_device_config known = POLLUX_DEVICE_DEFAULTS;
    if (absl::Status status = c::ReadSized("pollux_device_configure", "config", config, known); !status.ok()) return status;
    if (known.pool == nullptr) return c::NullArgument("pollux_device_configure", "config->pool");
    if (absl::Status status = c::CheckRxMetadata(known); !status.ok()) return status;
    const pollux::pmd::DeviceConfig wanted = {.rx_queues = known.rx_queues,
                                              .tx_queues = known.tx_queues,
                                              .rx_ring = known.rx_ring,
                                              .tx_ring = known.tx_ring,
                                              .pool = known.pool->pool,
                                              .promiscuous = known.promiscuous != 0,
                                              .scattered = known.scattered != 0,
                                              .rx_metadata = known.rx_metadata};
    if (absl::Status status = to.Configure(wanted); !status.ok()) return status;
    view.config = wanted;
    view.configured = true;
    device->taps.Follow(to, known.rx_queues, known.tx_queues);
    device->rx_queues = known.rx_queues;
    device->tx_queues = known.tx_queues;
    return absl::OkStatus();
  });
}

int pollux_device_start(pollux_device* device) noexcept {
  return c::ChangeDevice(device, "pollux_device_start", [](Device& to, pollux::pmd::PortView& view) {
    const absl::Status status = to.Start();
    if (status.ok()) view.started = true;
    return status;
  });
}

int pollux_device_stop(pollux_device* device) noexcept {
  return c::ChangeDevice(device, "pollux_device_stop", [](Device& to, pollux::pmd::PortView& view) {
    view.started = false;
    return to.Stop();
  });
}

int pollux_device_set_promiscuous(pollux_device* device, int on) noexcept {
  return c::ChangeDevice(device, "pollux_device_set_promiscuous",
                         [&](Device& to, pollux::pmd::PortView&) { return to.SetPromiscuous(on != 0); });
}

int pollux_device_set_mtu(pollux_device* device, uint32_t mtu) noexcept {
  return c::ChangeDevice(device, "pollux_device_set_mtu", [&](Device& to, pollux::pmd::PortView&) { return to.SetMtu(mtu); });
}

int pollux_device_set_mac(pollux_device* device, const uint8_t mac[6]) noexcept {
  return c::ChangeDevice(device, "pollux_device_set_mac", [&](Device& to, pollux::pmd::PortView&) {
    if (mac == nullptr) return c::NullArgument("pollux_device_set_mac", "mac");
    pollux::pmd::MacAddress address;
    std::copy_n(mac, address.bytes.size(), address.bytes.begin());
    return to.SetMac(address);
  });
}

int pollux_device_use_flows(pollux_device* device, pollux_flow_table* table, uint32_t port, uint32_t role) noexcept {
  return c::ChangeDevice(device, "pollux_device_use_flows", [&](Device& to, pollux::pmd::PortView& view) {
    if (role > POLLUX_FLOW_INPUT_AND_OUTPUT)
      return absl::InvalidArgumentError(
          absl::StrCat("pollux_device_use_flows: role ", role, ": there are 0 and 1 (enum pollux_flow_role)"));
    const std::shared_ptr<pollux::pmd::FlowTable> flows = table == nullptr ? nullptr : table->table;
    absl::Status status = to.UseFlows(flows, port, static_cast<pollux::pmd::FlowRole>(role));
    if (!status.ok()) return status;
    view.flows = flows;
    view.flow_port = port;
    view.flow_role = static_cast<pollux::pmd::FlowRole>(role);
    return status;
  });
}

size_t pollux_device_get_features(const pollux_device* device, pollux_feature* features, size_t capacity) noexcept {
  if (device == nullptr) return 0;
  return c::CopyList(
      features, capacity, [&] { return device->device->Features(); },
      [](const pollux::pmd::FeatureState& from, pollux_feature& to) {
        c::CopyText(from.feature, to.name);
        c::CopyText(from.asked, to.asked);
        c::CopyText(from.got, to.got);
        c::CopyText(from.reason, to.reason);
        to.queue = from.queue;
        to.present = from.present;
      });
}

int pollux_device_require(const pollux_device* device, const char* features) noexcept {
  return c::WithDevice(device, "pollux_device_require", [&](const Device& from) {
    if (features == nullptr) return c::NullArgument("pollux_device_require", "features");
    const std::vector<std::string> required = absl::StrSplit(features, absl::ByAnyChar(", "), absl::SkipEmpty());
    return pollux::pmd::CheckRequired(from.Features(), required);
  });
}

int pollux_device_get_stats(const pollux_device* device, int queue, pollux_stats* stats) noexcept {
  return c::WithDevice(device, "pollux_device_get_stats", [&](const Device& from) {
    if (absl::Status status = c::CheckSized("pollux_device_get_stats", "stats", stats); !status.ok()) return status;
    const auto queues = static_cast<int64_t>(std::max(device->rx_queues, device->tx_queues));
    if (queue < POLLUX_WHOLE_DEVICE || queue >= queues) {
      return absl::InvalidArgumentError(absl::StrCat(device->name, ": statistics of queue ", queue, ": ", queues, " are configured"));
    }
    const pollux::pmd::QueueStats got = queue == POLLUX_WHOLE_DEVICE ? from.Stats() : from.Stats(static_cast<std::size_t>(queue));
    const pollux_stats known = {.size = sizeof(known),
                                .reserved = 0,
                                .rx_packets = got.rx_packets,
                                .rx_bytes = got.rx_bytes,
                                .rx_missed = got.rx_missed,
                                .rx_errors = got.rx_errors,
                                .rx_nombuf = got.rx_nombuf,
                                .tx_packets = got.tx_packets,
                                .tx_bytes = got.tx_bytes,
                                .tx_dropped = got.tx_dropped,
                                .tx_pending = got.tx_pending};
    c::WriteSized(known, *stats);
    return absl::OkStatus();
  });
}

size_t pollux_device_get_counters(const pollux_device* device, pollux_counter* counters, size_t capacity) noexcept {
  if (device == nullptr) return 0;
  return c::CopyList(
      counters, capacity, [&] { return device->device->ExtendedStats(); },
      [](const pollux::pmd::NamedCounter& from, pollux_counter& to) {
        c::CopyText(from.name, to.name);
        to.value = from.value;
      });
}

void pollux_device_reset_stats(pollux_device* device) noexcept {
  c::WithDevice(device, "pollux_device_reset_stats", [](Device& to) {
    to.ResetStats();
    return absl::OkStatus();
  });
}

pollux_rx_queue* pollux_device_rx_queue(pollux_device* device, uint32_t number) noexcept {
  pollux::pmd::RxQueue* queue = nullptr;
  c::WithDevice(device, "pollux_device_rx_queue", [&](Device&) {
    if (number >= device->rx_queues) return c::NoSuchQueue(*device, "rx", number, device->rx_queues);
    queue = &device->taps.rx_queue(number);
    return absl::OkStatus();
  });
  return reinterpret_cast<pollux_rx_queue*>(queue);
}

pollux_tx_queue* pollux_device_tx_queue(pollux_device* device, uint32_t number) noexcept {
  pollux::pmd::TxQueue* queue = nullptr;
  c::WithDevice(device, "pollux_device_tx_queue", [&](Device&) {
    if (number >= device->tx_queues) return c::NoSuchQueue(*device, "tx", number, device->tx_queues);
    queue = &device->taps.tx_queue(number);
    return absl::OkStatus();
  });
  return reinterpret_cast<pollux_tx_queue*>(queue);
}
