// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/session/session.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <linux/capability.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/strip.h>

#include "lcore/capabilities.h"
#include "lcore/cycle_clock.h"
#include "lcore/errno_status.h"
#include "lcore/node_name.h"
#include "tools/testpmd/options/option_values.h"
#include "tools/testpmd/report/json_report.h"
#include "tools/testpmd/report/port_display.h"
#include "tools/testpmd/report/start_report.h"
#include "tools/testpmd/session/forward_setup.h"
#include "tools/testpmd/session/start_notes.h"
#include "tools/testpmd/session/verbose_observer.h"

namespace pollux::testpmd {
namespace {

constexpr std::size_t kFramesOfAModestQueue = 1024;  // what a queue with a ring of the default size can do with
constexpr std::size_t kEthernetOverhead = 18;        // header and checksum, as DPDK counts them in --max-pkt-len

absl::Status CheckQueueCounts(const std::string& name, const pmd::DeviceInfo& info, std::size_t rx_queues, std::size_t tx_queues) {
  // A device without any queue says itself what is wrong with its arguments.
  if (info.maximum_rx_queues + info.maximum_tx_queues == 0) return absl::OkStatus();
  if (rx_queues <= info.maximum_rx_queues && tx_queues <= info.maximum_tx_queues) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(name, ": --rxq=", rx_queues, " --txq=", tx_queues, ", and it has ", info.maximum_rx_queues,
                                                 " rx and ", info.maximum_tx_queues, " tx queues at most",
                                                 info.interface.empty() ? "" : " (see queue_count=)"));
}

// With all that is missing, and not only what a call happened to fail for first.
absl::Status Explained(const absl::Status& status, const std::string& device) {
  constexpr lcore::Capability kNeeded[] = {
      {CAP_NET_ADMIN, "CAP_NET_ADMIN"}, {CAP_NET_RAW, "CAP_NET_RAW"}, {CAP_BPF, "CAP_BPF"}, {CAP_PERFMON, "CAP_PERFMON"}};
  if (!absl::IsPermissionDenied(status) || !absl::StartsWith(device, "net_af_xdp")) return status;
  const std::vector<std::string> missing = lcore::MissingCapabilities(kNeeded);
  if (missing.empty()) return status;
  return absl::PermissionDeniedError(absl::StrCat(status.message(),
                                                  "; net_af_xdp needs CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF and, to inject, ",
                                                  "CAP_PERFMON; this process lacks ", absl::StrJoin(missing, ", ")));
}

// Without a size the queue follows its load.
bool Follows(const pmd::DeviceInfo& info, std::size_t asked) {
  return asked == 0 && info.fill_frames.most > 0;
}

// What an rx queue takes of the pool, for good: what waits in the rx ring, and what the kernel and the hardware may fill meanwhile
// (pmd/af_xdp: a power of two).
std::size_t FramesOfRxQueue(const pmd::DeviceInfo& info, std::size_t asked) {
  if (Follows(info, asked)) return info.fill_frames.fewest;
  const std::size_t ring = asked != 0 ? asked : info.recommended_rx_ring;
  return ring + std::bit_ceil(ring + info.hardware_ring);
}

}  // namespace

// --- from options to started ports ---

Session::Session(const EalOptions& eal, const TestpmdOptions& options, Output& output)
    : eal_(eal), options_(options), output_(output), privileges_(options.privileges) {}

absl::StatusOr<std::unique_ptr<Session>> Session::Create(const EalOptions& eal, const TestpmdOptions& options, Output& output) {
  std::unique_ptr<Session> session(new Session(eal, options, output));
  absl::Status status = session->SetUpLcores();
  if (status.ok()) status = session->OpenPorts();
  if (status.ok()) status = session->SetUpForwarding();
  if (status.ok()) status = session->SetUpMemory();
  if (status.ok()) status = session->StartPorts();
  if (!status.ok()) return status;
  session->view_ = std::make_unique<SessionView>(*session->launcher_, session->numa_, session->memory_, session->ports_,
                                                 *session->forwarder_, session->watchdog_);
  if (status = session->StartRecord(); !status.ok()) return status;
  session->set_up_ = true;
  session->StartTelemetry();
  session->ReportStart();
  return session;
}

absl::Status Session::SetUpLcores() {
  absl::StatusOr<lcore::LcorePlan> plan = lcore::MakeLcorePlan(eal_.lcores);
  if (!plan.ok()) return plan.status();
  if (plan->lcores.size() < 2) {
    return absl::InvalidArgumentError(
        "No cores defined for forwarding: the main lcore reads commands and shows statistics, so two lcores are needed at least (-l 0,1; "
        "on a single core: --lcores 0@0,1@0)");
  }
  if (options_.idle_latency_us.has_value()) {
    absl::StatusOr<std::unique_ptr<lcore::WakeLimit>> limit = lcore::WakeLimit::Hold(*options_.idle_latency_us);
    if (!limit.ok()) return lcore::Annotate(limit.status(), "--idle-latency-us");
    wake_limit_ = *std::move(limit);
  }
  numa_ = NumaMap::Of(*plan);
  absl::StatusOr<std::unique_ptr<lcore::Launcher>> launcher = lcore::Launcher::Create(*plan);
  if (!launcher.ok()) return launcher.status();
  launcher_ = *std::move(launcher);
  worker_lcores_ = plan->WorkerIds();
  return privileges_.DropOfLcores(*launcher_);
}

