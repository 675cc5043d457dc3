// SPDX-License-Identifier: Apache-2.0
// Pacer: how many packets are due by now.
#ifndef PMD_PCAP_PACER_H_
#define PMD_PCAP_PACER_H_

#include <cstddef>
#include <cstdint>

namespace pollux::pmd {

// Keeps a rate over any length of time without drift: what is due is counted from the start, not from the last packet. A poller that was
// away catches up, but by `maximum_debt` packets at most, so that it does not flood.
class Pacer {
 public:
  Pacer(uint64_t packets_per_second, std::size_t maximum_debt) : rate_(packets_per_second), maximum_debt_(maximum_debt) {}

  void Start(uint64_t now_ns) {
    start_ns_ = now_ns;
    sent_ = 0;
  }

  std::size_t Due(uint64_t now_ns) {
    const auto elapsed = static_cast<unsigned __int128>(now_ns - start_ns_);
    const uint64_t due = static_cast<uint64_t>(elapsed * rate_ / 1'000'000'000u) - sent_;
    if (due <= maximum_debt_) return due;
    sent_ += due - maximum_debt_;
    return maximum_debt_;
  }

  void Spend(std::size_t packets) { sent_ += packets; }

 private:
  const uint64_t rate_;
  const std::size_t maximum_debt_;
  uint64_t start_ns_ = 0;
  uint64_t sent_ = 0;  // and forgiven
};

}  // namespace pollux::pmd

#endif  // PMD_PCAP_PACER_H_
