// SPDX-License-Identifier: Apache-2.0
// The commands, by what they are about. Each function adds its own to a table; `view` outlives that.
#ifndef PMD_TELEMETRY_COMMANDS_H_
#define PMD_TELEMETRY_COMMANDS_H_

#include "pmd/process_view.h"
#include "pmd/telemetry/command_table.h"

namespace pollux::pmd::telemetry {

// DPDK's, with its keys: /ethdev/list, info, stats, xstats, link_status, rx_queue, tx_queue.
void AddEthdevCommands(CommandTable& table, const ProcessView& view);
// DPDK's: /eal/lcore/list, info, usage; /mempool/list, info; /ring/list, info.
void AddProcessCommands(CommandTable& table, const ProcessView& view);
// What DPDK has nothing for: /pollux/report (what was asked and what was got), /pollux/accounting (every loss by its name),
// /pollux/watchdog (what stands still), /pollux/wakes (how long sleeping lcores take to wake).
void AddPolluxCommands(CommandTable& table, const ProcessView& view);
// /pollux/flows: flow tables, and the flows of a port, a page at a time.
void AddFlowCommands(CommandTable& table, const ProcessView& view);

}  // namespace pollux::pmd::telemetry

#endif  // PMD_TELEMETRY_COMMANDS_H_
