// SPDX-License-Identifier: Apache-2.0
#include "tools/performance/contenders/testpmd_contender.h"

#include <stdlib.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <thread>
#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "lcore/errno_status.h"
#include "tools/performance/contenders/telemetry_reader.h"
#include "tools/support/child_process.h"
#include "tools/support/network_namespace.h"

namespace pollux::performance {
namespace {

// It leaves two sockets and says goodbye. Under valgrind, or on a machine that others use, that takes a while.
constexpr std::chrono::seconds kStopTimeout{60};

// Of each port's Nth queue: its rings are never short of them.
constexpr uint32_t kBuffersPerQueue = 32768;

// pollux-broker beside the ports, and where a worker without privileges is. Gone with the object.
class WorkerPlace {
 public:
  static absl::StatusOr<std::unique_ptr<WorkerPlace>> Make(const Rig& rig, const TestpmdContenderOptions& options, int cpu) {
    // Anybody may look up the socket and the program.
    char folder[] = "/tmp/plxperf-XXXXXX";
    if (mkdtemp(folder) == nullptr) return lcore::ErrnoStatus(errno, "mkdtemp(/tmp)");
    std::unique_ptr<WorkerPlace> place(new WorkerPlace(folder));
    chmod(folder, 0755);
    std::error_code error;
    std::filesystem::copy_file(options.program, place->program(), error);
    if (error) return lcore::ErrnoStatus(error.value(), absl::StrCat("copy(", options.program, ")"));
    std::filesystem::permissions(place->program(), std::filesystem::perms(0755), error);
    std::vector<std::string> ports;
    for (const char* interface : {kInInterface, kOutInterface}) {
      ports.push_back(absl::StrCat(R"({"interface": ")", interface, R"(", "queues": "0-3", "memory_mib": 511,
        "allow": ["inject", "busy_poll", "promiscuous", "mtu"]})"));
    }
    const std::string configuration = absl::StrCat(folder, "/broker.json");
    std::ofstream(configuration) << R"({"socket": ")" << place->socket() << R"(", "clients": [{"users": ["nobody"], "ports": [)"
                                 << absl::StrJoin(ports, ", ") << "]}]}";
    auto broker =
        support::ChildProcess::Start({"taskset", "-c", absl::StrCat(cpu), options.broker, absl::StrCat("--config=", configuration)},
                                     rig.forwarder.get(), {.joined_output = true, .own_group = true});
    if (!broker.ok()) return broker.status();
    place->broker_ = *std::move(broker);
    if (auto status = place->broker_->WaitForText("serving at"); !status.ok()) return status;
    auto network = support::NetworkNamespace::CreateUnnamed();
    if (!network.ok()) return network.status();
    place->network_ = *std::move(network);
    return place;
  }
  ~WorkerPlace() {
    if (broker_ != nullptr) broker_->Stop(kStopTimeout);
    std::error_code error;
    std::filesystem::remove_all(folder_, error);
  }

  std::string program() const { return absl::StrCat(folder_, "/testpmd"); }
  std::string socket() const { return absl::StrCat(folder_, "/broker.sock"); }
  const support::NetworkNamespace* network() const { return network_.get(); }

 private:
  explicit WorkerPlace(std::string folder) : folder_(std::move(folder)) {}

