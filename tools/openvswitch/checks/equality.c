// SPDX-License-Identifier: Apache-2.0
// Whether the kernel's program sees and does what the datapath would: equality INTERFACE OUTPUT ROUNDS [SEED]. Ends with 1 and the packet
// if not.
//
// Packets that begin as Open vSwitch composes them, and are then bent and cut. Of each its flow_extract makes a flow, of which some fields
// are matched and to which random actions are given; that goes through the provider's translation into a table, and the
// program is run on another packet (BPF_PROG_TEST_RUN). It may send a packet up for a reason that it counts. Where it does not:
//   - it has matched if and only if flow_extract and the mask say so;
//   - the bytes that leave are those of odp_execute_actions.
//
// Compiled with Open vSwitch's own objects (equality.py).
#include <config.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dp-packet.h"
#include "flow.h"
#include "netlink.h"
#include "odp-execute.h"
#include "odp-netlink.h"
#include "odp-util.h"
#include "offload.h"
#include "openvswitch/match.h"
#include "openvswitch/ofpbuf.h"
#include "packets.h"
#include "random.h"
#include "util.h"

#define IN_PORT 1
#define OUT_PORT 2
#define MOST_BYTES 512
#define MOST_ATTEMPTS 20

enum { XDP_DROPPED = 1, XDP_REDIRECTED = 4 };

static pollux_flow_table* table;
static int program;

static void Require(int error, const char* what) {
  if (!error) return;
  fprintf(stderr, "equality: %s: %s\n", what, pollux_last_error());
  exit(2);
}

// --- The table -------------------------------------------------------------------------------------------------------------------

static void OpenPort(const char* interface, pollux_pool** pool, uint32_t number, enum pollux_flow_role role) {
  pollux_device* device;
  char name[32];
  snprintf(name, sizeof name, "net_af_xdp%u", number);
  // With rx_vlan=auto the program is bound to its device where the kernel can, and BPF_PROG_TEST_RUN refuses such a program.
  Require(pollux_device_open(name, interface, "rx_vlan=off", &device), interface);
  if (*pool == NULL) {
    const struct pollux_pool_options options = POLLUX_POOL_DEFAULTS;
    Require(pollux_pool_create_for(device, &options, pool), "pool");
  }
  const struct pollux_device_config config = {.size = sizeof config, .rx_queues = 1, .tx_queues = 1, .pool = *pool};
  Require(pollux_device_configure(device, &config), interface);
  Require(pollux_device_start(device), interface);
  Require(pollux_device_use_flows(device, table, number, role), interface);
}

static int ProgramOf(const char* interface) {
  uint32_t id = 0;
  if (bpf_xdp_query_id(if_nametoindex(interface), 0, &id) || id == 0) ovs_fatal(0, "%s has no program", interface);
  const int descriptor = bpf_prog_get_fd_by_id(id);
  if (descriptor < 0) ovs_fatal(errno, "program %u", id);
  return descriptor;
}

static uint64_t Counter(const char* name) {
  struct pollux_counter counters[32];
  const size_t count = pollux_flow_table_get_counters(table, counters, ARRAY_SIZE(counters));
  for (size_t i = 0; i < count; i++) {
    if (!strcmp(counters[i].name, name)) return counters[i].value;
  }
  ovs_fatal(0, "no counter %s", name);
}

static uint32_t FindOutput(const struct pollux_output_finder* finder, odp_port_t port) {
  return odp_to_u32(port) == OUT_PORT ? OUT_PORT : POLLUX_NO_NUMBER;
}
static const struct pollux_output_finder finder = {FindOutput};

// --- Packets ---------------------------------------------------------------------------------------------------------------------

struct bytes {
  uint8_t data[MOST_BYTES];
  size_t length;
};

static unsigned Random(unsigned below) {
  return random_range(below);
}

static void Extract(const struct bytes* bytes, struct dp_packet* packet, struct flow* flow) {
  dp_packet_init(packet, 0);
  dp_packet_reserve(packet, 128);
  dp_packet_put(packet, bytes->data, bytes->length);
  pkt_metadata_init(&packet->md, u32_to_odp(IN_PORT));
  flow_extract(packet, flow);
}

