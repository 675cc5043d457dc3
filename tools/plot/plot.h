// SPDX-License-Identifier: Apache-2.0
// Plots as inline SVG: horizontal bars in groups, and curves. Their styles are the page's (page.h).
#ifndef TOOLS_PLOT_PLOT_H_
#define TOOLS_PLOT_PLOT_H_

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace pollux::plot {

// Text with what HTML would take for markup escaped.
std::string EscapeHtml(const std::string& text);

// What is nobody's, as the source's limit.
inline constexpr size_t kNeutralSeries = 10;

// The colour of the contender with this number, the same in every plot.
std::string SeriesColour(size_t series);

struct Bar {
  size_t series = 0;
  std::string name;
  std::vector<double> parts;  // one, or several stacked; each paler than the one before
  double minimum = 0;         // a whisker over the sum of the parts, if maximum > 0
  double maximum = 0;
  std::string label;  // behind the bar
};

struct BarGroup {
  std::string title;
  std::vector<Bar> bars;
};
// All groups on one scale that begins at 0.
std::string BarPlot(const std::vector<BarGroup>& groups, const std::string& unit);

struct Curve {
  size_t series = 0;
  std::string name;
  std::vector<std::pair<double, double>> points;  // PercentilePlot: (how many nines of all frames, microseconds)
  bool dashed = false;
};
// Points joined by lines, x and y linear, y from 0; a dashed curve is a limit.
std::string LinePlot(const std::vector<Curve>& curves, const std::string& x_unit, const std::string& y_unit);

// A value over time: x in seconds from 0, y from 0. A point whose y is no number is a gap. Of more points than there is room for, the
// lowest and the highest of each place are drawn, so that no peak is lost. The names are below. Empty if no curve has a point above 0.
std::string TimePlot(const std::vector<Curve>& curves);

// Latency by percentile: the x axis gives 50, 90, 99 and 99.9 % the same room each, the y axis is logarithmic.
std::string PercentilePlot(const std::vector<Curve>& curves);

}  // namespace pollux::plot

#endif  // TOOLS_PLOT_PLOT_H_
