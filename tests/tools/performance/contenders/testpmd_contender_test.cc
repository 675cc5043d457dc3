// SPDX-License-Identifier: Apache-2.0
#include "tools/performance/contenders/testpmd_contender.h"

#include <sys/stat.h>

#include <fstream>

#include <absl/strings/str_join.h>

#include <gtest/gtest.h>

#include "tools/performance/contenders/telemetry_reader.h"

namespace pollux::performance {
namespace {

std::string Command(const TestpmdContenderOptions& options, const Assignment& assignment) {
  return absl::StrJoin(TestpmdCommand(options, options.program, assignment), " ");
}

TEST(TestpmdCommandTest, ForwardingHasTwoPorts) {
  EXPECT_EQ(Command({.name = "dpdk", .program = "dpdk-testpmd", .device_arguments = ",busy_budget=0", .eal_options = {"--no-shconf"}},
                    {.kind = WorkKind::kMacswap, .forwarder_cpu = 3, .other_cpu = 2}),
            "dpdk-testpmd -l 2,3 --no-huge -m 512 --no-pci --no-shconf --vdev net_af_xdp0,iface=plxin,busy_budget=0 "
            "--vdev net_af_xdp1,iface=plxout,busy_budget=0 -- --forward-mode=macswap --auto-start --total-num-mbufs=32768 --nb-cores=1");
}

TEST(TestpmdCommandTest, TheOneSidedWorksHaveTheirPortAlone) {
  EXPECT_EQ(Command({.name = "ours", .program = "testpmd"}, {.kind = WorkKind::kTxonly, .frame_bytes = 256}),
            "testpmd -l 0,1 --no-huge -m 512 --no-pci --vdev net_af_xdp0,iface=plxout -- --forward-mode=txonly --auto-start "
            "--total-num-mbufs=32768 --nb-cores=1 --port-topology=loop --txpkts=256");
  EXPECT_EQ(Command({.name = "ours", .program = "testpmd"}, {.kind = WorkKind::kRxonly}),
            "testpmd -l 0,1 --no-huge -m 512 --no-pci --vdev net_af_xdp0,iface=plxin -- --forward-mode=rxonly --auto-start "
            "--total-num-mbufs=32768 --nb-cores=1 --port-topology=loop");
}

TEST(TestpmdCommandTest, TheRxRingIsSetOnRequest) {
  EXPECT_EQ(Command({.program = "a"}, {}).find("--rxd"), std::string::npos);
  EXPECT_NE(Command({.program = "a", .rx_ring = 8192}, {}).find(" --rxd=8192"), std::string::npos);
}

TEST(TestpmdCommandTest, QueuesAreTheDevicesAndTheForwarders) {
  EXPECT_EQ(Command({.program = "a", .device_arguments = ",tx=ring"}, {.queue_count = 2}),
            "a -l 0,1 --no-huge -m 512 --no-pci --vdev net_af_xdp0,iface=plxin,queue_count=2,tx=ring "
            "--vdev net_af_xdp1,iface=plxout,queue_count=2,tx=ring -- --forward-mode=io --auto-start --total-num-mbufs=65536 --nb-cores=1 "
            "--rxq=2 --txq=2");
  EXPECT_EQ(Command({.program = "a", .preload = "/b.so"}, {.queue_count = 2}).find("env LD_PRELOAD=/b.so a -l"), 0u);
  EXPECT_EQ(Command({.program = "a", .preload = "/b.so"}, {}).find("a -l"), 0u);
}

TEST(TestpmdCommandTest, AWorkersPortsAreTheBrokersAndItHasNoCapability) {
  const std::string command =
      absl::StrJoin(TestpmdCommand({.program = "a", .device_arguments = ",tx=inject"}, "/x/a", {}, "/x/b.sock"), " ");
  EXPECT_EQ(
      command.find("setpriv --reuid=nobody --regid=nogroup --clear-groups --bounding-set=-all --inh-caps=-all --no-new-privs /x/a -l"), 0u)
      << command;
  EXPECT_NE(command.find(" net_af_xdp1,iface=plxout,tx=inject,broker=/x/b.sock "), std::string::npos) << command;
}

TEST(TestpmdCommandTest, PodsPortsWithFlowsAreAtTc) {
  const TestpmdContenderOptions offload = {.program = "a", .offload = true};
  EXPECT_NE(Command(offload, {.kind = WorkKind::kTcp}).find("iface=plxin,attach=tc "), std::string::npos);
  EXPECT_NE(Command(offload, {.kind = WorkKind::kTcp}).find(" --forward-mode=io "), std::string::npos);
  EXPECT_EQ(Command(offload, {}).find("attach"), std::string::npos);
}

TEST(TestpmdCommandTest, LcoresSleepOnRequest) {
  EXPECT_NE(Command({.name = "ours", .program = "testpmd", .idle = "adaptive"}, {}).find(" --idle=adaptive"), std::string::npos);
  EXPECT_EQ(Command({.name = "ours", .program = "testpmd"}, {}).find("--idle"), std::string::npos);
}

TEST(TestpmdCommandTest, CyclesAreRecordedOnRequest) {
  EXPECT_NE(Command({.name = "ours", .program = "testpmd"}, {.record_cycles = true}).find(" --record-core-cycles"), std::string::npos);
}

// A stand-in for a testpmd of another age.
TEST(TestpmdContenderTest, AnUnknownDeviceArgumentIsMissing) {
  const std::string program = ::testing::TempDir() + "/old_testpmd";
  std::ofstream(program) << "#!/bin/sh\necho 'net_af_xdp0: unknown key tx; it takes iface'\nexit 1\n";
  ASSERT_EQ(chmod(program.c_str(), 0755), 0);
  const TestpmdContenderOptions options = {.name = "x", .program = program, .device_arguments = ",tx=ring", .probed_key = "tx"};
  EXPECT_TRUE(absl::IsNotFound(MakeTestpmdContender(options)->Available()));
  EXPECT_TRUE(MakeTestpmdContender({.name = "x", .program = program, .probed_key = "other"})->Available().ok());
}

TEST(TestpmdContenderTest, AMissingProgramIsNamed) {
  const absl::Status status = MakeTestpmdContender({.name = "x", .program = "no-such-testpmd"})->Available();
  EXPECT_EQ(status.message(), "no-such-testpmd is not installed");
}

TEST(TestpmdContenderTest, WhoIsAskedByTelemetrySaysSo) {
  const auto contender = MakeTestpmdContender({.name = "x", .program = "testpmd", .telemetry_reads = 1000});
  EXPECT_NE(contender->Description().find("--nb-cores=1; its telemetry is asked 1000 times a second"), std::string::npos);
}

TEST(TelemetrySocketTest, IsInTheLineThatNamesIt) {
  EXPECT_EQ(FindTelemetrySocket("Hello\nTelemetry: /run/dpdk/rte/dpdk_telemetry.v2:1\nport 0"), "/run/dpdk/rte/dpdk_telemetry.v2:1");
  EXPECT_EQ(FindTelemetrySocket("Telemetry: /run/dpdk/rt"), "") << "the rest is still to come";
  EXPECT_EQ(FindTelemetrySocket("Hello"), "");
}

}  // namespace
}  // namespace pollux::performance
