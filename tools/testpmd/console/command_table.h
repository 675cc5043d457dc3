// SPDX-License-Identifier: Apache-2.0
// CommandTable: what can be typed at the prompt.
#ifndef TOOLS_TESTPMD_CONSOLE_COMMAND_TABLE_H_
#define TOOLS_TESTPMD_CONSOLE_COMMAND_TABLE_H_

#include <functional>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/strings/string_view.h>

namespace pollux::testpmd {

using Words = std::vector<std::string>;

// `pattern`: words between blanks. "show" stands for itself, "info|stats" for one of several, capitals for any word ("PORT", and
// "PORT|all"), and from the first word in brackets on, words may be missing: "start [tx_first] [N]". A last word "TEXT..." takes the rest
// of the line.
struct Command {
  std::string pattern;
  std::string
      section;  // of the help: "control", "display", "config", "ports", "flows"; empty: neither there nor among completions and hints
  std::string help;
  std::function<absl::Status(const Words& words)> run;
};

class CommandTable {
 public:
  void Add(Command command);

  // Runs one line. An empty one and one that begins with '#' do nothing. NOT_FOUND "Command not found"; INVALID_ARGUMENT "Bad arguments"
  // says which word was expected; else what the command returns.
  absl::Status Run(absl::string_view line) const;

  // The words that may stand at the end of `line`, whose last word is not finished (empty after a blank): its completions.
  std::vector<std::string> Complete(absl::string_view line) const;

  // The sections, or the commands of one.
  std::string Help(const std::string& section) const;

 private:
  struct Token {
    std::vector<std::string> choices;  // literal words
    std::string placeholder;           // "PORT"; empty: none
    bool optional = false;
    bool rest = false;
    bool Matches(const std::string& word) const;
    std::string Describe() const;
  };
  struct Entry {
    Command command;
    std::vector<Token> tokens;
  };
  // How many words of the beginning fit.
  static std::size_t Fit(const Entry& entry, const Words& words);
  static bool IsWhole(const Entry& entry, const Words& words);
  absl::Status Explain(const Words& words) const;

  std::vector<Entry> entries_;
};

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_CONSOLE_COMMAND_TABLE_H_
