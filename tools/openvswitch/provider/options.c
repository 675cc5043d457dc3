// SPDX-License-Identifier: Apache-2.0
// What a user may set: `ovs-vsctl set interface p0 options:KEY=VALUE`. docs/openvswitch.md has the table.
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "netdev_pollux.h"
#include "openvswitch/dynamic-string.h"
#include "ovs-numa.h"
#include "util.h"

#define DEFAULT_FRAMES 65536
#define VLAN_HEADERS 18  // of the longest packet, beside the MTU: Ethernet and one VLAN tag
#define HEADROOM 256
#define LARGEST_MTU 65535  // of an interface

// Options that are an argument of net_af_xdp under another name. The driver checks the values.
static const struct {
  const char* option;
  const char* argument;
} driver_options[] = {
    {"attach", "attach"},
    {"broker", "broker"},
    {"start-queue", "start_queue"},
    {"busy-poll-budget", "busy_budget"},
    {"busy-poll-timeout-us", "busy_timeout_us"},
    {"dispatcher", "dispatcher"},
    {"xdp-prog", "xdp_prog"},
    {"tx", "tx"},
    {"flush-us", "flush_us"},
    {"rx-metadata", "rx_metadata"},
};

static const struct {
  const char* name;
  const char* arguments;
} xdp_modes[] = {
    {"best-effort", ""},
    {"native-with-zerocopy", ",mode=drv,bind_mode=zerocopy"},
    {"native", ",mode=drv,bind_mode=copy"},
    {"generic", ",mode=skb,bind_mode=copy"},
};

static const struct {
  const char* name;
  uint32_t pages;
  uint32_t required;
} page_kinds[] = {
    {"auto", POLLUX_PAGES_AUTOMATIC, 0}, {"off", POLLUX_PAGES_ORDINARY, 0}, {"2M", POLLUX_PAGES_2M, 1}, {"1G", POLLUX_PAGES_1G, 1}};

static const char* const other_options[] = {"n_rxq",  "xdp-mode",  "n_rxq_desc", "n_txq_desc", "frame-size",
                                            "frames", "hugepages", "steer",      "require",    "use-need-wakeup"};

// --- One value -------------------------------------------------------------------------------------------------------------------

static bool ParseNumber(const struct smap* options, const char* key, uint32_t least, uint32_t most, uint32_t* number, char** error) {
  const char* text = smap_get(options, key);
  unsigned int value;
  if (text == NULL) return true;
  if (str_to_uint(text, 10, &value) && value >= least && value <= most) {
    *number = value;
    return true;
  }
  *error = xasprintf("options:%s=%s: a number from %" PRIu32 " to %" PRIu32 " is needed", key, text, least, most);
  return false;
}

static bool ParseMode(const struct smap* options, struct ds* arguments, char** error) {
  const char* text = smap_get_def(options, "xdp-mode", "best-effort");
  for (size_t i = 0; i < ARRAY_SIZE(xdp_modes); i++) {
    if (!strcasecmp(text, xdp_modes[i].name)) {
      ds_put_cstr(arguments, xdp_modes[i].arguments);
      return true;
    }
  }
  *error = xasprintf("options:xdp-mode=%s: best-effort, native-with-zerocopy, native or generic is needed", text);
  return false;
}

static bool ParsePages(const struct smap* options, struct pollux_pool_options* memory, char** error) {
  const char* text = smap_get_def(options, "hugepages", "auto");
  for (size_t i = 0; i < ARRAY_SIZE(page_kinds); i++) {
    if (!strcasecmp(text, page_kinds[i].name)) {
      memory->pages = page_kinds[i].pages;
      memory->require_pages = page_kinds[i].required;
      return true;
    }
  }
  *error = xasprintf("options:hugepages=%s: auto, off, 2M or 1G is needed", text);
  return false;
}