static void Compose(struct bytes* bytes) {
  static const uint16_t types[] = {ETH_TYPE_IP,  ETH_TYPE_IP,   ETH_TYPE_IPV6, ETH_TYPE_IPV6,
                                   ETH_TYPE_ARP, ETH_TYPE_RARP, ETH_TYPE_MPLS, 0x88cc};
  static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_SCTP, IPPROTO_IGMP, IPPROTO_GRE, 59};
  struct flow flow = {.packet_type = htonl(PT_ETH)};
  struct dp_packet packet;
  random_bytes(&flow.dl_dst, sizeof flow.dl_dst + sizeof flow.dl_src);
  flow.dl_type = htons(types[Random(ARRAY_SIZE(types))]);
  const int tags = Random(4);
  for (int i = 0; i < MIN(tags, 2); i++) {
    flow.vlans[i].tpid = htons(Random(2) ? ETH_TYPE_VLAN_8021Q : ETH_TYPE_VLAN_8021AD);
    flow.vlans[i].tci = htons(VLAN_CFI | Random(8) << 13 | Random(4096));
  }
  random_bytes(&flow.nw_src, sizeof flow.nw_src + sizeof flow.nw_dst);
  random_bytes(&flow.ipv6_src, sizeof flow.ipv6_src + sizeof flow.ipv6_dst);
  random_bytes(&flow.arp_sha, sizeof flow.arp_sha + sizeof flow.arp_tha);
  flow.nw_tos = Random(256);
  flow.nw_ttl = Random(256);
  flow.nw_proto = flow.dl_type == htons(ETH_TYPE_ARP) ? 1 + Random(2) : protocols[Random(ARRAY_SIZE(protocols))];
  flow.tp_src = htons(Random(4) ? Random(65536) : 135);
  flow.tp_dst = htons(Random(4) ? Random(65536) : 0);
  flow.tcp_flags = htons(Random(4096));
  flow.mpls_lse[0] = htonl(Random(INT32_MAX) | MPLS_BOS_MASK);
  if (!Random(4)) flow.nw_frag = Random(2) ? FLOW_NW_FRAG_ANY : FLOW_NW_FRAG_MASK;
  dp_packet_init(&packet, 0);
  flow_compose(&packet, &flow, NULL, Random(3) * 20);
  bytes->length = MIN(dp_packet_size(&packet), MOST_BYTES);
  memcpy(bytes->data, dp_packet_data(&packet), bytes->length);
  dp_packet_uninit(&packet);
}

// Extension headers and fragments, which are not composed: behind the IPv6 header of a packet without tags.
static void Extend(struct bytes* bytes) {
  static const uint8_t kinds[] = {IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_DSTOPTS, IPPROTO_FRAGMENT, IPPROTO_AH, 135};
  enum { ETHERNET = 14, HEADER = 54 };
  if (bytes->length < HEADER || bytes->length + 32 > MOST_BYTES || bytes->data[12] != 0x86 || bytes->data[13] != 0xdd) return;
  const uint8_t kind = kinds[Random(ARRAY_SIZE(kinds))], units = kind == IPPROTO_FRAGMENT ? 1 : 1 + Random(3);
  memmove(bytes->data + HEADER + units * 8, bytes->data + HEADER, bytes->length - HEADER);
  uint8_t* extension = bytes->data + HEADER;
  random_bytes(extension, units * 8);
  extension[0] = bytes->data[ETHERNET + 6];
  extension[1] = kind == IPPROTO_FRAGMENT ? 0 : units - 1;
  if (kind == IPPROTO_FRAGMENT && Random(2)) {
    extension[2] = 0;
    extension[3] = Random(8);
  }
  bytes->data[ETHERNET + 6] = kind;
  bytes->length += units * 8;
  const uint16_t payload = (bytes->data[ETHERNET + 4] << 8 | bytes->data[ETHERNET + 5]) + units * 8;
  bytes->data[ETHERNET + 4] = payload >> 8;
  bytes->data[ETHERNET + 5] = payload;
}

static void Bend(struct bytes* bytes) {
  while (!Random(3)) bytes->data[Random(MIN(bytes->length, 90))] = Random(3) ? Random(256) : Random(2) * 255;
  while (!Random(4)) bytes->data[Random(MIN(bytes->length, 90))] ^= 1 << Random(8);
  if (!Random(8)) bytes->length = ETH_HEADER_LEN + Random(bytes->length - ETH_HEADER_LEN + 1);
  if (!Random(8)) bytes->length = MIN(bytes->length + Random(64), MOST_BYTES);
}

