// SPDX-License-Identifier: Apache-2.0
// Memory of packets: pools, and the struct dp_packet of each frame.
//
// A packet stays in its frame as long as there is room around it. If Open vSwitch needs more (dp_packet_resize), its data move to memory
// from malloc() and the frame waits empty; sent on a port of ours, they move back into it. Whoever frees the packet, whenever, frees both.
#include "netdev_pollux.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "util.h"

#define JOINED_HEADROOM 256  // as in a frame: room for the headers of a tunnel
#define HASH_OF_PORTS 8      // XDP_RSS_L4 of the kernel's enum xdp_rss_hash_type

static struct pollux_memory* memories;  // main thread's

static inline unsigned char* FrameOf(const struct pollux_buffer* buffer) {
  const struct pollux_memory* memory = buffer->memory;
  return memory->layout.base + ((size_t)(buffer - memory->buffers) << memory->layout.frame_shift);
}

static inline struct pollux_buffer* BufferOf(const struct dp_packet* packet) {
  return CONTAINER_OF(packet, struct pollux_buffer, packet);
}

struct pollux_memory* pollux_memory_get(const struct pollux_pool_options* options, pollux_device* device, bool brokered) {
  for (struct pollux_memory* memory = memories; memory != NULL; memory = memory->next) {
    if (!memcmp(&memory->asked, options, sizeof *options) && (memory->brokered || !brokered)) return memory;
  }
  struct pollux_memory* memory = xzalloc(sizeof *memory);
  memory->asked = *options;
  memory->brokered = brokered;
  memory->layout = (struct pollux_pool_layout)POLLUX_POOL_LAYOUT;
  if (pollux_pool_create_for(device, options, &memory->pool) || pollux_pool_get_layout(memory->pool, &memory->layout)) {
    free(memory);
    return NULL;
  }
  // Not touched here: the pages come from the node of the thread that first receives into them.
  const size_t bytes = (size_t)memory->layout.frame_count * sizeof *memory->buffers;
  void* buffers = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (buffers == MAP_FAILED) out_of_memory();
  madvise(buffers, bytes, MADV_HUGEPAGE);
  memory->buffers = buffers;
  memory->next = memories;
  memories = memory;
  return memory;
}

static inline struct dp_packet* InitializePacket(struct pollux_memory* memory, unsigned char* data, uint32_t length) {
  struct pollux_buffer* buffer = &memory->buffers[pollux_frame_number(&memory->layout, data)];
  struct dp_packet* packet = &buffer->packet;
  buffer->memory = memory;
  dp_packet_init_specific(packet);
  dp_packet_set_base(packet, pollux_frame_start(data, memory->layout.frame_size));
  dp_packet_set_allocated(packet, memory->layout.frame_size);
  dp_packet_set_data(packet, data);
  dp_packet_set_size(packet, length);
  packet->source = DPBUF_EXTERNAL;
  dp_packet_reset_offsets(packet);
  dp_packet_reset_offload(packet);
  dp_packet_reset_cutlen(packet);
  packet->packet_type = htonl(PT_ETH);
  return packet;  // its metadata are the datapath's to initialise
}

// A hash that the device made of addresses alone would put all flows between two hosts in one place of the datapath's caches: of such
// packets the datapath makes its own, as of those that came without.
static void TakeHash(const struct pollux_packet* from, struct dp_packet* to) {
  struct pollux_rx_metadata metadata = POLLUX_RX_METADATA;
  if (!pollux_packet_get_rx_metadata(from, &metadata) || !(metadata.valid & POLLUX_RX_HASH)) return;
  if (metadata.hash_type & HASH_OF_PORTS) dp_packet_set_rss_hash(to, metadata.hash);
}

struct dp_packet* pollux_packet_received(struct pollux_memory* memory, const struct pollux_packet* packet) {
  struct dp_packet* made = InitializePacket(memory, packet->data, packet->length);
  if (OVS_UNLIKELY(packet->flags & POLLUX_PACKET_RX_METADATA)) TakeHash(packet, made);
  return made;
}

struct dp_packet* pollux_packet_joined(const struct pollux_packet* frames, size_t count) {
  size_t length = 0;
  for (size_t i = 0; i < count; i++) length += frames[i].length;
  struct dp_packet* packet = dp_packet_new_with_headroom(length, JOINED_HEADROOM);
  for (size_t i = 0; i < count; i++) dp_packet_put(packet, frames[i].data, frames[i].length);
  if (frames[0].flags & POLLUX_PACKET_RX_METADATA) TakeHash(&frames[0], packet);
  pollux_free(frames, count);
  packet->packet_type = htonl(PT_ETH);
  return packet;
}

static void FreeFrame(const struct pollux_buffer* buffer) {
  const struct pollux_packet frame = {.data = FrameOf(buffer), .pool = buffer->memory->layout.id};
  pollux_free(&frame, 1);
}

static void Release(struct dp_packet* packet) {
  struct pollux_buffer* buffer = BufferOf(packet);
  if (OVS_UNLIKELY(dp_packet_base(packet) != FrameOf(buffer))) free(dp_packet_base(packet));
  FreeFrame(buffer);
}

