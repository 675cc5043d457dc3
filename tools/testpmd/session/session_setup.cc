// SPDX-License-Identifier: Apache-2.0
// From options to started ports.
#include <unistd.h>

#include <algorithm>
#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>

#include "lcore/errno_status.h"
#include "lcore/placement.h"
#include "tools/testpmd/report/json_report.h"
#include "tools/testpmd/report/start_report.h"
#include "tools/testpmd/session/session.h"
#include "tools/testpmd/session/verbose_observer.h"

namespace pollux::testpmd {
namespace {

constexpr std::size_t kEthernetOverhead = 18;  // header and checksum, as DPDK counts them in --max-pkt-len

std::string NodeText(const std::optional<unsigned>& node) {
  return node.has_value() ? absl::StrCat(*node) : "any";
}

std::optional<unsigned> NodeNumber(int node) {
  return node < 0 ? std::nullopt : std::optional<unsigned>(static_cast<unsigned>(node));
}

std::string NameOf(const Port& port) {
  return absl::StrCat("port ", port.number(), " (", port.ShortName(), ")");
}

absl::Status CheckQueueCounts(const std::string& name, const pmd::DeviceInfo& info, std::size_t rx_queues, std::size_t tx_queues) {
  // A device without any queue says itself what is wrong with its arguments.
  if (info.maximum_rx_queues + info.maximum_tx_queues == 0) return absl::OkStatus();
  if (rx_queues <= info.maximum_rx_queues && tx_queues <= info.maximum_tx_queues) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(name, ": --rxq=", rx_queues, " --txq=", tx_queues, ", and it has ", info.maximum_rx_queues,
                                                 " rx and ", info.maximum_tx_queues, " tx queues at most",
                                                 info.interface.empty() ? "" : " (see queue_count=)"));
}

std::size_t RingOf(const pmd::DeviceInfo& info, std::size_t asked) {
  return asked != 0 ? asked : info.recommended_ring;
}

}  // namespace

Session::Session(const EalOptions& eal, const TestpmdOptions& options, Output& output) : eal_(eal), options_(options), output_(output) {}

absl::StatusOr<std::unique_ptr<Session>> Session::Create(const EalOptions& eal, const TestpmdOptions& options, Output& output) {
  std::unique_ptr<Session> session(new Session(eal, options, output));
  absl::Status status = session->SetUpLcores();
  if (status.ok()) status = session->OpenPorts();
  if (status.ok()) status = session->SetUpForwarding();
  if (status.ok()) status = session->SetUpMemory();
  if (status.ok()) status = session->StartPorts();
  if (!status.ok()) return status;
  session->set_up_ = true;
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
  if (absl::StatusOr<lcore::Topology> topology = lcore::Topology::FromMachine(); topology.ok()) topology_ = *std::move(topology);
  absl::StatusOr<std::unique_ptr<lcore::Launcher>> launcher = lcore::Launcher::Create(*plan);
  if (!launcher.ok()) return launcher.status();
  launcher_ = *std::move(launcher);
  worker_lcores_ = plan->WorkerIds();
  return absl::OkStatus();
}

