// SPDX-License-Identifier: Apache-2.0
// Bursts in and out. No lock here, and nothing is logged; nothing is allocated but for packets of several frames.
#include <errno.h>
#include <pthread.h>

#include "netdev_pollux.h"
#include "ovs-thread.h"

// --- What a flow that begins overtakes -------------------------------------------------------------------------------------------
// When a flow goes into the kernel's table, the kernel forwards what comes from then on, while former packets may still be
// in the rx ring, in the PMD thread's hands, or in a tx ring that waits for more of a full burst. Whichever flow they are of, they are
// counted: what was received and perhaps not sent, and what is received until the ring is seen empty.

#define MOST_HELD_BACK 1024  // by a tx queue

static void CountOvertaken(struct netdev_rxq_pollux* rx, size_t received, uint32_t begun) {
  struct netdev_pollux* port = CONST_CAST(struct netdev_pollux*, rx->port);
  uint64_t before;
  if (begun != rx->begun_seen) atomic_add_relaxed(&port->offload.overtaken, rx->on_their_way, &before);
  rx->begun_seen = begun;
  atomic_add_relaxed(&port->offload.overtaken, received, &before);
  rx->overtaken = received == NETDEV_MAX_BURST;
}

static inline void FollowPackets(struct netdev_rxq_pollux* rx, size_t received) {
  const uint32_t begun = __atomic_load_n(&rx->port->offload.begun, __ATOMIC_RELAXED);
  if (OVS_UNLIKELY(begun != rx->begun_seen || rx->overtaken)) CountOvertaken(rx, received, begun);
  rx->on_their_way = received == NETDEV_MAX_BURST ? MIN(rx->on_their_way + received, MOST_HELD_BACK) : received;
}

// --- Receiving -------------------------------------------------------------------------------------------------------------------

// The device told something of packets of this batch.
static void CountHashes(const struct netdev_rxq_pollux* rx, const struct dp_packet_batch* batch) {
  uint64_t hashes = 0, before;
  for (size_t i = 0; i < batch->count; i++) hashes += dp_packet_rss_valid(batch->packets[i]);
  if (hashes > 0) atomic_add_relaxed(&CONST_CAST(struct netdev_pollux*, rx->port)->hashes_taken, hashes, &before);
}

// The packets at the head of a burst into a batch, joined if they have several frames; returns how many were, and adds up all flags.
static size_t AddPackets(struct pollux_memory* memory, const struct pollux_packet* packets, size_t count, struct dp_packet_batch* batch,
                         uint16_t* flags) {
  size_t joined = 0;
  for (size_t i = 0, frames; i < count; i += frames) {
    for (frames = 1; packets[i + frames - 1].flags & POLLUX_PACKET_CONTINUES;) frames++;
    joined += frames > 1;
    *flags |= packets[i].flags;
    batch->packets[batch->count++] = frames > 1 ? pollux_packet_joined(&packets[i], frames) : pollux_packet_received(memory, &packets[i]);
  }
  return joined;
}

// Of a port whose packets may have several frames: bursts until the batch could not take another one whole.
static int ReceiveScattered(struct netdev_rxq_pollux* rx, struct dp_packet_batch* batch, int* qfill) {
  struct pollux_packet packets[NETDEV_MAX_BURST];
  size_t count, joined = 0;
  uint16_t flags = 0;
  batch->count = 0;
  do {
    count = pollux_receive(rx->queue, packets, NETDEV_MAX_BURST - batch->count);
    joined += AddPackets(rx->memory, packets, count, batch, &flags);
  } while (count > 0 && batch->count + POLLUX_MOST_FRAMES <= NETDEV_MAX_BURST);
  // Full, as far as it can be: more may be waiting.
  const size_t received = count > 0 ? NETDEV_MAX_BURST : batch->count;
  pollux_tx_queues_visit(received);
  FollowPackets(rx, received);
  if (batch->count == 0) return EAGAIN;
  if (flags & POLLUX_PACKET_RX_METADATA) CountHashes(rx, batch);
  if (joined > 0) {
    uint64_t before;
    atomic_add_relaxed(&CONST_CAST(struct netdev_pollux*, rx->port)->copied_joined, joined, &before);
  }
  if (qfill != NULL) *qfill = -ENOTSUP;
  return 0;
}

