// SPDX-License-Identifier: Apache-2.0
// A flow of the datapath as a flow of the table, or why not. Every bit that the datapath looks at is looked at by the table too, or is one
// that no packet fresh from a port has: of connection tracking, tunnels, recirculation. Else the flow stays with the PMD.
#include <netinet/in.h>
#include <string.h>

#include "flow.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "offload.h"
#include "packets.h"
#include "util.h"

static bool Refuse(struct pollux_translation* translation, const char* obstacle) {
  translation->obstacle = obstacle;
  return false;
}

static bool IsZero(const void* bytes, size_t size) {
  return is_all_zeros(bytes, size);
}

// --- Match -----------------------------------------------------------------------------------------------------------------------

// Moves a field from the datapath's match to the table's; what is left in `rest` was not understood.
#define TAKE(FIELD, KEY)                                                                                                    \
  do {                                                                                                                      \
    BUILD_ASSERT(sizeof rest->FIELD == sizeof(KEY));                                                                        \
    TakeBytes(&match->flow.FIELD, &rest->FIELD, &flow->value, &flow->mask, (const char*)&(KEY) - (const char*)&flow->value, \
              sizeof rest->FIELD);                                                                                          \
  } while (0)

static void TakeBytes(const void* value, void* rest, struct pollux_flow_key* to_value, struct pollux_flow_key* to_mask, size_t offset,
                      size_t size) {
  const unsigned char* from = value;
  unsigned char* mask = rest;
  for (size_t i = 0; i < size; i++) {
    ((unsigned char*)to_mask)[offset + i] = mask[i];
    ((unsigned char*)to_value)[offset + i] = from[i] & mask[i];
    mask[i] = 0;
  }
}

// What no packet fresh from a port has anything but 0 in: asked for 0, it says nothing.
#define FRESH(FIELD)                                                                      \
  do {                                                                                    \
    if (!AreDisjoint(&match->flow.FIELD, &rest->FIELD, sizeof rest->FIELD)) return false; \
    memset(&rest->FIELD, 0, sizeof rest->FIELD);                                          \
  } while (0)

static bool AreDisjoint(const void* one, const void* other, size_t size) {
  for (size_t i = 0; i < size; i++) {
    if (((const unsigned char*)one)[i] & ((const unsigned char*)other)[i]) return false;
  }
  return true;
}

static bool IsFresh(const struct match* match, struct flow* rest) {
  rest->tunnel.metadata.tab = NULL;  // not a field: how the others are to be read
  rest->in_port.odp_port = 0;        // the table has the port's own number
  FRESH(tunnel);
  FRESH(metadata);
  FRESH(regs);
  FRESH(skb_priority);
  FRESH(pkt_mark);
  FRESH(dp_hash);
  FRESH(recirc_id);
  FRESH(ct_state);
  FRESH(ct_nw_proto);
  FRESH(ct_zone);
  FRESH(ct_mark);
  FRESH(packet_type);  // Ethernet is 0
  FRESH(ct_label);
  FRESH(conj_id);
  FRESH(actset_output);
  FRESH(ct_nw_src);
  FRESH(ct_nw_dst);
  FRESH(ct_ipv6_src);
  FRESH(ct_ipv6_dst);
  FRESH(ct_tp_src);
  FRESH(ct_tp_dst);
  return true;
}

// The datapath looks at as many tags as other_config:vlan-limit says, and has the next one for the EtherType; the table sees two.
static void TakeTags(const struct match* match, struct flow* rest, struct pollux_flow* flow) {
  BUILD_ASSERT(FLOW_MAX_VLAN_HEADERS == 2);
  for (int i = 0; i < FLOW_MAX_VLAN_HEADERS; i++) {
    TAKE(vlans[i].tpid, flow->value.tag_type[i]);
    TAKE(vlans[i].tci, flow->value.tag[i]);
    if (i >= flow_vlan_limit) {
      flow->value.tag[i] = 0;
      flow->mask.tag[i] = htons(POLLUX_FLOW_TAG_PRESENT);
    }
  }
}