absl::Status Session::OpenPorts() {
  if (eal_.vdevs.empty() && !options_.interactive) {
    return absl::InvalidArgumentError("no port: name one with --vdev before --, such as --vdev net_af_xdp0,iface=eth0");
  }
  for (const std::string& text : eal_.vdevs) {
    absl::StatusOr<std::size_t> port = AttachPort(text);
    if (!port.ok()) return port.status();
  }
  return absl::OkStatus();
}

absl::StatusOr<std::size_t> Session::AttachPort(const std::string& text) {
  std::string with_rules = text;
  if (absl::StartsWith(text, "net_af_xdp")) {
    for (const std::string& rule : options_.steer) absl::StrAppend(&with_rules, ",steer=\"", rule, "\"");
  }
  absl::StatusOr<std::unique_ptr<Port>> port = Port::Open(ports_.size(), with_rules);
  if (!port.ok()) return Explained(port.status(), text);
  const bool is_set_up = !memory_.pools().empty();
  ports_.push_back(*std::move(port));
  if (!is_set_up) return ports_.size() - 1;
  const absl::Status status = ConfigurePort(*ports_.back(), port_defaults_);
  if (!status.ok()) {
    ports_.pop_back();
    return status;
  }
  return ports_.size() - 1;
}

absl::Status Session::SetUpForwarding() {
  absl::StatusOr<ForwardConfig> config =
      ForwardConfigFor(options_, {.ports = ports_.size(), .workers = worker_lcores_, .main_lcore = main_lcore()});
  if (!config.ok()) return config.status();
  config_ = *std::move(config);
  if (config_.burst == 0) {
    config_.burst = mempool::kMaximumBurst;
    for (const auto& port : ports_) config_.burst = std::min(config_.burst, port->Info().recommended_burst);
  }
  first_config_ = config_;
  port_defaults_ = {
      .rx_queues = options_.rx_queues, .tx_queues = options_.tx_queues, .rx_ring = options_.rx_ring, .tx_ring = options_.tx_ring};
  forwarder_ = std::make_unique<Forwarder>(*launcher_, ports_);
  flows_ = std::make_unique<PortFlows>(ports_);
  if (options_.offload) offload_ = std::make_unique<ForwardOffload>(ports_, *flows_);
  ledger_ = std::make_unique<Ledger>(ports_, *forwarder_, memory_);
  observer_ = std::make_unique<VerboseObserver>(output_);
  return SetVerbose(options_.verbose);
}

int Session::MemoryNodeOf(const Port& port) const {
  return numa_.MemoryNodeOf(port, config_.lcores.front());
}

absl::Status Session::SetUpMemory() {
  std::map<int, FrameDemand> demand;
  for (const auto& port : ports_) {
    const pmd::DeviceInfo info = port->Info();
    // Before memory is taken for queues that cannot be.
    if (absl::Status status = CheckQueueCounts(port->FullName(), info, options_.rx_queues, options_.tx_queues); !status.ok()) return status;
    FrameDemand& node = demand[MemoryNodeOf(*port)];
    node.ring_descriptors += options_.rx_queues * FramesOfRxQueue(info, options_.rx_ring);
    const std::size_t tx_ring = options_.tx_ring != 0 ? options_.tx_ring : info.recommended_ring;
    if (Follows(info, options_.rx_ring)) {
      node.following_queues += options_.rx_queues;
      node.busy_descriptors = std::max(node.busy_descriptors, info.fill_frames.most - info.fill_frames.fewest + tx_ring);
    } else {
      node.ring_descriptors += options_.tx_queues * tx_ring;
    }
    if (config_.mode == "noisy")
      node.ring_descriptors += std::max<std::size_t>(options_.rx_queues, 1) * config_.engine.noisy.buffer_packets;
    node.lcores = worker_lcores_.size() + 1;
    node.frame_size = std::max(node.frame_size, info.recommended_frame_size);
    node.visible_region |= info.wants_visible_region;
    if (info.has_own_memory) node.maker = &port->device();
  }
  if (demand.empty()) demand[mempool::kAnyNode] = {.lcores = worker_lcores_.size() + 1};
  absl::StatusOr<MemorySetup> memory = MemorySetup::Create(eal_, options_, demand);
  if (!memory.ok()) return memory.status();
  memory_ = *std::move(memory);
  if (const std::string text = DescribeWithoutMeaning(eal_); !text.empty()) Print(text + "\n");
  if (!options_.without_meaning.empty()) {
    Print(absl::StrCat("testpmd options without meaning here, accepted: ", absl::StrJoin(options_.without_meaning, ", "), "\n"));
  }
  Print(absl::StrCat("Lcores: main ", main_lcore(), ", forwarding ",
                     absl::StrJoin(config_.lcores.begin(), config_.lcores.begin() + config_.lcore_count, ","), numa_.Description(), "\n"));
  for (const auto& [node, pool] : memory_.pools()) Print(absl::StrCat("testpmd: create a new ", DescribePool(*pool)));
  return absl::OkStatus();
}

