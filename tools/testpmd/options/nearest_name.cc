// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/options/nearest_name.h"

#include <algorithm>
#include <cstddef>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

namespace pollux::testpmd {
namespace {

// Damerau's distance in its restricted form: a swapped pair is not edited again.
std::size_t Edits(absl::string_view from, absl::string_view to) {
  std::vector<std::vector<std::size_t>> table(from.size() + 1, std::vector<std::size_t>(to.size() + 1));
  for (std::size_t i = 0; i <= from.size(); ++i) table[i][0] = i;
  for (std::size_t j = 0; j <= to.size(); ++j) table[0][j] = j;
  for (std::size_t i = 1; i <= from.size(); ++i) {
    for (std::size_t j = 1; j <= to.size(); ++j) {
      const std::size_t replaced = table[i - 1][j - 1] + (from[i - 1] == to[j - 1] ? 0 : 1);
      table[i][j] = std::min({replaced, table[i - 1][j] + 1, table[i][j - 1] + 1});
      if (i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1]) {
        table[i][j] = std::min(table[i][j], table[i - 2][j - 2] + 1);
      }
    }
  }
  return table[from.size()][to.size()];
}

}  // namespace

std::string NearestName(absl::string_view word, const std::vector<std::string>& names) {
  std::string nearest;
  std::size_t fewest = std::max<std::size_t>(2, word.size() / 3) + 1;
  if (word.size() < 3) fewest = 2;
  for (const std::string& name : names) {
    const std::size_t edits = Edits(word, name);
    if (edits < fewest && edits < name.size()) {
      fewest = edits;
      nearest = name;
    }
  }
  if (!nearest.empty() || word.size() < 3) return nearest;
  for (const std::string& name : names) {
    if (absl::StartsWith(name, word)) return name;
  }
  return "";
}

std::string DidYouMean(absl::string_view word, const std::vector<std::string>& names, absl::string_view prefix) {
  const std::string nearest = NearestName(word, names);
  return nearest.empty() ? "" : absl::StrCat("; did you mean ", prefix, nearest, "?");
}

}  // namespace pollux::testpmd