static bool TakeNetwork(const struct match* match, struct flow* rest, struct pollux_flow* flow, const char** obstacle) {
  const ovs_be16 type = match->flow.dl_type;
  if (type == htons(ETH_TYPE_IP) || type == htons(ETH_TYPE_ARP)) {
    TAKE(nw_proto, flow->value.protocol);
    ovs_be32* source = (ovs_be32*)flow->value.source;
    ovs_be32* destination = (ovs_be32*)flow->value.destination;
    TAKE(nw_src, *source);
    TAKE(nw_dst, *destination);
  }
  if (type == htons(ETH_TYPE_ARP)) {
    struct eth_addr* sender = (struct eth_addr*)&flow->value.source[8];
    struct eth_addr* target = (struct eth_addr*)&flow->value.destination[8];
    TAKE(arp_sha, *sender);
    TAKE(arp_tha, *target);
  }
  if (type == htons(ETH_TYPE_IPV6)) {
    // To the datapath the protocol of a later fragment is "fragment", to the table the one that the fragment header names.
    if (rest->nw_proto != 0 && ((match->flow.nw_frag | ~rest->nw_frag) & FLOW_NW_FRAG_LATER)) {
      *obstacle = "the protocol of later fragments of IPv6";
      return false;
    }
    TAKE(nw_proto, flow->value.protocol);
    TAKE(ipv6_src, flow->value.source);
    TAKE(ipv6_dst, flow->value.destination);
  }
  if (type == htons(ETH_TYPE_IP) || type == htons(ETH_TYPE_IPV6)) {
    TAKE(nw_tos, flow->value.type_of_service);
    TAKE(nw_ttl, flow->value.time_to_live);
    TAKE(nw_frag, flow->value.fragment);
  }
  return true;
}

// Of other protocols the datapath has more, or the table nothing.
static void TakeTransport(const struct match* match, struct flow* rest, struct pollux_flow* flow) {
  const bool ipv4 = match->flow.dl_type == htons(ETH_TYPE_IP), ipv6 = match->flow.dl_type == htons(ETH_TYPE_IPV6);
  if (flow->mask.protocol != UINT8_MAX || (!ipv4 && !ipv6)) return;
  const uint8_t protocol = match->flow.nw_proto;
  if (protocol == IPPROTO_TCP) TAKE(tcp_flags, flow->value.tcp_flags);
  if (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP || (ipv4 && protocol == IPPROTO_ICMP) ||
      (ipv6 && protocol == IPPROTO_ICMPV6)) {
    TAKE(tp_src, flow->value.source_port);
    TAKE(tp_dst, flow->value.destination_port);
  }
}

static bool TakeMatch(const struct match* match, uint32_t input, struct pollux_translation* translation) {
  struct flow masks = match->wc.masks;
  struct flow* rest = &masks;
  struct pollux_flow* flow = &translation->flow;
  if (!IsFresh(match, rest)) return Refuse(translation, "recirculation, connection tracking, a tunnel or a mark");
  if (rest->dl_type != OVS_BE16_MAX || ntohs(match->flow.dl_type) < ETH_TYPE_MIN || eth_type_vlan(match->flow.dl_type)) {
    return Refuse(translation, "an EtherType of which the table is not sure");
  }
  flow->value.port = input;
  flow->mask.port = UINT32_MAX;
  TAKE(dl_dst, flow->value.destination_mac);
  TAKE(dl_src, flow->value.source_mac);
  TAKE(dl_type, flow->value.ether_type);
  TakeTags(match, rest, flow);
  if (!TakeNetwork(match, rest, flow, &translation->obstacle)) return false;
  TakeTransport(match, rest, flow);
  return IsZero(rest, sizeof *rest) || Refuse(translation, "a field that the table does not have");
}

// --- Actions ---------------------------------------------------------------------------------------------------------------------

static struct pollux_flow_action* NextAction(struct pollux_translation* translation, uint32_t kind) {
  struct pollux_flow_action* action = &translation->actions[translation->flow.action_count++];
  *action = (struct pollux_flow_action){.kind = kind};
  return action;
}

// Takes one field of a set action's key. Without a mask of the action's all of it is set.
static void SetBytes(struct pollux_flow_action* action, const void* at, const void* value, const void* mask, size_t size) {
  const size_t offset = (const char*)at - (const char*)&action->value;
  for (size_t i = 0; i < size; i++) {
    const unsigned char bits = mask != NULL ? ((const unsigned char*)mask)[i] : UINT8_MAX;
    ((unsigned char*)&action->mask)[offset + i] = bits;
    ((unsigned char*)&action->value)[offset + i] = ((const unsigned char*)value)[i] & bits;
  }
}
#define SET(FIELD, KEY)                                                            \
  SetBytes(action, &action->value.KEY, (const char*)key + offsetof(STRUCT, FIELD), \
           mask ? (const char*)mask + offsetof(STRUCT, FIELD) : NULL, MIN(sizeof(((const STRUCT*)0)->FIELD), sizeof action->value.KEY))

