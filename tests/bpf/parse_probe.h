// SPDX-License-Identifier: Apache-2.0
// What the steering program reads of a packet, in the kernel. Single-threaded.
#ifndef TESTS_BPF_PARSE_PROBE_H_
#define TESTS_BPF_PARSE_PROBE_H_

#include <cstddef>
#include <span>

#include "bpf/packet_facts.h"

namespace pollux::bpf {

// Of a packet of 14 bytes or more; valid until the next call. Null: the kernel refused the program (it needs CAP_BPF and CAP_NET_ADMIN).
const packet_facts* ParseInKernel(std::span<const std::byte> packet);

}  // namespace pollux::bpf

#endif  // TESTS_BPF_PARSE_PROBE_H_
