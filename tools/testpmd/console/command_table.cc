// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/console/command_table.h"

#include <algorithm>

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>

#include "tools/testpmd/options/nearest_name.h"

namespace pollux::testpmd {
namespace {

Words SplitWords(absl::string_view line) {
  return absl::StrSplit(line, absl::ByAnyChar(" \t\r\n"), absl::SkipEmpty());
}

void AddNew(std::vector<std::string>& list, const std::string& word) {
  if (std::find(list.begin(), list.end(), word) == list.end()) list.push_back(word);
}

// These stand for numbers only; a word in their place is more likely a misspelt literal.
bool IsNumber(const std::string& placeholder) {
  return placeholder == "PORT" || placeholder == "QUEUE" || placeholder == "N" || placeholder == "LEVEL" || placeholder == "US";
}

std::string SectionTitle(const std::string& section) {
  std::string title = section;
  title[0] = absl::ascii_toupper(title[0]);
  return absl::StrCat("\n", title, ":\n", std::string(title.size() + 1, '-'), "\n\n");
}

}  // namespace

bool CommandTable::Token::Matches(const std::string& word) const {
  const bool fits_placeholder = !placeholder.empty() && (!IsNumber(placeholder) || absl::ascii_isdigit(word.front()));
  return fits_placeholder || std::find(choices.begin(), choices.end(), word) != choices.end();
}

std::string CommandTable::Token::Describe() const {
  std::vector<std::string> all = choices;
  if (!placeholder.empty()) all.push_back(placeholder);
  return absl::StrJoin(all, "|");
}

void CommandTable::Add(Command command) {
  Entry entry;
  for (std::string word : SplitWords(command.pattern)) {
    Token token;
    token.optional = word.front() == '[';
    if (token.optional) word = word.substr(1, word.size() - 2);
    token.rest = absl::EndsWith(word, "...");
    if (token.rest) word.resize(word.size() - 3);
    for (absl::string_view choice : absl::StrSplit(word, '|')) {
      if (absl::ascii_isupper(choice.front())) {
        token.placeholder = std::string(choice);
      } else {
        token.choices.emplace_back(choice);
      }
    }
    entry.tokens.push_back(std::move(token));
  }
  entry.command = std::move(command);
  entries_.push_back(std::move(entry));
}

std::size_t CommandTable::Fit(const Entry& entry, const Words& words) {
  std::size_t index = 0;
  while (index < words.size() && index < entry.tokens.size() && entry.tokens[index].Matches(words[index])) {
    if (entry.tokens[index].rest) return words.size();
    ++index;
  }
  return index;
}

bool CommandTable::IsWhole(const Entry& entry, const Words& words) {
  if (Fit(entry, words) != words.size()) return false;
  return words.size() >= entry.tokens.size() || entry.tokens[words.size()].optional;
}

absl::Status CommandTable::Run(absl::string_view line) const {
  const Words words = SplitWords(line);
  if (words.empty() || words.front().front() == '#') return absl::OkStatus();
  for (const Entry& entry : entries_) {
    if (IsWhole(entry, words)) return entry.command.run(words);
  }
  return Explain(words);
}

absl::Status CommandTable::Explain(const Words& words) const {
  std::size_t furthest = 0;
  for (const Entry& entry : entries_) {
    if (!entry.command.section.empty()) furthest = std::max(furthest, Fit(entry, words));
  }
  std::vector<std::string> expected;
  std::vector<std::string> literals;
  bool may_end = false;
  for (const Entry& entry : entries_) {
    if (entry.command.section.empty() || Fit(entry, words) != furthest) continue;
    if (furthest == entry.tokens.size()) {
      may_end = true;
      continue;
    }
    AddNew(expected, entry.tokens[furthest].Describe());
    for (const std::string& choice : entry.tokens[furthest].choices) AddNew(literals, choice);
  }
  if (furthest == 0) return absl::NotFoundError(absl::StrCat("Command not found: ", words.front(), DidYouMean(words.front(), literals)));
  const std::string begun = absl::StrJoin(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(furthest), " ");
  if (furthest == words.size()) {
    return absl::InvalidArgumentError(absl::StrCat("Bad arguments: '", begun, "' is followed by ", absl::StrJoin(expected, "|")));
  }
  if (expected.empty())
    return absl::InvalidArgumentError(absl::StrCat("Bad arguments: nothing follows '", begun, "', but there is '", words[furthest], "'"));
  return absl::InvalidArgumentError(absl::StrCat("Bad arguments: '", begun, "' is followed by ", absl::StrJoin(expected, "|"),
                                                 may_end ? " or nothing" : "", ", not by '", words[furthest], "'",
                                                 DidYouMean(words[furthest], literals)));
}

std::vector<std::string> CommandTable::Complete(absl::string_view line) const {
  Words words = SplitWords(line);
  std::string last;
  if (!line.empty() && !absl::ascii_isspace(line.back()) && !words.empty()) {
    last = words.back();
    words.pop_back();
  }
  std::vector<std::string> found;
  for (const Entry& entry : entries_) {
    if (entry.command.section.empty() || Fit(entry, words) != words.size() || words.size() >= entry.tokens.size()) continue;
    for (const std::string& choice : entry.tokens[words.size()].choices) {
      if (absl::StartsWith(choice, last)) AddNew(found, choice);
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::string CommandTable::Help(const std::string& section) const {
  std::string text;
  std::vector<std::string> sections;
  for (const Entry& entry : entries_) {
    if (!entry.command.section.empty()) AddNew(sections, entry.command.section);
  }
  if (section.empty()) {
    text = "\nHelp is available for the following sections:\n\n";
    for (const std::string& name : sections) absl::StrAppend(&text, "    help ", name, "\n");
    return absl::StrCat(text, "    help all\n\n");
  }
  for (const std::string& name : sections) {
    if (section != "all" && section != name) continue;
    absl::StrAppend(&text, SectionTitle(name));
    for (const Entry& entry : entries_) {
      if (entry.command.section == name) absl::StrAppend(&text, entry.command.pattern, "\n    ", entry.command.help, "\n\n");
    }
  }
  return text;
}

}  // namespace pollux::testpmd
