// SPDX-License-Identifier: Apache-2.0
// Output: where text goes, and where JSON.
#ifndef TOOLS_TESTPMD_REPORT_OUTPUT_H_
#define TOOLS_TESTPMD_REPORT_OUTPUT_H_

#include <iostream>
#include <mutex>
#include <string>

#include <absl/strings/string_view.h>
#include <nlohmann/json.hpp>

namespace pollux::testpmd {

// Any thread; a call is written as a whole.
class Output {
 public:
  // With `json` the text gives way: it goes to the standard error output.
  explicit Output(bool json) : text_(json ? std::cerr : std::cout), json_(json) {}
  // Both to streams of a test.
  Output(std::ostream& text, std::ostream& json_stream) : text_(text), json_stream_(json_stream), json_(true) {}

  void Print(absl::string_view text) {
    const std::lock_guard lock(mutex_);
    text_ << text << std::flush;
  }
  // One object, one line. Nothing without --json.
  void PrintJson(const nlohmann::json& object) {
    if (!json_) return;
    const std::lock_guard lock(mutex_);
    json_stream_ << object.dump() << std::endl;
  }
  bool json() const { return json_; }

 private:
  std::mutex mutex_;
  std::ostream& text_;
  std::ostream& json_stream_ = std::cout;
  const bool json_;
};

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_REPORT_OUTPUT_H_
