// SPDX-License-Identifier: Apache-2.0
#include "tools/performance/rig/interface_counters.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>
#include <vector>

#include <absl/strings/str_cat.h>

#include "lcore/errno_status.h"

namespace pollux::performance {
namespace {

absl::Status Ethtool(int socket, const std::string& interface, void* command, const char* what) {
  ifreq request = {};
  interface.copy(request.ifr_name, IFNAMSIZ - 1);
  request.ifr_data = static_cast<char*>(command);
  if (ioctl(socket, SIOCETHTOOL, &request) == 0) return absl::OkStatus();
  return lcore::ErrnoStatus(errno, absl::StrCat("ioctl(SIOCETHTOOL, ", interface, ", ", what, ")"));
}

absl::Status ReadEthtoolStats(int socket, const std::string& interface, QueueCounters* counters) {
  std::vector<char> information(sizeof(ethtool_sset_info) + sizeof(uint32_t));
  auto* set = reinterpret_cast<ethtool_sset_info*>(information.data());
  set->cmd = ETHTOOL_GSSET_INFO;
  set->sset_mask = 1ull << ETH_SS_STATS;
  if (absl::Status status = Ethtool(socket, interface, set, "ETHTOOL_GSSET_INFO"); !status.ok()) return status;
  uint32_t count;
  std::memcpy(&count, information.data() + sizeof(ethtool_sset_info), sizeof count);
  std::vector<char> names(sizeof(ethtool_gstrings) + count * ETH_GSTRING_LEN);
  auto* strings = reinterpret_cast<ethtool_gstrings*>(names.data());
  strings->cmd = ETHTOOL_GSTRINGS;
  strings->string_set = ETH_SS_STATS;
  strings->len = count;
  if (absl::Status status = Ethtool(socket, interface, strings, "ETHTOOL_GSTRINGS"); !status.ok()) return status;
  std::vector<char> values(sizeof(ethtool_stats) + count * sizeof(uint64_t));
  auto* stats = reinterpret_cast<ethtool_stats*>(values.data());
  stats->cmd = ETHTOOL_GSTATS;
  stats->n_stats = count;
  if (absl::Status status = Ethtool(socket, interface, stats, "ETHTOOL_GSTATS"); !status.ok()) return status;
  for (uint32_t i = 0; i < count; ++i) {
    const char* name = names.data() + sizeof(ethtool_gstrings) + i * ETH_GSTRING_LEN;
    const std::string text(name, strnlen(name, ETH_GSTRING_LEN));
    unsigned queue;
    int end = 0;
    if (std::sscanf(text.c_str(), "rx_queue_%u_%n", &queue, &end) != 1 || end == 0) continue;
    std::vector<uint64_t>& by_queue = (*counters)[text.substr(static_cast<size_t>(end))];
    by_queue.resize(std::max<size_t>(by_queue.size(), queue + 1));
    std::memcpy(&by_queue[queue], values.data() + sizeof(ethtool_stats) + i * sizeof(uint64_t), sizeof(uint64_t));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<LinkCounters> ReadLinkCounters(const support::NetworkNamespace& network, const std::string& interface) {
  LinkCounters counters;
  absl::Status status = network.Call([&] {
    std::ifstream file("/proc/thread-self/net/dev");
    for (std::string line; std::getline(file, line);) {
      const size_t colon = line.find(':');
      if (colon == std::string::npos || line.substr(line.find_first_not_of(' '), colon - line.find_first_not_of(' ')) != interface)
        continue;
      std::istringstream values(line.substr(colon + 1));
      uint64_t rest;
      values >> counters.rx_bytes >> counters.rx_packets >> counters.rx_errors >> counters.rx_dropped;
      values >> rest >> rest >> rest >> rest;
      values >> counters.tx_bytes >> counters.tx_packets >> counters.tx_errors >> counters.tx_dropped;
      return absl::OkStatus();
    }
    return absl::NotFoundError(absl::StrCat("/proc/net/dev: no interface ", interface));
  });
  if (!status.ok()) return status;
  return counters;
}

absl::StatusOr<QueueCounters> ReadQueueCounters(const support::NetworkNamespace& network, const std::string& interface) {
  QueueCounters counters;
  absl::Status status = network.Call([&] {
    const int socket_descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (socket_descriptor < 0) return lcore::ErrnoStatus(errno, "socket(AF_INET)");
    absl::Status read = ReadEthtoolStats(socket_descriptor, interface, &counters);
    close(socket_descriptor);
    return read;
  });
  if (!status.ok()) return status;
  return counters;
}

}  // namespace pollux::performance