absl::Status Session::ConfigurePort(Port& port, const pmd::DeviceConfig& wanted) {
  const pmd::DeviceInfo info = port.Info();
  const std::string name = port.FullName();
  if (absl::Status status = CheckQueueCounts(name, info, wanted.rx_queues, wanted.tx_queues); !status.ok()) return status;
  if (options_.maximum_packet.has_value() && *options_.maximum_packet > kEthernetOverhead) {
    const absl::Status status = port.device().SetMtu(*options_.maximum_packet - kEthernetOverhead);
    if (!status.ok() && !absl::IsUnimplemented(status))
      return lcore::Annotate(status, absl::StrCat(name, ": --max-pkt-len=", *options_.maximum_packet));
  }
  pmd::DeviceConfig config = wanted;
  config.scattered = true;
  config.pool = memory_.PoolOf(MemoryNodeOf(port));
  if (config.pool == nullptr) config.pool = memory_.pools().begin()->second;
  config.promiscuous = port.promiscuous;
  const mempool::RegionReport& report = config.pool->region().report();
  Print(absl::StrCat("Configuring Port ", port.number(), " (socket ", lcore::NodeName(report.node), ")\n"));
  if (absl::Status status = port.Configure(config); !status.ok()) return status;
  Print(absl::StrCat("Port ", port.number(), ": ", info.mac.ToString(), "\n"));
  return absl::OkStatus();
}

absl::Status Session::CheckRequired(const Port& port) const {
  const absl::Status status = pmd::CheckRequired(numa_.FeaturesOf(port, config_), options_.require);
  return lcore::Annotate(status, absl::StrCat("--require: ", port.FullName()));
}

absl::Status Session::StartPorts() {
  for (const auto& port : ports_) {
    if (absl::Status status = ConfigurePort(*port, port_defaults_); !status.ok()) return Explained(status, port->text());
  }
  for (const auto& port : ports_) {
    if (absl::Status status = Start(*port); !status.ok()) return Explained(status, port->text());
  }
  return absl::OkStatus();
}

void Session::StartTelemetry() {
  if (!eal_.telemetry) return;
  absl::StatusOr<std::unique_ptr<pmd::Telemetry>> telemetry = pmd::Telemetry::Start({.prefix = eal_.file_prefix}, *view_);
  if (telemetry.ok()) {
    telemetry_ = *std::move(telemetry);
    Fail(ServeAt(telemetry_->descriptor()));
    Print(absl::StrCat("Telemetry: ", telemetry_->socket_path(), "\n"));
  } else {
    // Nothing that forwards needs it.
    Print(absl::StrCat("Note: no telemetry: ", telemetry.status().message(), "\n"));
  }
}

absl::Status Session::StartRecord() {
  if (options_.record_file.empty()) return absl::OkStatus();
  absl::StatusOr<std::unique_ptr<RunRecord>> record = RunRecord::Create({.path = options_.record_file,
                                                                         .period = std::chrono::milliseconds(options_.record_period_ms),
                                                                         .most_bytes = uint64_t{options_.record_limit_mib} << 20},
                                                                        *view_, *forwarder_);
  if (!record.ok()) return lcore::Annotate(record.status(), "--record");
  record_ = *std::move(record);
  return ServeAt(record_->descriptor());
}

absl::Status Session::ServeAt(int descriptor) {
  if (!requests_) requests_ = bpf::UniqueFd(epoll_create1(EPOLL_CLOEXEC));
  epoll_event event{.events = EPOLLIN, .data = {.fd = descriptor}};
  if (requests_ && epoll_ctl(requests_.get(), EPOLL_CTL_ADD, descriptor, &event) == 0) return absl::OkStatus();
  return lcore::ErrnoStatus(errno, "epoll_create1() or epoll_ctl(EPOLL_CTL_ADD)");
}

void Session::ServeRequests() {
  if (telemetry_ != nullptr) telemetry_->Poll();
  if (record_ != nullptr) EndRecordOn(record_->SampleIfDue());
}

// What was asked for is not complete: the exit code says so.
void Session::EndRecordOn(const absl::Status& status) {
  if (status.ok()) return;
  Fail(lcore::Annotate(status, "--record ends, forwarding goes on"));
  record_.reset();
}

