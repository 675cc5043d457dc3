// SPDX-License-Identifier: Apache-2.0
#include "bpf/library_messages.h"

#include <bpf/libbpf.h>
#include <xdp/libxdp.h>

#include <cstdarg>
#include <cstdio>
#include <vector>

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>

namespace pollux::bpf {
namespace {

constexpr size_t kMaximumText = 500;

std::mutex alone;
thread_local std::string* collected = nullptr;
// Written only while nobody prints through Collect*: before it is installed.
libbpf_print_fn_t previous_libbpf = nullptr;
libxdp_print_fn_t previous_libxdp = nullptr;

void Append(const char* format, va_list arguments) {
  // A verifier's log is long, and its end is what counts.
  std::vector<char> text(1 << 16);
  va_list copy;
  va_copy(copy, arguments);
  int length = std::vsnprintf(text.data(), text.size(), format, copy);
  va_end(copy);
  if (length >= static_cast<int>(text.size())) {
    text.resize(static_cast<size_t>(length) + 1);
    length = std::vsnprintf(text.data(), text.size(), format, arguments);
  }
  if (length > 0) collected->append(text.data(), static_cast<size_t>(length));
}

int CollectLibbpf(libbpf_print_level level, const char* format, va_list arguments) {
  if (collected == nullptr) return previous_libbpf != nullptr ? previous_libbpf(level, format, arguments) : 0;
  if (level == LIBBPF_WARN) Append(format, arguments);
  return 0;
}

int CollectLibxdp(libxdp_print_level level, const char* format, va_list arguments) {
  if (collected == nullptr) return previous_libxdp != nullptr ? previous_libxdp(level, format, arguments) : 0;
  if (level == LIBXDP_WARN) Append(format, arguments);
  return 0;
}

}  // namespace

LibraryMessages::LibraryMessages() : alone_(alone) {
  collected = new std::string;
  previous_libbpf = libbpf_set_print(&CollectLibbpf);
  previous_libxdp = libxdp_set_print(&CollectLibxdp);
}

LibraryMessages::~LibraryMessages() {
  libbpf_set_print(previous_libbpf);
  libxdp_set_print(previous_libxdp);
  delete collected;
  collected = nullptr;
}

std::string LibraryMessages::Last() const {
  std::vector<std::string> lines;
  for (absl::string_view line : absl::StrSplit(*collected, '\n')) {
    line = absl::StripAsciiWhitespace(line);
    // Frames around a verifier's log, and its statistics.
    if (line.empty() || absl::StrContains(line, "PROG LOAD LOG --") || absl::StartsWith(line, "processed ")) continue;
    lines.emplace_back(line);
  }
  size_t first = lines.size();
  for (size_t length = 0; first > 0 && length + lines[first - 1].size() <= kMaximumText; --first) length += lines[first - 1].size() + 2;
  return absl::StrJoin(lines.begin() + static_cast<std::ptrdiff_t>(first), lines.end(), "; ");
}

}  // namespace pollux::bpf
