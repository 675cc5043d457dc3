// SPDX-License-Identifier: Apache-2.0
// Flows in the form in which the program takes them, or which part of one it cannot do.
#ifndef PMD_FLOW_COMPILER_H_
#define PMD_FLOW_COMPILER_H_

#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "pmd/flow.h"

namespace pollux::pmd {

// INVALID_ARGUMENT: bits outside the mask, a field whose protocol is not made sure of.
absl::Status CheckFlowMatch(const FlowMatch& match);

// The actions one after the other, as one: pops, then pushes, then fields. UNIMPLEMENTED names what cannot be done (a second output, the
// ports of SCTP); INVALID_ARGUMENT what makes no sense (nothing at the end, a tag that may not be there); OUT_OF_RANGE a port.
absl::StatusOr<flow_action> CompileFlowActions(const FlowMatch& match, const std::vector<FlowAction>& actions);

}  // namespace pollux::pmd

#endif  // PMD_FLOW_COMPILER_H_
