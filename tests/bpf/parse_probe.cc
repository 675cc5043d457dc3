// SPDX-License-Identifier: Apache-2.0
#include "tests/bpf/parse_probe.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "tests/bpf/parse_probe.skel.h"

namespace pollux::bpf {

const packet_facts* ParseInKernel(std::span<const std::byte> packet) {
  static parse_probe_bpf* const probe = parse_probe_bpf__open_and_load();
  if (probe == nullptr) return nullptr;
  static const int program = bpf_program__fd(probe->progs.parse_probe);
  LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet.data(), .data_size_in = static_cast<__u32>(packet.size()), .repeat = 1);
  return bpf_prog_test_run_opts(program, &options) == 0 ? &probe->bss->parsed : nullptr;
}

}  // namespace pollux::bpf
