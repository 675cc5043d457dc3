// SPDX-License-Identifier: Apache-2.0
#include "tools/performance/campaign/campaign_options.h"

#include <unistd.h>

#include <algorithm>
#include <functional>
#include <map>

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>

#include "lcore/parse_number.h"
#include "tools/performance/rig/traffic_format.h"

namespace pollux::performance {
namespace {

constexpr int kMaximumQueues = 4;
constexpr int kMaximumStreams = 128;      // that iperf3 takes
constexpr double kQuickDeadline_s = 165;  // and then the measurement that is under way

// The lists whose product the rows are.
struct Lists {
  std::vector<WorkKind> kinds = {WorkKind::kIo};
  std::vector<Receiver> receivers = {Receiver::kXdp, Receiver::kStack};
  std::vector<uint32_t> frame_bytes = {64, 1500};
  std::vector<uint32_t> flow_counts = {1};
  std::vector<uint32_t> queue_counts = {1};
  std::vector<uint32_t> stream_counts = {1, 8};
  std::vector<uint32_t> end_cpus = {1};
  double offered_pps = 0;
};

std::vector<std::string> DefaultContenders() {
  return {"dpdk", "testpmd", "testpmd-ring", "testpmd-inject", "ovs-afxdp", "ovs-pollux", "ovs-dpdk", "redirect", "bridge"};
}

// Of runs that have no other work than tcp.
std::vector<std::string> DefaultTcpContenders() {
  return {"bridge", "straight", "testpmd", "testpmd-offload", "ovs-pollux", "ovs-pollux-offload", "ovs-afxdp"};
}

absl::Status Bad(absl::string_view option, absl::string_view value, absl::string_view wanted) {
  return absl::InvalidArgumentError(absl::StrCat(option, "=", value, ": ", wanted));
}

absl::Status ParseNumber(absl::string_view option, const std::string& value, double minimum, double maximum, double* number) {
  if (absl::SimpleAtod(value, number) && *number >= minimum && *number <= maximum) return absl::OkStatus();
  return Bad(option, value, absl::StrCat("a number from ", minimum, " to ", maximum));
}

absl::Status ParseInteger(absl::string_view option, const std::string& value, int minimum, int maximum, int* number) {
  const absl::StatusOr<uint64_t> parsed = lcore::ParseNumber(value, static_cast<uint64_t>(minimum), static_cast<uint64_t>(maximum));
  if (!parsed.ok()) return Bad(option, value, absl::StrCat("a whole number from ", minimum, " to ", maximum));
  *number = static_cast<int>(*parsed);
  return absl::OkStatus();
}

absl::Status ParseIntegers(absl::string_view option, const std::string& value, int minimum, int maximum, std::vector<uint32_t>* numbers) {
  numbers->clear();
  for (const std::string& word : std::vector<std::string>(absl::StrSplit(value, ','))) {
    int number = 0;
    if (absl::Status status = ParseInteger(option, word, minimum, maximum, &number); !status.ok()) return status;
    numbers->push_back(static_cast<uint32_t>(number));
  }
  return absl::OkStatus();
}

// Takes words of `names` apart; `all` maps a word to its value.
template <typename Value>
absl::Status ParseNames(absl::string_view option, const std::string& value, const std::map<std::string, Value>& all,
                        std::vector<Value>* chosen) {
  chosen->clear();
  for (const std::string& word : std::vector<std::string>(absl::StrSplit(value, ','))) {
    const auto found = all.find(word);
    if (found == all.end()) {
      return Bad(
          option, value,
          absl::StrCat("one or more of ", absl::StrJoin(all, ",", [](std::string* out, const auto& entry) { out->append(entry.first); })));
    }
    chosen->push_back(found->second);
  }
  return absl::OkStatus();
}

using Setter = std::function<absl::Status(const std::string&)>;

std::map<std::string, Setter> ValueOptions(CampaignOptions* options, Lists* lists) {
  const int last_cpu = static_cast<int>(sysconf(_SC_NPROCESSORS_CONF)) - 1;
  const std::map<std::string, WorkKind> kinds = {
      {"io", WorkKind::kIo},         {"macswap", WorkKind::kMacswap},   {"rxonly", WorkKind::kRxonly},
      {"txonly", WorkKind::kTxonly}, {"pushvlan", WorkKind::kPushVlan}, {"twoports", WorkKind::kTwoPorts},
      {"tcp", WorkKind::kTcp}};
  const std::map<std::string, Receiver> receivers = {{"xdp", Receiver::kXdp}, {"stack", Receiver::kStack}};
  const auto text = [](std::string* target) { return [target](const std::string& value) { return *target = value, absl::OkStatus(); }; };
  return {
      {"--contenders", [=](const std::string& value) { return options->contenders.names = absl::StrSplit(value, ','), absl::OkStatus(); }},
      {"--work", [=](const std::string& value) { return ParseNames("--work", value, kinds, &lists->kinds); }},
      {"--receivers", [=](const std::string& value) { return ParseNames("--receivers", value, receivers, &lists->receivers); }},
      {"--sizes",
       [=](const std::string& value) {
         return ParseIntegers("--sizes", value, TRAFFIC_MINIMUM_FRAME_BYTES, TRAFFIC_MAXIMUM_FRAME_BYTES, &lists->frame_bytes);
       }},
      {"--flows", [=](const std::string& value) { return ParseIntegers("--flows", value, 1, TRAFFIC_MAXIMUM_FLOWS, &lists->flow_counts); }},
      {"--queues", [=](const std::string& value) { return ParseIntegers("--queues", value, 1, kMaximumQueues, &lists->queue_counts); }},
      {"--streams", [=](const std::string& value) { return ParseIntegers("--streams", value, 1, kMaximumStreams, &lists->stream_counts); }},
      {"--ends", [=](const std::string& value) { return ParseIntegers("--ends", value, 1, 2, &lists->end_cpus); }},
      {"--rate", [=](const std::string& value) { return ParseNumber("--rate", value, 0, 1e9, &lists->offered_pps); }},
      {"--rounds", [=](const std::string& value) { return ParseInteger("--rounds", value, 1, 1000, &options->rounds); }},
      {"--seconds",
       [=](const std::string& value) {
         absl::Status status = ParseNumber("--seconds", value, 0.1, 50, &options->conditions.measure_s);
         options->conditions.trial_s = options->conditions.measure_s;
         return status;
       }},
      {"--warm-up", [=](const std::string& value) { return ParseNumber("--warm-up", value, 0, 60, &options->conditions.warm_up_s); }},
      {"--source-cpu",
       [=](const std::string& value) { return ParseInteger("--source-cpu", value, 0, last_cpu, &options->conditions.source_cpu); }},
      {"--forwarder-cpu",
       [=](const std::string& value) { return ParseInteger("--forwarder-cpu", value, 0, last_cpu, &options->conditions.forwarder_cpu); }},
      {"--rx-ring", [=](const std::string& value) { return ParseInteger("--rx-ring", value, 64, 32768, &options->contenders.rx_ring); }},
      {"--testpmd", text(&options->contenders.testpmd)},
      {"--broker", text(&options->contenders.broker)},
      {"--dpdk-testpmd", text(&options->contenders.dpdk_testpmd)},
      {"--ovs", text(&options->contenders.ovs)},
      {"--ovs-programs", text(&options->contenders.ovs_programs)},
      {"--callgrind",
       [=](const std::string& value) {
         options->instructions = true;
         return options->callgrind_folder = value, absl::OkStatus();
       }},
      {"--json", text(&options->json_file)},
      {"--html", text(&options->html_file)},
  };
}

void MakeTcpWorks(const Lists& lists, std::vector<Work>* works) {
  for (uint32_t streams : lists.stream_counts) {
    for (uint32_t cpus : lists.end_cpus) {
      const Work work = {
          .kind = WorkKind::kTcp, .receiver = Receiver::kStack, .frame_bytes = 1514, .flow_count = streams, .end_cpus = cpus};
      if (std::find(works->begin(), works->end(), work) == works->end()) works->push_back(work);
    }
  }
}

void MakeWorks(const Lists& lists, std::vector<Work>* works) {
  for (WorkKind kind : lists.kinds) {
    if (kind == WorkKind::kTcp) {
      MakeTcpWorks(lists, works);
      continue;
    }
    for (Receiver receiver : lists.receivers) {
      // The receiver of what nobody sends on makes no difference.
      if (kind == WorkKind::kRxonly && receiver != lists.receivers.front()) continue;
      for (uint32_t frame_bytes : lists.frame_bytes) {
        for (uint32_t flow_count : lists.flow_counts) {
          if (kind == WorkKind::kTxonly && flow_count != lists.flow_counts.front()) continue;
          for (uint32_t asked : lists.queue_counts) {
            // Nothing is received; and a queue without a flow would stay empty.
            const uint32_t queue_count = kind == WorkKind::kTxonly ? 1 : asked;
            const Work work = {.kind = kind,
                               .receiver = receiver,
                               .frame_bytes = frame_bytes,
                               .flow_count = std::max(flow_count, queue_count),
                               .queue_count = queue_count,
                               .offered_pps = lists.offered_pps};
            if (std::find(works->begin(), works->end(), work) == works->end()) works->push_back(work);
          }
        }
      }
    }
  }
}

}  // namespace

std::string Usage() {
  return absl::StrCat(R"(usage: perf [OPTION]...

Measures forwarders against each other on a rig of veth pairs: every contender does the same work in turns, A B C A B C.

  --contenders=A,B,...  who takes part; ratios are to the first. Of: )",
                      absl::StrJoin(ContenderNames(), " "), R"(
                        Default: )",
                      absl::StrJoin(DefaultContenders(), ","), R"(
                        With tcp alone: )",
                      absl::StrJoin(DefaultTcpContenders(), ","), R"(
  --work=W,...          io macswap rxonly txonly; pushvlan, twoports: a VLAN tag pushed, sent out of both ports (io)
                        tcp: iperf3 between two pods (namespaces with a veth's default settings; what a contender needs
                        beyond that is set, and said in its row), in whole seconds. Ports of contenders whose name ends with
                        -offload have attach=tc there
  --receivers=R,...     xdp: the receiver runs an XDP program; stack: it is a plain network stack with GRO    (xdp,stack)
  --sizes=N,...         bytes of a frame, without the check sequence, 64 to 1514    (64,1500)
  --flows=N,...         number of flows, 1 to 65536                    (1)
  --queues=N,...        rx and tx queues of each port, 1 to 4, all served by the one worker core (1; txonly has no other)
                        flow F comes in queue F modulo N, and there are at least N flows; frames for several queues are
                        sk_buffs, which cost the source more: compare within a row
  --streams=N,...       streams of tcp, 1 to 128                       (1,8)
  --ends=N,...          of tcp: 1: both pods' programs on the source's CPU; 2: the receiving one on the forwarder's    (1)
  --rate=PPS            offered packets a second; 0: all that the source can    (0)
  --rounds=N            measurements of each contender in each row     (5)
  --seconds=S           measured time of each                          (3)
  --warm-up=S           dropped before it                              (1)
  --rx-ring=N           descriptors of both testpmds' rx rings    (their own: 2048)
  --loss-free           search the highest rate without any loss, too
  --latency             latency at 10 and 50 percent of the smallest loss-free rate, too (receiver xdp)
  --cost                what a packet costs at half of what the source can, too
  --idle                CPU time of forwarders while nothing comes, too
  --quick               one short round of 64 bytes with latency and cost: done within three minutes
  --source-cpu=N        (0)      --forwarder-cpu=N     (1)
  --instructions        count user-space instructions a packet under callgrind, too
  --callgrind=FOLDER    the same, and the profiles there, for callgrind_annotate
  --testpmd=FILE        our testpmd       --dpdk-testpmd=FILE   DPDK's
  --broker=FILE         pollux-broker, for testpmd-worker
  --ovs=FILE            tools/ovs         --ovs-programs=FOLDER what `tools/ovs build` printed
  --json=FILE           all figures; - is stdout                       --html=FILE  a report with plots
  --help
)");
}

