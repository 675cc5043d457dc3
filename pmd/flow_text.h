// SPDX-License-Identifier: Apache-2.0
// A flow's match in words, for logs and those who look from outside.
#ifndef PMD_FLOW_TEXT_H_
#define PMD_FLOW_TEXT_H_

#include <string>

#include "pmd/flow.h"

namespace pollux::pmd {

// "port=0 ether_type=0x0800 protocol=17 destination=10.1.0.0/255.255.0.0 destination_port=53": the fields that the match asks for, by the
// names of flow_key (bpf/flow_shared.h), each with its mask where that is not the whole field. "" matches every packet.
std::string DescribeFlowMatch(const FlowMatch& match);

}  // namespace pollux::pmd

#endif  // PMD_FLOW_TEXT_H_
