// SPDX-License-Identifier: Apache-2.0
// testpmd as a process, on ports without a kernel: command lines, the prompt through a pipe, JSON, exit codes.
#include <sched.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>

#include "tools/support/child_process.h"

namespace pollux::testpmd {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Two lcores on the first CPU that this process may use, so that every machine will do.
std::string Lcores() {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  sched_getaffinity(0, sizeof(cpus), &cpus);
  int cpu = 0;
  while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET(cpu, &cpus)) ++cpu;
  return absl::StrCat("0@", cpu, ",1@", cpu, ",2@", cpu);
}

support::Arguments CommandLine(absl::string_view words) {
  support::Arguments arguments = {"tools/testpmd/testpmd", "--lcores", Lcores(), "--no-huge"};
  for (absl::string_view word : absl::StrSplit(words, ' ', absl::SkipEmpty())) arguments.emplace_back(word);
  return arguments;
}

struct Result {
  int exit_code = -1;
  std::string output;
  std::string errors;
};

Result RunTestpmd(const support::Arguments& arguments, const std::string& input = "") {
  auto process = support::ChildProcess::Start(arguments);
  EXPECT_TRUE(process.ok()) << process.status();
  if (!process.ok()) return {};
  EXPECT_TRUE((*process)->Write(input).ok());
  (*process)->CloseInput();
  const auto exit_code = (*process)->Wait();
  EXPECT_TRUE(exit_code.ok()) << exit_code.status() << (*process)->Transcript();
  return {exit_code.value_or(-1), (*process)->Output(), (*process)->Errors()};
}

// Types commands at a prompt without a terminal.
Result Type(const std::string& commands, absl::string_view ports = "--vdev net_null0 --vdev net_null1", absl::string_view options = "") {
  return RunTestpmd(CommandLine(absl::StrCat(ports, " -- -i --total-num-mbufs=8192 ", options)), commands);
}

TEST(TestpmdProcess, ForwardsAndAccounts) {
  const Result result =
      RunTestpmd(CommandLine("--no-pci -n 4 --vdev net_null0 --vdev net_null1 -- --seconds 2 --stats-period 1 "
                             "--display-xstats=rx_good_packets,tx_q0_packets"));
  EXPECT_EQ(result.exit_code, 0) << result.output << result.errors;
  EXPECT_THAT(result.output,
              ::testing::ContainsRegex("  rx_good_packets  +[0-9]+  +[1-9][0-9]+\n  tx_q0_packets  +[0-9]+  +[1-9][0-9]+\n"));
  EXPECT_THAT(result.output, HasSubstr("EAL options without meaning here, accepted: --no-pci, -n 4\n"));
  EXPECT_THAT(result.output, HasSubstr("RX P=0/Q=0 (socket "));
  EXPECT_THAT(result.output, HasSubstr("Forward statistics for port 1"));
  EXPECT_THAT(result.output, HasSubstr(", balanced\n"));
  EXPECT_THAT(result.output, Not(HasSubstr("\033")));
}

TEST(TestpmdProcess, EndsInOrderOnASignal) {
  for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) {
    auto process = support::ChildProcess::Start(CommandLine("--vdev net_null0 -- --stats-period 1"));
    ASSERT_TRUE(process.ok());
    ASSERT_TRUE((*process)->WaitForText("NIC statistics").ok());
    ASSERT_TRUE((*process)->Signal(signal).ok());
    EXPECT_EQ((*process)->Wait().value_or(-1), 0) << (*process)->Transcript();
    EXPECT_THAT((*process)->Output(), HasSubstr(absl::StrCat("Signal ", signal, " received, preparing to exit...")));
    EXPECT_THAT((*process)->Output(), HasSubstr(", balanced\n"));
  }
}

