// SPDX-License-Identifier: Apache-2.0
// The broker's configuration: refused with the place in it, or every grant is in range and belongs to somebody.
#include <net/if.h>

#include "pmd/af_xdp/broker_protocol.h"
#include "tests/fuzz/input.h"
#include "tools/broker/configuration.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using pollux::broker::Configuration;
  constexpr uint32_t kAllGrants = 2 * pollux::pmd::af_xdp::broker::kMaySetMac - 1;
  const auto configuration = Configuration::Parse(pollux::fuzz::Input(data, size).Text());
  if (!configuration.ok()) {
    FUZZ_REQUIRE(configuration.status().code() == absl::StatusCode::kInvalidArgument && !configuration.status().message().empty());
    return 0;
  }
  FUZZ_REQUIRE(configuration->socket().front() == '/' && configuration->handshake().count() > 0 && configuration->idle().count() > 0);
  FUZZ_REQUIRE(!configuration->Interfaces().empty());
  const pollux::broker::Peer root = {.pid = 1, .user = 0, .groups = {0}, .cgroup = "/system.slice/x.service"};
  const pollux::broker::Peer nobody = {.pid = 2, .user = 65534, .groups = {}, .cgroup = ""};
  for (const std::string& interface : configuration->Interfaces()) {
    FUZZ_REQUIRE(!interface.empty() && interface.size() < IFNAMSIZ);
    for (const pollux::broker::Peer& peer : {root, nobody}) {
      const auto grant = configuration->Find(peer, interface);
      if (!grant.has_value()) continue;
      FUZZ_REQUIRE(configuration->Knows(peer) && grant->interface == interface);
      FUZZ_REQUIRE(grant->queues >= 1 && grant->first_queue + grant->queues <= 1024 && (grant->grants & ~kAllGrants) == 0);
      FUZZ_REQUIRE(grant->most_memory >= 1 << 20 && grant->most_memory < std::size_t{512} << 20);
    }
  }
  for (const auto& folder : configuration->plugin_folders()) {
    FUZZ_REQUIRE(folder.folder.front() == '/' && (folder.pin.empty() || folder.pin.front() == '/') && folder.idle.count() > 0);
  }
  return 0;
}
