// SPDX-License-Identifier: Apache-2.0
// A page of plots and tables: one file, nothing to load from elsewhere, light and dark.
#ifndef TOOLS_PLOT_PAGE_H_
#define TOOLS_PLOT_PAGE_H_

#include <string>
#include <vector>

namespace pollux::plot {

// Up to and with <body>.
std::string PageBegin(const std::string& title);
inline constexpr char kPageEnd[] = "</body></html>\n";

inline constexpr char kNotes[] = "notes";  // the heading of a column of words among those of figures

// The first line is the headings. A column that is empty in every row is left out.
std::string HtmlTable(const std::vector<std::vector<std::string>>& lines);

}  // namespace pollux::plot

#endif  // TOOLS_PLOT_PAGE_H_