  const std::string folder_;
  std::unique_ptr<support::ChildProcess> broker_;
  std::unique_ptr<support::NetworkNamespace> network_;
};

absl::StatusOr<std::unique_ptr<TelemetryReader>> StartReader(support::ChildProcess* testpmd, int reads_per_second, int cpu) {
  if (absl::Status status = testpmd->WaitForText("Telemetry: "); !status.ok()) return status;
  std::string path;
  for (int tries = 0; tries < 100 && path.empty(); ++tries) {
    path = FindTelemetrySocket(testpmd->Output());
    if (path.empty()) std::this_thread::sleep_for(std::chrono::milliseconds(10));  // the rest of the line
  }
  return TelemetryReader::Start(path, reads_per_second, cpu);
}

absl::Status MakeFlows(support::ChildProcess* testpmd) {
  absl::Status status = testpmd->Write(
      "flow create 0 ingress pattern eth / end actions port_id id 1 / end\n"
      "flow create 1 ingress pattern eth / end actions port_id id 0 / end\n"
      "show flow stats\n");
  if (status.ok()) status = testpmd->WaitForText("Flows: 2 of");
  return status;
}

class TestpmdForwarder final : public RunningContender {
 public:
  TestpmdForwarder(std::string name, std::unique_ptr<support::ChildProcess> child, std::unique_ptr<WorkerPlace> place,
                   std::unique_ptr<TelemetryReader> reader)
      : name_(std::move(name)), place_(std::move(place)), child_(std::move(child)), reader_(std::move(reader)) {}
  pid_t process() const override { return child_->pid(); }
  absl::Status Check() override {
    if (child_->running()) return absl::OkStatus();
    return absl::InternalError(absl::StrCat(name_, " ended with exit code ", child_->Wait().value_or(-1), ", its last words:\n",
                                            support::LastWords(child_->Output())));
  }
  absl::Status Stop() override {
    const absl::Status read = reader_ != nullptr ? reader_->Stop() : absl::OkStatus();
    if (const int code = child_->Stop(kStopTimeout); code != 0) {
      return absl::InternalError(
          absl::StrCat(name_, " ended with exit code ", code, ", its last words:\n", support::LastWords(child_->Output())));
    }
    return read;
  }
  std::string Output() const override { return child_->Output(); }

 private:
  std::string name_;
  std::unique_ptr<WorkerPlace> place_;  // outlives the child
  std::unique_ptr<support::ChildProcess> child_;
  std::unique_ptr<TelemetryReader> reader_;
};

class TestpmdContender final : public Contender {
 public:
  explicit TestpmdContender(const TestpmdContenderOptions& options) : options_(options) {}
  const std::string& name() const override { return options_.name; }
  std::string Description() const override {
    const std::string command = absl::StrJoin(TestpmdCommand(options_, std::filesystem::path(options_.program).filename(), {}), " ");
    if (options_.telemetry_reads == 0) return command;
    return absl::StrCat(command, "; its telemetry is asked ", options_.telemetry_reads, " times a second");
  }
  std::string Version() const override {
    if (!options_.tells_version) return "";
    auto text = support::RunSuccessfully({"dpkg-query", "-W", "-f", "${Version}", "dpdk"});
    return text.ok() ? absl::StrCat("dpdk ", *text) : "";
  }
  absl::Status Available() const override {
    auto program = support::FindProgram(options_.program);
    if (program.ok() && !options_.broker.empty()) {
      if (absl::Status status = support::FindProgram(options_.broker).status(); !status.ok()) return status;
    }
    if (!program.ok() || options_.probed_key.empty()) return program.status();
    // It ends at once, with the words for an interface that is not there, or before that for a key that is unknown.
    const auto probe = support::RunSuccessfully({*program, "-l", "0,1", "--no-huge", "-m", "64", "--no-pci", "--vdev",
                                                 absl::StrCat("net_af_xdp0,iface=plxnone", options_.device_arguments), "--"});
    if (!absl::StrContains(probe.status().message(), absl::StrCat("unknown key ", options_.probed_key))) return absl::OkStatus();
    return absl::NotFoundError(absl::StrCat("this ", std::filesystem::path(options_.program).filename().string(),
                                            " does not know the device argument ", options_.probed_key));
  }
  bool Can(WorkKind kind, uint32_t /*queue_count*/) const override {
    if (options_.offload) return kind == WorkKind::kIo || kind == WorkKind::kTcp;
    return kind != WorkKind::kPushVlan && kind != WorkKind::kTwoPorts;
  }
  std::string PodSettings() const override { return options_.pod_settings; }
  bool IsProgram() const override { return true; }
  absl::StatusOr<std::unique_ptr<RunningContender>> Start(const Rig& rig, const Assignment& assignment) const override {
    auto program = support::FindProgram(options_.program);
    if (!program.ok()) return program.status();
    std::unique_ptr<WorkerPlace> place;
    if (!options_.broker.empty()) {
      auto made = WorkerPlace::Make(rig, options_, assignment.other_cpu);
      if (!made.ok()) return made.status();
      place = *std::move(made);
      *program = place->program();
    }
    std::vector<std::string> command = TestpmdCommand(options_, *program, assignment, place == nullptr ? "" : place->socket());
    if (!assignment.callgrind_file.empty()) {
      command.insert(std::find(command.begin(), command.end(), *program),
                     {"valgrind", "--tool=callgrind", absl::StrCat("--callgrind-out-file=", assignment.callgrind_file)});
    }
    const support::NetworkNamespace* const network = place == nullptr ? rig.forwarder.get() : place->network();
    auto child = support::ChildProcess::Start(command, network, {.joined_output = true, .own_group = true});
    if (!child.ok()) return child.status();
    if (options_.offload) {
      if (absl::Status status = MakeFlows(child->get()); !status.ok()) return status;
    }
    std::unique_ptr<TelemetryReader> reader;
    if (options_.telemetry_reads > 0) {
      auto started = StartReader(child->get(), options_.telemetry_reads, assignment.other_cpu);
      if (!started.ok()) return started.status();
      reader = *std::move(started);
    }
    return std::make_unique<TestpmdForwarder>(options_.name, *std::move(child), std::move(place), std::move(reader));
  }

