// SPDX-License-Identifier: Apache-2.0
#include "tools/plot/plot.h"

#include <algorithm>
#include <cmath>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_replace.h>

namespace pollux::plot {
namespace {

constexpr double kWidth = 860;
constexpr double kNameWidth = 150;
constexpr double kLabelWidth = 190;
constexpr double kBarHeight = 18;
constexpr double kBarStep = 24;
constexpr double kTitleHeight = 30;
constexpr double kAxisHeight = 30;
// Of plots with curves: the legend is on the right.
constexpr double kHeight = 300;
constexpr double kLeft = 70;
constexpr double kRight = 170;
constexpr double kTop = 10;
constexpr double kBottom = 40;
// Of those over time: it is below.
constexpr double kTimeRight = 20;
constexpr std::size_t kTimePlaces = 700;

std::string Text(double x, double y, const char* style, const std::string& text) {
  return absl::StrFormat("<text x='%.1f' y='%.1f' class='%s'>%s</text>", x, y, style, EscapeHtml(text));
}

std::string Line(double x1, double y1, double x2, double y2, const char* style) {
  return absl::StrFormat("<line x1='%.1f' y1='%.1f' x2='%.1f' y2='%.1f' class='%s'/>", x1, y1, x2, y2, style);
}

// 1, 2 or 5 times a power of ten, so that about five of them fill the axis.
double TickStep(double end) {
  const double power = std::pow(10, std::floor(std::log10(end / 5)));
  for (double factor : {1.0, 2.0, 5.0}) {
    if (end / (factor * power) <= 6) return factor * power;
  }
  return 10 * power;
}

std::string Duration(double microseconds) {
  if (microseconds >= 1e6) return absl::StrFormat("%g s", microseconds / 1e6);
  return microseconds >= 1e3 ? absl::StrFormat("%g ms", microseconds / 1e3) : absl::StrFormat("%g us", microseconds);
}

double BarEnd(const Bar& bar) {
  double sum = 0;
  for (double part : bar.parts) sum += part;
  return std::max(sum, bar.maximum);
}

std::string DrawBar(const Bar& bar, double y, double scale) {
  std::string svg = Text(kNameWidth - 8, y + 13, "name", bar.name);
  double x = kNameWidth, opacity = 1;
  for (double part : bar.parts) {
    absl::StrAppendFormat(&svg, "<rect x='%.1f' y='%.1f' width='%.1f' height='%.1f' rx='2' fill='%s' fill-opacity='%.2f'/>", x, y,
                          part * scale, kBarHeight, SeriesColour(bar.series), opacity);
    x += part * scale;
    opacity *= 0.45;
  }
  double end = x;
  if (bar.maximum > 0) {
    const double low = kNameWidth + bar.minimum * scale, high = kNameWidth + bar.maximum * scale, middle = y + kBarHeight / 2;
    absl::StrAppend(&svg, Line(low, middle, high, middle, "whisker"), Line(low, middle - 4, low, middle + 4, "whisker"),
                    Line(high, middle - 4, high, middle + 4, "whisker"));
    end = std::max(end, high);
  }
  return svg + Text(end + 6, y + 13, "label", bar.label);
}

// The curves and their legend, in places that x_of and y_of give.
template <typename XOf, typename YOf>
std::string DrawCurves(const std::vector<Curve>& curves, const XOf& x_of, const YOf& y_of, bool marked) {
  std::string svg;
  double legend = 24;
  for (const Curve& curve : curves) {
    const std::string colour = SeriesColour(curve.series);
    std::string path;
    for (const auto& [x, y] : curve.points) {
      absl::StrAppendFormat(&path, "%.1f,%.1f ", x_of(x), y_of(y));
      if (marked) absl::StrAppendFormat(&svg, "<circle cx='%.1f' cy='%.1f' r='3' fill='%s'/>", x_of(x), y_of(y), colour);
    }
    absl::StrAppendFormat(&svg, "<polyline points='%s' fill='none' stroke='%s' stroke-width='2'%s/>", path, colour,
                          curve.dashed ? " stroke-dasharray='5 4'" : "");
    absl::StrAppendFormat(&svg, "<rect x='%.1f' y='%.1f' width='12' height='12' rx='2' fill='%s'/>", kWidth - kRight + 20, legend - 10,
                          colour);
    absl::StrAppend(&svg, Text(kWidth - kRight + 38, legend, "label", curve.name));
    legend += 20;
  }
  return svg;
}

// 1.5k, 2M: of a step's multiples, so that all digits are shown.
std::string Amount(double value) {
  for (const auto& [unit, name] : {std::pair(1e9, "G"), std::pair(1e6, "M"), std::pair(1e3, "k")}) {
    if (value >= unit) return absl::StrFormat("%g%s", value / unit, name);
  }
  return absl::StrFormat("%g", value);
}

// Steps of clocks, so that about eight fill the axis.
double TimeStep(double end_s) {
  for (double step :
       {1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0, 21600.0, 43200.0, 86400.0}) {
    if (end_s / step <= 9) return end_s < 5 ? TickStep(end_s) : step;
  }
  return 86400 * std::ceil(end_s / 86400 / 9);
}

std::string Clock(double seconds, double step) {
  if (step < 60) return absl::StrFormat("%g s", seconds);
  if (step < 3600) return absl::StrFormat("%g min", seconds / 60);
  return step < 86400 ? absl::StrFormat("%g h", seconds / 3600) : absl::StrFormat("%g d", seconds / 86400);
}

// One line between two gaps after the other.
template <typename XOf, typename YOf>
std::string TimeLines(const Curve& curve, double x_end, const XOf& x_of, const YOf& y_of) {
  std::string svg, path;
  std::size_t points = 0;
  const std::string style =
      absl::StrFormat("stroke='%s' stroke-width='1.6' %s", SeriesColour(curve.series), curve.dashed ? "stroke-dasharray='5 4'" : "");
  const auto add = [&](const std::pair<double, double>& point) {
    absl::StrAppendFormat(&path, "%.1f,%.1f ", x_of(point.first), y_of(point.second));
    ++points;
  };
  const auto end_line = [&] {
    // A point alone is a line without length: seen with round ends.
    if (points == 1) path += path;
    if (points > 0) absl::StrAppend(&svg, "<polyline points='", path, "' fill='none' stroke-linecap='round' ", style, "/>");
    path.clear();
    points = 0;
  };
  for (std::size_t begin = 0; begin < curve.points.size();) {
    const auto place = [&](std::size_t index) { return std::floor(curve.points[index].first / x_end * kTimePlaces); };
    std::size_t lowest = begin, highest = begin, end = begin;
    for (; end < curve.points.size() && place(end) == place(begin) && !std::isnan(curve.points[end].second); ++end) {
      if (curve.points[end].second < curve.points[lowest].second) lowest = end;
      if (curve.points[end].second > curve.points[highest].second) highest = end;
    }
    if (end == begin) {
      end_line();
      ++begin;
      continue;
    }
    add(curve.points[std::min(lowest, highest)]);
    if (lowest != highest) add(curve.points[std::max(lowest, highest)]);
    begin = end;
  }
  end_line();
  return svg;
}

}  // namespace

std::string EscapeHtml(const std::string& text) {
  return absl::StrReplaceAll(text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"'", "&#39;"}, {"\"", "&quot;"}});
}

