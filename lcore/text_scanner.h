// SPDX-License-Identifier: Apache-2.0
// Reads the small languages of core options left to right, and says where and why it cannot go on.
#ifndef LCORE_TEXT_SCANNER_H_
#define LCORE_TEXT_SCANNER_H_

#include <cstddef>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

namespace pollux::lcore {

// A cursor over a text that must outlive it. Blanks before each token are skipped.
class TextScanner {
 public:
  struct Range {
    unsigned first = 0;
    unsigned last = 0;
  };
  // Whether "3-1" is a mistake or means 1-3.
  enum class FallingRange { kError, kSwap };

  explicit TextScanner(absl::string_view text) : text_(text) {}

  bool AtEnd();
  // Takes `wanted` if it comes next.
  bool Take(char wanted);
  // Whether `wanted` comes next.
  bool Sees(char wanted);

  // Takes "N" or "N-M"; both below `limit`. `what` names such a number in errors: "a CPU number".
  absl::StatusOr<Range> TakeRange(absl::string_view what, unsigned limit, FallingRange falling);

  // Takes a decimal number below `limit`.
  absl::StatusOr<unsigned> TakeNumber(absl::string_view what, unsigned limit);

  // INVALID_ARGUMENT about the next character: "TEXT": 'x' at position 5; expected EXPECTED.
  absl::Status Unexpected(absl::string_view expected);

 private:
  absl::Status Invalid(std::size_t position, absl::string_view problem, absl::string_view expected) const;
  void SkipBlanks();

  absl::string_view text_;
  std::size_t position_ = 0;
};

}  // namespace pollux::lcore

#endif  // LCORE_TEXT_SCANNER_H_
