// SPDX-License-Identifier: Apache-2.0
#include "tools/performance/contenders/ovs_contender.h"

#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <thread>
#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>

#include "lcore/errno_status.h"
#include "tools/performance/rig/cpu_usage.h"
#include "tools/support/child_process.h"

namespace pollux::performance {
namespace {

constexpr double kStartTimeout_s = 30;
constexpr std::chrono::seconds kStopTimeout{20};
constexpr char kDaemon[] = "ovs-vswitchd";

// The daemon in a network namespace: it has left its parents, and its number in the PID namespace it lives in is not ours.
absl::StatusOr<pid_t> FindDaemon(int network_namespace) {
  struct stat wanted, found;
  if (fstat(network_namespace, &wanted) != 0) return lcore::ErrnoStatus(errno, "fstat(network namespace)");
  DIR* folder = opendir("/proc");
  if (folder == nullptr) return lcore::ErrnoStatus(errno, "opendir(/proc)");
  pid_t daemon = 0;
  while (const dirent* entry = readdir(folder)) {
    const pid_t pid = std::atoi(entry->d_name);
    if (pid <= 0 || CommandName(pid) != kDaemon) continue;
    // Its monitor or the half of a fork may be there too: the newest works.
    if (stat(absl::StrCat("/proc/", pid, "/ns/net").c_str(), &found) == 0 && found.st_ino == wanted.st_ino) daemon = std::max(daemon, pid);
  }
  closedir(folder);
  if (daemon == 0) return absl::NotFoundError(absl::StrCat("no ", kDaemon, " runs in the forwarder's network namespace"));
  return daemon;
}

class OvsForwarder final : public RunningContender {
 public:
  OvsForwarder(std::string name, std::unique_ptr<support::ChildProcess> child) : name_(std::move(name)), child_(std::move(child)) {}

  absl::Status AwaitForwarding(int network_namespace) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::duration<double>(kStartTimeout_s);
    while (!absl::StrContains(child_->Output(), "\nforwarding") && !absl::StartsWith(child_->Output(), "forwarding")) {
      if (absl::Status status = Check(); !status.ok()) return status;
      if (std::chrono::steady_clock::now() > deadline) {
        return absl::DeadlineExceededError(
            absl::StrCat(name_, " does not forward, its last words:\n", support::LastWords(child_->Output())));
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    auto daemon = FindDaemon(network_namespace);
    if (!daemon.ok()) return daemon.status();
    daemon_ = *daemon;
    return absl::OkStatus();
  }

  pid_t process() const override { return daemon_; }
  absl::Status Check() override {
    if (child_->running()) return absl::OkStatus();
    return absl::InternalError(absl::StrCat(name_, " ended with exit code ", child_->Wait().value_or(-1), ", its last words:\n",
                                            support::LastWords(child_->Output())));
  }
  absl::Status Stop() override {
    // The group: `unshare` itself waits for the script in it, and does not pass signals on.
    kill(-child_->pid(), SIGTERM);
    return child_->Wait(kStopTimeout).status();
  }
  std::string Output() const override { return child_->Output(); }

 private:
  std::string name_;
  std::unique_ptr<support::ChildProcess> child_;
  pid_t daemon_ = 0;
};

class OvsContender final : public Contender {
 public:
  explicit OvsContender(const OvsContenderOptions& options) : options_(options) {}
  const std::string& name() const override { return options_.name; }
  std::string Description() const override {
    return absl::StrCat("ovs-vswitchd, userspace datapath, one PMD thread, ports of type=", options_.type,
                        options_.offload ? ", hw-offload=true" : "", " (tools/ovs run)");
  }
  std::string Version() const override {
    auto text = support::RunSuccessfully({Daemon(), "--version"});
    if (!text.ok()) return "";
    const std::vector<std::string> lines = absl::StrSplit(*text, '\n', absl::SkipEmpty());
    // The second line of what is linked with DPDK is DPDK's version.
    return lines.size() < 2 || !absl::StartsWith(lines[1], "DPDK") ? lines[0] : absl::StrCat(lines[0], ", ", lines[1]);
  }
  absl::Status Available() const override {
    if (options_.script.empty()) return absl::NotFoundError("no --ovs=FILE: where tools/ovs is");
    if (absl::Status status = support::FindProgram(options_.script).status(); !status.ok()) return status;
    if (options_.programs.empty()) return absl::NotFoundError("no --ovs-programs=FOLDER: what tools/ovs build prints");
    absl::Status status = support::FindProgram(Daemon()).status();
    if (status.ok() || options_.package.empty()) return status;
    return absl::NotFoundError(absl::StrCat("no ", Daemon(), ": tools/setup_packages peers installs package ", options_.package));
  }
  bool Can(WorkKind kind, uint32_t /*queue_count*/) const override {
    return kind == WorkKind::kIo || kind == WorkKind::kPushVlan || kind == WorkKind::kTwoPorts || kind == WorkKind::kTcp;
  }
  std::string PodSettings() const override { return options_.pod_settings; }
  bool IsProgram() const override { return true; }
  bool RunsUnderCallgrind() const override { return false; }
  absl::StatusOr<std::unique_ptr<RunningContender>> Start(const Rig& rig, const Assignment& assignment) const override {
    auto child =
        support::ChildProcess::Start(OvsCommand(options_, assignment), rig.forwarder.get(), {.joined_output = true, .own_group = true});
    if (!child.ok()) return child.status();
    auto forwarder = std::make_unique<OvsForwarder>(options_.name, *std::move(child));
    if (absl::Status status = forwarder->AwaitForwarding(rig.forwarder->fd()); !status.ok()) return status;
    return std::unique_ptr<RunningContender>(std::move(forwarder));
  }

