// SPDX-License-Identifier: Apache-2.0
// Bursts that are sent together.
//
// The datapath handles up to 32 packets at a time, and sends what came of them at once. Under load that is a small burst: a call of the
// kernel has a price of its own. So what came of a *full* burst waits, since the queue that it came from has more: it goes when
//   - POLLUX_MOST_PENDING packets wait on a tx queue,
//   - that rx queue delivers less than a full burst: then together with what comes of these last packets,
//   - or the thread polls so often without coming to that rx queue again, that it must have lost it.
// What came of a burst that was not full never waits: at low load nothing is later than without all this.
#include <stdlib.h>

#include "netdev_pollux.h"
#include "util.h"

#define MOST_WAITING_QUEUES 16
#define MOST_POLLS 256  // without meeting the opener
// At most this often a queue is asked again that took some of the packets, but not all: it waits for the kernel.
#define SEND_ATTEMPTS 8

// Of one thread.
static __thread struct {
  bool more_to_come;   // the burst that is being handled was full
  bool flush_next;     // the opener's last burst was not: what is left goes at the next poll
  const void* opener;  // the rx queue whose full burst was the first to wait, while any waits
  uint32_t polls;      // since then
  uint32_t waiting_count;
  struct pollux_tx_queue_state* waiting[MOST_WAITING_QUEUES];
} self;

static void Lock(struct pollux_tx_queue_state* tx) {
  while (__atomic_exchange_n(&tx->busy, true, __ATOMIC_ACQUIRE)) {
  }
}
static bool TryLock(struct pollux_tx_queue_state* tx) {
  return !__atomic_exchange_n(&tx->busy, true, __ATOMIC_ACQUIRE);
}
static void Unlock(struct pollux_tx_queue_state* tx) {
  __atomic_store_n(&tx->busy, false, __ATOMIC_RELEASE);
}

static void Flush(struct pollux_tx_queue_state* tx) {
  const size_t count = tx->pending_count;
  size_t sent = 0;
  for (int attempt = 0; attempt < SEND_ATTEMPTS && sent < count; attempt++) {
    sent += pollux_send(tx->queue, tx->pending + sent, count - sent);
  }
  if (OVS_UNLIKELY(sent < count)) {
    pollux_count(&tx->counters.dropped_ring_full, count - sent);
    pollux_free(tx->pending + sent, count - sent);
  }
  tx->pending_count = 0;
}

static void FlushWaiting(void) {
  for (uint32_t i = 0; i < self.waiting_count; i++) {
    Lock(self.waiting[i]);
    if (self.waiting[i]->pending_count > 0) Flush(self.waiting[i]);
    Unlock(self.waiting[i]);
  }
  self.waiting_count = 0;
  self.opener = NULL;
  self.flush_next = false;
}

void pollux_tx_note_received(const void* rx_queue, size_t count) {
  self.more_to_come = count == NETDEV_MAX_BURST;
  if (OVS_LIKELY(self.waiting_count == 0)) {
    if (self.more_to_come) {
      self.opener = rx_queue;
      self.polls = 0;
    }
    return;
  }
  if (self.flush_next || ++self.polls > MOST_POLLS || (rx_queue == self.opener && count == 0)) {
    FlushWaiting();
    if (self.more_to_come) {
      self.opener = rx_queue;
      self.polls = 0;
    }
  } else if (rx_queue == self.opener) {
    self.polls = 0;
    self.flush_next = !self.more_to_come;
  }
}

// True if the packets on this queue may wait: the thread will come back to it.
static bool MayWait(struct pollux_tx_queue_state* tx) {
  if (!self.more_to_come) return false;
  for (uint32_t i = 0; i < self.waiting_count; i++) {
    if (self.waiting[i] == tx) return true;
  }
  if (self.waiting_count == MOST_WAITING_QUEUES) return false;
  self.waiting[self.waiting_count++] = tx;
  return true;
}

void pollux_tx_queue_send(struct pollux_tx_queue_state* tx, struct pollux_memory* memory, struct dp_packet_batch* batch) {
  const size_t size = dp_packet_batch_size(batch);
  Lock(tx);
  for (size_t i = 0; i < size; i++) {
    if (OVS_UNLIKELY(tx->pending_count == POLLUX_MOST_PENDING)) Flush(tx);
    tx->pending_count += pollux_packet_to_send(memory, batch->packets[i], &tx->pending[tx->pending_count], &tx->counters);
  }
  if (tx->pending_count > POLLUX_MOST_PENDING - NETDEV_MAX_BURST || !MayWait(tx)) Flush(tx);
  Unlock(tx);
  batch->count = 0;
  batch->trunc = false;
}

void pollux_tx_queue_flush_idle(struct pollux_tx_queue_state* tx) {
  if (__atomic_load_n(&tx->pending_count, __ATOMIC_RELAXED) == 0 || !TryLock(tx)) return;
  if (tx->pending_count > 0) Flush(tx);
  Unlock(tx);
}

// --- Their life: main thread -----------------------------------------------------------------------------------------------------

static struct pollux_tx_queue_state* unused;

struct pollux_tx_queue_state* pollux_tx_queue_open(pollux_tx_queue* queue) {
  struct pollux_tx_queue_state* tx = unused;
  if (tx != NULL) {
    unused = tx->next_unused;
  } else {
    tx = xzalloc_cacheline(sizeof *tx);
  }
  Lock(tx);
  tx->counters = (struct pollux_tx_counters){0};
  tx->queue = queue;
  Unlock(tx);
  return tx;
}

void pollux_tx_queue_close(struct pollux_tx_queue_state* tx) {
  Lock(tx);
  if (tx->pending_count > 0) pollux_free(tx->pending, tx->pending_count);
  tx->pending_count = 0;
  tx->queue = NULL;
  Unlock(tx);
  tx->next_unused = unused;
  unused = tx;
}