std::string SeriesColour(size_t series) {
  // Okabe and Ito's palette, told apart by everybody, and four more; the last is kNeutralSeries.
  static constexpr const char* kColours[] = {"#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00",
                                             "#6a51a3", "#8c6d31", "#b5bd4c", "#c0392b", "#8a8a8a"};
  static_assert(std::size(kColours) == kNeutralSeries + 1);
  return kColours[series % std::size(kColours)];
}

std::string BarPlot(const std::vector<BarGroup>& groups, const std::string& unit) {
  double end = 0, height = kAxisHeight;
  for (const BarGroup& group : groups) {
    height += kTitleHeight + kBarStep * static_cast<double>(group.bars.size());
    for (const Bar& bar : group.bars) end = std::max(end, BarEnd(bar));
  }
  if (end <= 0) return "";
  const double step = TickStep(end);
  const double scale = (kWidth - kNameWidth - kLabelWidth) / end;
  std::string svg = absl::StrFormat("<svg viewBox='0 0 %.0f %.0f' role='img'>", kWidth, height);
  for (double tick = 0; tick <= end * 1.0001; tick += step) {
    const double x = kNameWidth + tick * scale;
    absl::StrAppend(&svg, Line(x, 0, x, height - kAxisHeight + 4, "grid"), Text(x, height - 10, "tick", absl::StrFormat("%g", tick)));
  }
  absl::StrAppend(&svg, Text(kWidth - kLabelWidth + 30, height - 10, "label", unit));
  double y = 0;
  for (const BarGroup& group : groups) {
    absl::StrAppend(&svg, Text(0, y + 20, "title", group.title));
    y += kTitleHeight;
    for (const Bar& bar : group.bars) {
      absl::StrAppend(&svg, DrawBar(bar, y, scale));
      y += kBarStep;
    }
  }
  return svg + "</svg>";
}