int netdev_pollux_rxq_recv(struct netdev_rxq* rxq, struct dp_packet_batch* batch, int* qfill) {
  struct netdev_rxq_pollux* rx = CONTAINER_OF(rxq, struct netdev_rxq_pollux, up);
  struct pollux_packet packets[NETDEV_MAX_BURST];
  if (OVS_UNLIKELY(rx->queue == NULL)) return EAGAIN;
  if (OVS_UNLIKELY(rx->scattered)) return ReceiveScattered(rx, batch, qfill);
  const size_t count = pollux_receive(rx->queue, packets, NETDEV_MAX_BURST);
  pollux_tx_queues_visit(count);
  FollowPackets(rx, count);
  if (count == 0) return EAGAIN;
  struct pollux_memory* memory = rx->memory;
  for (size_t i = 0; i < count; i++) {
    OVS_PREFETCH_WRITE(&memory->buffers[pollux_frame_number(&memory->layout, packets[i].data)]);
  }
  uint16_t flags = 0;
  for (size_t i = 0; i < count; i++) {
    flags |= packets[i].flags;
    batch->packets[i] = pollux_packet_received(memory, &packets[i]);
  }
  batch->count = count;
  if (OVS_UNLIKELY(flags & POLLUX_PACKET_RX_METADATA)) CountHashes(rx, batch);
  if (qfill != NULL) *qfill = -ENOTSUP;
  return 0;
}

// --- Which tx queue --------------------------------------------------------------------------------------------------------------
// In the datapath's static mode the queue number is the thread's own. In its other modes (tx-steering=hash) threads meet on a queue, and
// then each thread uses a queue by a number that is given out here: 0 to the threads that the datapath serialises itself, the others
// to one PMD thread each. There are as many of them as set_tx_multiq said.

static pthread_once_t slots_once = PTHREAD_ONCE_INIT;
static pthread_key_t slot_key;
static pthread_mutex_t slots_mutex = PTHREAD_MUTEX_INITIALIZER;
static bool slots_used[POLLUX_MOST_QUEUES];
static __thread int thread_slot = -1;

static void ReturnSlot(void* slot) {
  pthread_mutex_lock(&slots_mutex);
  slots_used[(intptr_t)slot] = false;
  pthread_mutex_unlock(&slots_mutex);
}

static void MakeSlotKey(void) {
  pthread_key_create(&slot_key, ReturnSlot);
}

static int TakeSlot(void) {
  if (!thread_is_pmd()) return 0;
  pthread_once(&slots_once, MakeSlotKey);
  pthread_mutex_lock(&slots_mutex);
  int slot = 1;
  while (slot < POLLUX_MOST_QUEUES - 1 && slots_used[slot]) slot++;
  slots_used[slot] = true;
  pthread_mutex_unlock(&slots_mutex);
  pthread_setspecific(slot_key, (void*)(intptr_t)slot);
  return slot;
}

static uint32_t OwnQueue(void) {
  if (OVS_UNLIKELY(thread_slot < 0)) thread_slot = TakeSlot();
  return thread_slot;
}

int netdev_pollux_send(struct netdev* netdev, int qid, struct dp_packet_batch* batch, bool concurrent_txq) {
  struct netdev_pollux* port = netdev_pollux_cast(netdev);
  const uint32_t number = concurrent_txq ? OwnQueue() : (uint32_t)qid;
  if (OVS_LIKELY(number < port->tx_queue_count)) {
    pollux_tx_queue_send(port->tx_queues[number], port->memory, batch);
    return 0;
  }
  uint64_t before;
  atomic_add_relaxed(port->tx_queue_count == 0 ? &port->dropped_no_interface : &port->dropped_no_queue, dp_packet_batch_size(batch),
                     &before);
  dp_packet_delete_batch(batch, true);
  return 0;
}
