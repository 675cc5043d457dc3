// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/options/testpmd_options.h"

#include <algorithm>
#include <fstream>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>

#include "bpf/steer_rule.h"
#include "mempool/pool.h"
#include "tools/testpmd/engines/forward_engine.h"
#include "tools/testpmd/options/eal_options.h"
#include "tools/testpmd/options/foreign_options.h"
#include "tools/testpmd/options/option_table.h"
#include "tools/testpmd/options/option_values.h"

namespace pollux::testpmd {
namespace {

using enum OptionValue;
using Apply = std::function<absl::Status(const std::string&)>;

constexpr std::size_t kMaximumQueues = 1024;
constexpr std::size_t kMaximumRing = 32768;
constexpr std::size_t kDpdkHeadroom = 128;
constexpr std::size_t kSmallestCache = 32;

// What only some modes look at.
struct ModeOption {
  absl::string_view name;
  std::vector<absl::string_view> modes;
};

const std::vector<ModeOption>& ModeOptions() {
  static const std::vector<ModeOption> options = {{"txpkts", {"txonly", "flowgen"}},
                                                  {"tx-ip", {"txonly"}},
                                                  {"tx-udp", {"txonly"}},
                                                  {"txonly-multi-flow", {"txonly"}},
                                                  {"flowgen-flows", {"flowgen"}},
                                                  {"eth-peer", {"mac", "csum", "txonly", "flowgen", "noisy"}},
                                                  {"noisy-forward-mode", {"noisy"}},
                                                  {"noisy-tx-sw-buffer-size", {"noisy"}},
                                                  {"noisy-tx-sw-buffer-flushtime", {"noisy"}},
                                                  {"noisy-lkup-memory", {"noisy"}},
                                                  {"noisy-lkup-num-reads", {"noisy"}},
                                                  {"noisy-lkup-num-writes", {"noisy"}},
                                                  {"noisy-lkup-num-reads-writes", {"noisy"}}};
  return options;
}

Apply SetFlag(bool& flag, bool value = true) {
  return [&flag, value](const std::string&) {
    flag = value;
    return absl::OkStatus();
  };
}

template <typename Number>
Apply SetNumber(Number& target, uint64_t minimum, uint64_t maximum) {
  return [&target, minimum, maximum](const std::string& text) {
    absl::StatusOr<uint64_t> value = ParseNumber(text, minimum, maximum);
    if (value.ok()) target = *value;
    return value.status();
  };
}

template <typename Value, typename Parse>
Apply SetParsed(Value& target, Parse parse) {
  return [&target, parse](const std::string& text) {
    auto value = parse(text);
    if (value.ok()) target = *value;
    return value.status();
  };
}

Apply AddWords(std::vector<std::string>& target) {
  return [&target](const std::string& text) {
    for (absl::string_view word : absl::StrSplit(text, ',')) target.emplace_back(word);
    return absl::OkStatus();
  };
}

absl::StatusOr<std::string> ParseForwardMode(absl::string_view name) {
  if (FindForwardMode(name) != nullptr) return std::string(name);
  std::vector<std::string> names;
  for (const ForwardMode& mode : ForwardModes()) names.emplace_back(mode.name);
  return absl::InvalidArgumentError(absl::StrCat("'", name, "': no such forward mode; there are ", absl::StrJoin(names, ", ")));
}

absl::StatusOr<mempool::PageKind> ParsePages(absl::string_view name) {
  if (name == "auto") return mempool::PageKind::kAutomatic;
  if (name == "2M") return mempool::PageKind::kHuge2M;
  if (name == "1G") return mempool::PageKind::kHuge1G;
  if (name == "ordinary") return mempool::PageKind::kOrdinary;
  return absl::InvalidArgumentError(absl::StrCat("'", name, "': auto, 2M, 1G or ordinary is expected"));
}

absl::StatusOr<bool> ParseOnReplace(absl::string_view how) {
  if (how == "reopen") return true;
  if (how == "stop") return false;
  return absl::InvalidArgumentError(absl::StrCat("'", how, "': reopen or stop is expected"));
}

absl::StatusOr<bool> ParseOffload(absl::string_view how) {
  if (how == "auto") return true;
  if (how == "off") return false;
  return absl::InvalidArgumentError(absl::StrCat("'", how, "': auto or off is expected"));
}

absl::StatusOr<KeptPrivileges> ParsePrivileges(absl::string_view name) {
  if (name == "none") return KeptPrivileges::kNone;
  if (name == "ports") return KeptPrivileges::kPorts;
  if (name == "all") return KeptPrivileges::kAll;
  return absl::InvalidArgumentError(absl::StrCat("'", name, "': none, ports or all is expected"));
}

absl::Status ReadPeersFile(const std::string& file, TestpmdOptions& options) {
  std::ifstream stream(file);
  if (!stream) return absl::InvalidArgumentError("cannot be read");
  std::size_t port = 0;
  for (std::string line; std::getline(stream, line);) {
    absl::string_view text = absl::StripAsciiWhitespace(line);
    if (text.empty()) continue;
    std::optional<pmd::MacAddress> mac = pmd::MacAddress::Parse(text);
    if (!mac.has_value()) return absl::InvalidArgumentError(absl::StrCat("'", text, "' is no MAC address"));
    options.peers[port++] = *mac;
  }
  return absl::OkStatus();
}

absl::Status SetUdpPorts(EngineOptions& engine, const std::string& text) {
  const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(text, absl::MaxSplits(',', 1));
  absl::StatusOr<uint64_t> source = ParseNumber(parts.first, 0, 65535);
  if (!source.ok()) return source.status();
  engine.tx_udp_source = engine.tx_udp_destination = *source;
  if (text.find(',') == std::string::npos) return absl::OkStatus();
  absl::StatusOr<uint64_t> destination = ParseNumber(parts.second, 0, 65535);
  if (destination.ok()) engine.tx_udp_destination = *destination;
  return destination.status();
}

absl::Status SetFrameSize(TestpmdOptions& options, const std::string& text) {
  std::vector<std::string> ignored;
  for (absl::string_view part : absl::StrSplit(text, ',')) {
    absl::StatusOr<uint64_t> size = ParseNumber(part, 256, 65535);
    if (!size.ok()) return size.status();
    absl::StatusOr<std::size_t> frame = FrameSizeFor(*size);
    if (!frame.ok()) return frame.status();
    if (ignored.empty()) options.frame_size = *frame;
    ignored.emplace_back(part);
  }
  if (ignored.size() > 1) {
    ignored.erase(ignored.begin());
    options.notes.push_back(
        absl::StrCat("--mbuf-size: ", absl::StrJoin(ignored, ","), " is not used: a packet is in one frame, of the first size"));
  }
  return absl::OkStatus();
}

// What was given and does nothing beside what else was given.
void AddNotes(const std::vector<std::string>& given, TestpmdOptions& options) {
  const auto has = [&given](absl::string_view name) { return std::find(given.begin(), given.end(), name) != given.end(); };
  if (options.interactive && options.stats_period_s != 0) {
    options.notes.push_back("--stats-period: not with -i, as in DPDK; type show port stats all");
    options.stats_period_s = 0;
  }
  if (options.cache_frames.has_value() && *options.cache_frames < kSmallestCache) {
    options.notes.push_back(absl::StrCat("--mbcache=", *options.cache_frames, ": a cache has ", kSmallestCache, " frames at least"));
  }
  // At the prompt and by a file of commands the mode may become another.
  if (options.interactive || !options.command_file.empty()) return;
  for (const ModeOption& option : ModeOptions()) {
    if (!has(option.name)) continue;
    if (std::find(option.modes.begin(), option.modes.end(), options.forward_mode) != option.modes.end()) continue;
    options.notes.push_back(absl::StrCat("--", option.name, ": mode ", options.forward_mode, " does not look at it (",
                                         absl::StrJoin(option.modes, ", "), option.modes.size() > 1 ? " do)" : " does)"));
  }
}

absl::Status CheckTogether(const TestpmdOptions& options) {
  if (options.interactive && !options.auto_start && options.tx_first_bursts != 0) {
    return absl::InvalidArgumentError("--tx-first cannot be used with -i alone: type start tx_first, or give --auto-start too");
  }
  if (options.rx_queues + options.tx_queues == 0)
    return absl::InvalidArgumentError("--rxq=0 --txq=0: either rx or tx queues should be non zero");
  return absl::OkStatus();
}

// Without privileges no port can be opened again.
absl::Status SettleReplacement(const std::vector<std::string>& given, TestpmdOptions& options) {
  if (options.privileges != KeptPrivileges::kNone) return absl::OkStatus();
  if (options.reopen_replaced && std::find(given.begin(), given.end(), "on-replace") != given.end()) {
    return absl::InvalidArgumentError("--on-replace=reopen needs what --privileges=none gives away: choose one of them");
  }
  options.reopen_replaced = false;
  return absl::OkStatus();
}

void AddRunOptions(OptionTable& table, TestpmdOptions& options) {
  table.Add({"interactive", 'i', kNone, "", "read commands", SetFlag(options.interactive)});
  table.Add({"auto-start", 'a', kNone, "", "start forwarding at once (always so without -i)", SetFlag(options.auto_start)});
  const auto set_command_file = [&options](bool echo) {
    return [&options, echo](const std::string& file) {
      options.command_file = file;
      options.echo_commands = echo;
      return absl::OkStatus();
    };
  };
  table.Add({"cmdline-file", 0, kRequired, "FILE", "run the commands of this file before forwarding", set_command_file(true)});
  table.Add({"cmdline-file-noecho", 0, kRequired, "FILE", "the same, without printing them", set_command_file(false)});
  table.Add({"forward-mode", 0, kRequired, "MODE", "io (default), mac, macswap, 5tswap, rxonly, txonly, flowgen,\nicmpecho, csum or noisy",
             SetParsed(options.forward_mode, ParseForwardMode)});
  table.Add({"port-topology", 0, kRequired, "HOW", "paired (default), chained or loop", SetParsed(options.topology, ParsePortTopology)});
  table.Add({"tx-first", 0, kOptional, "N", "send N bursts (1) on every port before forwarding", [&](const std::string& text) {
               absl::StatusOr<uint64_t> bursts = ParseNumber(text.empty() ? "1" : text, 1, 1 << 20);
               if (bursts.ok()) options.tx_first_bursts = *bursts;
               return bursts.status();
             }});
  table.Add(
      {"stats-period", 0, kRequired, "SECONDS", "show port statistics this often (0: never)", SetNumber(options.stats_period_s, 0, 86400)});
  table.Add(
      {"record", 0, kRequired, "FILE", "write the counters over time to this file, for pollux plot", [&options](const std::string& file) {
         options.record_file = file;
         return absl::OkStatus();
       }});
  table.Add(
      {"record-period-ms", 0, kRequired, "N", "between two samples of --record (1000)", SetNumber(options.record_period_ms, 1, 86400000)});
  table.Add({"record-limit", 0, kRequired, "MIB", "the record ends when its file has this size (256)",
             SetNumber(options.record_limit_mib, 1, 1u << 20)});
  table.Add({"seconds", 0, kRequired, "N", "stop by itself after N seconds", SetNumber(options.run_seconds, 1, 1u << 30)});
  table.Add({"privileges", 0, kRequired, "WHICH",
             "capabilities to keep once it runs: none, those of ports, for\ncommands and --on-replace (default where they may be\nneeded), "
             "or all",
             SetParsed(options.privileges, ParsePrivileges)});
  table.Add({"json", 0, kNone, "",
             "one JSON object a line on the standard output: start report,\nstatistics, final account; text goes to "
             "the standard error output",
             SetFlag(options.json)});
}

void AddPortOptions(OptionTable& table, TestpmdOptions& options) {
  table.Add({"nb-cores", 0, kRequired, "N", "forwarding lcores (1)", SetNumber(options.forward_core_count, 1, 1024)});
  table.Add(
      {"coremask", 0, kRequired, "MASK", "forwarding lcores as a hexadecimal mask", SetParsed(options.forward_cores, ParseLcoreMask)});
  table.Add({"nb-ports", 0, kRequired, "N", "forwarding ports (all)", SetNumber(options.forward_port_count, 1, 64)});
  table.Add({"portlist", 0, kRequired, "PORTS", "forwarding ports: 0,2-3", SetParsed(options.forward_ports, ParsePortList)});
  table.Add({"portmask", 0, kRequired, "MASK", "the same as a hexadecimal mask", SetParsed(options.forward_ports, ParsePortMask)});
  table.Add({"rxq", 0, kRequired, "N", "rx queues of every port (1)", SetNumber(options.rx_queues, 0, kMaximumQueues)});
  table.Add({"txq", 0, kRequired, "N", "tx queues of every port (1)", SetNumber(options.tx_queues, 0, kMaximumQueues)});
  table.Add({"rxd", 0, kRequired, "N", "descriptors of an rx ring, a power of two", SetNumber(options.rx_ring, 1, kMaximumRing)});
  table.Add({"txd", 0, kRequired, "N", "descriptors of a tx ring, a power of two", SetNumber(options.tx_ring, 1, kMaximumRing)});
  table.Add({"burst", 0, kRequired, "N", "packets a burst, 1 to 512 (32); 0: as the drivers recommend",
             SetNumber(options.burst, 0, mempool::kMaximumBurst)});
  table.Add({"eth-peer", 0, kRequired, "PORT,MAC", "destination of what mac, csum, txonly and flowgen send on PORT",
             [&](const std::string& text) {
               absl::StatusOr<std::pair<std::size_t, pmd::MacAddress>> peer = ParsePeer(text);
               if (peer.ok()) options.peers[peer->first] = peer->second;
               return peer.status();
             }});
  table.Add({"eth-peers-configfile", 0, kRequired, "FILE", "the same, a line a port",
             [&](const std::string& file) { return ReadPeersFile(file, options); }});
  table.Add({"idle", 0, kRequired, "HOW", "lcores without packets: spin (default), adaptive (sleep when\nthat is cheaper) or sleep",
             SetParsed(options.idle, lcore::ParseIdleMode)});
  table.Add({"idle-latency-us", 0, kRequired, "N",
             "no processor sleeps so deeply that it takes longer to wake,\nfor as long as testpmd runs (/dev/cpu_dma_latency)",
             SetNumber(options.idle_latency_us, 0, 1'000'000)});
  table.Add({"offload", 0, kRequired, "HOW",
             "auto: the kernel forwards by itself what io, mac and macswap\nwould, between ports with an interface; off (default)",
             SetParsed(options.offload, ParseOffload)});
  table.Add({"no-flush-rx", 0, kNone, "", "keep what waits in the rx queues at the start", SetFlag(options.flush_rx, false)});
  table.Add({"disable-link-check", 0, kNone, "", "start though a link is down, without a word", SetFlag(options.link_check, false)});
  table.Add({"on-replace", 0, kRequired, "HOW",
             "reopen (default): a port whose interface is made again starts again;\nstop: it stays stopped, and forwarding ends with "
             "the last port",
             SetParsed(options.reopen_replaced, ParseOnReplace)});
  table.Add({"steer", 0, kRequired, "RULE",
             "only these packets are ours, the rest stays the kernel's:\n'udp dst 4789', arp, "
             "'not tcp port 22'; repeatable",
             [&](const std::string& rule) {
               options.steer.push_back(rule);
               return bpf::ParseSteerRule(rule).status();
             }});
  table.Add({"require", 0, kRequired, "FEATURES",
             "fail instead of falling back: zerocopy, native, busy_poll,\nneed_wakeup, inject, hugepages, numa, rx_metadata,\n"
             "tx_checksum, tx_timestamp, tx_launch_time",
             AddWords(options.require)});
}

void AddMemoryOptions(OptionTable& table, TestpmdOptions& options) {
  table.Add({"total-num-mbufs", 0, kRequired, "N", "frames on every NUMA node in use",
             SetNumber(options.frame_count, 256, mempool::kMaximumFrames)});
  table.Add({"mbuf-size", 0, kRequired, "BYTES", "frame size; up to 2176 is 2048, up to 4224 is 4096",
             [&](const std::string& text) { return SetFrameSize(options, text); }});
  table.Add({"headroom", 0, kRequired, "BYTES", "free bytes before every packet (256)", SetNumber(options.headroom, 256, 4096 - 256)});
  table.Add({"mbcache", 0, kRequired, "N", "frames that move between an lcore and the pool at once (256)",
             SetNumber(options.cache_frames, 0, 4096)});
  table.Add({"max-pkt-len", 0, kRequired, "BYTES", "longest packet; sets the MTU of the ports, and frames to go with it",
             SetNumber(options.maximum_packet, 64, 65535)});
  table.Add({"pages", 0, kRequired, "KIND", "auto (default: 2 MiB pages if there are), 2M, 1G or ordinary",
             SetParsed(options.pages, ParsePages)});
}

void AddTrafficOptions(OptionTable& table, EngineOptions& engine) {
  table.Add(
      {"txpkts", 0, kRequired, "N[,N]...", "length of what txonly sends: the sum (64)", SetParsed(engine.tx_segments, ParseSegments)});
  table.Add({"tx-ip", 0, kRequired, "SRC,DST", "its IPv4 addresses (198.18.0.1,198.18.0.2)", [&engine](const std::string& text) {
               absl::StatusOr<std::pair<uint32_t, uint32_t>> pair = ParseAddressPair(text);
               if (pair.ok()) std::tie(engine.tx_ip_source, engine.tx_ip_destination) = *pair;
               return pair.status();
             }});
  table.Add(
      {"tx-udp", 0, kRequired, "SRC[,DST]", "its UDP ports (9)", [&engine](const std::string& text) { return SetUdpPorts(engine, text); }});
  table.Add({"txonly-multi-flow", 0, kNone, "", "another source address with every packet", SetFlag(engine.txonly_multi_flow)});
  table.Add({"flowgen-flows", 0, kRequired, "N", "flows of flowgen (1024)", SetNumber(engine.flowgen_flows, 1, INT32_MAX)});
  NoisyOptions& noisy = engine.noisy;
  table.Add({"noisy-forward-mode", 0, kRequired, "MODE", "io (default), mac, macswap or 5tswap",
             SetParsed(noisy.forward_mode, ParseForwardMode)});
  table.Add({"noisy-tx-sw-buffer-size", 0, kRequired, "N", "packets that noisy holds back", SetNumber(noisy.buffer_packets, 0, 1u << 24)});
  table.Add(
      {"noisy-tx-sw-buffer-flushtime", 0, kRequired, "MS", "until then, without traffic", SetNumber(noisy.flush_time_ms, 0, UINT32_MAX)});
  table.Add({"noisy-lkup-memory", 0, kRequired, "MB", "memory it walks through", SetNumber(noisy.lookup_memory_mib, 0, 1u << 20)});
  table.Add({"noisy-lkup-num-reads", 0, kRequired, "N", "reads a packet", SetNumber(noisy.lookup_reads, 0, 1u << 20)});
  table.Add({"noisy-lkup-num-writes", 0, kRequired, "N", "writes a packet", SetNumber(noisy.lookup_writes, 0, 1u << 20)});
  table.Add(
      {"noisy-lkup-num-reads-writes", 0, kRequired, "N", "reads and writes a packet", SetNumber(noisy.lookup_reads_writes, 0, 1u << 20)});
}

void AddDisplayOptions(OptionTable& table, TestpmdOptions& options) {
  table.Add({"display-xstats", 0, kRequired, "NAME[,NAME]...", "extended statistics to show beside the others",
             AddWords(options.display_xstats)});
  table.Add({"record-core-cycles", 0, kNone, "", "cycles a packet, when forwarding stops", SetFlag(options.record_core_cycles)});
  table.Add({"record-burst-stats", 0, kNone, "", "how full bursts were, when forwarding stops", SetFlag(options.record_burst_stats)});
  table.Add({"verbose", 0, kRequired, "LEVEL", "1: print received packets, 2: sent, 3: both", SetNumber(options.verbose, 0, 3)});
  table.Add({"help", 'h', kNone, "", "this help", SetFlag(options.help)});
  table.Add({"version", 0, kNone, "", "", SetFlag(options.version)});
}

OptionTable MakeTable(TestpmdOptions& options) {
  OptionTable table("testpmd option");
  AddRunOptions(table, options);
  AddPortOptions(table, options);
  AddMemoryOptions(table, options);
  AddTrafficOptions(table, options.engine);
  AddDisplayOptions(table, options);
  AddForeignOptions(table, options.without_meaning);
  return table;
}

}  // namespace

absl::StatusOr<TestpmdOptions> ParseTestpmdOptions(const std::vector<std::string>& arguments) {
  TestpmdOptions options;
  OptionTable table = MakeTable(options);
  table.AddForeign(EalOptionNames(), "it belongs before -- (testpmd EAL-OPTIONS -- TESTPMD-OPTIONS)");
  std::vector<std::string> given;
  if (absl::Status status = table.Parse(arguments, &given); !status.ok()) return status;
  if (absl::Status status = CheckTogether(options); !status.ok()) return status;
  if (absl::Status status = SettleReplacement(given, options); !status.ok()) return status;
  AddNotes(given, options);
  return options;
}

std::string TestpmdHelp() {
  TestpmdOptions unused;
  return MakeTable(unused).Help();
}

std::vector<std::string> TestpmdOptionNames() {
  TestpmdOptions unused;
  return MakeTable(unused).Names();
}

absl::StatusOr<std::size_t> FrameSizeFor(std::size_t mbuf_size) {
  for (std::size_t frame_size : {2048, 4096}) {
    if (mbuf_size <= frame_size + kDpdkHeadroom) return frame_size;
  }
  return absl::InvalidArgumentError(absl::StrCat(mbuf_size, " bytes do not fit an AF_XDP frame, which is a page at most (4096)"));
}

}  // namespace pollux::testpmd
