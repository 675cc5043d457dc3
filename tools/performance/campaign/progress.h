// SPDX-License-Identifier: Apache-2.0
// The live line on stderr: what is being done, and how long the rest will take.
#ifndef TOOLS_PERFORMANCE_CAMPAIGN_PROGRESS_H_
#define TOOLS_PERFORMANCE_CAMPAIGN_PROGRESS_H_

#include <chrono>
#include <string>

namespace pollux::performance {

class Progress {
 public:
  // A terminal gets one line that changes, a file one line for every step.
  Progress();
  ~Progress();
  // Adds steps to come, each expected to last so long; what steps really last corrects it.
  void Expect(int steps, double seconds);
  void Begin(const std::string& what);
  // `result` in a few words.
  void End(const std::string& result);
  // Since it was made.
  double elapsed_s() const;

 private:
  void Show(const std::string& text, bool final);
  const bool terminal_;
  int steps_ = 0;
  int done_ = 0;
  double expected_s_ = 0;       // of all steps
  double expected_done_s_ = 0;  // of those done, as expected
  double real_done_s_ = 0;      // of those done, as they were
  std::string step_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point begin_;
};

}  // namespace pollux::performance

#endif  // TOOLS_PERFORMANCE_CAMPAIGN_PROGRESS_H_
