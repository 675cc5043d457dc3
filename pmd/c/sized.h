// SPDX-License-Identifier: Apache-2.0
// Structures that begin with their size, between a program and a library that were compiled with different versions of pollux.h.
#ifndef PMD_C_SIZED_H_
#define PMD_C_SIZED_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

#include "pmd/c/error.h"

namespace pollux::pmd::c {

// A program that was compiled with a header that has none of a structure's members but `size` has not set it.
inline absl::Status CheckSize(const char* call, const char* argument, std::size_t size, std::size_t known) {
  if (size > sizeof(uint32_t)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(call, ": ", argument, "->size is ", size, ": set it to sizeof of the structure, here ",
                                                 known, ", as the initialisers of pollux.h do"));
}

// Copies what the program has given over the library's defaults in `known`. False: its size cannot be, or it asks for what is not known
// here. Data path.
template <typename Structure>
bool ReadSizedQuickly(const Structure* given, Structure& known) {
  const std::size_t size = given->size;
  if (size <= sizeof(uint32_t)) return false;
  const auto* bytes = reinterpret_cast<const unsigned char*>(given);
  if (size > sizeof(Structure) && std::any_of(bytes + sizeof(Structure), bytes + size, [](unsigned char byte) { return byte != 0; }))
    return false;
  std::memcpy(static_cast<void*>(&known), given, std::min(size, sizeof(Structure)));
  known.size = sizeof(Structure);
  return true;
}

// The same, with words.
template <typename Structure>
absl::Status ReadSized(const char* call, const char* argument, const Structure* given, Structure& known) {
  if (given == nullptr) return NullArgument(call, argument);
  const std::size_t size = given->size;
  if (const absl::Status status = CheckSize(call, argument, size, sizeof(Structure)); !status.ok()) return status;
  if (ReadSizedQuickly(given, known)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(call, ": ", argument,
                                                 " asks for something that this library does not know: the program was ",
                                                 "compiled with a later pollux.h (", size, " bytes, ", sizeof(Structure), " are known)"));
}

// Writes as much of `from` as the program has room for, and zeroes what it has room for beyond that. `to` was checked by CheckSized.
template <typename Structure>
void WriteSized(const Structure& from, Structure& to) {
  const std::size_t size = to.size;
  std::memcpy(static_cast<void*>(&to), &from, std::min(size, sizeof(Structure)));
  if (size > sizeof(Structure)) std::memset(reinterpret_cast<unsigned char*>(&to) + sizeof(Structure), 0, size - sizeof(Structure));
  to.size = static_cast<uint32_t>(size);
}

// A structure that is to be written.
template <typename Structure>
absl::Status CheckSized(const char* call, const char* argument, const Structure* to) {
  return to == nullptr ? NullArgument(call, argument) : CheckSize(call, argument, to->size, sizeof(Structure));
}

}  // namespace pollux::pmd::c

#endif  // PMD_C_SIZED_H_
