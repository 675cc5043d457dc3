// SPDX-License-Identifier: Apache-2.0
// What remains of several rounds.
#ifndef TOOLS_PERFORMANCE_CAMPAIGN_STATISTICS_H_
#define TOOLS_PERFORMANCE_CAMPAIGN_STATISTICS_H_

#include <cstddef>
#include <vector>

namespace pollux::performance {

struct Spread {
  double median = 0;
  double minimum = 0;
  double maximum = 0;
  size_t count = 0;
};

// Of no values: all zero. The median of an even number of values is the mean of the middle two.
Spread SpreadOf(std::vector<double> values);

// Of values[i] / base[i], round by round: what disturbs a round disturbs both. A base of 0 leaves its round out.
Spread RatioOf(const std::vector<double>& values, const std::vector<double>& base);

}  // namespace pollux::performance

#endif  // TOOLS_PERFORMANCE_CAMPAIGN_STATISTICS_H_