// --- Flows -----------------------------------------------------------------------------------------------------------------------

// What the datapath always matches, and of the rest some fields, or some of their bits.
static void MakeMatch(const struct flow* flow, struct match* match) {
  memset(match, 0, sizeof *match);
  match->flow = *flow;
  flow_wildcards_init_for_packet(&match->wc, flow);
  struct flow* masks = &match->wc.masks;
  const bool all = !Random(3);
#define LOOSEN(FIELD)                                                                              \
  do {                                                                                             \
    if (!all && Random(2)) memset(&masks->FIELD, 0, sizeof masks->FIELD);                          \
    if (!all && !Random(6)) ((uint8_t*)&masks->FIELD)[Random(sizeof masks->FIELD)] &= Random(256); \
  } while (0)
  LOOSEN(dl_dst);
  LOOSEN(dl_src);
  LOOSEN(vlans[0].tpid);
  LOOSEN(vlans[1]);
  LOOSEN(nw_src);
  LOOSEN(nw_dst);
  LOOSEN(ipv6_src);
  LOOSEN(ipv6_dst);
  LOOSEN(nw_tos);
  LOOSEN(nw_ttl);
  LOOSEN(nw_proto);
  LOOSEN(tp_src);
  LOOSEN(tp_dst);
  LOOSEN(tcp_flags);
  LOOSEN(arp_sha);
  LOOSEN(arp_tha);
  masks->vlans[0].tci = all || Random(2) ? OVS_BE16_MAX : htons(VLAN_VID_MASK | VLAN_CFI);
  // Ports need the protocol; the table has none of the others.
  if (masks->nw_proto != UINT8_MAX) masks->tp_src = masks->tp_dst = masks->tcp_flags = 0;
  const bool has_ports = flow->nw_proto == IPPROTO_TCP || flow->nw_proto == IPPROTO_UDP || flow->nw_proto == IPPROTO_SCTP ||
                         flow->nw_proto == (flow->dl_type == htons(ETH_TYPE_IPV6) ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
  if (!has_ports) masks->tp_src = masks->tp_dst = 0;
  if (flow->nw_proto != IPPROTO_TCP) masks->tcp_flags = 0;
  if (flow->dl_type != htons(ETH_TYPE_ARP)) {
    memset(&masks->arp_sha, 0, sizeof masks->arp_sha);
    memset(&masks->arp_tha, 0, sizeof masks->arp_tha);
  }
  if (flow->dl_type == htons(ETH_TYPE_RARP)) masks->nw_src = masks->nw_dst = masks->nw_proto = 0;
  memset(&masks->nd_target, 0, sizeof masks->nd_target);
  masks->ipv6_label = 0;
  masks->igmp_group_ip4 = 0;
  memset(masks->mpls_lse, 0, sizeof masks->mpls_lse);
  memset(&masks->nsh, 0, sizeof masks->nsh);
}

static void PutMasked(struct ofpbuf* actions, uint16_t type, const void* value, const void* mask, size_t size) {
  const size_t offset = nl_msg_start_nested(actions, OVS_ACTION_ATTR_SET_MASKED);
  uint8_t* data = nl_msg_put_unspec_uninit(actions, type, 2 * size);
  for (size_t i = 0; i < size; i++) data[i] = ((const uint8_t*)value)[i] & ((const uint8_t*)mask)[i];
  memcpy(data + size, mask, size);
  nl_msg_end_nested(actions, offset);
}

static void PutSet(struct ofpbuf* actions, uint16_t type, size_t size, size_t from, size_t to) {
  uint8_t value[64], mask[64] = {0};
  random_bytes(value, size);
  random_bytes(mask + from, to - from);
  for (size_t i = from; i < to; i++) {
    if (Random(2)) mask[i] = Random(2) * 255;
  }
  PutMasked(actions, type, value, mask, size);
}

static void MakeActions(const struct flow* flow, struct ofpbuf* actions) {
  for (int i = Random(5); i > 0; i--) {
    switch (Random(5)) {
      case 0: {
        const struct ovs_action_push_vlan vlan = {htons(Random(2) ? ETH_TYPE_VLAN_8021Q : ETH_TYPE_VLAN_8021AD),
                                                  htons(Random(65536) | VLAN_CFI)};
        nl_msg_put_unspec(actions, OVS_ACTION_ATTR_PUSH_VLAN, &vlan, sizeof vlan);
        break;
      }
      case 1:
        nl_msg_put_flag(actions, OVS_ACTION_ATTR_POP_VLAN);
        break;
      case 2:
        PutSet(actions, OVS_KEY_ATTR_ETHERNET, sizeof(struct ovs_key_ethernet), 0, sizeof(struct ovs_key_ethernet));
        break;
      case 3:
        if (flow->dl_type == htons(ETH_TYPE_IP)) {
          PutSet(actions, OVS_KEY_ATTR_IPV4, sizeof(struct ovs_key_ipv4), Random(2) * 8, 8);
          struct ovs_key_ipv4 value = {.ipv4_tos = Random(256), .ipv4_ttl = Random(256)}, mask = {.ipv4_tos = Random(256), .ipv4_ttl = 255};
          PutMasked(actions, OVS_KEY_ATTR_IPV4, &value, &mask, sizeof value);
        } else if (flow->dl_type == htons(ETH_TYPE_IPV6)) {
          PutSet(actions, OVS_KEY_ATTR_IPV6, sizeof(struct ovs_key_ipv6), Random(3) * 16, 32);
          struct ovs_key_ipv6 value = {.ipv6_tclass = Random(256), .ipv6_hlimit = Random(256)},
                              mask = {.ipv6_tclass = 255, .ipv6_hlimit = 255};
          PutMasked(actions, OVS_KEY_ATTR_IPV6, &value, &mask, sizeof value);
        }
        break;
      default:
        if (flow->dl_type != htons(ETH_TYPE_IP) && flow->dl_type != htons(ETH_TYPE_IPV6)) break;
        if (flow->nw_proto == IPPROTO_TCP) PutSet(actions, OVS_KEY_ATTR_TCP, 4, 0, 4);
        if (flow->nw_proto == IPPROTO_UDP) PutSet(actions, OVS_KEY_ATTR_UDP, 4, 0, 4);
        break;
    }
  }
  if (Random(8)) nl_msg_put_odp_port(actions, OVS_ACTION_ATTR_OUTPUT, u32_to_odp(OUT_PORT));
}

// --- A round ---------------------------------------------------------------------------------------------------------------------

static struct { uint64_t rounds, refused, up, missed, dropped, sent; } totals;

static struct bytes expected;
static bool was_sent;

static void TakeOutput(void* datapath, struct dp_packet_batch* batch, const struct nlattr* action, bool steal) {
  struct dp_packet* packet = batch->packets[0];
  was_sent = true;
  expected.length = dp_packet_size(packet);
  memcpy(expected.data, dp_packet_data(packet), MIN(expected.length, MOST_BYTES));
  dp_packet_delete_batch(batch, steal);
}

static void Print(const char* what, const uint8_t* data, size_t length) {
  printf("%s:", what);
  for (size_t i = 0; i < length; i++) printf(" %02x", data[i]);
  printf("\n");
}

static void Fail(const char* what, const struct bytes* packet, const struct match* match, const struct ofpbuf* actions, const uint8_t* got,
                 size_t length) {
  struct ds text = DS_EMPTY_INITIALIZER;
  format_odp_actions(&text, actions->data, actions->size, NULL);
  char* flow = match_to_string(match, NULL, 0);
  printf("equality: round %" PRIu64 ": %s\nflow: %s\nactions: %s\n", totals.rounds, what, flow, ds_cstr(&text));
  Print("packet", packet->data, packet->length);
  if (got != NULL) {
    Print("expected", expected.data, expected.length);
    Print("got", got, length);
  }
  exit(1);
}

// Where Open vSwitch changes addresses it also changes bytes of later fragments of IPv4, as if a TCP or UDP header were there; and not the
// checksum of a packet of IPv6 whose fragment header says that it is whole. The table does neither.
static bool IsLeftAlone(struct dp_packet* packet, const struct flow* seen) {
  if (seen->dl_type == htons(ETH_TYPE_IP)) return seen->nw_frag & FLOW_NW_FRAG_LATER;
  if (seen->dl_type != htons(ETH_TYPE_IPV6) || seen->nw_frag) return false;
  const struct ovs_16aligned_ip6_hdr* header = dp_packet_l3(packet);
  const void* data = header + 1;
  size_t size = (const char*)dp_packet_tail(packet) - (const char*)data;
  uint8_t protocol = header->ip6_nxt, fragment = 0;
  const struct ovs_16aligned_ip6_frag* fragment_header = NULL;
  return parse_ipv6_ext_hdrs(&data, &size, &protocol, &fragment, &fragment_header) && fragment_header != NULL;
}

static void Round(void) {
  struct bytes one, other;
  struct dp_packet packet, another;
  struct flow flow, seen;
  struct match match;
  struct pollux_translation translation;
  uint64_t id, stub[256];
  struct ofpbuf actions = OFPBUF_STUB_INITIALIZER(stub);
  totals.rounds++;
  flow_limit_vlans(1 + Random(2));
  Compose(&one);
  while (!Random(3)) Extend(&one);
  if (Random(2)) Bend(&one);
  other = one;
  if (Random(2)) Bend(&other);
  Extract(&one, &packet, &flow);
  Extract(&other, &another, &seen);
  MakeMatch(&flow, &match);
  MakeActions(&flow, &actions);
  if (pollux_translate(&match, actions.data, actions.size, IN_PORT, &finder, &translation)) {
    Require(pollux_flow_add(table, &translation.flow, &id), "pollux_flow_add");
    uint8_t out[MOST_BYTES + 64];
    LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = other.data, .data_size_in = other.length, .data_out = out, .repeat = 1);
    // What else the interface receives is counted too: a miss that is ours is there each time.
    bool missed = true;
    for (int attempt = 0; missed && attempt < MOST_ATTEMPTS; attempt++) {
      const uint64_t misses = Counter("flow_misses");
      run.data_size_out = sizeof out;
      if (bpf_prog_test_run_opts(program, &run)) ovs_fatal(errno, "BPF_PROG_TEST_RUN of %zu bytes", other.length);
      missed = Counter("flow_misses") != misses;
    }
    struct pollux_flow_statistics statistics = POLLUX_FLOW_STATISTICS;
    Require(pollux_flow_remove(table, id, &statistics), "pollux_flow_remove");
    const bool hit = statistics.packets != 0;
    const bool equal = flow_equal_except(&seen, &match.flow, &match.wc);
    if (hit && !equal) Fail("the table has matched what the datapath does not", &other, &match, &actions, NULL, 0);
    if (missed && equal) Fail("the table has not matched what the datapath does", &other, &match, &actions, NULL, 0);
    totals.missed += missed;
    totals.up += !hit && !missed;
    if (hit) {
      struct dp_packet_batch batch;
      was_sent = false;
      const bool left_alone = IsLeftAlone(&another, &seen);
      dp_packet_batch_init_packet(&batch, dp_packet_clone(&another));
      odp_execute_actions(NULL, &batch, true, actions.data, actions.size, TakeOutput);
      if ((run.retval == XDP_REDIRECTED) != was_sent) Fail("sent or not", &other, &match, &actions, NULL, 0);
      if (was_sent && !left_alone && (run.data_size_out != expected.length || memcmp(out, expected.data, expected.length))) {
        Fail("other bytes", &other, &match, &actions, out, run.data_size_out);
      }
      totals.sent += was_sent;
      totals.dropped += !was_sent;
    }
  } else {
    totals.refused++;
  }
  ofpbuf_uninit(&actions);
  dp_packet_uninit(&packet);
  dp_packet_uninit(&another);
}

int main(int argc, char** argv) {
  if (argc < 4) ovs_fatal(0, "usage: equality INTERFACE OUTPUT ROUNDS [SEED]");
  set_program_name(argv[0]);
  random_set_seed(argc > 4 ? atoi(argv[4]) : 1);
  odp_execute_init();
  pollux_pool* pool = NULL;
  const struct pollux_flow_table_options options = POLLUX_FLOW_TABLE_DEFAULTS;
  Require(pollux_flow_table_create(&options, &table), "table");
  OpenPort(argv[1], &pool, IN_PORT, POLLUX_FLOW_INPUT_AND_OUTPUT);
  OpenPort(argv[2], &pool, OUT_PORT, POLLUX_FLOW_OUTPUT);
  program = ProgramOf(argv[1]);
  for (uint64_t rounds = atoll(argv[3]); totals.rounds < rounds;) Round();
  printf("%" PRIu64 " rounds: %" PRIu64 " refused, %" PRIu64 " up, %" PRIu64 " missed, %" PRIu64 " dropped, %" PRIu64 " sent\n",
         totals.rounds, totals.refused, totals.up, totals.missed, totals.dropped, totals.sent);
  return 0;
}
