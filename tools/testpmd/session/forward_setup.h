// SPDX-License-Identifier: Apache-2.0
// What the options say about forwarding, as the first `start` will find it.
#ifndef TOOLS_TESTPMD_SESSION_FORWARD_SETUP_H_
#define TOOLS_TESTPMD_SESSION_FORWARD_SETUP_H_

#include <cstddef>
#include <vector>

#include <absl/status/statusor.h>

#include "tools/testpmd/forwarding/forwarder.h"
#include "tools/testpmd/options/testpmd_options.h"

namespace pollux::testpmd {

// What there is to choose from.
struct ForwardResources {
  std::size_t ports = 0;
  std::vector<unsigned> workers;  // all lcores but the main one
  unsigned main_lcore = 0;
};

// INVALID_ARGUMENT names the option that asks for a port or an lcore that is not there.
absl::StatusOr<ForwardConfig> ForwardConfigFor(const TestpmdOptions& options, const ForwardResources& resources);

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_SESSION_FORWARD_SETUP_H_