static bool TakeSet(const struct nlattr* nested, bool masked, struct pollux_translation* translation) {
  const enum ovs_key_attr type = nl_attr_type(nested);
  const void* key = nl_attr_get(nested);
  const void* mask = masked ? (const char*)key + nl_attr_get_size(nested) / 2 : NULL;
  struct pollux_flow_action* action = NextAction(translation, POLLUX_FLOW_ACTION_SET);
  switch (type) {
    case OVS_KEY_ATTR_ETHERNET:
#define STRUCT struct ovs_key_ethernet
      SET(eth_src, source_mac);
      SET(eth_dst, destination_mac);
#undef STRUCT
      return true;
    case OVS_KEY_ATTR_IPV4:
#define STRUCT struct ovs_key_ipv4
      SET(ipv4_src, source);
      SET(ipv4_dst, destination);
      SET(ipv4_tos, type_of_service);
      SET(ipv4_ttl, time_to_live);
#undef STRUCT
      return true;
    case OVS_KEY_ATTR_IPV6:
#define STRUCT struct ovs_key_ipv6
      if (mask == NULL || ((const STRUCT*)mask)->ipv6_label != 0) return Refuse(translation, "set of a flow label");
      SET(ipv6_src, source);
      SET(ipv6_dst, destination);
      SET(ipv6_tclass, type_of_service);
      SET(ipv6_hlimit, time_to_live);
#undef STRUCT
      return true;
    case OVS_KEY_ATTR_TCP:
#define STRUCT struct ovs_key_tcp
      SET(tcp_src, source_port);
      SET(tcp_dst, destination_port);
#undef STRUCT
      return true;
    case OVS_KEY_ATTR_UDP:
#define STRUCT struct ovs_key_udp
      SET(udp_src, source_port);
      SET(udp_dst, destination_port);
#undef STRUCT
      return true;
    default:
      return Refuse(translation, "set of something else than MAC and IP addresses, type of service, time to live, TCP and UDP ports");
  }
}

static bool TakeOutput(odp_port_t port, const struct pollux_output_finder* finder, struct pollux_translation* translation) {
  if (translation->output != POLLUX_NO_NUMBER) return Refuse(translation, "several outputs");
  translation->output = finder->find(finder, port);
  if (translation->output == POLLUX_NO_NUMBER) return Refuse(translation, "an output that is no port of the table");
  NextAction(translation, POLLUX_FLOW_ACTION_OUTPUT)->port = translation->output;
  return true;
}

static bool TakeAction(const struct nlattr* action, const struct pollux_output_finder* finder, struct pollux_translation* translation) {
  if (translation->output != POLLUX_NO_NUMBER) return Refuse(translation, "several outputs, or an action behind the output");
  switch ((enum ovs_action_attr)nl_attr_type(action)) {
    case OVS_ACTION_ATTR_OUTPUT:
      return TakeOutput(nl_attr_get_odp_port(action), finder, translation);
    case OVS_ACTION_ATTR_PUSH_VLAN: {
      const struct ovs_action_push_vlan* vlan = nl_attr_get(action);
      struct pollux_flow_action* push = NextAction(translation, POLLUX_FLOW_ACTION_PUSH_VLAN);
      push->tag_type = ntohs(vlan->vlan_tpid);
      push->tag = ntohs(vlan->vlan_tci) & ~VLAN_CFI;
      return true;
    }
    case OVS_ACTION_ATTR_POP_VLAN:
      NextAction(translation, POLLUX_FLOW_ACTION_POP_VLAN);
      return true;
    case OVS_ACTION_ATTR_SET:
      return TakeSet(nl_attr_get(action), false, translation);
    case OVS_ACTION_ATTR_SET_MASKED:
      return TakeSet(nl_attr_get(action), true, translation);
    case OVS_ACTION_ATTR_DROP:
      // Of an error of the translation the datapath counts the packets by its kind.
      return nl_attr_get_u32(action) == 0 || Refuse(translation, "a drop because of an error");
    case OVS_ACTION_ATTR_UNSPEC:
    default:
      return Refuse(translation, "an action that needs the PMD");
  }
}

static bool TakeActions(const struct nlattr* actions, size_t length, const struct pollux_output_finder* finder,
                        struct pollux_translation* translation) {
  const struct nlattr* action;
  size_t left;
  NL_ATTR_FOR_EACH_UNSAFE(action, left, actions, length) {
    if (translation->flow.action_count == POLLUX_MOST_ACTIONS) return Refuse(translation, "many actions");
    if (!TakeAction(action, finder, translation)) return false;
  }
  if (translation->output == POLLUX_NO_NUMBER) {
    // What is done to a packet that goes nowhere does not matter.
    translation->flow.action_count = 0;
    NextAction(translation, POLLUX_FLOW_ACTION_DROP);
  }
  return true;
}

bool pollux_translate(const struct match* match, const struct nlattr* actions, size_t actions_length, uint32_t input,
                      const struct pollux_output_finder* finder, struct pollux_translation* translation) {
  translation->flow = (struct pollux_flow){.size = sizeof translation->flow, .actions = translation->actions};
  translation->output = POLLUX_NO_NUMBER;
  translation->obstacle = NULL;
  if (!TakeMatch(match, input, translation) || !TakeActions(actions, actions_length, finder, translation)) return false;
  return !pollux_flow_validate(&translation->flow) || Refuse(translation, pollux_last_error());
}
