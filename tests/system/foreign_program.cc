// SPDX-License-Identifier: Apache-2.0
#include "tests/system/foreign_program.h"

#include <cerrno>
#include <cstring>

#include <linux/bpf.h>
#include <net/if.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <absl/strings/str_cat.h>

#include "lcore/errno_status.h"

namespace pollux::system_tests {
namespace {

int Bpf(bpf_cmd command, bpf_attr& attributes) {
  return static_cast<int>(syscall(SYS_bpf, command, &attributes, sizeof(attributes)));
}

int LoadPassAll() {
  const bpf_insn instructions[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .src_reg = 0, .off = 0, .imm = XDP_PASS},
      {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
  };
  static constexpr char kLicense[] = "GPL";
  bpf_attr load;
  std::memset(&load, 0, sizeof(load));
  load.prog_type = BPF_PROG_TYPE_XDP;
  load.expected_attach_type = BPF_XDP;
  load.insns = reinterpret_cast<uint64_t>(instructions);
  load.insn_cnt = 2;
  load.license = reinterpret_cast<uint64_t>(kLicense);
  std::strcpy(load.prog_name, ForeignProgram::kName);
  return Bpf(BPF_PROG_LOAD, load);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ForeignProgram>> ForeignProgram::Attach(const support::NetworkNamespace& network,
                                                                       const std::string& interface) {
  const auto scope = support::NamespaceScope::Enter(network);
  if (!scope.ok()) return scope.status();
  std::unique_ptr<ForeignProgram> program(new ForeignProgram);
  program->program_fd_ = LoadPassAll();
  if (program->program_fd_ < 0) return lcore::ErrnoStatus(errno, "bpf(BPF_PROG_LOAD, XDP)");
  bpf_attr link;
  std::memset(&link, 0, sizeof(link));
  link.link_create.prog_fd = static_cast<uint32_t>(program->program_fd_);
  link.link_create.target_ifindex = if_nametoindex(interface.c_str());
  link.link_create.attach_type = BPF_XDP;
  program->link_fd_ = Bpf(BPF_LINK_CREATE, link);
  if (program->link_fd_ < 0) return lcore::ErrnoStatus(errno, absl::StrCat("bpf(BPF_LINK_CREATE, ", interface, ")"));
  return program;
}

ForeignProgram::~ForeignProgram() {
  for (const int fd : {link_fd_, program_fd_}) {
    if (fd >= 0) close(fd);
  }
}

}  // namespace pollux::system_tests