void Session::ReportStart() {
  const bool colour = !output_.json() && isatty(STDOUT_FILENO) != 0;
  nlohmann::json start = {{"event", "start"}, {"mode", config_.mode}, {"main_lcore", main_lcore()}};
  if (telemetry_ != nullptr) start["telemetry"] = telemetry_->socket_path();
  for (const auto& [node, pool] : memory_.pools()) start["pools"].push_back(JsonOf(*pool));
  start["ports"] = nlohmann::json::array();
  for (const auto& port : ports_) {
    const std::vector<pmd::FeatureState> features = numa_.FeaturesOf(*port, config_);
    Print(FormatFeatures(absl::StrCat("Port ", port->number(), " (", port->ShortName(), ")"), features, colour));
    start["ports"].push_back(JsonOf(*port, features));
  }
  const std::vector<std::string> warnings = numa_.Warnings(ports_, config_);
  start["warnings"] = warnings;
  for (const std::string& warning : warnings) Print(absl::StrCat("Warning! ", warning, "\n"));
  const std::vector<std::string> notes = StartNotes(options_, config_, ports_);
  start["notes"] = notes;
  for (const std::string& note : notes) Print(absl::StrCat("Note: ", note, "\n"));
  start["lcores"] = JsonOfAssignment(config_);
  output_.PrintJson(start);
  Print(TopologyWarning(config_.topology, config_.ports.size()));
  Print("Checking link statuses...\n");
  if (options_.link_check) WatchPorts();
  Print("Done\n");
}

// --- forwarding, ports and what is shown ---

absl::Status Session::StartForwarding(std::size_t tx_first_bursts) {
  if (forwarding()) return absl::FailedPreconditionError("Packet forwarding already started");
  if (config_.ports.empty()) return absl::FailedPreconditionError("there is no port to forward between (port attach DEVICE)");
  if (absl::Status status = CheckMemoryOfNoisy(); !status.ok()) return status;
  for (std::size_t port : config_.ports) forward_base_[port] = ports_[port]->Stats();
  stream_base_.clear();
  const absl::Status status = forwarder_->Start(config_, tx_first_bursts, active_observer_);
  if (!status.ok()) {
    ledger_->AddStreams();
    return status;
  }
  // What was thrown away is not part of what is forwarded.
  for (const auto& [port, packets] : forwarder_->flushed()) forward_base_[port].rx_packets += packets;
  if (offload_ != nullptr) offload_->Start(config_);
  // So that the first statistics have rates.
  for (const auto& port : ports_) port->TakeRates(std::chrono::steady_clock::now());
  Print(ForwardConfigText());
  Print(RxTxText());
  nlohmann::json started = {{"event", "forwarding"}, {"mode", config_.mode}, {"lcores", JsonOfAssignment(config_)}};
  if (offload_ != nullptr) {
    Print(FormatOffload(offload_->Paths(), /*counts=*/false));
    started["offload"] = JsonOf(offload_->Paths());
  }
  output_.PrintJson(started);
  return absl::OkStatus();
}

absl::Status Session::DropPrivileges() {
  // Of what ports change, these last longer than the process.
  const bool settings_changed = options_.maximum_packet.has_value() || !options_.command_file.empty();
  const bool has_interfaces = std::any_of(ports_.begin(), ports_.end(), [](const auto& port) { return !port->Info().interface.empty(); });
  const bool opens_ports = options_.interactive || (options_.reopen_replaced && has_interfaces);
  may_open_ports_ = options_.privileges == KeptPrivileges::kDefault ? opens_ports : options_.privileges != KeptPrivileges::kNone;
  const auto held = privileges_.DropOfMain(opens_ports, settings_changed);
  if (!held.ok()) return held.status();
  Print(held->text);
  output_.PrintJson({{"event", "privileges"}, {"kept", held->names}});
  return absl::OkStatus();
}

// A buffer that takes every frame would keep the ports from receiving what pushes the oldest packet out: forwarding would stand still.
absl::Status Session::CheckMemoryOfNoisy() const {
  if (config_.mode != "noisy") return absl::OkStatus();
  std::map<const mempool::Pool*, std::size_t> held, rings;
  for (const StreamEnds& stream : config_.Streams()) {
    const Port& port = *ports_[stream.rx_port];
    held[port.config().pool.get()] += config_.engine.noisy.buffer_packets;
    // Where the ring's size is not asked for, a queue makes do with few when the pool is short.
    const std::size_t frames = FramesOfRxQueue(port.Info(), port.config().rx_ring);
    rings[port.config().pool.get()] += port.config().rx_ring != 0 ? frames : std::min(frames, kFramesOfAModestQueue);
  }
  for (const auto& [pool, packets] : held) {
    if (pool == nullptr || packets + rings[pool] <= pool->frame_count()) continue;
    return absl::ResourceExhaustedError(absl::StrCat(
        "--noisy-tx-sw-buffer-size=", config_.engine.noisy.buffer_packets, ": ", packets, " packets may be held back, the rx rings take ",
        rings[pool], " frames, and the pool has ", pool->frame_count(), "; raise --total-num-mbufs or lower the buffer"));
  }
  return absl::OkStatus();
}

