// SPDX-License-Identifier: Apache-2.0
// Output: where text goes, and where JSON.
#ifndef TOOLS_TESTPMD_REPORT_OUTPUT_H_
#define TOOLS_TESTPMD_REPORT_OUTPUT_H_

#include <atomic>
#include <cerrno>
#include <functional>
#include <iostream>
#include <mutex>
#include <string>
#include <utility>

#include <absl/strings/string_view.h>
#include <nlohmann/json.hpp>

namespace pollux::testpmd {

// Any thread; a call is written as a whole. A stream that cannot be written to (a full disk, a pipe that nobody reads) is told of once,
// by OnFailure's function, and left alone afterwards. With JSON, text may be lost without that: it is not what was asked for.
class Output {
 public:
  // With `json` the text gives way: it goes to the standard error output.
  explicit Output(bool json) : text_(json ? std::cerr : std::cout), json_(json) {}
  // Both to streams of a test.
  Output(std::ostream& text, std::ostream& json_stream) : text_(text), json_stream_(json_stream), json_(true) {}

  void Print(absl::string_view text) {
    const std::lock_guard lock(mutex_);
    if (text_) text_ << text << std::flush;
    if (!json_) NoticeFailure(text_);
  }
  // One object, one line. Nothing without --json. Bytes that are not UTF-8, as a kernel interface's name may have, become U+FFFD.
  void PrintJson(const nlohmann::json& object) {
    if (!json_) return;
    const std::string line = object.dump(-1, ' ', /*ensure_ascii=*/false, nlohmann::json::error_handler_t::replace);
    const std::lock_guard lock(mutex_);
    if (json_stream_) json_stream_ << line << std::endl;
    NoticeFailure(json_stream_);
  }
  bool json() const { return json_; }

  // Called with errno, once, in whichever thread met the failure.
  void OnFailure(std::function<void(int error)> on_failure) { on_failure_ = std::move(on_failure); }
  bool failed() const { return failed_.load(std::memory_order_relaxed); }

 private:
  void NoticeFailure(const std::ostream& stream) {
    if (stream || failed_.exchange(true)) return;
    if (on_failure_) on_failure_(errno);
  }

  std::mutex mutex_;
  std::ostream& text_;
  std::ostream& json_stream_ = std::cout;
  const bool json_;
  std::function<void(int error)> on_failure_;
  std::atomic<bool> failed_{false};
};

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_REPORT_OUTPUT_H_
