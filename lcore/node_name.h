// SPDX-License-Identifier: Apache-2.0
// The name of a NUMA node in texts.
#ifndef LCORE_NODE_NAME_H_
#define LCORE_NODE_NAME_H_

#include <optional>
#include <string>

namespace pollux::lcore {

// "0"; "any" where there is none, or a negative number as the kernel writes it.
inline std::string NodeName(std::optional<int> node) {
  return node.value_or(-1) < 0 ? "any" : std::to_string(*node);
}

}  // namespace pollux::lcore

#endif  // LCORE_NODE_NAME_H_