 private:
  std::string Daemon() const { return options_.daemon.empty() ? options_.programs + "/ovs-vswitchd" : options_.daemon; }

  const OvsContenderOptions options_;
};

}  // namespace

std::vector<std::string> OvsCommand(const OvsContenderOptions& options, const Assignment& assignment) {
  // The daemons leave their parents; a PID namespace ends them with the run, even if it is killed.
  std::vector<std::string> command = {"unshare", "--pid", "--fork", "--kill-child", "--mount-proc"};
  command.insert(command.end(), {"taskset", "-c", absl::StrCat(assignment.other_cpu)});
  const bool several_queues = assignment.queue_count > 1;
  if (several_queues && !options.preload.empty()) command.insert(command.end(), {"env", absl::StrCat("LD_PRELOAD=", options.preload)});
  command.insert(command.end(), {options.script, "run"});
  command.insert(command.end(), {absl::StrCat("--type=", options.type), absl::StrCat("--pmd-cpu=", assignment.forwarder_cpu),
                                 absl::StrCat("--programs=", options.programs)});
  if (several_queues) command.push_back(absl::StrCat("--queues=", assignment.queue_count));
  if (!options.port_option.empty()) command.push_back(absl::StrCat("--option=", options.port_option));
  if (options.offload) {
    command.push_back("--offload");
    if (assignment.kind == WorkKind::kTcp) command.push_back("--option=attach=tc");
  }
  const std::string match = absl::StrCat("--flow=in_port=", kInInterface, ",actions=");
  if (assignment.kind == WorkKind::kPushVlan) {
    command.push_back(absl::StrCat(match, "mod_vlan_vid:5,output:", kOutInterface));
  } else if (assignment.kind == WorkKind::kTwoPorts) {
    command.push_back(absl::StrCat(match, "output:", kOutInterface, ",in_port"));
  }
  command.insert(command.end(), {kInInterface, kOutInterface});
  return command;
}

std::unique_ptr<Contender> MakeOvsContender(const OvsContenderOptions& options) {
  return std::make_unique<OvsContender>(options);
}

}  // namespace pollux::performance
