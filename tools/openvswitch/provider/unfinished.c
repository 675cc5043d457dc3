// SPDX-License-Identifier: Apache-2.0
// Packets that are not finished. With userspace-tso-enable=true a tap or system port hands on what its sender left to a network card: TCP
// in pieces longer than the MTU, and packets without their checksum. Frames of ours have no such card behind them.
//
// Newer trees finish these packets before they send (lib/dp-packet-gso.c), for ports that claim nothing. Open vSwitch 3.1 drops them unless
// the port claims that it can: so it does, and this finishes them.
#include "netdev_pollux.h"

#if __has_include("dp-packet-gso.h")

void pollux_finish_packets(struct netdev_class* class) {
  class->send = netdev_pollux_send;
}
void pollux_claim_unfinished(struct netdev* netdev) {
  // What the interface could do for packets of the kernel's stack it cannot do for ours.
  netdev->ol_flags = 0;
}

#else

#include "crc32c.h"
#include "csum.h"
#include "packets.h"
#include "userspace-tso.h"
#include "util.h"

void pollux_claim_unfinished(struct netdev* netdev) {
  netdev->ol_flags = !userspace_tso_enabled() ? 0
                                              : NETDEV_TX_OFFLOAD_IPV4_CKSUM | NETDEV_TX_OFFLOAD_TCP_CKSUM | NETDEV_TX_OFFLOAD_UDP_CKSUM |
                                                    NETDEV_TX_OFFLOAD_SCTP_CKSUM | NETDEV_TX_OFFLOAD_TCP_TSO;
}

static bool IsUnfinished(const struct dp_packet* packet) {
  return dp_packet_hwol_is_tso(packet) || dp_packet_hwol_tx_l4_checksum(packet);
}

// The checksum of the header and of what it covers, with the checksum's own field at 0.
static uint32_t PseudoHeader(const struct dp_packet* packet, uint8_t protocol) {
  if (dp_packet_hwol_is_ipv4(packet)) return packet_csum_pseudoheader(dp_packet_l3(packet));
  // With the protocol of the upper layer, which need not be that of the next header.
  const struct ovs_16aligned_ip6_hdr* ip = dp_packet_l3(packet);
  uint32_t sum = csum_continue(0, &ip->ip6_src, sizeof ip->ip6_src);
  sum = csum_continue(sum, &ip->ip6_dst, sizeof ip->ip6_dst);
  sum = csum_add16(sum, htons(dp_packet_l4_size(packet)));
  return csum_add16(sum, htons(protocol));
}

// False: the packet has not the headers that its marks say.
static bool FinishChecksum(struct dp_packet* packet) {
  void* l4 = dp_packet_l4(packet);
  const size_t size = l4 != NULL && dp_packet_l3(packet) != NULL ? dp_packet_l4_size(packet) : 0;
  if (dp_packet_hwol_l4_is_tcp(packet) && size >= TCP_HEADER_LEN) {
    struct tcp_header* tcp = l4;
    tcp->tcp_csum = 0;
    tcp->tcp_csum = csum_finish(csum_continue(PseudoHeader(packet, IPPROTO_TCP), l4, size));
  } else if (dp_packet_hwol_l4_is_udp(packet) && size >= UDP_HEADER_LEN) {
    struct udp_header* udp = l4;
    udp->udp_csum = 0;
    udp->udp_csum = csum_finish(csum_continue(PseudoHeader(packet, IPPROTO_UDP), l4, size));
    // 0 says that there is none.
    if (udp->udp_csum == 0) udp->udp_csum = htons(0xffff);
  } else if (dp_packet_hwol_l4_is_sctp(packet) && size >= SCTP_HEADER_LEN) {
    struct sctp_header* sctp = l4;
    put_16aligned_be32(&sctp->sctp_csum, 0);
    put_16aligned_be32(&sctp->sctp_csum, crc32c(l4, size));
  } else {
    return false;
  }
  dp_packet_reset_offload(packet);
  return true;
}

// What is sent together: a batch of the datapath's length at most.
struct outbox {
  struct netdev* netdev;
  int qid;
  bool concurrent_txq;
  struct dp_packet_batch batch;
};

static void Flush(struct outbox* out) {
  if (!dp_packet_batch_is_empty(&out->batch)) netdev_pollux_send(out->netdev, out->qid, &out->batch, out->concurrent_txq);
  dp_packet_batch_init(&out->batch);
}

static void Put(struct outbox* out, struct dp_packet* packet) {
  if (dp_packet_batch_is_full(&out->batch)) Flush(out);
  dp_packet_batch_add(&out->batch, packet);
}

