// SPDX-License-Identifier: Apache-2.0
// TransmitCost: which of two ways to send is cheaper for a burst of this depth, learnt while both run.
#ifndef PMD_AF_XDP_TRANSMIT_COST_H_
#define PMD_AF_XDP_TRANSMIT_COST_H_

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace pollux::pmd::af_xdp {

enum class TransmitEngine : uint8_t { kRing, kInject };

// What an injecting call costs another thread of the kernel if a receiver still holds a frame when it returns: a page pool that waits for
// its frames, and at its end looks at each of the `pools` there are. Measured on Linux 6.18, as CPU time of all kernel threads: 43 to
// 60 us a call with few pools, and 28 ns for each pool in the call and at the end (docs/inject.md).
constexpr uint64_t CyclesOfPool(uint64_t pools, uint64_t cycles_per_second) {
  constexpr uint64_t kFewPoolsNs = 45'000, kEachPoolNs = 28;
  return (kFewPoolsNs + kEachPoolNs * pools) * (cycles_per_second / 1'000'000) / 1000;
}

// What a burst costs depends on the receiver, which may change at any time, so nothing is assumed: each depth up to 32 has an entry,
// above that eight an octave. An entry tries both engines a few times, then takes the cheaper one, and spends 1 part in 128 of its
// time on looking at the other again (1 in 1024 on one that is several times dearer): some bursts in a row, of which the first do not
// count, since they find cold caches. A single burst now and then would make the other engine look worse than it is. Between looks one
// burst of eight is measured, as reading the clock twice is a part of what a burst of one packet costs. Single-lcore; a few instructions
// a burst that is not measured.
class TransmitCost {
 public:
  TransmitEngine Choose(std::size_t depth) const {
    const Entry& entry = entries_[Index(depth)];
    if (entry.samples[0] < kFirstSamples) [[unlikely]]
      return TransmitEngine::kRing;
    if (entry.samples[1] < kFirstSamples) [[unlikely]]
      return TransmitEngine::kInject;
    const bool inject_is_cheaper = entry.cycles[1] < entry.cycles[0];
    return inject_is_cheaper != (entry.look > 0) ? TransmitEngine::kInject : TransmitEngine::kRing;
  }

  // Whether the burst of this depth that is sent next is one to measure, and to Learn from. Asked once for each.
  bool Measures(std::size_t depth) {
    Entry& entry = entries_[Index(depth)];
    if (entry.look > 0 || !entry.settled()) [[unlikely]]
      return true;
    return ++entry.bursts % kEachOf == 0;
  }

  // Sending `depth` packets in this way took `cycles`.
  void Learn(TransmitEngine engine, std::size_t depth, uint64_t cycles) {
    Entry& entry = entries_[Index(depth)];
    const auto self = static_cast<std::size_t>(engine);
    uint64_t& mean = entry.cycles[self];
    if (entry.samples[self] < kFirstSamples) {
      // The best of the first few: the first call of all finds cold caches.
      mean = entry.samples[self] == 0 ? cycles : std::min(mean, cycles);
      ++entry.samples[self];
      return;
    }
    // An interrupted call says little of the next one.
    const uint64_t sample = std::min(cycles, kOutlier * mean);
    entry.total += entry.look == 0 && entry.settled() ? kEachOf * sample : sample;
    const bool dearer = mean > entry.cycles[1 - self];
    if (!dearer || entry.look <= kWarmBursts) mean += sample / kMemory - mean / kMemory;
    if (dearer && entry.look > 0) {
      entry.looking += sample;
      --entry.look;
      if (mean <= entry.cycles[1 - self]) entry.look = 0;  // it is the cheaper one now
    } else if (entry.look == 0 && entry.looking < entry.total / entry.share()) {
      entry.look = kColdBursts + kWarmBursts;
    }
  }

  // What an entry believes, in cycles a burst; 0: not tried yet.
  uint64_t Cycles(TransmitEngine engine, std::size_t depth) const {
    return entries_[Index(depth)].cycles[static_cast<std::size_t>(engine)];
  }

  static constexpr std::size_t kExact = 32;
  static constexpr std::size_t kEntries = kExact + 8 * 6;

  static constexpr std::size_t Index(std::size_t depth) {
    if (depth < kExact) return depth;
    const auto octave = static_cast<std::size_t>(std::bit_width(depth)) - 1;  // 5 for 32..63
    const std::size_t eighth = (depth >> (octave - 3)) & 7;
    return std::min(kExact + (octave - 5) * 8 + eighth, kEntries - 1);
  }

 private:
  static constexpr uint8_t kFirstSamples = 8;
  static constexpr uint8_t kEachOf = 8;
  static constexpr uint64_t kShareOfLooking = 128, kShareIfFar = 1024;
  static constexpr uint64_t kFar = 4;  // times the cheaper one's cycles
  static constexpr uint8_t kColdBursts = 4;
  static constexpr uint8_t kWarmBursts = 8;
  static constexpr uint64_t kOutlier = 4;
  static constexpr uint64_t kMemory = 8;  // a sample's weight is 1 part of this

  struct Entry {
    std::array<uint64_t, 2> cycles{};  // mean of a burst, by engine
    uint64_t total = 0;                // cycles spent
    uint64_t looking = 0;              // of these, on the engine that is not the cheaper one
    std::array<uint8_t, 2> samples{};
    uint8_t look = 0;    // bursts to go on the other engine
    uint8_t bursts = 0;  // since one was measured

    bool settled() const { return samples[0] >= kFirstSamples && samples[1] >= kFirstSamples; }
    uint64_t share() const {
      const auto [cheaper, dearer] = std::minmax(cycles[0], cycles[1]);
      return dearer > kFar * cheaper ? kShareIfFar : kShareOfLooking;
    }
  };

  std::array<Entry, kEntries> entries_{};
};

}  // namespace pollux::pmd::af_xdp

#endif  // PMD_AF_XDP_TRANSMIT_COST_H_