static bool ParseFrameSize(const struct smap* options, struct pollux_settings* settings, char** error) {
  const char* text = smap_get_def(options, "frame-size", "auto");
  settings->frame_size = !strcmp(text, "2048") ? 2048 : !strcmp(text, "4096") ? 4096 : 0;
  if (settings->frame_size != 0 || !strcmp(text, "auto")) return true;
  *error = xasprintf("options:frame-size=%s: auto, 2048 or 4096 is needed", text);
  return false;
}

// Rules are separated by ';', which no rule contains.
static void AddSteering(const struct smap* options, struct ds* arguments) {
  char* rules = xstrdup(smap_get_def(options, "steer", ""));
  char* rest = rules;
  for (char* rule = strsep(&rest, ";"); rule != NULL; rule = strsep(&rest, ";")) {
    rule += strspn(rule, " ");
    if (*rule != '\0') ds_put_format(arguments, ",steer=%s", rule);
  }
  free(rules);
}

static bool IsKnown(const char* key) {
  for (size_t i = 0; i < ARRAY_SIZE(driver_options); i++) {
    if (!strcmp(key, driver_options[i].option)) return true;
  }
  for (size_t i = 0; i < ARRAY_SIZE(other_options); i++) {
    if (!strcmp(key, other_options[i])) return true;
  }
  return false;
}

static bool CheckKeys(const struct smap* options, char** error) {
  const struct smap_node* node;
  SMAP_FOR_EACH(node, options) {
    if (IsKnown(node->key) && strchr(node->value, ',') == NULL) continue;
    struct ds text = DS_EMPTY_INITIALIZER;
    if (IsKnown(node->key)) {
      ds_put_format(&text, "options:%s=%s: no comma is allowed%s", node->key, node->value,
                    strcmp(node->key, "require") ? "" : " (features are separated by spaces)");
    } else {
      ds_put_format(&text, "options:%s: a port of type=pollux has no such option; it has", node->key);
      for (size_t i = 0; i < ARRAY_SIZE(driver_options); i++) ds_put_format(&text, " %s", driver_options[i].option);
      for (size_t i = 0; i < ARRAY_SIZE(other_options); i++) ds_put_format(&text, " %s", other_options[i]);
    }
    *error = ds_steal_cstr(&text);
    return false;
  }
  return true;
}

// --- All of them -----------------------------------------------------------------------------------------------------------------

// Opens the device, which looks and changes nothing, for what only the driver and the interface can tell.
static bool CheckWithDriver(const char* interface, struct pollux_settings* settings, char** error) {
  struct pollux_device_info info = POLLUX_DEVICE_INFO;
  pollux_device* device;
  if (pollux_device_open("net_af_xdp", interface, settings->arguments, &device) || pollux_device_get_info(device, &info)) {
    *error = xstrdup(pollux_last_error());
    return false;
  }
  pollux_device_close(device);
  // As Open vSwitch places PMD threads: a port whose node is unknown belongs to node 0, and shares the memory of that node's cards.
  if (ovs_numa_get_n_numas() > 1) settings->memory.numa_node = MAX(info.numa_node, 0);
  if (settings->rx_queues <= info.maximum_rx_queues || info.maximum_rx_queues == 0) return true;
  *error = xasprintf("options:n_rxq=%" PRIu32 ": interface %s has %" PRIu32
                     " receive queue(s) from start-queue on (ethtool -L %s combined "
                     "%" PRIu32 ", if its driver can)",
                     settings->rx_queues, interface, info.maximum_rx_queues, interface, settings->rx_queues);
  return false;
}