absl::StatusOr<CampaignOptions> ParseCampaignOptions(const std::vector<std::string>& arguments) {
  CampaignOptions options;
  Lists lists;
  const auto value_options = ValueOptions(&options, &lists);
  for (size_t i = 0; i < arguments.size(); ++i) {
    std::pair<std::string, std::string> split = absl::StrSplit(arguments[i], absl::MaxSplits('=', 1));
    const auto& [name, value] = split;
    if (name == "--help") {
      options.help = true;
    } else if (name == "--loss-free") {
      options.loss_free = true;
    } else if (name == "--latency") {
      options.latency = true;
    } else if (name == "--cost") {
      options.cost = true;
    } else if (name == "--idle") {
      options.idle = true;
    } else if (name == "--instructions") {
      options.instructions = true;
    } else if (name == "--quick") {
      options.rounds = 1;
      options.latency = options.cost = true;
      options.deadline_s = kQuickDeadline_s;
      options.conditions = {.warm_up_s = 0.3, .measure_s = 0.8, .system_call_s = 0.15, .trial_s = 0.25, .trials = 6};
      lists.frame_bytes = {64};
    } else if (const auto found = value_options.find(name); found != value_options.end()) {
      const bool separate = arguments[i].find('=') == std::string::npos;
      if (separate && i + 1 == arguments.size()) return absl::InvalidArgumentError(absl::StrCat(name, " needs a value"));
      if (absl::Status status = found->second(separate ? arguments[++i] : value); !status.ok()) return status;
    } else {
      return absl::InvalidArgumentError(absl::StrCat("no option ", arguments[i], "; see --help"));
    }
  }
  if (options.conditions.source_cpu == options.conditions.forwarder_cpu) {
    return absl::InvalidArgumentError("--source-cpu and --forwarder-cpu are the same: the source would take the forwarder's time");
  }
  const bool tcp_alone = std::all_of(lists.kinds.begin(), lists.kinds.end(), [](WorkKind kind) { return kind == WorkKind::kTcp; });
  if (options.contenders.names.empty()) options.contenders.names = tcp_alone ? DefaultTcpContenders() : DefaultContenders();
  MakeWorks(lists, &options.works);
  return options;
}

}  // namespace pollux::performance
