// SPDX-License-Identifier: Apache-2.0
// The objects that --json prints. Names are those of the C++ members and counters; docs/testpmd.md lists them.
#ifndef TOOLS_TESTPMD_REPORT_JSON_REPORT_H_
#define TOOLS_TESTPMD_REPORT_JSON_REPORT_H_

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "mempool/frame_audit.h"
#include "tools/testpmd/forwarding/accounting.h"
#include "tools/testpmd/forwarding/forward_offload.h"
#include "tools/testpmd/forwarding/forwarder.h"
#include "tools/testpmd/forwarding/port.h"

namespace pollux::testpmd {

nlohmann::json JsonOf(const pmd::QueueStats& stats);
nlohmann::json JsonOf(const pmd::FeatureState& state);
nlohmann::json JsonOf(const mempool::Pool& pool);
nlohmann::json JsonOf(const mempool::FrameAudit& audit);
nlohmann::json JsonOf(const PortAccount& account);
nlohmann::json JsonOf(const StreamTotals& stream);
nlohmann::json JsonOf(const Port& port, const std::vector<pmd::FeatureState>& features);
// Statistics and rates of one port.
nlohmann::json JsonOf(std::size_t port, const pmd::QueueStats& stats, const Port::Rates& rates);
// Which lcore runs which streams.
nlohmann::json JsonOfAssignment(const ForwardConfig& config);
// What the kernel forwards by itself, and why it does not.
nlohmann::json JsonOf(const std::vector<OffloadedPath>& paths);

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_REPORT_JSON_REPORT_H_
