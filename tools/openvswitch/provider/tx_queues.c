// SPDX-License-Identifier: Apache-2.0
// Bursts out, and who comes back for what is left of them.
//
// The datapath handles up to 32 packets at a time, and sends what came of them at once. Under load that is a small burst: a call of the
// kernel has a price of its own. So what came of a *full* burst may wait in the driver for what follows (pollux_send_more): until it has
// enough, or for flush_us. What came of a burst that was not full never waits: at low load nothing is later than without all this.
//
// A queue that has something left, held back or put off by the kernel, is visited until it has not:
//   - by the PMD thread that left it, with each of its receive calls, whatever they return, and of whichever port;
//   - by the main thread in its loop: what other threads leave, and PMD threads that are gone.
#include <stdlib.h>

#include "netdev_pollux.h"
#include "openvswitch/poll-loop.h"
#include "ovs-thread.h"
#include "timeval.h"
#include "util.h"

#define MOST_VISITED 256
#define MAIN_VISIT_MS 1

// Of one PMD thread.
static __thread struct pollux_tx_visits {
  bool more_to_come;  // the burst that is being handled was full
  uint32_t count;
  struct pollux_tx_queue_state* left[MOST_VISITED];  // each has something left, or had when it was visited last
} self;

static struct pollux_tx_queue_state* all;  // by next: of every port there ever was. Main thread
static uint32_t left_count;                // states with something left

static void Lock(struct pollux_tx_queue_state* tx) {
  while (__atomic_exchange_n(&tx->busy, true, __ATOMIC_ACQUIRE)) {
    while (__atomic_load_n(&tx->busy, __ATOMIC_RELAXED)) {
    }
  }
}
static bool TryLock(struct pollux_tx_queue_state* tx) {
  return !__atomic_exchange_n(&tx->busy, true, __ATOMIC_ACQUIRE);
}
static void Unlock(struct pollux_tx_queue_state* tx) {
  __atomic_store_n(&tx->busy, false, __ATOMIC_RELEASE);
}

static void SetLeft(struct pollux_tx_queue_state* tx, bool left) {
  if (tx->left == left) return;
  __atomic_store_n(&tx->left, left, __ATOMIC_RELAXED);
  __atomic_add_fetch(&left_count, left ? 1 : -1, __ATOMIC_RELAXED);
}

static void Visit(struct pollux_tx_queue_state* tx) {
  SetLeft(tx, tx->queue != NULL && pollux_tx_poll(tx->queue));
}

void pollux_tx_queues_visit(size_t received) {
  self.more_to_come = received == NETDEV_MAX_BURST;
  for (uint32_t i = 0; i < self.count;) {
    struct pollux_tx_queue_state* tx = self.left[i];
    bool left = true;
    if (OVS_LIKELY(TryLock(tx))) {  // else somebody is at it
      Visit(tx);
      left = tx->left;
      if (!left && tx->visitor == &self) tx->visitor = NULL;
      Unlock(tx);
    }
    if (left) {
      i++;
    } else {
      self.left[i] = self.left[--self.count];
    }
  }
}

// Locked. Without a place in the list, the main thread comes.
static void Remember(struct pollux_tx_queue_state* tx) {
  SetLeft(tx, true);
  if (tx->visitor == &self || self.count == MOST_VISITED || !thread_is_pmd()) return;
  tx->visitor = &self;
  self.left[self.count++] = tx;
}

static void Send(struct pollux_tx_queue_state* tx, const struct pollux_packet* packets, size_t count) {
  if (count == 0) return;
  size_t sent = self.more_to_come ? pollux_send_more(tx->queue, packets, count) : pollux_send(tx->queue, packets, count);
  while (OVS_UNLIKELY(sent < count)) {
    const size_t more = pollux_send(tx->queue, packets + sent, count - sent);
    if (more == 0) break;
    sent += more;
  }
  if (OVS_UNLIKELY(sent < count)) {
    for (size_t i = sent; i < count; i++) {
      if (!(packets[i].flags & POLLUX_PACKET_CONTINUES)) pollux_count(&tx->counters.dropped_ring_full, 1);
    }
    pollux_free(packets + sent, count - sent);
  }
}

void pollux_tx_queue_send(struct pollux_tx_queue_state* tx, struct pollux_memory* memory, struct dp_packet_batch* batch) {
  struct pollux_packet packets[NETDEV_MAX_BURST + POLLUX_MOST_FRAMES];
  const size_t size = dp_packet_batch_size(batch);
  size_t count = 0;
  Lock(tx);
  for (size_t i = 0; i < size; i++) {
    if (OVS_UNLIKELY(count >= NETDEV_MAX_BURST)) {
      Send(tx, packets, count);
      count = 0;
    }
    count += pollux_packet_to_send(memory, tx->scattered, batch->packets[i], &packets[count], &tx->counters);
  }
  Send(tx, packets, count);
  Remember(tx);
  Unlock(tx);
  batch->count = 0;
  batch->trunc = false;
}

// --- Main thread -----------------------------------------------------------------------------------------------------------------

void pollux_tx_queues_wait(void) {
  static long long int next;
  if (__atomic_load_n(&left_count, __ATOMIC_RELAXED) == 0) return;
  if (time_msec() >= next) {
    next = time_msec() + MAIN_VISIT_MS;
    for (struct pollux_tx_queue_state* tx = all; tx != NULL; tx = tx->next) {
      if (!__atomic_load_n(&tx->left, __ATOMIC_RELAXED) || !TryLock(tx)) continue;
      Visit(tx);
      Unlock(tx);
    }
  }
  if (__atomic_load_n(&left_count, __ATOMIC_RELAXED) != 0) poll_timer_wait_until(next);
}

static struct pollux_tx_queue_state* unused;

struct pollux_tx_queue_state* pollux_tx_queue_open(pollux_tx_queue* queue, bool scattered) {
  struct pollux_tx_queue_state* tx = unused;
  if (tx != NULL) {
    unused = tx->next_unused;
  } else {
    tx = xzalloc_cacheline(sizeof *tx);
    tx->next = all;
    all = tx;
  }
  Lock(tx);
  tx->counters = (struct pollux_tx_counters){0};
  tx->queue = queue;
  tx->scattered = scattered;
  Unlock(tx);
  return tx;
}

void pollux_tx_queue_close(struct pollux_tx_queue_state* tx) {
  Lock(tx);
  tx->queue = NULL;
  SetLeft(tx, false);
  Unlock(tx);
  tx->next_unused = unused;
  unused = tx;
}
