// SPDX-License-Identifier: Apache-2.0
// A set of CPU numbers, and its text form "0-3,8".
#ifndef LCORE_CORE_SET_H_
#define LCORE_CORE_SET_H_

#include <bitset>
#include <initializer_list>
#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

namespace pollux::lcore {

// A value type; every operation is exact for CPU numbers 0 to kMaxCpus - 1.
class CoreSet {
 public:
  // As many as glibc's cpu_set_t holds (CPU_SETSIZE, asserted in affinity.cc).
  static constexpr unsigned kMaxCpus = 1024;

  CoreSet() = default;
  CoreSet(std::initializer_list<unsigned> cpus);

  // Parses "0-3,8": numbers and rising ranges, separated by commas; blanks around them and repeated numbers are fine. Anything else
  // is INVALID_ARGUMENT with the text, the position (counted from 1) and what is allowed there. An empty text is an error, since
  // no option means "no CPU".
  static absl::StatusOr<CoreSet> Parse(absl::string_view text);

  // Parses a hexadecimal mask, with or without 0x: "f" or "0x101". CPU 0 is the lowest bit. A mask of zero is an error.
  static absl::StatusOr<CoreSet> ParseHexMask(absl::string_view text);

  // The shortest text that Parse turns back into this set: "0-3,8", "0,1" stays "0-1". Empty for the empty set.
  std::string ToString() const;

  // Adds a CPU; `cpu` must be below kMaxCpus.
  void Add(unsigned cpu) { bits_.set(cpu); }
  bool Contains(unsigned cpu) const { return cpu < kMaxCpus && bits_.test(cpu); }
  bool ContainsAll(const CoreSet& other) const { return (other.bits_ & ~bits_).none(); }
  bool empty() const { return bits_.none(); }
  unsigned size() const { return static_cast<unsigned>(bits_.count()); }

  // The CPU numbers in rising order.
  std::vector<unsigned> cpus() const;

  CoreSet operator|(const CoreSet& other) const { return CoreSet(bits_ | other.bits_); }
  CoreSet operator&(const CoreSet& other) const { return CoreSet(bits_ & other.bits_); }
  CoreSet operator-(const CoreSet& other) const { return CoreSet(bits_ & ~other.bits_); }
  bool operator==(const CoreSet& other) const = default;

 private:
  explicit CoreSet(const std::bitset<kMaxCpus>& bits) : bits_(bits) {}

  std::bitset<kMaxCpus> bits_;
};

}  // namespace pollux::lcore

#endif  // LCORE_CORE_SET_H_
