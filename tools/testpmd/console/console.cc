// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/console/console.h"

#include <histedit.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>

#include <absl/strings/str_cat.h>

namespace pollux::testpmd {
namespace {

constexpr const char* kPrompt = "testpmd> ";
constexpr int kHistoryLines = 500;

using Clock = std::chrono::steady_clock;

// What the callbacks of libedit reach through EL_CLIENTDATA.
struct EditorContext {
  const CommandTable& table;
  const ConsoleHooks& hooks;
};

EditorContext& ContextOf(EditLine* editor) {
  void* context = nullptr;
  el_get(editor, EL_CLIENTDATA, &context);
  return *static_cast<EditorContext*>(context);
}

char* Prompt(EditLine*) {
  static char prompt[] = "testpmd> ";
  return prompt;
}

// Waits until descriptor 0 can be read (true) or the end came (false), ticking meanwhile; `redraw` is called when a tick has printed.
bool WaitForInput(const ConsoleHooks& hooks, const std::function<void()>& redraw) {
  Clock::time_point next_tick = Clock::now() + std::chrono::milliseconds(kConsoleTickMs);
  for (;;) {
    pollfd descriptors[3] = {{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0},
                             {.fd = hooks.stop_descriptor, .events = POLLIN, .revents = 0},
                             {.fd = hooks.request_descriptor, .events = POLLIN, .revents = 0}};
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(std::max(next_tick - Clock::now(), Clock::duration::zero()));
    const int ready = poll(descriptors, 3, static_cast<int>(wait.count()));
    if (ready > 0 && descriptors[1].revents != 0) return false;
    if (ready > 0 && descriptors[2].revents != 0) hooks.answer();
    if (ready > 0 && descriptors[0].revents != 0) return true;
    if (Clock::now() < next_tick) continue;
    next_tick = Clock::now() + std::chrono::milliseconds(kConsoleTickMs);
    if (hooks.tick()) redraw();
    if (hooks.finished()) return false;
  }
}

// One byte at a time, so that a signal or a tick is served between two of them. 0 ends the input.
int ReadCharacter(EditLine* editor, wchar_t* character) {
  if (!WaitForInput(ContextOf(editor).hooks, [editor] { el_set(editor, EL_REFRESH); })) return 0;
  unsigned char byte = 0;
  if (read(STDIN_FILENO, &byte, 1) != 1) return 0;
  *character = byte;
  return 1;
}

std::string CommonBeginning(const std::vector<std::string>& words) {
  std::string common = words.front();
  for (const std::string& word : words) {
    const auto [end, other] = std::mismatch(common.begin(), common.end(), word.begin(), word.end());
    common.erase(end, common.end());
  }
  return common;
}

unsigned char CompleteWord(EditLine* editor, int) {
  const LineInfo* line = el_line(editor);
  const std::string before(line->buffer, line->cursor);
  const std::vector<std::string> words = ContextOf(editor).table.Complete(before);
  if (words.empty()) return CC_ERROR;
  const std::size_t begun = before.size() - (before.find_last_of(' ') + 1);
  std::string missing = CommonBeginning(words).substr(begun);
  if (words.size() == 1) missing += ' ';
  if (!missing.empty() && el_insertstr(editor, missing.c_str()) == 0) return CC_REFRESH;
  std::string list = "\n";
  for (const std::string& word : words) absl::StrAppend(&list, "  ", word);
  ContextOf(editor).hooks.echo(list + "\n");
  return CC_REDISPLAY;
}

void RunEditor(EditorContext& context) {
  const std::unique_ptr<EditLine, decltype(&el_end)> editor(el_init("testpmd", stdin, context.hooks.editor_output, stderr), el_end);
  const std::unique_ptr<History, decltype(&history_end)> lines(history_init(), history_end);
  HistEvent event;
  history(lines.get(), &event, H_SETSIZE, kHistoryLines);
  history(lines.get(), &event, H_SETUNIQUE, 1);
  el_set(editor.get(), EL_CLIENTDATA, &context);
  el_set(editor.get(), EL_PROMPT, &Prompt);
  el_set(editor.get(), EL_EDITOR, "emacs");
  el_set(editor.get(), EL_HIST, history, lines.get());
  el_set(editor.get(), EL_ADDFN, "complete-word", "Complete the word", &CompleteWord);
  el_set(editor.get(), EL_BIND, "^I", "complete-word", nullptr);
  el_set(editor.get(), EL_BIND, "^R", "em-inc-search-prev", nullptr);
  el_set(editor.get(), EL_GETCFN, &ReadCharacter);
  while (!context.hooks.finished()) {
    int length = 0;
    const char* text = el_gets(editor.get(), &length);
    if (text == nullptr || length <= 0) break;
    const std::string line(text, static_cast<std::size_t>(length));
    if (line.find_first_not_of(" \t\n") != std::string::npos) history(lines.get(), &event, H_ENTER, line.c_str());
    context.hooks.run(line);
  }
}

// The lines of a pipe or a file; echoed, so that the output reads like a terminal's.
void RunScript(const ConsoleHooks& hooks) {
  std::string pending;
  char buffer[4096];
  for (;;) {
    for (std::size_t end = pending.find('\n'); end != std::string::npos && !hooks.finished(); end = pending.find('\n')) {
      const std::string line = pending.substr(0, end);
      pending.erase(0, end + 1);
      hooks.echo(absl::StrCat(kPrompt, line, "\n"));
      hooks.run(line);
    }
    if (hooks.finished() || !WaitForInput(hooks, [] {})) return;
    const ssize_t count = read(STDIN_FILENO, buffer, sizeof(buffer));
    if (count > 0) {
      pending.append(buffer, static_cast<std::size_t>(count));
    } else if (pending.empty()) {
      return;
    } else {
      pending += '\n';  // a last line without a line feed
    }
  }
}

}  // namespace

void RunConsole(const CommandTable& table, const ConsoleHooks& hooks) {
  EditorContext context{table, hooks};
  if (isatty(STDIN_FILENO) != 0) {
    RunEditor(context);
  } else {
    RunScript(hooks);
  }
}

}  // namespace pollux::testpmd