absl::Status Session::OpenPorts() {
  if (eal_.vdevs.empty() && !options_.interactive) {
    return absl::InvalidArgumentError("no port: name one with --vdev before --, such as --vdev net_af_xdp0,iface=eth0");
  }
  for (const std::string& text : eal_.vdevs) {
    absl::StatusOr<std::size_t> port = AttachPort(text);
    if (!port.ok()) return port.status();
  }
  for (std::size_t port : options_.forward_ports) {
    if (port >= ports_.size())
      return absl::InvalidArgumentError(absl::StrCat("--portlist, --portmask: Invalid port ", port, "; there are ", ports_.size()));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::size_t> Session::AttachPort(const std::string& text) {
  std::string with_rules = text;
  if (absl::StartsWith(text, "net_af_xdp")) {
    for (const std::string& rule : options_.steer) absl::StrAppend(&with_rules, ",steer=\"", rule, "\"");
  }
  absl::StatusOr<std::unique_ptr<Port>> port = Port::Open(ports_.size(), with_rules);
  if (!port.ok()) return port.status();
  const bool is_set_up = !memory_.pools().empty();
  ports_.push_back(*std::move(port));
  if (!is_set_up) return ports_.size() - 1;
  const absl::Status status = ConfigurePort(*ports_.back(), {.rx_queues = config_.rx_queues, .tx_queues = config_.tx_queues});
  if (!status.ok()) {
    ports_.pop_back();
    return status;
  }
  return ports_.size() - 1;
}

absl::Status Session::SetUpForwarding() {
  config_.mode = options_.forward_mode;
  config_.topology = options_.topology;
  config_.rx_queues = options_.rx_queues;
  config_.tx_queues = options_.tx_queues;
  config_.burst = options_.burst;
  config_.peers = options_.peers;
  config_.engine = options_.engine;
  config_.flush_rx = options_.flush_rx;
  config_.record_core_cycles = options_.record_core_cycles;
  config_.record_burst_stats = options_.record_burst_stats;
  config_.ports = options_.forward_ports;
  if (config_.ports.empty()) {
    for (const auto& port : ports_) config_.ports.push_back(port->number());
  }
  if (options_.forward_port_count.has_value()) {
    if (*options_.forward_port_count > config_.ports.size()) {
      return absl::InvalidArgumentError(absl::StrCat("--nb-ports=", *options_.forward_port_count, ": there are ", config_.ports.size()));
    }
    config_.ports.resize(*options_.forward_port_count);
  }
  for (std::size_t core : options_.forward_cores) {
    if (std::find(worker_lcores_.begin(), worker_lcores_.end(), core) == worker_lcores_.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--coremask: lcore ", core, core == main_lcore() ? " is the main one, which forwards nothing" : " does not exist"));
    }
    config_.lcores.push_back(static_cast<unsigned>(core));
  }
  if (config_.lcores.empty()) config_.lcores = worker_lcores_;
  config_.lcore_count = options_.forward_core_count.value_or(options_.forward_cores.empty() ? 1 : config_.lcores.size());
  if (config_.lcore_count > config_.lcores.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--nb-cores=", config_.lcore_count, ": there are ", config_.lcores.size(), " lcores beside the main one (see -l)"));
  }
  forwarder_ = std::make_unique<Forwarder>(*launcher_, ports_);
  observer_ = std::make_unique<VerboseObserver>(output_);
  return SetVerbose(options_.verbose);
}

int Session::MemoryNodeOf(const Port& port) const {
  if (const std::optional<int> node = port.Info().numa_node; node.has_value()) return *node;
  // A port without a node (veth, ring) goes where the packets are handled.
  const std::optional<unsigned> node = LcoreNode(config_.lcores.front());
  return node.has_value() ? static_cast<int>(*node) : mempool::kAnyNode;
}

absl::Status Session::SetUpMemory() {
  std::map<int, FrameDemand> demand;
  for (const auto& port : ports_) {
    const pmd::DeviceInfo info = port->Info();
    // Before memory is taken for queues that cannot be.
    if (absl::Status status = CheckQueueCounts(NameOf(*port), info, options_.rx_queues, options_.tx_queues); !status.ok()) return status;
    FrameDemand& node = demand[MemoryNodeOf(*port)];
    // Twice the rx ring: what waits in it, and what the kernel fills meanwhile.
    node.ring_descriptors += options_.rx_queues * 2 * RingOf(info, options_.rx_ring) + options_.tx_queues * RingOf(info, options_.tx_ring);
    node.lcores = worker_lcores_.size() + 1;
    node.frame_size = std::max(node.frame_size, info.recommended_frame_size);
    node.visible_region |= info.wants_visible_region;
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
                     absl::StrJoin(config_.lcores.begin(), config_.lcores.begin() + config_.lcore_count, ","),
                     topology_.has_value() ? absl::StrCat("; ", topology_->Describe()) : "", "\n"));
  for (const auto& [node, pool] : memory_.pools()) Print(absl::StrCat("testpmd: create a new ", DescribePool(*pool)));
  return absl::OkStatus();
}

absl::Status Session::ConfigurePort(Port& port, const pmd::DeviceConfig& wanted) {
  const pmd::DeviceInfo info = port.Info();
  const std::string name = NameOf(port);
  if (absl::Status status = CheckQueueCounts(name, info, wanted.rx_queues, wanted.tx_queues); !status.ok()) return status;
  if (options_.maximum_packet.has_value() && *options_.maximum_packet > kEthernetOverhead) {
    const absl::Status status = port.device().SetMtu(*options_.maximum_packet - kEthernetOverhead);
    if (!status.ok() && !absl::IsUnimplemented(status))
      return lcore::Annotate(status, absl::StrCat(name, ": --max-pkt-len=", *options_.maximum_packet));
  }
  pmd::DeviceConfig config = wanted;
  config.pool = memory_.PoolOf(MemoryNodeOf(port));
  if (config.pool == nullptr) config.pool = memory_.pools().begin()->second;
  // As DPDK does: a forwarder is to see what is addressed to those behind it.
  config.promiscuous = options_.promiscuous.value_or(true);
  port.promiscuous = config.promiscuous;
  const mempool::RegionReport& report = config.pool->region().report();
  Print(absl::StrCat("Configuring Port ", port.number(), " (socket ", NodeText(NodeNumber(report.node)), ")\n"));
  if (absl::Status status = port.Configure(config); !status.ok()) return status;
  Print(absl::StrCat("Port ", port.number(), ": ", info.mac.ToString(), "\n"));
  return absl::OkStatus();
}

absl::Status Session::StartPorts() {
  for (const auto& port : ports_) {
    const pmd::DeviceConfig config{
        .rx_queues = options_.rx_queues, .tx_queues = options_.tx_queues, .rx_ring = options_.rx_ring, .tx_ring = options_.tx_ring};
    if (absl::Status status = ConfigurePort(*port, config); !status.ok()) return status;
  }
  for (const auto& port : ports_) {
    if (absl::Status status = port->Start(); !status.ok()) return status;
    if (absl::Status status = pmd::CheckRequired(FeaturesOf(*port), options_.require); !status.ok()) {
      return lcore::Annotate(status, absl::StrCat("--require: port ", port->number(), " (", port->ShortName(), ")"));
    }
  }
  return absl::OkStatus();
}

std::optional<unsigned> Session::LcoreNode(unsigned lcore) const {
  const lcore::LcoreSpec* spec = launcher_->plan().Find(lcore);
  return spec == nullptr || !topology_.has_value() ? std::nullopt : topology_->NodeOf(spec->cpus);
}

std::vector<unsigned> Session::LcoresOf(std::size_t port) const {
  const std::vector<StreamEnds> streams = config_.Streams();
  std::vector<unsigned> lcores;
  for (const LcoreStreams& assigned : config_.Assignment()) {
    const auto touches = [&](std::size_t index) { return streams[index].rx_port == port || streams[index].tx_port == port; };
    if (std::any_of(assigned.streams.begin(), assigned.streams.end(), touches)) lcores.push_back(assigned.lcore);
  }
  return lcores;
}

std::vector<pmd::FeatureState> Session::FeaturesOf(const Port& port) const {
  const mempool::RegionReport& report = port.config().pool->region().report();
  const std::optional<int> node = port.Info().numa_node;
  PortNodes nodes{.port = node.has_value() ? NodeNumber(*node) : std::nullopt, .memory = NodeNumber(report.node)};
  for (unsigned lcore : LcoresOf(port.number())) nodes.lcores.push_back(LcoreNode(lcore));
  return MergeFeatures(port.device().Features(), {HugepageState(report), NumaState(nodes)});
}

std::vector<std::string> Session::PlacementReport() const {
  std::vector<std::string> warnings;
  for (const auto& port : ports_) {
    const std::optional<int> node = port->Info().numa_node;
    for (unsigned lcore : LcoresOf(port->number())) {
      const lcore::Placement placement{.lcore = lcore,
                                       .lcore_node = LcoreNode(lcore),
                                       .port = absl::StrCat("port ", port->number(), " (", port->ShortName(), ")"),
                                       .port_node = node.has_value() ? NodeNumber(*node) : std::nullopt,
                                       .memory_node = NodeNumber(port->config().pool->region().report().node)};
      for (std::string& warning : lcore::PlacementWarnings(placement, topology_.has_value() ? &*topology_ : nullptr)) {
        warnings.push_back(std::move(warning));
      }
    }
  }
  return warnings;
}

void Session::ReportStart() {
  const bool colour = !output_.json() && isatty(STDOUT_FILENO) != 0;
  nlohmann::json start = {{"event", "start"}, {"mode", config_.mode}, {"main_lcore", main_lcore()}};
  for (const auto& [node, pool] : memory_.pools()) start["pools"].push_back(JsonOf(*pool));
  start["ports"] = nlohmann::json::array();
  for (const auto& port : ports_) {
    const std::vector<pmd::FeatureState> features = FeaturesOf(*port);
    Print(FormatFeatures(absl::StrCat("Port ", port->number(), " (", port->ShortName(), ")"), features, colour));
    start["ports"].push_back(JsonOf(*port, features));
  }
  const std::vector<std::string> warnings = PlacementReport();
  start["warnings"] = warnings;
  for (const std::string& warning : warnings) Print(absl::StrCat("Warning! ", warning, "\n"));
  start["lcores"] = JsonOfAssignment(config_);
  output_.PrintJson(start);
  Print(TopologyWarning(config_.topology, config_.ports.size()));
  Print("Checking link statuses...\n");
  if (options_.link_check) WatchPorts();
  Print("Done\n");
}

}  // namespace pollux::testpmd
