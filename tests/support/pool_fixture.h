// SPDX-License-Identifier: Apache-2.0
// Pools for tests, packets with contents that can be recognised, and the audit after the scenario.
#ifndef TESTS_SUPPORT_POOL_FIXTURE_H_
#define TESTS_SUPPORT_POOL_FIXTURE_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "mempool/frame_audit.h"
#include "mempool/pool.h"
#include "mempool/region.h"

namespace pollux::support {

// A pool on ordinary pages: works on every machine. Small slabs, so that few frames pass every path of the pool.
// `create_region`: mempool::Region::Create, or another function of that shape (pmd/visible_region.h).
inline std::shared_ptr<mempool::Pool> MakePool(
    mempool::PoolOptions options = {.frame_count = 4096, .slab_frames = 64},
    absl::StatusOr<std::unique_ptr<mempool::Region>> (*create_region)(const mempool::RegionOptions&) = &mempool::Region::Create) {
  absl::StatusOr<std::size_t> bytes = mempool::RegionBytes(options);
  if (!bytes.ok()) {
    ADD_FAILURE() << bytes.status();
    return nullptr;
  }
  auto region = create_region({.bytes = *bytes, .pages = mempool::PageKind::kOrdinary});
  if (!region.ok()) {
    ADD_FAILURE() << region.status();
    return nullptr;
  }
  auto pool = mempool::Pool::Create(*std::move(region), options);
  if (!pool.ok()) {
    ADD_FAILURE() << pool.status();
    return nullptr;
  }
  return *std::move(pool);
}

// Byte number `index` of the packet number `seed`: differs between neighbours in both.
inline std::byte ContentByte(uint64_t seed, std::size_t index) {
  const uint64_t mixed = (seed + 1) * 0x9E3779B97F4A7C15ull + index * 0xC2B2AE3D27D4EB4Full;
  return static_cast<std::byte>(mixed >> 56);
}

// Gives the packet `length` bytes of the contents numbered `seed`.
inline void WriteContents(mempool::Packet& packet, std::size_t length, uint64_t seed) {
  packet.length = static_cast<uint32_t>(length);
  for (std::size_t index = 0; index < length; ++index) packet.data[index] = ContentByte(seed, index);
}

inline testing::AssertionResult HasContents(const mempool::Packet& packet, std::size_t length, uint64_t seed) {
  if (packet.length != length) return testing::AssertionFailure() << "length " << packet.length << " instead of " << length;
  for (std::size_t index = 0; index < length; ++index) {
    if (packet.data[index] == ContentByte(seed, index)) continue;
    return testing::AssertionFailure() << "packet " << seed << " of " << length << " bytes differs at byte " << index;
  }
  return testing::AssertionSuccess();
}

inline std::vector<mempool::Packet> AllocatePackets(mempool::Pool& pool, std::size_t count) {
  std::vector<mempool::Packet> packets(count);
  packets.resize(pool.Allocate(packets));
  EXPECT_EQ(packets.size(), count) << "the pool is too small for the test";
  return packets;
}

// True if every frame of the pool is free, in `held`, or reported by one of the devices (anything with CollectFrames), once.
// Threads must be quiet.
template <typename Collector>
testing::AssertionResult FramesBalance(const mempool::Pool& pool, std::initializer_list<const Collector*> devices,
                                       std::span<const mempool::Packet> held = {}) {
  mempool::FrameAudit audit(pool);
  for (const Collector* device : devices) {
    if (device != nullptr) device->CollectFrames(audit);
  }
  for (const mempool::Packet& packet : held) audit.Add("test", packet);
  const absl::Status status = audit.Balance();
  if (status.ok()) return testing::AssertionSuccess();
  return testing::AssertionFailure() << status;
}

// True if every frame is free or in `held`.
inline testing::AssertionResult FramesAreFree(const mempool::Pool& pool, std::span<const mempool::Packet> held = {}) {
  struct Nothing {
    void CollectFrames(mempool::FrameAudit&) const {}
  };
  return FramesBalance<Nothing>(pool, {}, held);
}

}  // namespace pollux::support

#endif  // TESTS_SUPPORT_POOL_FIXTURE_H_