// By a shell, since the end of the pipe and the full disk are its business.
TEST(TestpmdProcess, AnOutputThatNobodyTakesEndsItInOrderAndIsAFailure) {
  const std::string command = absl::StrJoin(CommandLine("--vdev net_null0 -- --stats-period 1 --json"), " ");
  const Result piped = RunTestpmd({"bash", "-c", absl::StrCat(command, " | head -n 1; exit ${PIPESTATUS[0]}")});
  EXPECT_EQ(piped.exit_code, 1) << piped.errors;
  EXPECT_THAT(piped.errors, HasSubstr("write to the standard output"));
  EXPECT_THAT(piped.errors, HasSubstr(", balanced\n"));
  const Result full = RunTestpmd({"bash", "-c", absl::StrCat(command, " > /dev/full")});
  EXPECT_EQ(full.exit_code, 1) << full.errors;
  EXPECT_THAT(full.errors, HasSubstr("No space left on device"));
  EXPECT_THAT(full.errors, HasSubstr(", balanced\n"));
  EXPECT_EQ(RunTestpmd({"bash", "-c", "tools/testpmd/testpmd --help > /dev/full"}).exit_code, 1);
}

TEST(TestpmdProcess, OneBlockAfterAPause) {
  auto process = support::ChildProcess::Start(CommandLine("--vdev net_null0 -- --stats-period 1 --json"));
  ASSERT_TRUE(process.ok());
  ASSERT_TRUE((*process)->WaitForText("\"stats\"").ok());
  ASSERT_TRUE((*process)->Signal(SIGSTOP).ok());
  std::this_thread::sleep_for(std::chrono::seconds(4));  // the pause itself
  const auto count = [&] {
    const std::vector<std::string> parts = absl::StrSplit((*process)->Output(), "\"stats\"");
    return parts.size() - 1;
  };
  const std::size_t before = count();
  ASSERT_TRUE((*process)->Signal(SIGCONT).ok());
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (count() == before && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  ASSERT_TRUE((*process)->Signal(SIGINT).ok());
  EXPECT_EQ((*process)->Wait().value_or(-1), 0);
  EXPECT_LE(count() - before, 2u) << (*process)->Output();
}

TEST(TestpmdProcess, RunsAFileBeforeForwardingWithAndWithoutThePrompt) {
  const std::string file = absl::StrCat(std::getenv("TEST_TMPDIR"), "/before");
  std::ofstream(file) << "set portlist 1,0\nset fwd mac\n";
  const std::string ports = "--vdev net_null0 --vdev net_null1 -- --total-num-mbufs=8192 --cmdline-file=";
  const Result without = RunTestpmd(CommandLine(absl::StrCat(ports, file, " --seconds 1")));
  EXPECT_EQ(without.exit_code, 0) << without.output;
  EXPECT_THAT(without.output, HasSubstr("mac packet forwarding - ports=2"));
  const Result with = RunTestpmd(CommandLine(absl::StrCat(ports, file, " -i -a")), "quit\n");
  EXPECT_THAT(with.output, HasSubstr("mac packet forwarding - ports=2"));
  EXPECT_THAT(with.output, Not(HasSubstr("Please stop forwarding first")));
  std::ofstream(file) << "quit\nport stop all\n";
  const Result ended = RunTestpmd(CommandLine(absl::StrCat(ports, file)));
  EXPECT_EQ(ended.exit_code, 0);
  EXPECT_THAT(ended.output, Not(HasSubstr("port stop all")));
  EXPECT_THAT(ended.output, Not(HasSubstr("packet forwarding - ports=")));
  const Result missing = RunTestpmd(CommandLine(absl::StrCat(ports, "/nonexistent")));
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_THAT(missing.errors, HasSubstr("--cmdline-file: load /nonexistent: the file cannot be read"));
}

TEST(TestpmdProcess, SecondsEndThePromptToo) {
  auto process = support::ChildProcess::Start(CommandLine("--vdev net_null0 -- -i --seconds 1"));
  ASSERT_TRUE(process.ok());
  EXPECT_EQ((*process)->Wait().value_or(-1), 0) << (*process)->Transcript();
}

TEST(TestpmdProcess, OneSidedPorts) {
  const Result tx = RunTestpmd(CommandLine("--vdev net_null0 -- --rxq=0 --forward-mode=txonly --seconds 1 --burst=0"));
  EXPECT_EQ(tx.exit_code, 0) << tx.output << tx.errors;
  EXPECT_THAT(tx.output, HasSubstr("packets/burst=32"));
  const Result rx = RunTestpmd(CommandLine("--vdev net_null0 -- --txq=0 --forward-mode=rxonly --seconds 1"));
  EXPECT_EQ(rx.exit_code, 0) << rx.output << rx.errors;
  const Result neither = RunTestpmd(CommandLine("--vdev net_null0 -- --rxq=0"));
  EXPECT_EQ(neither.exit_code, 1);
  EXPECT_THAT(neither.errors, HasSubstr("rxq are 0, cannot use io fwd mode"));
}

TEST(TestpmdProcess, ABufferOfNoisyThatTakesEveryFrameIsRefused) {
  const Result result =
      RunTestpmd(CommandLine("--vdev net_ring0 -- --forward-mode=noisy --total-num-mbufs=8192 --noisy-tx-sw-buffer-size=8192 --seconds 1"));
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.errors, HasSubstr("--noisy-tx-sw-buffer-size=8192: 8192 packets may be held back"));
  const Result fits =
      RunTestpmd(CommandLine("--vdev net_null0 -- --forward-mode=noisy --noisy-tx-sw-buffer-size=30000 --seconds 2 --stats-period 1"));
  EXPECT_EQ(fits.exit_code, 0) << fits.errors << fits.output;
  EXPECT_THAT(fits.output, ::testing::ContainsRegex("given to tx: tx_packets +[1-9]")) << "the buffer is full and pushes out";
}