std::string LinePlot(const std::vector<Curve>& curves, const std::string& x_unit, const std::string& y_unit) {
  double x_end = 0, y_end = 0;
  for (const Curve& curve : curves) {
    for (const auto& [x, y] : curve.points) x_end = std::max(x_end, x), y_end = std::max(y_end, y);
  }
  if (x_end <= 0 || y_end <= 0) return "";
  const auto x_of = [&](double x) { return kLeft + x / x_end * (kWidth - kLeft - kRight); };
  const auto y_of = [&](double y) { return kTop + (kHeight - kBottom) * (1 - y / (1.05 * y_end)); };
  std::string svg = absl::StrFormat("<svg viewBox='0 0 %.0f %.0f' role='img'>", kWidth, kHeight + 20);
  for (double tick = 0; tick <= y_end; tick += TickStep(y_end)) {
    absl::StrAppend(&svg, Line(kLeft, y_of(tick), kWidth - kRight, y_of(tick), "grid"),
                    Text(kLeft - 8, y_of(tick) + 4, "name", absl::StrFormat("%g", tick)));
  }
  for (const auto& [x, y] : curves.front().points) absl::StrAppend(&svg, Text(x_of(x), kHeight - 8, "tick", absl::StrFormat("%g", x)));
  absl::StrAppend(&svg, Text(kWidth - kRight + 20, kHeight - 8, "label", x_unit), Text(0, kTop + 4, "label", y_unit));
  return svg + DrawCurves(curves, x_of, y_of, /*marked=*/true) + "</svg>";
}

std::string TimePlot(const std::vector<Curve>& curves) {
  double x_end = 0, y_end = 0;
  for (const Curve& curve : curves) {
    for (const auto& [x, y] : curve.points) x_end = std::max(x_end, x), y_end = std::max(y_end, y);  // no number: the first stays
  }
  if (x_end <= 0 || y_end <= 0) return "";
  const auto x_of = [&](double x) { return kLeft + x / x_end * (kWidth - kLeft - kTimeRight); };
  const auto y_of = [&](double y) { return kTop + (kHeight - kBottom) * (1 - y / (1.05 * y_end)); };
  std::string svg = absl::StrFormat("<svg viewBox='0 0 %.0f %.0f' role='img'>", kWidth, kHeight);
  for (int tick = 0; tick * TickStep(y_end) <= y_end * 1.0001; ++tick) {
    const double y = y_of(tick * TickStep(y_end));
    absl::StrAppend(&svg, Line(kLeft, y, kWidth - kTimeRight, y, "grid"), Text(kLeft - 8, y + 4, "name", Amount(tick * TickStep(y_end))));
  }
  const double step = TimeStep(x_end);
  for (int tick = 0; tick * step <= x_end * 1.0001; ++tick) {
    const double x = x_of(tick * step);
    absl::StrAppend(&svg, Line(x, kTop, x, kTop + kHeight - kBottom, "grid"), Text(x, kHeight - 8, "tick", Clock(tick * step, step)));
  }
  std::string names;
  for (const Curve& curve : curves) {
    absl::StrAppend(&svg, TimeLines(curve, x_end, x_of, y_of));
    absl::StrAppend(&names, "<span><i style='border-top:3px ", curve.dashed ? "dashed " : "solid ", SeriesColour(curve.series), "'></i>",
                    EscapeHtml(curve.name), "</span>");
  }
  return absl::StrCat(svg, "</svg><p class='names'>", names, "</p>");
}

std::string PercentilePlot(const std::vector<Curve>& curves) {
  double low = 1e9, high = 0;
  for (const Curve& curve : curves) {
    for (const auto& [nines, value] : curve.points) {
      low = std::min(low, std::max(value, 0.1));
      high = std::max(high, value);
    }
  }
  if (high <= 0) return "";
  const double first = std::floor(std::log10(low)), last = std::max(std::ceil(std::log10(high)), first + 1);
  const auto x_of = [&](double nines) { return kLeft + nines / 3 * (kWidth - kLeft - kRight); };
  const auto y_of = [&](double value) {
    return (kHeight - kBottom) * (1 - (std::log10(std::max(value, 0.1)) - first) / (last - first)) + kTop;
  };
  std::string svg = absl::StrFormat("<svg viewBox='0 0 %.0f %.0f' role='img'>", kWidth, kHeight + 20);
  for (double power = first; power <= last; ++power) {
    const double y = y_of(std::pow(10, power));
    absl::StrAppend(&svg, Line(kLeft, y, kWidth - kRight, y, "grid"), Text(kLeft - 8, y + 4, "name", Duration(std::pow(10, power))));
  }
  for (const auto& [nines, name] : {std::pair(0.301, "50 %"), std::pair(1.0, "90 %"), std::pair(2.0, "99 %"), std::pair(3.0, "99.9 %")}) {
    absl::StrAppend(&svg, Line(x_of(nines), 10, x_of(nines), kHeight - kBottom + 10, "grid"), Text(x_of(nines), kHeight - 8, "tick", name));
  }
  return svg + DrawCurves(curves, x_of, y_of, /*marked=*/false) + "</svg>";
}

}  // namespace pollux::plot
