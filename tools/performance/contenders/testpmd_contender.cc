// SPDX-License-Identifier: Apache-2.0
#include "tools/performance/contenders/testpmd_contender.h"

#include <algorithm>
#include <chrono>
#include <filesystem>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "tools/support/child_process.h"

namespace pollux::performance {
namespace {

// It leaves two sockets and says goodbye. Under valgrind, or on a machine that others use, that takes a while.
constexpr std::chrono::seconds kStopTimeout{60};

// Of each port's Nth queue: its rings are never short of them.
constexpr uint32_t kBuffersPerQueue = 32768;

class TestpmdForwarder final : public RunningContender {
 public:
  TestpmdForwarder(std::string name, std::unique_ptr<support::ChildProcess> child) : name_(std::move(name)), child_(std::move(child)) {}
  pid_t process() const override { return child_->pid(); }
  absl::Status Check() override {
    if (child_->running()) return absl::OkStatus();
    return absl::InternalError(absl::StrCat(name_, " ended with exit code ", child_->Wait().value_or(-1), ", its last words:\n",
                                            support::LastWords(child_->Output())));
  }
  absl::Status Stop() override {
    if (const int code = child_->Stop(kStopTimeout); code != 0) {
      return absl::InternalError(
          absl::StrCat(name_, " ended with exit code ", code, ", its last words:\n", support::LastWords(child_->Output())));
    }
    return absl::OkStatus();
  }
  std::string Output() const override { return child_->Output(); }

 private:
  std::string name_;
  std::unique_ptr<support::ChildProcess> child_;
};

class TestpmdContender final : public Contender {
 public:
  explicit TestpmdContender(const TestpmdContenderOptions& options) : options_(options) {}
  const std::string& name() const override { return options_.name; }
  std::string Description() const override {
    return absl::StrJoin(TestpmdCommand(options_, std::filesystem::path(options_.program).filename(), {}), " ");
  }
  std::string Version() const override {
    if (!options_.tells_version) return "";
    auto text = support::RunSuccessfully({"dpkg-query", "-W", "-f", "${Version}", "dpdk"});
    return text.ok() ? absl::StrCat("dpdk ", *text) : "";
  }
  absl::Status Available() const override {
    auto program = support::FindProgram(options_.program);
    if (!program.ok() || options_.probed_key.empty()) return program.status();
    // It ends at once, with the words for an interface that is not there, or before that for a key that is unknown.
    const auto probe = support::RunSuccessfully({*program, "-l", "0,1", "--no-huge", "-m", "64", "--no-pci", "--vdev",
                                                 absl::StrCat("net_af_xdp0,iface=plxnone", options_.device_arguments), "--"});
    if (!absl::StrContains(probe.status().message(), absl::StrCat("unknown key ", options_.probed_key))) return absl::OkStatus();
    return absl::NotFoundError(absl::StrCat("this ", std::filesystem::path(options_.program).filename().string(),
                                            " does not know the device argument ", options_.probed_key));
  }
  bool Can(WorkKind kind, uint32_t /*queue_count*/) const override { return kind != WorkKind::kPushVlan && kind != WorkKind::kTwoPorts; }
  bool IsProgram() const override { return true; }
  absl::StatusOr<std::unique_ptr<RunningContender>> Start(const Rig& rig, const Assignment& assignment) const override {
    auto program = support::FindProgram(options_.program);
    if (!program.ok()) return program.status();
    std::vector<std::string> command = TestpmdCommand(options_, *program, assignment);
    if (!assignment.callgrind_file.empty()) {
      command.insert(std::find(command.begin(), command.end(), *program),
                     {"valgrind", "--tool=callgrind", absl::StrCat("--callgrind-out-file=", assignment.callgrind_file)});
    }
    auto child = support::ChildProcess::Start(command, rig.forwarder.get(), {.joined_output = true, .own_group = true});
    if (!child.ok()) return child.status();
    return std::make_unique<TestpmdForwarder>(options_.name, *std::move(child));
  }

 private:
  const TestpmdContenderOptions options_;
};

}  // namespace

std::vector<std::string> TestpmdCommand(const TestpmdContenderOptions& options, const std::string& program, const Assignment& assignment) {
  // Forwarding has two ports. The one-sided works have one, so that the worker does nothing else.
  std::vector<std::string> interfaces = {kInInterface, kOutInterface};
  if (assignment.kind == WorkKind::kRxonly) interfaces = {kInInterface};
  if (assignment.kind == WorkKind::kTxonly) interfaces = {kOutInterface};
  std::vector<std::string> command = {
      program, "-l", absl::StrCat(assignment.other_cpu, ",", assignment.forwarder_cpu), "--no-huge", "-m", "512", "--no-pci"};
  command.insert(command.end(), options.eal_options.begin(), options.eal_options.end());
  const bool several_queues = assignment.queue_count > 1;
  const std::string queue_argument = several_queues ? absl::StrCat(",queue_count=", assignment.queue_count) : "";
  for (size_t i = 0; i < interfaces.size(); ++i) {
    command.insert(command.end(),
                   {"--vdev", absl::StrCat("net_af_xdp", i, ",iface=", interfaces[i], queue_argument, options.device_arguments)});
  }
  command.insert(command.end(), {"--", absl::StrCat("--forward-mode=", WorkKindName(assignment.kind)), "--auto-start",
                                 absl::StrCat("--total-num-mbufs=", kBuffersPerQueue * assignment.queue_count), "--nb-cores=1"});
  if (several_queues) {
    command.insert(command.end(), {absl::StrCat("--rxq=", assignment.queue_count), absl::StrCat("--txq=", assignment.queue_count)});
    if (!options.preload.empty()) command.insert(command.begin(), {"env", absl::StrCat("LD_PRELOAD=", options.preload)});
  }
  if (options.rx_ring > 0) command.push_back(absl::StrCat("--rxd=", options.rx_ring));
  if (assignment.record_cycles) command.push_back("--record-core-cycles");
  if (interfaces.size() == 1) command.push_back("--port-topology=loop");
  if (assignment.kind == WorkKind::kTxonly) command.push_back(absl::StrCat("--txpkts=", assignment.frame_bytes));
  return command;
}

std::unique_ptr<Contender> MakeTestpmdContender(const TestpmdContenderOptions& options) {
  return std::make_unique<TestpmdContender>(options);
}

}  // namespace pollux::performance
