// SPDX-License-Identifier: Apache-2.0
// What the program of a port with flows takes for a packet, by BPF_PROG_TEST_RUN: no traffic, and the least of many short runs, so that
// what else the machine does hardly counts. A program that passes everything shows what of it is the kernel's own.
//
//   bazel run //tests/bpf:flow_cost
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "bpf/flow_program.h"
#include "pmd/flow_table.h"
#include "tests/support/packet_builder.h"

namespace pollux::bpf {
namespace {

using Kind = pmd::FlowAction::Kind;
using Actions = std::vector<pmd::FlowAction>;
using support::PacketBuilder;

constexpr int kLoopbackIndex = 1;
constexpr uint32_t kRepetitions = 5000;
constexpr int kRuns = 100;

uint32_t LeastNs(int program, const PacketBuilder::Frame& frame, int verdict) {
  uint32_t least = ~0u;
  for (int number = 0; number < kRuns; ++number) {
    LIBBPF_OPTS(bpf_test_run_opts, run);
    run.data_in = frame.data();
    run.data_size_in = static_cast<uint32_t>(frame.size());
    run.repeat = kRepetitions;
    if (bpf_prog_test_run_opts(program, &run) != 0 || static_cast<int>(run.retval) != verdict) {
      std::fprintf(stderr, "BPF_PROG_TEST_RUN: verdict %d instead of %d\n", static_cast<int>(run.retval), verdict);
      return 0;
    }
    least = std::min(least, run.duration);
  }
  return least;
}

UniqueFd PassesEverything() {
  bpf_insn instructions[2] = {};
  instructions[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
  instructions[0].imm = XDP_PASS;
  instructions[1].code = BPF_JMP | BPF_EXIT;
  return UniqueFd(bpf_prog_load(BPF_PROG_TYPE_XDP, "plx_pass", "GPL", instructions, 2, nullptr));
}

struct Case {
  const char* name;
  Actions actions;
  int verdict;
};

absl::Status Measure() {
  const auto udp = PacketBuilder().Ethernet().Ipv4().Udp().FillTo(60).Build();
  const auto udp6 = PacketBuilder().Ethernet().Ipv6().Udp().FillTo(64).Build();
  const UniqueFd pass = PassesEverything();
  std::printf("%-28s %8s %8s\n", "ns a packet", "IPv4", "IPv6");
  std::printf("%-28s %8u %8u\n", "a program that passes all", LeastNs(pass.get(), udp, XDP_PASS), LeastNs(pass.get(), udp6, XDP_PASS));
  pmd::FlowAction mac = {.kind = Kind::kSet};
  mac.value.destination_mac[5] = 9;
  mac.mask.destination_mac[5] = 0xff;
  const pmd::FlowAction output = {.kind = Kind::kOutput, .port = 1};
  const Case cases[] = {{"miss", {}, XDP_PASS},
                        {"drop", {{.kind = Kind::kDrop}}, XDP_DROP},
                        {"output", {output}, XDP_REDIRECT},
                        {"a MAC address, output", {mac, output}, XDP_REDIRECT}};
  const UniqueFd sockets(bpf_map_create(BPF_MAP_TYPE_XSKMAP, "xsks_map", 4, 4, 4096, nullptr));
  for (const bool unfinished : {false, true}) {
    for (const Case& one : cases) {
      auto table = pmd::FlowTable::Create();
      if (!table.ok()) return table.status();
      if (auto status = (*table)->SetPort(1, kLoopbackIndex, 1518, 1518); !status.ok()) return status;
      if (!one.actions.empty()) {
        if (auto added = (*table)->Add({.actions = one.actions}); !added.ok()) return added.status();
      }
      auto program = LoadFlowProgram({.maps = &(*table)->maps(), .port = 0, .unfinished_checksums = unfinished}, std::nullopt,
                                     {.sockets = sockets.get()});
      if (!program.ok()) return program.status();
      const std::string name = std::string(one.name) + (unfinished ? ", behind a veth" : "");
      std::printf("%-28s %8u %8u\n", name.c_str(), LeastNs(program->get(), udp, one.verdict), LeastNs(program->get(), udp6, one.verdict));
    }
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace pollux::bpf

int main() {
  const absl::Status status = pollux::bpf::Measure();
  if (!status.ok()) std::fprintf(stderr, "flow_cost: %s\n", std::string(status.message()).c_str());
  return status.ok() ? 0 : 1;
}
