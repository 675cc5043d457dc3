// SPDX-License-Identifier: Apache-2.0
#include "bpf/passed_counter.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <numeric>
#include <vector>

namespace pollux::bpf {

uint64_t ReadPassedPackets(int map) {
  int cpus = libbpf_num_possible_cpus();
  if (map < 0 || cpus <= 0) return 0;
  std::vector<uint64_t> counts(static_cast<size_t>(cpus));
  uint32_t key = 0;
  if (bpf_map_lookup_elem(map, &key, counts.data()) != 0) return 0;
  return std::accumulate(counts.begin(), counts.end(), uint64_t{0});
}

}  // namespace pollux::bpf
