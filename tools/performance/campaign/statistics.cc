// SPDX-License-Identifier: Apache-2.0
#include "tools/performance/campaign/statistics.h"

#include <algorithm>

namespace pollux::performance {

Spread SpreadOf(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  const double median = values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  return {.median = median, .minimum = values.front(), .maximum = values.back(), .count = values.size()};
}

Spread RatioOf(const std::vector<double>& values, const std::vector<double>& base) {
  std::vector<double> ratios;
  for (size_t i = 0; i < values.size() && i < base.size(); ++i) {
    if (base[i] > 0) ratios.push_back(values[i] / base[i]);
  }
  return SpreadOf(std::move(ratios));
}

}  // namespace pollux::performance
