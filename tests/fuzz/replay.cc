// SPDX-License-Identifier: Apache-2.0
// The main program of a fuzz target where there is no fuzzer: every file of a folder, and changed copies of each, the same in every run.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include "tests/fuzz/input.h"

namespace {

constexpr std::chrono::seconds kLongest(10);

std::vector<uint8_t> Changed(std::vector<uint8_t> input, std::mt19937& random) {
  for (uint32_t changes = 1 + random() % 4; changes > 0 && !input.empty(); --changes) {
    const auto at = input.begin() + static_cast<std::ptrdiff_t>(random() % input.size());
    switch (random() % 4) {
      case 0:
        *at = static_cast<uint8_t>(random());
        break;
      case 1:
        *at ^= static_cast<uint8_t>(1u << (random() % 8));
        break;
      case 2:
        input.erase(at, at + static_cast<std::ptrdiff_t>(std::min<std::size_t>(random() % 8, static_cast<std::size_t>(input.end() - at))));
        break;
      default: {
        const std::vector<uint8_t> doubled(
            at, at + static_cast<std::ptrdiff_t>(std::min<std::size_t>(random() % 16, static_cast<std::size_t>(input.end() - at))));
        input.insert(at, doubled.begin(), doubled.end());
      }
    }
  }
  return input;
}

}  // namespace

int main(int argument_count, char** arguments) {
  const int copies = argument_count == 3 ? std::atoi(arguments[2]) : 0;
  if (copies == 0) {
    std::fprintf(stderr, "usage: %s FOLDER CHANGED-COPIES (with --config=fuzz it is libFuzzer's)\n", arguments[0]);
    return 2;
  }
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(arguments[1])) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  if (files.empty()) {
    std::fprintf(stderr, "%s: no input\n", arguments[1]);
    return 1;
  }
  std::vector<std::vector<uint8_t>> inputs;
  for (const auto& file : files) {
    std::ifstream stream(file, std::ios::binary);
    inputs.emplace_back(std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>());
    LLVMFuzzerTestOneInput(inputs.back().data(), inputs.back().size());
  }
  std::mt19937 random(1);
  const auto end = std::chrono::steady_clock::now() + kLongest;
  std::size_t runs = inputs.size();
  for (int copy = 0; copy < copies && std::chrono::steady_clock::now() < end; ++copy, ++runs) {
    const std::vector<uint8_t> changed = Changed(inputs[random() % inputs.size()], random);
    LLVMFuzzerTestOneInput(changed.data(), changed.size());
  }
  std::printf("%zu inputs of %zu files\n", runs, inputs.size());
}
