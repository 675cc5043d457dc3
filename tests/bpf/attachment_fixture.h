// SPDX-License-Identifier: Apache-2.0
// AttachmentTest: a veth's end "p0" with four queues, in a namespace of the test's own, which the test stands in.
#ifndef TESTS_BPF_ATTACHMENT_FIXTURE_H_
#define TESTS_BPF_ATTACHMENT_FIXTURE_H_

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "bpf/xdp_program.h"
#include "tests/bpf/program_runner.h"
#include "tests/support/veth_rig.h"
#include "tools/support/network_namespace.h"
#include "tools/support/patience.h"

namespace pollux::bpf {

using std::chrono::milliseconds;
using support::NamespaceScope;
using support::NetworkNamespace;
using support::VethRig;

inline std::string Message(const absl::Status& status) {
  return std::string(status.message());
}

inline ProgramOptions Steering(const std::vector<std::string>& texts) {
  ProgramOptions options;
  for (const std::string& text : texts) options.steer.push_back(ParseSteerRule(text).value());
  return options;
}

// A program that lets everything pass, which somebody else attached through netlink.
inline int LoadForeign(const char* name) {
  bpf_insn instructions[2] = {};
  instructions[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
  instructions[0].imm = XDP_PASS;
  instructions[1].code = BPF_JMP | BPF_EXIT;
  return bpf_prog_load(BPF_PROG_TYPE_XDP, name, "GPL", instructions, 2, nullptr);
}

// A program that lets everything pass and has a map of this name, with one value of so many bytes.
inline int LoadWithMap(const char* name, const char* map_name, uint32_t value_bytes) {
  const int map = bpf_map_create(BPF_MAP_TYPE_ARRAY, map_name, sizeof(uint32_t), value_bytes, 1, nullptr);
  bpf_insn instructions[4] = {};
  instructions[0].code = BPF_LD | BPF_DW | BPF_IMM;
  instructions[0].dst_reg = BPF_REG_1;
  instructions[0].src_reg = BPF_PSEUDO_MAP_FD;
  instructions[0].imm = map;
  instructions[2].code = BPF_ALU64 | BPF_MOV | BPF_K;
  instructions[2].imm = XDP_PASS;
  instructions[3].code = BPF_JMP | BPF_EXIT;
  const int program = bpf_prog_load(BPF_PROG_TYPE_XDP, name, "GPL", instructions, 4, nullptr);
  close(map);
  return program;
}

class AttachmentTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!NetworkNamespace::MayCreate() || !MayLoadPrograms()) GTEST_SKIP() << "network namespaces and XDP programs take root";
    auto rig = VethRig::Create({.ports = 1, .queues = 4, .ipv6 = false, .static_neighbours = true});
    ASSERT_TRUE(rig.ok()) << rig.status();
    rig_ = std::move(*rig);
    auto scope = NamespaceScope::Enter(rig_->switch_namespace());
    ASSERT_TRUE(scope.ok()) << scope.status();
    scope_ = std::move(*scope);
  }

  std::vector<AttachedProgram> Attached(const std::string& interface = "p0") { return AttachedPrograms(interface).value(); }

  // A dead process's link is detached by the kernel shortly after.
  bool NothingAttachedSoon() {
    auto deadline = std::chrono::steady_clock::now() + support::Patience(milliseconds(5000));
    while (!Attached().empty()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(milliseconds(5));
    }
    return true;
  }

  void AttachForeign(const char* name, uint32_t flags) {
    foreign_ = LoadForeign(name);
    ASSERT_GE(foreign_, 0);
    ASSERT_EQ(bpf_xdp_attach(static_cast<int>(if_nametoindex("p0")), foreign_, flags, nullptr), 0);
  }

  void TearDown() override {
    if (foreign_ >= 0) close(foreign_);
  }

  std::unique_ptr<VethRig> rig_;
  std::unique_ptr<NamespaceScope> scope_;
  int foreign_ = -1;
};

}  // namespace pollux::bpf

#endif  // TESTS_BPF_ATTACHMENT_FIXTURE_H_
