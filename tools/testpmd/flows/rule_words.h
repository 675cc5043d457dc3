// SPDX-License-Identifier: Apache-2.0
// RuleWords: a rule's words, one after the other, and values among them.
#ifndef TOOLS_TESTPMD_FLOWS_RULE_WORDS_H_
#define TOOLS_TESTPMD_FLOWS_RULE_WORDS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

namespace pollux::testpmd {

class RuleWords {
 public:
  explicit RuleWords(std::vector<std::string> words) : words_(std::move(words)) {}

  bool finished() const { return next_ == words_.size(); }
  // "" at the end.
  const std::string& Peek() const;
  const std::string& Take();
  // True if the next word is `word`, which is taken then.
  bool Skip(absl::string_view word);
  absl::Status Expect(absl::string_view word);
  // "Bad arguments: WORD: WHAT".
  absl::Status Fault(absl::string_view what) const;

  absl::StatusOr<uint64_t> Number(uint64_t maximum);
  // As they stand in a packet: 1 to 8 bytes of a number; 6 of a MAC address; 4 or 16 of an IP address.
  enum class Form { kNumber, kMac, kIpv4, kIpv6 };
  absl::StatusOr<std::vector<uint8_t>> Value(Form form, std::size_t bytes);

 private:
  std::vector<std::string> words_;
  std::size_t next_ = 0;
};

// The first `bits` bits are 1.
std::vector<uint8_t> PrefixMask(std::size_t bytes, std::size_t bits);

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_FLOWS_RULE_WORDS_H_
