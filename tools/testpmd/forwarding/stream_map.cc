// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/forwarding/stream_map.h"

#include <algorithm>
#include <map>
#include <utility>

namespace pollux::testpmd {

std::vector<StreamEnds> PlanStreams(const ForwardMode& mode, const StreamLayout& layout) {
  const std::vector<std::size_t> positions = TxPositions(layout.topology, layout.ports.size());
  const std::size_t queues = mode.receives ? layout.rx_queues : layout.tx_queues;
  std::vector<StreamEnds> plan;
  for (std::size_t queue = 0; queue < queues; ++queue) {
    for (std::size_t position = 0; position < layout.ports.size(); ++position) {
      const std::size_t port = layout.ports[position];
      const std::size_t tx_port = mode.replies ? port : layout.ports[positions[position]];
      plan.push_back({port, queue, tx_port, layout.tx_queues == 0 ? 0 : queue % layout.tx_queues});
    }
  }
  return plan;
}

std::vector<LcoreStreams> AssignStreams(const std::vector<StreamEnds>& plan, const std::vector<unsigned>& lcores, bool mode_sends) {
  std::vector<std::vector<std::size_t>> groups;  // streams that must stay together
  std::map<std::pair<std::size_t, std::size_t>, std::size_t> group_of_tx_queue;
  for (std::size_t index = 0; index < plan.size(); ++index) {
    const auto [entry, is_new] = group_of_tx_queue.try_emplace({plan[index].tx_port, plan[index].tx_queue}, groups.size());
    if (is_new || !mode_sends) {
      groups.push_back({index});
    } else {
      groups[entry->second].push_back(index);
    }
  }
  const std::size_t lcore_count = std::min(lcores.size(), groups.size());
  std::vector<LcoreStreams> assignment;
  std::size_t next = 0;
  for (std::size_t position = 0; position < lcore_count; ++position) {
    const std::size_t with_one_more = groups.size() % lcore_count;
    const std::size_t share = groups.size() / lcore_count + (position >= lcore_count - with_one_more ? 1 : 0);
    LcoreStreams streams{.lcore = lcores[position]};
    for (std::size_t end = next + share; next < end; ++next) {
      streams.streams.insert(streams.streams.end(), groups[next].begin(), groups[next].end());
    }
    std::sort(streams.streams.begin(), streams.streams.end());
    assignment.push_back(std::move(streams));
  }
  return assignment;
}

}  // namespace pollux::testpmd