static void Outgrow(struct dp_packet* packet) {
  struct pollux_buffer* buffer = BufferOf(packet);
  uint64_t before;
  atomic_add_relaxed(&buffer->memory->outgrown, 1, &before);
  if (dp_packet_base(packet) != FrameOf(buffer)) free(dp_packet_base(packet));
}

static struct dp_packet* CloneData(const struct dp_packet* original, const void* data, size_t size, size_t headroom) {
  struct pollux_memory* memory = BufferOf(original)->memory;
  const struct pollux_pool_layout* layout = &memory->layout;
  struct pollux_packet frame;
  uint64_t before;
  if (headroom + size > layout->frame_size || !pollux_allocate(memory->pool, &frame, 1)) return NULL;
  // At least what was asked for; what a received packet has, if it fits.
  const size_t room = MAX(headroom, MIN(layout->headroom, layout->frame_size - size));
  unsigned char* copy = pollux_frame_start(frame.data, layout->frame_size) + room;
  memcpy(copy, data, size);
  atomic_add_relaxed(&memory->clones, 1, &before);
  return InitializePacket(memory, copy, size);
}

void pollux_packets_initialize(void) {
  dp_packet_external = (struct dp_packet_external){.release = Release, .outgrow = Outgrow, .clone_data = CloneData};
}

// Where a packet of this length goes in a frame: behind the usual headroom, if it fits there.
static unsigned char* PlaceInFrame(const struct pollux_memory* memory, unsigned char* frame, uint32_t length) {
  return frame + MIN(memory->layout.headroom, memory->layout.frame_size - length);
}

static bool CopyBack(struct pollux_buffer* buffer, struct pollux_packet* to, struct pollux_tx_counters* counters) {
  struct dp_packet* packet = &buffer->packet;
  const uint32_t length = dp_packet_size(packet);
  if (length > buffer->memory->layout.frame_size) {
    pollux_count(&counters->dropped_too_long, 1);
    Release(packet);
    return false;
  }
  *to = (struct pollux_packet){
      .data = PlaceInFrame(buffer->memory, FrameOf(buffer), length), .length = length, .pool = buffer->memory->layout.id};
  memcpy(to->data, dp_packet_data(packet), length);
  free(dp_packet_base(packet));
  pollux_count(&counters->copied_outgrown, 1);
  return true;
}

static bool CopyForeign(struct pollux_memory* memory, struct dp_packet* packet, struct pollux_packet* to,
                        struct pollux_tx_counters* counters) {
  const uint32_t length = dp_packet_size(packet);
  if (length > memory->layout.frame_size) {
    pollux_count(&counters->dropped_too_long, 1);
  } else if (!pollux_allocate(memory->pool, to, 1)) {
    pollux_count(&counters->dropped_no_frame, 1);
  } else {
    to->data = PlaceInFrame(memory, pollux_frame_start(to->data, memory->layout.frame_size), length);
    to->length = length;
    memcpy(to->data, dp_packet_data(packet), length);
    pollux_count(&counters->copied_foreign, 1);
    dp_packet_delete(packet);
    return true;
  }
  dp_packet_delete(packet);
  return false;
}

// A packet that is longer than a frame, cut over several.
static size_t CopyScattered(struct pollux_memory* memory, struct dp_packet* packet, struct pollux_packet* to,
                            struct pollux_tx_counters* counters) {
  const struct pollux_pool_layout* layout = &memory->layout;
  const uint32_t length = dp_packet_size(packet), room = layout->frame_size - layout->headroom;
  const uint32_t count = DIV_ROUND_UP(length, room);
  size_t got = 0;
  if (count > POLLUX_MOST_FRAMES) {
    pollux_count(&counters->dropped_too_long, 1);
  } else if ((got = pollux_allocate(memory->pool, to, count)) < count) {
    pollux_count(&counters->dropped_no_frame, 1);
    pollux_free(to, got);
    got = 0;
  } else {
    for (uint32_t i = 0; i < count; i++) {
      to[i].length = MIN(room, length - i * room);
      to[i].flags = i + 1 < count ? POLLUX_PACKET_CONTINUES : 0;
      memcpy(to[i].data, (const char*)dp_packet_data(packet) + i * room, to[i].length);
    }
    pollux_count(&counters->copied_scattered, 1);
  }
  dp_packet_delete(packet);
  return got;
}

size_t pollux_packet_to_send(struct pollux_memory* memory, bool scattered, struct dp_packet* packet, struct pollux_packet* to,
                             struct pollux_tx_counters* counters) {
  if (OVS_UNLIKELY(scattered && dp_packet_size(packet) > memory->layout.frame_size)) return CopyScattered(memory, packet, to, counters);
  if (OVS_UNLIKELY(packet->source != DPBUF_EXTERNAL)) return CopyForeign(memory, packet, to, counters);
  struct pollux_buffer* buffer = BufferOf(packet);
  if (OVS_UNLIKELY(dp_packet_base(packet) != FrameOf(buffer))) return CopyBack(buffer, to, counters);
  *to = (struct pollux_packet){.data = dp_packet_data(packet), .length = dp_packet_size(packet), .pool = buffer->memory->layout.id};
  return 1;
}
