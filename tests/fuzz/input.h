// SPDX-License-Identifier: Apache-2.0
// What every fuzz target shares: the entry's type, the input as text, and a check that holds in every build.
#ifndef TESTS_FUZZ_INPUT_H_
#define TESTS_FUZZ_INPUT_H_

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

// Called by libFuzzer, or by replay.cc, once for each input.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size);

// Ends the process, which is how a target says that it has found something.
#define FUZZ_REQUIRE(condition)                                                    \
  do {                                                                             \
    if (!(condition)) {                                                            \
      std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                \
    }                                                                              \
  } while (false)

namespace pollux::fuzz {

// Takes an input apart, from its beginning; what is not there reads as 0.
class Input {
 public:
  Input(const uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  bool empty() const { return size_ == 0; }
  uint8_t Byte() {
    if (size_ == 0) return 0;
    --size_;
    return *data_++;
  }
  // The rest.
  std::string Text() {
    std::string text(reinterpret_cast<const char*>(data_), size_);
    size_ = 0;
    return text;
  }
  // The rest, line by line, without the ends of lines.
  std::vector<std::string> Lines() {
    std::vector<std::string> lines(1);
    for (const char character : Text()) {
      if (character == '\n') {
        lines.emplace_back();
      } else {
        lines.back().push_back(character);
      }
    }
    return lines;
  }

 private:
  const uint8_t* data_;
  std::size_t size_;
};

}  // namespace pollux::fuzz

#endif  // TESTS_FUZZ_INPUT_H_