TEST(TestpmdProcess, ExitCodesTellWhoIsToBlame) {
  const struct {
    const char* words;
    int exit_code;
    const char* message;
  } kCases[] = {
      {"--vdef net_null0", 2, "--vdef: unknown EAL option; did you mean --vdev?"},
      {"--vdev net_null0 -- --brust=3", 2, "unknown testpmd option; did you mean --burst?"},
      {"--vdev net_null0,size=x --", 2, "net_null0"},
      {"--vdev net_nil0 --", 1, "there are net_af_xdp, net_null"},
      {"--vdev net_null0 -- --rxq=1000", 2, "and it has 64 rx and 64 tx queues at most"},
      {"--vdev net_null0 -- --portlist=3", 2, "Invalid port 3; there are 1"},
      {"--vdev net_null0 -- --nb-cores=9", 2, "there are 2 lcores beside the main one"},
      {"--vdev net_null0 -- --coremask=1", 2, "lcore 0 is the main one, which forwards nothing"},
      {"--vdev net_null0 -- --require=zerocopy", 1, "required feature zerocopy is missing"},
      {"--vdev net_null0 -- --require=wings", 2, "unknown feature 'wings'"},
      {"-m 1 --vdev net_null0 --", 1, "and -m allows 1"},
      {"--", 2, "no port: name one with --vdev"},
  };
  for (const auto& test_case : kCases) {
    const Result result = RunTestpmd(CommandLine(test_case.words));
    EXPECT_EQ(result.exit_code, test_case.exit_code) << test_case.words << "\n" << result.errors;
    EXPECT_THAT(result.errors, HasSubstr(test_case.message)) << test_case.words;
    EXPECT_THAT(result.output, Not(HasSubstr("Accounting")));
  }
}

TEST(TestpmdProcess, OneLcoreIsNotEnough) {
  const Result result =
      RunTestpmd({"tools/testpmd/testpmd", "--lcores", Lcores().substr(0, Lcores().find(',')), "--vdev", "net_null0", "--"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.errors, HasSubstr("No cores defined for forwarding"));
}

TEST(TestpmdProcess, HelpAndVersion) {
  for (const char* words : {"--help", "-- --help", "-h"}) {
    const Result result = RunTestpmd(CommandLine(words));
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_THAT(result.output, HasSubstr("Usage: testpmd [EAL options] -- [testpmd options]"));
    EXPECT_THAT(result.output, HasSubstr("net_af_xdp"));
  }
  EXPECT_THAT(RunTestpmd(CommandLine("--version")).output, HasSubstr("testpmd (Pollux) 0."));
}

TEST(TestpmdPrompt, StartsStopsAndShows) {
  const Result result = Type("start\nshow port stats all\nstop\nstop\nstart tx_first 2\nstart\nstop\nquit\n");
  EXPECT_EQ(result.exit_code, 0) << result.output << result.errors;
  EXPECT_THAT(result.output, HasSubstr("testpmd> start\nio packet forwarding - ports=2 - cores=1 - streams=2"));
  EXPECT_THAT(result.output, HasSubstr("testpmd> stop\nPacket forwarding not started\n"));
  EXPECT_THAT(result.output, HasSubstr("testpmd> start\nPacket forwarding already started\n"));
  EXPECT_THAT(result.output, HasSubstr("    unaccounted                                      0               0               0\n"));
}

TEST(TestpmdPrompt, EndOfInputStopsForwarding) {
  const Result result = Type("start\nshow config cores");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.output, HasSubstr("List of forwarding lcores:  1 2\n"));
  EXPECT_THAT(result.output, HasSubstr("Telling cores to stop..."));
}