absl::Status Session::SetDefaultConfig() {
  if (forwarding()) return absl::FailedPreconditionError("Please stop forwarding first");
  config_.ports = OpenPortNumbers();
  config_.lcores = first_config_.lcores;
  config_.lcore_count = first_config_.lcore_count;
  config_.peers = first_config_.peers;
  return absl::OkStatus();
}

absl::Status Session::StopForwarding() {
  if (!forwarding()) return absl::FailedPreconditionError("Packet forwarding not started");
  Print("Telling cores to stop...\nWaiting for lcores to finish...\n");
  // Before the lcores, which take what comes up meanwhile.
  if (offload_ != nullptr) Fail(offload_->Stop());
  if (absl::Status status = forwarder_->Stop(); !status.ok()) return status;
  const std::vector<StreamTotals> streams = forwarder_->Totals();
  ledger_->AddStreams();
  Print(FormatForwardStats(Report()));
  Print(OffloadText());
  nlohmann::json stopped = {{"event", "stopped"}, {"streams", nlohmann::json::array()}};
  if (offload_ != nullptr) stopped["offload"] = JsonOf(offload_->Paths());
  for (const StreamTotals& stream : streams) stopped["streams"].push_back(JsonOf(stream));
  output_.PrintJson(stopped);
  absl::Status balance;
  const std::string audit = ledger_->AuditText(balance);
  if (!balance.ok()) Print(audit);
  Fail(CheckAccounts(ledger_->Accounts()));
  Print("\nDone.\n");
  return absl::OkStatus();
}

absl::Status Session::SetVerbose(uint32_t level) {
  observer_->SetLevel(level);
  active_observer_ = level == 0 ? nullptr : observer_.get();
  return forwarder_->SetObserver(active_observer_);
}

std::vector<std::size_t> Session::OpenPortNumbers() const {
  std::vector<std::size_t> numbers;
  for (const auto& port : ports_) {
    if (port->state() != PortState::kClosed) numbers.push_back(port->number());
  }
  return numbers;
}

absl::StatusOr<std::vector<std::size_t>> Session::SelectPorts(const std::string& word) const {
  if (word == "all") return OpenPortNumbers();
  const absl::StatusOr<uint64_t> number = ParseNumber(word, 0, UINT32_MAX);
  if (!number.ok() || *number >= ports_.size()) return absl::InvalidArgumentError(absl::StrCat("Invalid port ", word));
  if (ports_[*number]->state() == PortState::kClosed)
    return absl::InvalidArgumentError(absl::StrCat("Invalid port ", word, ": it is closed"));
  return std::vector<std::size_t>{*number};
}

absl::Status Session::StartPort(std::size_t port) {
  if (ports_[port]->started()) return absl::FailedPreconditionError(absl::StrCat("Port ", port, " is now not stopped"));
  if (absl::Status status = Start(*ports_[port]); !status.ok()) return status;
  Print(absl::StrCat("Port ", port, ": ", ports_[port]->Info().mac.ToString(), "\nDone\n"));
  return absl::OkStatus();
}

absl::Status Session::Start(Port& port) {
  return forwarder_->ChangePort(port.number(), [&]() -> absl::Status {
    if (absl::Status status = port.Start(); !status.ok()) return status;
    port.awaits_interface = false;
    port.ForgetInterface();
    absl::Status status = CheckRequired(port);
    if (!status.ok()) status.Update(port.Stop());
    return status;
  });
}

absl::Status Session::CheckNotInUse(std::size_t port) const {
  if (!forwarder_->Uses(port)) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("Please remove port ", port, " from forwarding configuration (stop, set portlist)."));
}

absl::Status Session::StopPort(std::size_t port) {
  if (absl::Status status = CheckNotInUse(port); !status.ok()) return status;
  Print("Stopping ports...\n");
  if (absl::Status status = ports_[port]->Stop(); !status.ok()) return status;
  ports_[port]->awaits_interface = false;
  Print("Done\n");
  return absl::OkStatus();
}

absl::Status Session::ClosePort(std::size_t port) {
  if (ports_[port]->started()) return absl::FailedPreconditionError(absl::StrCat("Port ", port, " is not stopped (port stop ", port, ")"));
  if (absl::Status status = CheckNotInUse(port); !status.ok()) return status;
  Print("Closing ports...\n");
  LetGo(*ports_[port]);
  if (absl::Status status = ports_[port]->Close(); !status.ok()) return status;
  config_.ports.erase(std::remove(config_.ports.begin(), config_.ports.end(), port), config_.ports.end());
  Print(absl::StrCat("Port ", port, " is closed\nDone\n"));
  return absl::OkStatus();
}

