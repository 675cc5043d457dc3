// SPDX-License-Identifier: Apache-2.0
// One packet through one XDP program, by BPF_PROG_TEST_RUN.
#ifndef TESTS_BPF_PROGRAM_RUNNER_H_
#define TESTS_BPF_PROGRAM_RUNNER_H_

#include <bpf/bpf.h>

#include <linux/bpf.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace pollux::bpf {

// The program's verdict (XDP_PASS, XDP_REDIRECT ...), or a negative errno.
inline int RunProgram(int program, std::vector<std::byte> packet) {
  LIBBPF_OPTS(bpf_test_run_opts, run);
  run.data_in = packet.data();
  run.data_size_in = static_cast<uint32_t>(packet.size());
  run.repeat = 1;
  int error = bpf_prog_test_run_opts(program, &run);
  return error != 0 ? error : static_cast<int>(run.retval);
}

// Whether this process may load programs at all.
inline bool MayLoadPrograms() {
  bpf_insn instructions[2] = {};
  instructions[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
  instructions[0].imm = 2;  // XDP_PASS
  instructions[1].code = BPF_JMP | BPF_EXIT;
  int program = bpf_prog_load(BPF_PROG_TYPE_XDP, "plx_probe", "GPL", instructions, 2, nullptr);
  if (program < 0) return false;
  close(program);
  return true;
}

}  // namespace pollux::bpf

#endif  // TESTS_BPF_PROGRAM_RUNNER_H_
