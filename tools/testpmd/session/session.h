// SPDX-License-Identifier: Apache-2.0
// Session: testpmd between its options and its exit code. Ports, memory, lcores, forwarding, reports.
#ifndef TOOLS_TESTPMD_SESSION_SESSION_H_
#define TOOLS_TESTPMD_SESSION_SESSION_H_

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "bpf/unique_fd.h"
#include "lcore/launcher.h"
#include "lcore/stop_signal.h"
#include "lcore/wake_limit.h"
#include "pmd/telemetry.h"
#include "tools/testpmd/forwarding/forward_offload.h"
#include "tools/testpmd/forwarding/forwarder.h"
#include "tools/testpmd/forwarding/port.h"
#include "tools/testpmd/forwarding/port_flows.h"
#include "tools/testpmd/options/eal_options.h"
#include "tools/testpmd/options/testpmd_options.h"
#include "tools/testpmd/report/forward_display.h"
#include "tools/testpmd/report/output.h"
#include "tools/testpmd/report/port_display.h"
#include "tools/testpmd/session/ledger.h"
#include "tools/testpmd/session/memory_setup.h"
#include "tools/testpmd/session/numa_map.h"
#include "tools/testpmd/session/privileges.h"
#include "tools/testpmd/session/run_record.h"
#include "tools/testpmd/session/session_view.h"
#include "tools/testpmd/session/watchdog.h"

namespace pollux::testpmd {

// Belongs to the thread that made it, which becomes the main lcore.
class Session {
 public:
  // Opens, configures and starts all ports, and reports. INVALID_ARGUMENT is a mistake in the options.
  static absl::StatusOr<std::unique_ptr<Session>> Create(const EalOptions& eal, const TestpmdOptions& options, Output& output);
  ~Session();

  // --- forwarding ---
  absl::Status StartForwarding(std::size_t tx_first_bursts);
  // Prints the forward statistics. What does not balance is printed, and the exit code will say so.
  absl::Status StopForwarding();
  bool forwarding() const { return forwarder_->running(); }
  // Once nothing more is to be set up. Prints what is left.
  absl::Status DropPrivileges();
  // Stops what runs, closes the ports, prints the closing account. Returns whether everything balanced.
  bool Close();

  // --- configuration; active at the next start ---
  ForwardConfig& config() { return config_; }
  // Queues and rings of ports that are attached.
  pmd::DeviceConfig& port_defaults() { return port_defaults_; }
  // Ports, lcores and peers as they were before commands changed them; ports that were attached since are among them.
  absl::Status SetDefaultConfig();
  const TestpmdOptions& options() const { return options_; }
  const std::vector<unsigned>& worker_lcores() const { return worker_lcores_; }
  unsigned main_lcore() const { return launcher_->plan().main_lcore; }
  absl::Status SetVerbose(uint32_t level);
  // The table that rules and --offload share.
  PortFlows& flows() { return *flows_; }

  // --- ports ---
  std::vector<std::unique_ptr<Port>>& ports() { return ports_; }
  // Those that are not closed.
  std::vector<std::size_t> OpenPortNumbers() const;
  // The numbers of a word "all" or "N". INVALID_ARGUMENT "Invalid port 7", also for a closed one.
  absl::StatusOr<std::vector<std::size_t>> SelectPorts(const std::string& word) const;
  absl::Status StartPort(std::size_t port);
  absl::Status StopPort(std::size_t port);
  absl::Status ClosePort(std::size_t port);
  absl::StatusOr<std::size_t> AttachPort(const std::string& text);
  // Of a port that is stopped: other numbers of queues and descriptors, for the next start.
  absl::Status ReconfigurePort(std::size_t port, std::size_t rx_queues, std::size_t tx_queues, std::size_t rx_ring, std::size_t tx_ring);
  // Lets the interface or file of a stopped port go and takes it anew, with the same configuration.
  absl::Status ResetPort(std::size_t port);
  absl::Status SetPromiscuous(std::size_t port, bool on);
  // While forwarding too: the streams that send there go on with the new address.
  absl::Status SetMac(std::size_t port, const pmd::MacAddress& mac);
  // Reports what happened to links and interfaces, once each; true if something was printed. A port whose interface is gone is stopped,
  // and starts again when there is another of that name. With --on-replace=stop it does not, and forwarding ends when no port is left;
  // the exit code says if none was at the end.
  bool WatchPorts();
  // Readable when somebody asks by telemetry, or a sample of --record is due; -1 without both. Whoever waits while ports are open waits for
  // it too, and serves it.
  int request_descriptor() const { return requests_.get(); }
  void ServeRequests();

