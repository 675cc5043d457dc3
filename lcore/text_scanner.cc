// SPDX-License-Identifier: Apache-2.0
#include "lcore/text_scanner.h"

#include <algorithm>
#include <string>
#include <utility>

#include <absl/strings/ascii.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

namespace pollux::lcore {

void TextScanner::SkipBlanks() {
  while (position_ < text_.size() && (text_[position_] == ' ' || text_[position_] == '\t')) ++position_;
}

bool TextScanner::AtEnd() {
  SkipBlanks();
  return position_ == text_.size();
}

bool TextScanner::Sees(char wanted) {
  return !AtEnd() && text_[position_] == wanted;
}

bool TextScanner::Take(char wanted) {
  if (!Sees(wanted)) return false;
  ++position_;
  return true;
}

absl::Status TextScanner::Invalid(std::size_t position, absl::string_view problem, absl::string_view expected) const {
  return absl::InvalidArgumentError(absl::StrCat("\"", text_, "\": ", problem, " at position ", position + 1, "; expected ", expected));
}

absl::Status TextScanner::Unexpected(absl::string_view expected) {
  if (AtEnd()) return Invalid(position_, "the text ends", expected);
  return Invalid(position_, absl::StrCat("'", text_.substr(position_, 1), "'"), expected);
}

absl::StatusOr<unsigned> TextScanner::TakeNumber(absl::string_view what, unsigned limit) {
  const std::string expected = absl::StrCat(what, " (0 to ", limit - 1, ")");
  if (AtEnd() || !absl::ascii_isdigit(text_[position_])) return Unexpected(expected);
  const std::size_t start = position_;
  while (position_ < text_.size() && absl::ascii_isdigit(text_[position_])) ++position_;
  const absl::string_view digits = text_.substr(start, position_ - start);
  unsigned number = 0;
  if (!absl::SimpleAtoi(digits, &number) || number >= limit) return Invalid(start, absl::StrCat("'", digits, "'"), expected);
  return number;
}

absl::StatusOr<TextScanner::Range> TextScanner::TakeRange(absl::string_view what, unsigned limit, FallingRange falling) {
  SkipBlanks();
  const std::size_t start = position_;
  const absl::StatusOr<unsigned> first = TakeNumber(what, limit);
  if (!first.ok()) return first.status();
  if (!Take('-')) return Range{*first, *first};
  const absl::StatusOr<unsigned> last = TakeNumber(what, limit);
  if (!last.ok()) return last.status();
  if (*first <= *last) return Range{*first, *last};
  if (falling == FallingRange::kSwap) return Range{*last, *first};
  return Invalid(start, absl::StrCat("falling range '", *first, "-", *last, "'"),
                 absl::StrCat("the lower number first, ", *last, "-", *first));
}

}  // namespace pollux::lcore