TEST(TestpmdPrompt, RefusesWithAReasonAndGoesOn) {
  const struct {
    const char* command;
    const char* message;
  } kCases[] = {
      {"strat", "Command not found: strat; did you mean start?"},
      {"show port sumary all", "Bad arguments: 'show port' is followed by"},
      {"show port info 7", "Invalid port 7\n"},
      {"set burst 600", "a number from 1 to 512 is expected - ignored"},
      {"set fwd maccswap", "Invalid maccswap packet forwarding mode; there are io|"},
      {"set nbcore 3", "nb fwd cores 3: 1 to 2 (max. number of configured lcores) - ignored"},
      {"set corelist 0", "which is the main lcore and reserved for command line parsing only"},
      {"set portlist 0,5", "Invalid port 5\n"},
      {"set eth-peer 0 02:00", "Error: Invalid ethernet address: 02:00\n"},
      {"set promisc 0 on", "has no promiscuous mode to set\n"},
      {"port config mtu 0 1400", "has no MTU to set\n"},
      {"port start 0", "Port 0 is now not stopped\n"},
      {"port close 0", "Port 0 is not stopped (port stop 0)\n"},
      {"port config all rxq 2", "Please stop port 0 first (port stop 0)\n"},
      {"port attach net_nil3", "no driver has this name"},
      {"show rxq info 0 1", "Invalid queueid = 1; port 0 has 1\n"},
      {"load /nonexistent", "the file cannot be read\n"},
      {"set verbose 4", "a number from 0 to 3 is expected\n"},
      {"set txpkts 64,x", "a number from 1 to 65535 is expected\n"},
  };
  std::string commands;
  for (const auto& test_case : kCases) absl::StrAppend(&commands, test_case.command, "\n");
  const Result result = Type(commands + "quit\n");
  EXPECT_EQ(result.exit_code, 0) << result.output;
  for (const auto& test_case : kCases) {
    const std::size_t begin = result.output.find(absl::StrCat("testpmd> ", test_case.command, "\n"));
    ASSERT_NE(begin, std::string::npos) << test_case.command;
    const std::string answer = result.output.substr(begin, result.output.find("testpmd> ", begin + 1) - begin);
    EXPECT_THAT(answer, HasSubstr(test_case.message));
  }
}

TEST(TestpmdPrompt, CommandsOfDpdkWorkOrSayWhyNot) {
  const struct {
    const char* command;
    const char* answer;
  } kCases[] = {
      {"csum set ip sw 0", "ip checksums are computed in software by mode csum"},
      {"csum set udp hw 0", "port 0 (net_null0) asks no device for checksums: open it with tx_metadata=checksum"},
      {"set tx-timestamps on", "port 0 (net_null0) tells no times: open it with tx_metadata=timestamp"},
      {"csum set ip hw 0", "a device is asked for udp and tcp checksums; sw is what there is"},
      {"csum set tcp sw all", "Port 1: tcp checksums are verified and repaired in software"},
      {"csum set outer-ip sw 0", "outer-ip checksums are not looked at"},
      {"csum show 0", "IP, UDP, TCP, ICMP checksum: sw"},
      {"csum parse-tunnel on 0", "does not look into tunnels"},
      {"set link-up port 0", "port 0 (net_null0) is no kernel interface"},
      {"set link-down port 0", "port 0 (net_null0) is no kernel interface"},
      {"set allmulti all on", "is no kernel interface"},
      {"port reset 0", "Port 0 is not stopped (port stop 0)"},
      {"show port 0 macs", "Number of MAC address added: 1\n  "},
      {"show device info all", "port 1: net_null1\n"},
      {"dump_devargs", "port 0: net_null0\n"},
      {"set nbport 3", "nb fwd ports 3: 1 to 2"},
      {"set nbport 1", "Number of forwarding ports set to 1"},
      {"show config fwd", "ports=1 "},
      {"set default", "testpmd> set default\n"},
      {"show config fwd ", "ports=2 "},
      {"clear port info 0", "there is nothing to clear"},
      {"port config all burst 7", "\n"},
      {"show config rxtx", "packets/burst=7"},
      {"set link_check off", "has no effect here: links are watched all the time"},
      {"flow create 0 ingress", "Bad arguments: the end: group, priority, ingress, transfer or pattern is expected"},
      {"flow create 0 ingress pattern eth / end actions drop / end", "has no kernel interface (net_af_xdp has)"},
      {"vlan set strip on 0", "has no effect here"},
      {"port 0 rxq 0 stop", "has no effect here"},
      {"mac_addr add 0 02:00:00:00:00:01", "has no effect here"},
  };
  std::string commands;
  for (const auto& test_case : kCases) absl::StrAppend(&commands, test_case.command, "\n");
  const Result result = Type(commands + "quit\n");
  EXPECT_EQ(result.exit_code, 0) << result.output;
  for (const auto& test_case : kCases) {
    const std::size_t begin = result.output.find(absl::StrCat("testpmd> ", test_case.command, "\n"));
    ASSERT_NE(begin, std::string::npos) << test_case.command;
    const std::string answer = result.output.substr(begin, result.output.find("testpmd> ", begin + 1) - begin);
    EXPECT_THAT(answer, HasSubstr(test_case.answer));
  }
}

