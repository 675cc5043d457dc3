// SPDX-License-Identifier: Apache-2.0
// What was probably meant.
#ifndef TOOLS_TESTPMD_OPTIONS_NEAREST_NAME_H_
#define TOOLS_TESTPMD_OPTIONS_NEAREST_NAME_H_

#include <string>
#include <vector>

#include <absl/strings/string_view.h>

namespace pollux::testpmd {

// The name that needs the fewest edits (insertions, deletions, replacements, swaps of neighbours) to become `word`, if those are few for
// its length; else empty.
std::string NearestName(absl::string_view word, const std::vector<std::string>& names);

// "; did you mean PREFIX+NAME?", or empty if no name is near.
std::string DidYouMean(absl::string_view word, const std::vector<std::string>& names, absl::string_view prefix = "");

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_OPTIONS_NEAREST_NAME_H_
