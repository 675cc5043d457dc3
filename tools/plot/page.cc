// SPDX-License-Identifier: Apache-2.0
#include "tools/plot/page.h"

#include <algorithm>

#include <absl/strings/str_cat.h>

#include "tools/plot/plot.h"

namespace pollux::plot {
namespace {

constexpr char kBeforeTitle[] = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>)";
constexpr char kBehindTitle[] = R"(</title><style>
:root { color-scheme: light dark; --ink: #1c1e21; --soft: #667; --line: #dfe2e6; --back: #fff; --note: #b34700 }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e7e9; --soft: #9aa3ad; --line: #33383f; --back: #16181b; --note: #ffa45c } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--back); max-width: 1080px; margin: 2.5rem auto; padding: 0 1.2rem }
h1 { font-size: 1.6rem; margin-bottom: .2rem } h2 { font-size: 1.15rem; margin-top: 2.2rem }
p, dd, li { color: var(--soft) } code { font-size: .85em; overflow-wrap: anywhere }
svg { width: 100%; height: auto; font-size: 12px } svg text { fill: var(--ink) }
.title { font-weight: 600; font-size: 13px } .name { text-anchor: end } .tick { text-anchor: middle; fill: var(--soft) } .label { fill: var(--soft) }
.grid { stroke: var(--line) } .whisker { stroke: var(--ink); stroke-width: 1.2 }
.scroll { overflow-x: auto } table { border-collapse: collapse; font-size: 12.5px; font-variant-numeric: tabular-nums }
th, td { padding: .25rem .5rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap }
th:first-child, td:first-child, .note { text-align: left } td.note { color: var(--note); white-space: normal; min-width: 14rem; line-height: 1.3 }
.names span { margin-right: 1.2rem; white-space: nowrap } .names i { display: inline-block; width: 1.3rem; margin-right: .4rem; vertical-align: middle }
.names { margin-top: 0; font-size: 13px }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; font-size: 13px } dd { margin: 0 }
</style></head><body>
)";

}  // namespace

std::string PageBegin(const std::string& title) {
  return absl::StrCat(kBeforeTitle, EscapeHtml(title), kBehindTitle);
}

std::string HtmlTable(const std::vector<std::vector<std::string>>& lines) {
  std::string html = "<div class='scroll'><table>";
  for (size_t line = 0; line < lines.size(); ++line) {
    absl::StrAppend(&html, "<tr>");
    for (size_t column = 0; column < lines[line].size(); ++column) {
      const bool used = std::any_of(lines.begin() + 1, lines.end(), [&](const auto& other) { return !other[column].empty(); });
      const char* tag = line == 0 ? "th" : "td";
      const char* style = lines[0][column] == kNotes ? " class='note'" : "";
      if (used) absl::StrAppend(&html, "<", tag, style, ">", EscapeHtml(lines[line][column]), "</", tag, ">");
    }
    absl::StrAppend(&html, "</tr>");
  }
  return html + "</table></div>";
}

}  // namespace pollux::plot