TEST(TestpmdPrompt, APortIsResetAndForwardsAgain) {
  const Result result = Type("start\nstop\nport stop 0\nport reset 0\nport start 0\nstart\nstop\nquit\n");
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("Port 0 is reset (port start 0)"));
  EXPECT_THAT(result.output, HasSubstr("testpmd> start\nio packet forwarding"));
  EXPECT_THAT(result.output, Not(HasSubstr("unaccounted for")));
}

TEST(TestpmdPrompt, ANewPortGetsTheRingsOfTheOthers) {
  const Result result = Type(
      "port attach net_null7\nport start 2\nshow rxq info 2 0\nport stop all\nport config all rxd 256\nport attach net_null8\n"
      "show rxq info 3 0\nquit\n",
      "--vdev net_null0 --vdev net_null1", "--rxd=512");
  EXPECT_THAT(result.output, HasSubstr("Number of RXDs: 512"));
  EXPECT_THAT(result.output, HasSubstr("Number of RXDs: 256"));
}

TEST(TestpmdPrompt, ARequirementHoldsForPortsThatComeLater) {
  const Result result = Type("port attach net_null7\nport start 0\nquit\n", "", "--require=zerocopy");
  EXPECT_THAT(result.output, HasSubstr("--require: port 0 (net_null7): required feature zerocopy is missing"));
}

TEST(TestpmdPrompt, ChangesTheConfiguration) {
  const Result result = Type(
      "set fwd macswap retry\nset eth-peer 1 02:00:00:00:00:99\nset nbcore 2\nset burst 64\nshow config fwd\nshow config rxtx\n"
      "set port-topology loop\nset corelist 2\nset txpkts 64,36\nshow config fwd\nshow config txpkts\nquit\n");
  EXPECT_THAT(result.output, HasSubstr("macswap packet forwarding with retry - ports=2 - cores=2 - streams=2"));
  EXPECT_THAT(result.output, HasSubstr("peer=02:00:00:00:00:99"));
  EXPECT_THAT(result.output, HasSubstr("packets/burst=64"));
  EXPECT_THAT(result.output, HasSubstr("previous number of forwarding cores 2 - changed to number of configured cores 1"));
  EXPECT_THAT(result.output, HasSubstr("Logical Core 2 (socket "));
  EXPECT_THAT(result.output, HasSubstr("Segment sizes: 64,36\n"));
}

TEST(TestpmdPrompt, PortsComeAndGoAndEverythingStillAddsUp) {
  const Result result = Type(
      "start tx_first\nstop\nport stop 0\nstart\nport start 0\nport stop all\nport config all rxq 2\nport config all txq 2\nport start "
      "all\n"
      "port attach net_ring7\nport start 2\nset portlist 0,1,2\nstart\nport stop 2\nstop\nset portlist 0,1\nport stop 2\nport detach "
      "2\nstart\nclear fwd stats all\n"
      "clear port stats all\nshow fwd stats all\ndump mempool\nquit\n");
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("Not all ports were started: port 0 is not (port start 0)"));
  EXPECT_THAT(result.output, HasSubstr("Please remove port 2 from forwarding configuration"));
  EXPECT_THAT(result.output, HasSubstr("streams=4"));
  EXPECT_THAT(result.output, Not(HasSubstr("unaccounted for")));
}