int pollux_settings_parse(const char* interface, const struct smap* options, struct pollux_settings* settings, char** error) {
  struct ds arguments = DS_EMPTY_INITIALIZER;
  *settings = (struct pollux_settings){.rx_queues = 1, .memory = POLLUX_POOL_DEFAULTS};
  settings->memory.frame_count = DEFAULT_FRAMES;
  bool valid = CheckKeys(options, error) && ParseNumber(options, "n_rxq", 1, POLLUX_MOST_QUEUES, &settings->rx_queues, error) &&
               ParseNumber(options, "n_rxq_desc", 64, 32768, &settings->rx_ring, error) &&
               ParseNumber(options, "n_txq_desc", 64, 32768, &settings->tx_ring, error) &&
               ParseNumber(options, "frames", 4096, 1 << 24, &settings->memory.frame_count, error) &&
               ParseFrameSize(options, settings, error) && ParsePages(options, &settings->memory, error) &&
               ParseMode(options, &arguments, error);
  if (valid) {
    for (size_t i = 0; i < ARRAY_SIZE(driver_options); i++) {
      const char* value = smap_get(options, driver_options[i].option);
      if (value != NULL) ds_put_format(&arguments, ",%s=%s", driver_options[i].argument, value);
    }
    if (!smap_get_bool(options, "use-need-wakeup", true)) ds_put_cstr(&arguments, ",need_wakeup=0");
    AddSteering(options, &arguments);
    // Without the comma before the first.
    settings->arguments = xstrdup(ds_cstr(&arguments) + (arguments.length > 0));
    settings->brokered = smap_get(options, "broker") != NULL;
    // Where somebody else makes sockets or programs, and where zero-copy is a must, which most drivers have for one frame alone.
    settings->one_frame = settings->brokered || smap_get_int(options, "dispatcher", 0) != 0 ||
                          !strcasecmp(smap_get_def(options, "xdp-mode", ""), "native-with-zerocopy") ||
                          strstr(smap_get_def(options, "require", ""), "zerocopy") != NULL;
    settings->require = xstrdup(smap_get_def(options, "require", ""));
    for (char* space = settings->require; (space = strchr(space, ' ')) != NULL;) *space = ',';
    valid = CheckWithDriver(interface, settings, error);
    if (!valid) pollux_settings_free(settings);
  }
  ds_destroy(&arguments);
  return valid ? 0 : EINVAL;
}

bool pollux_settings_equal(const struct pollux_settings* a, const struct pollux_settings* b) {
  return a->rx_queues == b->rx_queues && a->rx_ring == b->rx_ring && a->tx_ring == b->tx_ring && a->frame_size == b->frame_size &&
         !memcmp(&a->memory, &b->memory, sizeof a->memory) && nullable_string_is_equal(a->arguments, b->arguments) &&
         nullable_string_is_equal(a->require, b->require);
}

void pollux_settings_copy(struct pollux_settings* to, const struct pollux_settings* from) {
  *to = *from;
  to->arguments = nullable_xstrdup(from->arguments);
  to->require = nullable_xstrdup(from->require);
}

void pollux_settings_free(struct pollux_settings* settings) {
  free(settings->arguments);
  free(settings->require);
  *settings = (struct pollux_settings){0};
}

uint32_t pollux_frame_size_for(const struct pollux_settings* settings, int mtu) {
  if (settings->frame_size != 0) return settings->frame_size;
  return mtu + VLAN_HEADERS + HEADROOM <= 2048 ? 2048 : 4096;
}

static int LargestMtu(const struct pollux_settings* settings, uint32_t frames) {
  return MIN(frames * ((settings->frame_size != 0 ? settings->frame_size : 4096) - HEADROOM) - VLAN_HEADERS, LARGEST_MTU);
}

int pollux_largest_mtu_in_one_frame(const struct pollux_settings* settings) {
  return LargestMtu(settings, 1);
}

bool pollux_needs_several_frames(const struct pollux_settings* settings, int mtu) {
  return !settings->one_frame && mtu > LargestMtu(settings, 1);
}

int pollux_largest_mtu(const struct pollux_settings* settings) {
  return LargestMtu(settings, settings->one_frame ? 1 : POLLUX_MOST_FRAMES);
}
