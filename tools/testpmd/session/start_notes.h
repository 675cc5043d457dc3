// SPDX-License-Identifier: Apache-2.0
// What was asked for and comes to nothing with these ports, in sentences.
#ifndef TOOLS_TESTPMD_SESSION_START_NOTES_H_
#define TOOLS_TESTPMD_SESSION_START_NOTES_H_

#include <memory>
#include <string>
#include <vector>

#include "tools/testpmd/forwarding/forwarder.h"
#include "tools/testpmd/forwarding/port.h"
#include "tools/testpmd/options/testpmd_options.h"

namespace pollux::testpmd {

// "port 0 (p0): its interface receives by 4 queues, and 1 is served: ..."; empty if all are.
std::string QueueNote(const std::string& port, const pmd::DeviceInfo& info, std::size_t rx_queues);

// The options' own notes, and those that only show beside the configured ports.
std::vector<std::string> StartNotes(const TestpmdOptions& options, const ForwardConfig& config,
                                    const std::vector<std::unique_ptr<Port>>& ports);

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_SESSION_START_NOTES_H_
