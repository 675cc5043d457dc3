// SPDX-License-Identifier: Apache-2.0
// XdpSteerTest: the steering program loaded with rules, and its verdict on a packet.
#ifndef TESTS_BPF_STEER_FIXTURE_H_
#define TESTS_BPF_STEER_FIXTURE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "bpf/steer_rule.h"
#include "bpf/xdp_steer.skel.h"
#include "tests/bpf/program_runner.h"
#include "tests/bpf/unbound_socket.h"
#include "tests/support/packet_builder.h"

namespace pollux::bpf {

using support::PacketBuilder;

inline PacketBuilder Ethernet() {
  return PacketBuilder().Ethernet();
}

class XdpSteerTest : public testing::Test {
 protected:
  struct Destroy {
    void operator()(xdp_steer_bpf* skeleton) const { xdp_steer_bpf::destroy(skeleton); }
  };

  void SetUp() override {
    if (!MayLoadPrograms()) GTEST_SKIP() << "loading XDP programs takes CAP_BPF and CAP_NET_ADMIN";
    ASSERT_TRUE(socket_.ok());
  }

  void Load(const std::vector<std::string>& texts) {
    std::vector<SteerRule> rules;
    for (const std::string& text : texts) {
      absl::StatusOr<SteerRule> rule = ParseSteerRule(text);
      ASSERT_TRUE(rule.ok()) << rule.status();
      rules.push_back(*rule);
    }
    absl::StatusOr<steer_options> options = MakeSteerOptions(rules);
    ASSERT_TRUE(options.ok()) << options.status();
    skeleton_.reset(xdp_steer_bpf::open());
    ASSERT_NE(skeleton_, nullptr);
    skeleton_->rodata->options = *options;
    ASSERT_EQ(xdp_steer_bpf::load(skeleton_.get()), 0);
    uint32_t queue = 0;
    int socket = socket_.fd();
    ASSERT_EQ(bpf_map_update_elem(bpf_map__fd(skeleton_->maps.xsks_map), &queue, &socket, BPF_ANY), 0);
  }

  // Bytes below an Ethernet header are refused by the test run itself, not by the program.
  bool Ours(const PacketBuilder& packet) {
    int verdict = RunProgram(bpf_program__fd(skeleton_->progs.pollux_steer), packet.Build());
    EXPECT_TRUE(verdict == XDP_REDIRECT || verdict == XDP_PASS) << verdict;
    return verdict == XDP_REDIRECT;
  }

  uint64_t Passed() {
    std::vector<uint64_t> counts(libbpf_num_possible_cpus());
    uint32_t key = 0;
    EXPECT_EQ(bpf_map_lookup_elem(bpf_map__fd(skeleton_->maps.passed_packets), &key, counts.data()), 0);
    uint64_t sum = 0;
    for (uint64_t count : counts) sum += count;
    return sum;
  }

  UnboundSocket socket_;
  std::unique_ptr<xdp_steer_bpf, Destroy> skeleton_;
};

}  // namespace pollux::bpf

#endif  // TESTS_BPF_STEER_FIXTURE_H_