TEST(TestpmdPrompt, VerboseTakesEffectAtOnce) {
  auto process = support::ChildProcess::Start(CommandLine("--vdev net_ring0 -- -i --port-topology=loop --total-num-mbufs=8192"));
  ASSERT_TRUE(process.ok());
  ASSERT_TRUE((*process)->Write("start tx_first\nset verbose 1\n").ok());
  EXPECT_TRUE((*process)->WaitForText("port 0/queue 0: received ").ok()) << (*process)->Transcript();
  ASSERT_TRUE((*process)->Write("set verbose 0\nquit\n").ok());
  EXPECT_EQ((*process)->Wait().value_or(-1), 0) << (*process)->Transcript();
}

TEST(TestpmdPrompt, RunsFiles) {
  const std::string file = absl::StrCat(std::getenv("TEST_TMPDIR"), "/commands");
  std::ofstream(file) << "# from a file\nset burst 7\nnonsense\nshow config rxtx\n";
  const Result by_option = Type("quit\n", "--vdev net_null0", absl::StrCat("--cmdline-file=", file));
  EXPECT_THAT(by_option.output, HasSubstr("packets/burst=7"));
  EXPECT_THAT(by_option.output, HasSubstr(absl::StrCat("Read CLI commands from ", file)));
  EXPECT_THAT(Type(absl::StrCat("load ", file, "\nquit\n")).output, HasSubstr("Command not found: nonsense"));
  std::ofstream(file) << "load " << file << "\n";
  EXPECT_THAT(Type(absl::StrCat("load ", file, "\nquit\n")).output, HasSubstr("files load each other"));
}

TEST(TestpmdJson, OneObjectALine) {
  const Result result = RunTestpmd(CommandLine("--vdev net_null0 --vdev net_null1 -- --json --seconds 2 --stats-period 1"));
  EXPECT_EQ(result.exit_code, 0);
  std::vector<std::string> events;
  nlohmann::json last;
  for (absl::string_view line : absl::StrSplit(result.output, '\n', absl::SkipEmpty())) {
    last = nlohmann::json::parse(line.begin(), line.end(), nullptr, /*allow_exceptions=*/false);
    ASSERT_TRUE(last.is_object()) << line;
    events.push_back(last["event"]);
    if (events.back() == "start") {
      EXPECT_EQ(last["ports"].size(), 2u);
    }
    if (events.back() == "stats") {
      EXPECT_GT(last["ports"][1]["rx_pps"], 0);
    }
  }
  EXPECT_THAT(events, ::testing::IsSupersetOf({"start", "forwarding", "stats", "stopped", "final"}));
  EXPECT_EQ(last["event"], "final");
  EXPECT_EQ(last["balanced"], true);
  EXPECT_EQ(last["ports"][0]["rx_difference"], 0);
  EXPECT_THAT(result.errors, HasSubstr("Forward statistics for port 0"));
}

// Every mode, on a loopback with several queues and lcores.
class TestpmdModes : public ::testing::TestWithParam<const char*> {};

TEST_P(TestpmdModes, AddUp) {
  const Result result = RunTestpmd(CommandLine(absl::StrCat(
      "--vdev net_ring0 --vdev net_null0,size=60 -- --tx-first=4 --seconds 1 --rxq=3 --txq=2 --nb-cores=2 --total-num-mbufs=16384 "
      "--forward-mode=",
      GetParam(), " --noisy-tx-sw-buffer-size=50 --noisy-tx-sw-buffer-flushtime=10 --record-core-cycles --record-burst-stats")));
  EXPECT_EQ(result.exit_code, 0) << result.output << result.errors;
  EXPECT_THAT(result.output, HasSubstr(", balanced\n"));
}

INSTANTIATE_TEST_SUITE_P(Every, TestpmdModes,
                         ::testing::Values("io", "mac", "macswap", "5tswap", "flowgen", "txonly", "csum", "icmpecho", "noisy"),
                         [](const auto& info) { return std::string("mode_") + info.param; });

}  // namespace
}  // namespace pollux::testpmd
