// SPDX-License-Identifier: Apache-2.0
#ifndef BPF_PASSED_COUNTER_H_
#define BPF_PASSED_COUNTER_H_

#include <cstdint>

namespace pollux::bpf {

// The sum over the CPUs of the steering program's counter; 0 if `map` is negative.
uint64_t ReadPassedPackets(int map);

}  // namespace pollux::bpf

#endif  // BPF_PASSED_COUNTER_H_