static void Drop(struct outbox* out, struct dp_packet* packet) {
  uint64_t before;
  atomic_add_relaxed(&netdev_pollux_cast(out->netdev)->dropped_unfinished, 1, &before);
  dp_packet_delete(packet);
}

// The piece of `whole` that begins `offset` bytes into its TCP payload.
static struct dp_packet* Segment(const struct dp_packet* whole, size_t headers, size_t offset, size_t size, uint32_t number, bool last) {
  struct dp_packet* piece = dp_packet_new_with_headroom(headers + size, 0);
  dp_packet_put(piece, dp_packet_data(whole), headers);
  dp_packet_put(piece, (const char*)dp_packet_data(whole) + headers + offset, size);
  piece->packet_type = whole->packet_type;
  piece->l2_5_ofs = whole->l2_5_ofs;
  piece->l3_ofs = whole->l3_ofs;
  piece->l4_ofs = whole->l4_ofs;
  *dp_packet_ol_flags_ptr(piece) = *dp_packet_ol_flags_ptr(whole) & ~(uint64_t)DP_PACKET_OL_TX_TCP_SEG;
  dp_packet_hwol_set_csum_tcp(piece);

  const uint16_t l3_size = headers + size - whole->l3_ofs;
  if (dp_packet_hwol_is_ipv4(whole)) {
    struct ip_header* ip = dp_packet_l3(piece);
    ip->ip_tot_len = htons(l3_size);
    ip->ip_id = htons(ntohs(ip->ip_id) + number);
    ip->ip_csum = 0;
    ip->ip_csum = csum(ip, IP_IHL(ip->ip_ihl_ver) * 4);
  } else {
    struct ovs_16aligned_ip6_hdr* ip = dp_packet_l3(piece);
    ip->ip6_ctlun.ip6_un1.ip6_un1_plen = htons(l3_size - IPV6_HEADER_LEN);
  }
  struct tcp_header* tcp = dp_packet_l4(piece);
  put_16aligned_be32(&tcp->tcp_seq, htonl(ntohl(get_16aligned_be32(&tcp->tcp_seq)) + offset));
  uint16_t flags = TCP_FLAGS(tcp->tcp_ctl);
  if (!last) flags &= ~(TCP_FIN | TCP_PSH);
  if (number > 0) flags &= ~TCP_CWR;
  tcp->tcp_ctl = TCP_CTL(flags, TCP_OFFSET(tcp->tcp_ctl));
  return piece;
}

static void PutSegments(struct outbox* out, struct dp_packet* whole) {
  const struct tcp_header* tcp = dp_packet_l4(whole);
  const size_t headers = tcp == NULL ? 0 : (const char*)tcp - (const char*)dp_packet_data(whole) + TCP_OFFSET(tcp->tcp_ctl) * 4;
  const size_t total = dp_packet_size(whole) - dp_packet_l2_pad_size(whole);
  int mtu = 0;
  if (tcp == NULL || dp_packet_l3(whole) == NULL || dp_packet_l4_size(whole) < TCP_HEADER_LEN || headers >= total ||
      netdev_get_mtu(out->netdev, &mtu) || (size_t)mtu + whole->l3_ofs <= headers) {
    Drop(out, whole);
    return;
  }
  const size_t room = mtu + whole->l3_ofs - headers;
  const size_t payload = total - headers;
  uint32_t number = 0;
  for (size_t offset = 0; offset < payload; offset += room) {
    struct dp_packet* piece = Segment(whole, headers, offset, MIN(room, payload - offset), number++, offset + room >= payload);
    FinishChecksum(piece);
    Put(out, piece);
  }
  dp_packet_delete(whole);
}

static int SendUnfinished(struct netdev* netdev, int qid, struct dp_packet_batch* batch, bool concurrent_txq) {
  struct dp_packet* packet;
  bool all_finished = true;
  DP_PACKET_BATCH_FOR_EACH(i, packet, batch) all_finished &= !IsUnfinished(packet);
  if (OVS_LIKELY(all_finished)) return netdev_pollux_send(netdev, qid, batch, concurrent_txq);

  struct outbox out = {.netdev = netdev, .qid = qid, .concurrent_txq = concurrent_txq};
  dp_packet_batch_init(&out.batch);
  DP_PACKET_BATCH_FOR_EACH(i, packet, batch) {
    if (dp_packet_hwol_is_tso(packet)) {
      PutSegments(&out, packet);
    } else if (!IsUnfinished(packet) || FinishChecksum(packet)) {
      Put(&out, packet);
    } else {
      Drop(&out, packet);
    }
  }
  Flush(&out);
  dp_packet_batch_init(batch);
  return 0;
}

void pollux_finish_packets(struct netdev_class* class) {
  class->send = SendUnfinished;
}

#endif