  // --- display ---
  void Print(absl::string_view text) { output_.Print(text); }
  // Their blocks, one after the other; printed as one JSON object as well.
  std::string PortStats(const std::vector<std::size_t>& ports);
  ForwardReport Report() const;
  void ClearForwardStats();
  std::string ForwardConfigText() const;
  std::string WakesText() const;
  // What --offload=auto has forwarded since the start; empty without it.
  std::string OffloadText() const;
  std::string RxTxText() const;
  std::string PoolsText() const;
  // One line a pool: how many frames are where. Only while nothing forwards.
  std::string AuditText() const;

 private:
  class VerboseObserver;

  Session(const EalOptions& eal, const TestpmdOptions& options, Output& output);
  absl::Status SetUpLcores();
  absl::Status OpenPorts();
  absl::Status SetUpMemory();
  absl::Status SetUpForwarding();
  absl::Status ConfigurePort(Port& port, const pmd::DeviceConfig& config);
  absl::Status CheckMemoryOfNoisy() const;
  absl::Status CheckRequired(const Port& port) const;
  absl::Status CheckNotInUse(std::size_t port) const;
  // Also of a port that lcores are at.
  absl::Status Start(Port& port);
  bool AnyPortLeft() const;
  void Tell(const Port& port, const std::string& text, nlohmann::json event);
  void Handle(Port& port, const pmd::DeviceEvent& event);
  void NoticeLoss(Port& port, const std::string& reason);
  void NoticeReturn(Port& port, const std::string& text);
  bool NoticeLink(Port& port);
  void LetGo(Port& port);
  bool WatchLcores();
  void NoticeStall(Port& port, const pmd::DeviceEvent& event);
  absl::Status StartPorts();
  void ReportStart();
  void StartTelemetry();
  absl::Status StartRecord();
  absl::Status ServeAt(int descriptor);
  void EndRecordOn(const absl::Status& status);

  int MemoryNodeOf(const Port& port) const;
  nlohmann::json Account();
  std::vector<ShownCounter> ShownCounters(const Port& port, const Port::Rates& rates) const;
  void Fail(const absl::Status& status);

  const EalOptions eal_;
  const TestpmdOptions options_;
  Output& output_;
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();

  Privileges privileges_;
  NumaMap numa_;
  std::unique_ptr<lcore::WakeLimit> wake_limit_;
  std::unique_ptr<lcore::Launcher> launcher_;
  std::vector<unsigned> worker_lcores_;
  MemorySetup memory_;  // before the ports, whose queues hold frames
  std::vector<std::unique_ptr<Port>> ports_;
  ForwardConfig config_;
  ForwardConfig first_config_;
  pmd::DeviceConfig port_defaults_;  // queues and rings of ports to come
  std::unique_ptr<VerboseObserver> observer_;
  BurstObserver* active_observer_ = nullptr;
  std::unique_ptr<Forwarder> forwarder_;
  std::unique_ptr<PortFlows> flows_;
  std::unique_ptr<ForwardOffload> offload_;  // null: not wanted
  Watchdog watchdog_;
  bool may_open_ports_ = true;  // until the privileges for that are given away

  std::unique_ptr<SessionView> view_;
  std::unique_ptr<pmd::Telemetry> telemetry_;  // null: not wanted, or not to be had
  std::unique_ptr<RunRecord> record_;          // null: not wanted, or it has ended
  bpf::UniqueFd requests_;                     // epoll: of the two

  std::unique_ptr<Ledger> ledger_;
  std::map<std::size_t, pmd::QueueStats> forward_base_;  // of the ports, when forwarding started or was cleared
  std::vector<StreamTotals> stream_base_;
  bool set_up_ = false;
  bool failed_ = false;
  bool closed_ = false;
};

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_SESSION_SESSION_H_