 private:
  const TestpmdContenderOptions options_;
};

}  // namespace

std::vector<std::string> TestpmdCommand(const TestpmdContenderOptions& options, const std::string& program, const Assignment& assignment,
                                        const std::string& broker_socket) {
  // Forwarding has two ports. The one-sided works have one, so that the worker does nothing else.
  std::vector<std::string> interfaces = {kInInterface, kOutInterface};
  if (assignment.kind == WorkKind::kRxonly) interfaces = {kInInterface};
  if (assignment.kind == WorkKind::kTxonly) interfaces = {kOutInterface};
  const std::string broker_argument = broker_socket.empty() ? "" : absl::StrCat(",broker=", broker_socket);
  std::vector<std::string> command = {
      program, "-l", absl::StrCat(assignment.other_cpu, ",", assignment.forwarder_cpu), "--no-huge", "-m", "512", "--no-pci"};
  command.insert(command.end(), options.eal_options.begin(), options.eal_options.end());
  const bool several_queues = assignment.queue_count > 1;
  const std::string hook = options.offload && assignment.kind == WorkKind::kTcp ? ",attach=tc" : "";
  const std::string queue_argument = several_queues ? absl::StrCat(",queue_count=", assignment.queue_count) : "";
  for (size_t i = 0; i < interfaces.size(); ++i) {
    command.insert(command.end(), {"--vdev", absl::StrCat("net_af_xdp", i, ",iface=", interfaces[i], queue_argument,
                                                          options.device_arguments, hook, broker_argument)});
  }
  command.insert(command.end(),
                 {"--", absl::StrCat("--forward-mode=", WorkKindName(assignment.kind == WorkKind::kTcp ? WorkKind::kIo : assignment.kind)),
                  "--auto-start", absl::StrCat("--total-num-mbufs=", kBuffersPerQueue * assignment.queue_count), "--nb-cores=1"});
  if (several_queues) {
    command.insert(command.end(), {absl::StrCat("--rxq=", assignment.queue_count), absl::StrCat("--txq=", assignment.queue_count)});
    if (!options.preload.empty()) command.insert(command.begin(), {"env", absl::StrCat("LD_PRELOAD=", options.preload)});
  }
  if (!broker_socket.empty()) {
    // As the broker's worker: nothing that a kernel could be asked for.
    command.insert(command.begin(), {"setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--bounding-set=-all",
                                     "--inh-caps=-all", "--no-new-privs"});
  }
  if (options.offload) command.push_back("-i");
  if (!options.idle.empty()) command.push_back(absl::StrCat("--idle=", options.idle));
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