absl::Status Session::ReconfigurePort(std::size_t port, std::size_t rx_queues, std::size_t tx_queues, std::size_t rx_ring,
                                      std::size_t tx_ring) {
  if (ports_[port]->started())
    return absl::FailedPreconditionError(absl::StrCat("Please stop port ", port, " first (port stop ", port, ")"));
  if (absl::Status status = CheckNotInUse(port); !status.ok()) return status;
  return ConfigurePort(*ports_[port], {.rx_queues = rx_queues, .tx_queues = tx_queues, .rx_ring = rx_ring, .tx_ring = tx_ring});
}

absl::Status Session::ResetPort(std::size_t port) {
  if (ports_[port]->started()) return absl::FailedPreconditionError(absl::StrCat("Port ", port, " is not stopped (port stop ", port, ")"));
  if (absl::Status status = CheckNotInUse(port); !status.ok()) return status;
  const pmd::DeviceConfig config = ports_[port]->config();
  Print("Resetting ports...\n");
  LetGo(*ports_[port]);
  if (absl::Status status = ports_[port]->Reopen(); !status.ok()) return status;
  ports_[port]->awaits_interface = false;
  ports_[port]->link_up.reset();
  if (absl::Status status = ConfigurePort(*ports_[port], config); !status.ok()) return status;
  Print(absl::StrCat("Port ", port, " is reset (port start ", port, ")\nDone\n"));
  return absl::OkStatus();
}

absl::Status Session::SetMac(std::size_t port, const pmd::MacAddress& mac) {
  absl::Status status = forwarder_->ChangePort(port, [&] { return ports_[port]->device().SetMac(mac); });
  if (offload_ != nullptr && offload_->running()) status.Update(offload_->Refresh(forwarder_->config()));
  return status;
}

absl::Status Session::SetPromiscuous(std::size_t port, bool on) {
  const absl::Status status = ports_[port]->device().SetPromiscuous(on);
  if (status.ok()) ports_[port]->promiscuous = on;
  return status;
}

// --- what happens to interfaces ---

bool Session::WatchPorts() {
  bool printed = WatchLcores();
  for (const auto& port : ports_) {
    if (port->state() == PortState::kClosed) continue;
    for (const pmd::DeviceEvent& event : port->device().PollEvents()) {
      Handle(*port, event);
      printed = printed || event.kind != pmd::DeviceEvent::Kind::kLink;
    }
    if (port->started() && NoticeLink(*port)) printed = true;
  }
  return printed;
}

bool Session::WatchLcores() {
  const std::vector<Watchdog::News> all_news = watchdog_.LookAtLcores(*forwarder_, lcore::MonotonicNanoseconds());
  for (const Watchdog::News& news : all_news) {
    Print(absl::StrCat("\n", news.text, "\n"));
    output_.PrintJson({{"event", news.stands ? "stalled" : "moves"}, {"lcore", news.lcore}, {"text", news.text}});
  }
  return !all_news.empty();
}

// Who does not forward receives nothing, and means it. An lcore that stands still has to let the port go first.
void Session::NoticeStall(Port& port, const pmd::DeviceEvent& event) {
  const bool stands = event.kind == pmd::DeviceEvent::Kind::kStalled;
  if (stands ? !forwarder_->Uses(port.number()) : !watchdog_.told(port.number())) return;
  watchdog_.Tell(port.number(), stands);
  const bool reopens = stands && event.value != 0 && may_open_ports_ && watchdog_.lcores().empty() &&
                       watchdog_.MayReopen(port.number(), lcore::MonotonicNanoseconds());
  Tell(port, absl::StrCat(event.text, reopens ? "; it is opened anew" : ""),
       {{"event", pmd::EventName(event.kind)}, {"reopened", reopens}});
  if (!reopens) return;
  Fail(forwarder_->ChangePort(port.number(), [&]() -> absl::Status {
    if (absl::Status status = port.Stop(); !status.ok()) return status;
    return port.Start();
  }));
}

void Session::Tell(const Port& port, const std::string& text, nlohmann::json event) {
  Print(absl::StrCat("\nPort ", port.number(), " (", port.ShortName(), "): ", absl::StripPrefix(text, port.ShortName() + ": "), "\n"));
  event["port"] = port.number();
  event["interface"] = port.ShortName();
  event["text"] = text;
  output_.PrintJson(event);
}

