// SPDX-License-Identifier: Apache-2.0
// A text for C, in an array of the structure.
#ifndef PMD_C_COPY_TEXT_H_
#define PMD_C_COPY_TEXT_H_

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>

namespace pollux::pmd::c {

// What does not fit is cut off; there is always a terminator.
template <std::size_t kSize>
void CopyText(const std::string& text, char (&array)[kSize]) {
  const std::size_t length = std::min(text.size(), kSize - 1);
  std::memcpy(array, text.data(), length);
  std::memset(array + length, 0, kSize - length);
}

}  // namespace pollux::pmd::c

#endif  // PMD_C_COPY_TEXT_H_
