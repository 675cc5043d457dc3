// SPDX-License-Identifier: Apache-2.0
// What is behind a pollux_flow_table.
#ifndef PMD_C_FLOW_HANDLE_H_
#define PMD_C_FLOW_HANDLE_H_

#include <memory>

#include "pmd/flow_table.h"

struct pollux_flow_table {
  std::shared_ptr<pollux::pmd::FlowTable> table;
};

#endif  // PMD_C_FLOW_HANDLE_H_