void Session::Handle(Port& port, const pmd::DeviceEvent& event) {
  nlohmann::json object = {{"event", pmd::EventName(event.kind)}};
  switch (event.kind) {
    case pmd::DeviceEvent::Kind::kGone:
      return NoticeLoss(port, event.text);
    case pmd::DeviceEvent::Kind::kBack:
      return NoticeReturn(port, event.text);
    case pmd::DeviceEvent::Kind::kLink:
      return;  // as of drivers without events: NoticeLink
    case pmd::DeviceEvent::Kind::kRenamed:
      port.ForgetInterface();
      break;
    case pmd::DeviceEvent::Kind::kMtu:
      object["mtu"] = event.value;
      break;
    case pmd::DeviceEvent::Kind::kStalled:
    case pmd::DeviceEvent::Kind::kMoves:
      return NoticeStall(port, event);
    case pmd::DeviceEvent::Kind::kQueues:
      object["queues"] = event.value;
      break;
    default:
      break;
  }
  Tell(port, event.text, object);
}

bool Session::NoticeLink(Port& port) {
  const absl::StatusOr<pmd::LinkState> link = port.device().Link();
  if (!link.ok()) return false;  // what became of it is an event
  const std::optional<bool> before = std::exchange(port.link_up, link->up);
  if (before == link->up || (!before.has_value() && link->up)) return false;
  Tell(port, absl::StrCat("link state change: ", link->up ? "up" : "down"), {{"event", "link"}, {"up", link->up}});
  return true;
}

bool Session::AnyPortLeft() const {
  const std::vector<std::size_t>& used = forwarding() ? forwarder_->config().ports : config_.ports;
  return std::any_of(used.begin(), used.end(), [this](std::size_t number) { return ports_[number]->started(); });
}

void Session::NoticeLoss(Port& port, const std::string& reason) {
  const bool was_started = port.started();
  // Its frames come back, and each is accounted for. What is still sent there is dropped by the streams, and counted.
  Fail(forwarder_->ChangePort(port.number(), [&] { return port.Stop(); }));
  port.ForgetInterface();
  port.link_up.reset();
  port.awaits_interface = options_.reopen_replaced && (was_started || port.awaits_interface);
  const bool any_left = AnyPortLeft();
  const bool waits = !any_left && port.awaits_interface;
  Tell(port,
       absl::StrCat("the interface is gone, ", any_left ? "the other ports go on: " : "and no port is left to forward: ", reason,
                    waits ? "; waiting for it to be made again (--on-replace=stop: not)" : ""),
       {{"event", "gone"}, {"awaited", port.awaits_interface}});
  if (!forwarding() || any_left || options_.reopen_replaced) return;
  Fail(absl::UnavailableError("all forwarding ports are gone: forwarding ends"));
  Fail(StopForwarding());
}

void Session::NoticeReturn(Port& port, const std::string& text) {
  if (!port.awaits_interface) {
    Tell(port, absl::StrCat(text, "; port start ", port.number(), " takes it"), {{"event", "back"}, {"started", false}});
    return;
  }
  const absl::Status status = Start(port);
  Tell(port, absl::StrCat(text, status.ok() ? "; the port goes on with it" : absl::StrCat("; it cannot be started: ", status.message())),
       {{"event", "back"}, {"started", status.ok()}});
  if (status.ok()) {
    Print(FormatFeatures(absl::StrCat("Port ", port.number(), " (", port.ShortName(), ")"), numa_.FeaturesOf(port, config_),
                         /*colour=*/false));
  } else if (!port.awaits_interface) {
    Fail(status);  // it could start, and is not what --require asks for
  }
}

// What became of the settings is said; the port's end would put them back without a word.
void Session::LetGo(Port& port) {
  if (port.state() == PortState::kClosed) return;
  port.device().RestoreSettings();
  for (const pmd::DeviceEvent& event : port.device().PollEvents()) {
    if (event.kind == pmd::DeviceEvent::Kind::kSettings) Handle(port, event);
  }
}

std::vector<ShownCounter> Session::ShownCounters(const Port& port, const Port::Rates& rates) const {
  std::vector<ShownCounter> shown;
  if (options_.display_xstats.empty()) return shown;
  const std::vector<pmd::NamedCounter> all = AllExtendedStats(port.ShownStats(), port.ShownExtendedStats());
  for (const std::string& name : options_.display_xstats) {
    const auto entry = std::find_if(all.begin(), all.end(), [&name](const pmd::NamedCounter& counter) { return counter.name == name; });
    if (entry == all.end()) continue;
    const auto rate = rates.extended.find(name);
    shown.push_back({name, entry->value, rate == rates.extended.end() ? 0 : rate->second});
  }
  return shown;
}

std::string Session::PortStats(const std::vector<std::size_t>& ports) {
  std::string text;
  const std::chrono::steady_clock::time_point now = std::chrono::steady_clock::now();
  nlohmann::json event = {
      {"event", "stats"}, {"seconds", std::chrono::duration<double>(now - begin_).count()}, {"ports", nlohmann::json::array()}};
  for (std::size_t number : ports) {
    Port& port = *ports_[number];
    const pmd::QueueStats stats = port.ShownStats();
    const Port::Rates rates = port.TakeRates(now);
    event["ports"].push_back(JsonOf(number, stats, rates));
    absl::StrAppend(&text, FormatPortStats(number, stats, rates, ShownCounters(port, rates)));
  }
  output_.PrintJson(event);
  return text;
}

