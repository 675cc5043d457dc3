// SPDX-License-Identifier: Apache-2.0
// FlowTest: a flow table, and one packet at a time through the program of port 0 that looks into it. Port 1 is an output.
#ifndef TESTS_BPF_FLOW_FIXTURE_H_
#define TESTS_BPF_FLOW_FIXTURE_H_

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "bpf/flow_program.h"
#include "pmd/flow_table.h"
#include "tests/bpf/flow_reference.h"
#include "tests/bpf/program_runner.h"
#include "tests/support/packet_builder.h"

namespace pollux::bpf {

using pmd::Flow;
using pmd::FlowAction;
using pmd::FlowKey;
using pmd::FlowMatch;
using pmd::FlowTable;
using support::PacketBuilder;

inline constexpr int kLoopbackIndex = 1;
inline constexpr std::size_t kOutputLength = 1518;

inline uint16_t Wire16(uint16_t value) {
  return __builtin_bswap16(value);
}

inline FlowAction Output(uint32_t port = 1) {
  return {.kind = FlowAction::Kind::kOutput, .port = port};
}
inline FlowAction Drop() {
  return {.kind = FlowAction::Kind::kDrop};
}
inline FlowAction SetFields(const std::function<void(FlowKey& value, FlowKey& mask)>& fields) {
  FlowAction action = {.kind = FlowAction::Kind::kSet};
  fields(action.value, action.mask);
  return action;
}

// The packet's whole key.
inline FlowMatch Exactly(const FlowKey& key) {
  FlowMatch match = {.value = key, .mask = {}};
  for (auto& word : match.mask.words) word = ~0ull;
  match.mask.subtable = 0;
  return match;
}

// Any packet.
inline FlowMatch Everything() {
  return {};
}

struct RunResult {
  int verdict = 0;  // XDP_REDIRECT: sent to an output; XDP_PASS: up; XDP_DROP
  Frame frame;
};

class FlowTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!MayLoadPrograms()) GTEST_SKIP() << "loading XDP programs takes CAP_BPF and CAP_NET_ADMIN";
    MakeTable({});
  }

  void MakeTable(const pmd::FlowTableOptions& options) {
    auto table = FlowTable::Create(options);
    ASSERT_TRUE(table.ok()) << table.status();
    table_ = *std::move(table);
    ASSERT_TRUE(table_->SetPort(1, kLoopbackIndex, kOutputLength, kOutputLength).ok());
    // Without sockets what goes up is told from what is sent by its verdict.
    sockets_ = UniqueFd(bpf_map_create(BPF_MAP_TYPE_XSKMAP, "xsks_map", 4, 4, 4096, nullptr));
    Load(/*unfinished=*/false);
  }

  void Load(bool unfinished) {
    unfinished_ = unfinished;
    const FlowHook hook = {.maps = &table_->maps(), .port = 0, .unfinished_checksums = unfinished};
    auto program = at_tc_ ? LoadTcFlowProgram(hook, kLoopbackIndex) : LoadFlowProgram(hook, std::nullopt, {.sockets = sockets_.get()});
    ASSERT_TRUE(program.ok()) << program.status();
    program_ = *std::move(program);
  }

  // `segment`: at TC, payload bytes of each segment that is joined in the frame; 0: it is one.
  RunResult Run(Frame frame, uint32_t segment = 0) {
    RunResult result;
    __sk_buff context = {};
    context.gso_size = segment;
    result.frame.resize(frame.size() + 64);
    LIBBPF_OPTS(bpf_test_run_opts, run);
    run.data_in = frame.data();
    run.data_size_in = static_cast<uint32_t>(frame.size());
    run.data_out = result.frame.data();
    run.data_size_out = static_cast<uint32_t>(result.frame.size());
    run.repeat = 1;
    if (at_tc_) {
      run.ctx_in = &context;
      run.ctx_size_in = sizeof(context);
    }
    const uint64_t hits = Counters()["flow_hits"];
    const int error = bpf_prog_test_run_opts(program_.get(), &run);
    result.verdict = error != 0 ? error : static_cast<int>(run.retval);
    if (at_tc_) {
      // What goes up is redirected too, to the companion.
      const bool hit = Counters()["flow_hits"] > hits;
      result.verdict = result.verdict == TC_ACT_REDIRECT ? (hit ? XDP_REDIRECT : XDP_PASS)
                       : result.verdict == TC_ACT_SHOT   ? XDP_DROP
                                                         : result.verdict;
    }
    result.frame.resize(run.data_size_out);
    return result;
  }

  FlowTable::Id Add(const FlowMatch& match, const std::vector<FlowAction>& actions, uint32_t priority = 0) {
    const auto id = table_->Add({.priority = priority, .match = match, .actions = actions});
    EXPECT_TRUE(id.ok()) << id.status();
    return id.value_or(0);
  }

  std::map<std::string, uint64_t> Counters() const {
    std::map<std::string, uint64_t> counters;
    for (const auto& counter : table_->Counters()) counters[counter.name] = counter.value;
    return counters;
  }

  std::shared_ptr<FlowTable> table_;
  UniqueFd sockets_;
  UniqueFd program_;
  bool unfinished_ = false;
  bool at_tc_ = false;  // set before SetUp
};

}  // namespace pollux::bpf

#endif  // TESTS_BPF_FLOW_FIXTURE_H_