ForwardReport Session::Report() const {
  const ForwardConfig& config = forwarder_->config().ports.empty() ? config_ : forwarder_->config();
  ForwardReport report{.mode = config.mode,
                       .record_core_cycles = config.record_core_cycles,
                       .record_burst_stats = config.record_burst_stats,
                       .clock_mhz = lcore::CyclesPerSecond() / 1000000};
  for (std::size_t port : config.ports) {
    const auto base = forward_base_.find(port);
    report.ports.emplace_back(port, Difference(ports_[port]->Stats(), base == forward_base_.end() ? pmd::QueueStats{} : base->second));
  }
  report.streams = forwarder_->Totals();
  for (std::size_t index = 0; index < stream_base_.size() && index < report.streams.size(); ++index) {
    report.streams[index] -= stream_base_[index];
  }
  return report;
}

void Session::ClearForwardStats() {
  for (auto& [port, base] : forward_base_) base = ports_[port]->Stats();
  stream_base_ = forwarder_->Totals();
}

std::string Session::WakesText() const {
  std::string text;
  for (const auto& use : forwarder_->lcores()) absl::StrAppend(&text, FormatWakes(use->lcore, use->wakes));
  return text.empty() ? "No lcore has forwarded yet (start)\n" : text;
}

std::string Session::ForwardConfigText() const {
  const auto lcore_node = [&](std::size_t lcore) { return lcore::NodeName(numa_.NodeOfLcore(static_cast<unsigned>(lcore))); };
  const auto port_node = [&](std::size_t port) { return lcore::NodeName(MemoryNodeOf(*ports_[port])); };
  return FormatForwardConfig(config_, lcore_node, port_node);
}

std::string Session::OffloadText() const {
  return offload_ == nullptr ? "" : FormatOffload(offload_->Paths(), /*counts=*/true);
}

std::string Session::RxTxText() const {
  const auto ring = [this](std::size_t port, bool rx) {
    const std::size_t asked = rx ? ports_[port]->config().rx_ring : ports_[port]->config().tx_ring;
    if (asked != 0) return asked;
    const pmd::DeviceInfo info = ports_[port]->Info();
    return rx ? info.recommended_rx_ring : info.recommended_ring;
  };
  return FormatRxTx(config_, config_.Assignment().size(), ring);
}

std::string Session::PoolsText() const {
  std::string text;
  for (const auto& [node, pool] : memory_.pools()) absl::StrAppend(&text, DescribePool(*pool));
  return text;
}

std::string Session::AuditText() const {
  absl::Status balance;
  return ledger_->AuditText(balance);
}

// --- the end ---

Session::~Session() {
  Close();
}

void Session::Fail(const absl::Status& status) {
  if (status.ok()) return;
  failed_ = true;
  Print(absl::StrCat("testpmd: ", status.message(), "\n"));
}

bool Session::Close() {
  if (std::exchange(closed_, true)) return !failed_;
  if (!set_up_) {
    // Half a session: whoever made it says what failed.
    for (const auto& port : ports_) {
      LetGo(*port);
      Fail(port->Close());
    }
    return false;
  }
  if (record_ != nullptr) EndRecordOn(record_->Sample());
  record_.reset();
  if (forwarding()) {
    if (!AnyPortLeft()) Fail(absl::UnavailableError("all forwarding ports are gone, and none has come back"));
    Fail(StopForwarding());
  }
  for (const auto& port : ports_) {
    if (!port->started()) continue;
    Print(absl::StrCat("\nStopping port ", port->number(), "...\nStopping ports...\n"));
    Fail(port->Stop());
    Print("Done\n");
  }
  output_.PrintJson(Account());
  for (const auto& port : ports_) {
    if (port->state() == PortState::kClosed) continue;
    Print(absl::StrCat("\nShutting down port ", port->number(), "...\nClosing ports...\n"));
    LetGo(*port);
    Fail(port->Close());
    Print(absl::StrCat("Port ", port->number(), " is closed\nDone\n"));
  }
  return !failed_;
}

nlohmann::json Session::Account() {
  const std::vector<PortAccount> accounts = ledger_->Accounts();
  Print(absl::StrCat("\n", FormatAccounts(accounts)));
  absl::Status balance = CheckAccounts(accounts);
  Fail(balance);
  Print(ledger_->AuditText(balance));
  failed_ = failed_ || !balance.ok();
  nlohmann::json account = {
      {"event", "final"}, {"balanced", balance.ok()}, {"ports", nlohmann::json::array()}, {"pools", nlohmann::json::array()}};
  for (const PortAccount& port : accounts) account["ports"].push_back(JsonOf(port));
  for (const auto& audit : ledger_->Audit()) account["pools"].push_back(JsonOf(*audit));
  return account;
}

}  // namespace pollux::testpmd
