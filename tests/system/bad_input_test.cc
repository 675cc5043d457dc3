// SPDX-License-Identifier: Apache-2.0
// Bad input, as a table: each ends with a message that names what is wrong, an exit code other than 0, and nothing left behind.
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/support/scratch_folder.h"
#include "tests/system/foreign_program.h"
#include "tests/system/forwarding_test.h"

namespace pollux::system_tests {
namespace {

struct BadInput {
  std::string name;
  Arguments devices;                 // behind --vdev
  Arguments options;                 // behind --
  std::vector<std::string> message;  // all of these are in the output
  Arguments prefix = {};             // of the command
  Arguments eal = {};                // before --
  std::string program = TestpmdProcess::Program();
};

std::ostream& operator<<(std::ostream& stream, const BadInput& input) {
  return stream << input.name;
}

class BadInputTest : public ForwardingTest, public ::testing::WithParamInterface<BadInput> {
 protected:
  // Runs testpmd to its end; it must fail and say `message`.
  void ExpectRefusal(const BadInput& input) {
    Arguments words = {"-l", "0,1", "--no-huge", "-m", "512", "--no-pci"};
    words.insert(words.end(), input.eal.begin(), input.eal.end());
    for (const std::string& device : input.devices) words.insert(words.end(), {"--vdev", device});
    words.insert(words.end(), {"--", "--auto-start"});
    words.insert(words.end(), input.options.begin(), input.options.end());
    auto refused = TestpmdProcess::Start(rig().switch_namespace(), words, input.prefix, input.program);
    ASSERT_OK(refused);
    (*refused)->process().CloseInput();
    const auto exit_code = (*refused)->process().Wait();
    ASSERT_OK(exit_code);
    const std::string transcript = (*refused)->process().Transcript();
    EXPECT_NE(*exit_code, 0) << transcript;
    EXPECT_LT(*exit_code, 126) << "ended by a signal, or not started\n" << transcript;
    const std::string said = (*refused)->process().Output() + (*refused)->process().Errors();
    for (const std::string& word : input.message)
      EXPECT_NE(said.find(word), std::string::npos) << "not said: " << word << "\n" << transcript;
  }
};

TEST_P(BadInputTest, IsRefused) {
  ASSERT_NO_FATAL_FAILURE(BuildRig());
  ExpectRefusal(GetParam());
}

TEST_F(BadInputTest, ABusyQueue) {
  ASSERT_NO_FATAL_FAILURE(StartForwarding());
  const auto first = TakeTestpmd();
  ExpectRefusal({.name = "", .devices = {"net_af_xdp0,iface=p0"}, .options = {}, .message = {"p0", "queue 0", "another"}});
  Ping(0, VethRig::ClientIpv4(1));
  const auto ended = first->Stop();
  ASSERT_OK(ended);
  EXPECT_EQ(ended->exit_code, 0) << first->process().Transcript();
}

TEST_F(BadInputTest, AForeignProgramIsNamedAndLeftAlone) {
  ASSERT_NO_FATAL_FAILURE(BuildRig());
  const auto foreign = ForeignProgram::Attach(rig().switch_namespace(), "p1");
  ASSERT_OK(foreign);
  ExpectRefusal({.name = "",
                 .devices = {"net_af_xdp0,iface=p0", "net_af_xdp1,iface=p1"},
                 .options = {},
                 .message = {ForeignProgram::kName, ", attached to p1, is not ours", "`ip link set dev p1 xdp"}});
  const auto link = support::RunSuccessfully({"ip", "-d", "link", "show", "p1"}, &rig().switch_namespace());
  ASSERT_OK(link);
  EXPECT_NE(link->find(ForeignProgram::kName), std::string::npos) << *link;
}

// The program may lie where nobody but root can read.
TEST_F(BadInputTest, AnUnprivilegedUser) {
  ASSERT_NO_FATAL_FAILURE(BuildRig());
  const support::ScratchFolder folder("/tmp", 0755);
  const std::string program = folder.File("testpmd");
  std::filesystem::copy_file(TestpmdProcess::Program(), program);
  ExpectRefusal({.name = "",
                 .devices = {"net_af_xdp0,iface=p0"},
                 .options = {},
                 .message = {"CAP_"},
                 .prefix = {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"},
                 .program = program});
}

TEST_F(BadInputTest, AMalformedCapture) {
  ASSERT_NO_FATAL_FAILURE(BuildRig());
  const support::ScratchFolder folder;
  const std::string capture = folder.File("malformed.pcap");
  std::ofstream(capture) << "this is no capture";
  ExpectRefusal({.name = "", .devices = {"net_pcap0,rx_pcap=" + capture}, .options = {}, .message = {capture}});
}

TEST_F(BadInputTest, AnInterfaceThatIsDown) {
  ASSERT_NO_FATAL_FAILURE(BuildRig());
  ASSERT_OK(rig().SetPortUp(0, false));
  ForgetSwitchState();
  ExpectRefusal({.name = "", .devices = {"net_af_xdp0,iface=p0"}, .options = {}, .message = {"p0", "down"}});
}

TEST_F(BadInputTest, AnMtuThatNoFrameHolds) {
  ASSERT_NO_FATAL_FAILURE(BuildRig({.mtu = 9000}));
  ExpectRefusal({.name = "", .devices = {"net_af_xdp0,iface=p0,sg=off"}, .options = {}, .message = {"p0", "9000", "MTU"}});
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadInputTest,
    ::testing::Values(
        BadInput{"MissingInterface", {"net_af_xdp0,iface=nosuch0"}, {}, {"nosuch0"}},
        BadInput{"NoInterface", {"net_af_xdp0"}, {}, {"iface="}},
        BadInput{"StartQueueOutOfRange", {"net_af_xdp0,iface=p0,start_queue=7"}, {}, {"p0", "start_queue=7"}},
        BadInput{"QueueCountOutOfRange", {"net_af_xdp0,iface=p0,queue_count=9"}, {}, {"p0", "queue_count=9"}},
        BadInput{"MoreQueuesThanThereAre", {"net_af_xdp0,iface=p0"}, {"--rxq=3", "--txq=3"}, {"3"}},
        BadInput{"FrameSizeThatIsNoFrame", {"net_af_xdp0,iface=p0"}, {"--mbuf-size=9000"}, {"9000"}},
        BadInput{"FrameSizeThatIsNoNumber", {"net_af_xdp0,iface=p0"}, {"--mbuf-size=big"}, {"big"}},
        BadInput{"TooFewFrames", {"net_af_xdp0,iface=p0"}, {"--total-num-mbufs=512", "--rxd=1024"}, {"512"}},
        BadInput{"MoreMemoryThanAllowed", {"net_af_xdp0,iface=p0"}, {"--total-num-mbufs=1000000"}, {"512"}},
        BadInput{"UnknownDeviceKey", {"net_af_xdp0,iface=p0,colour=red"}, {}, {"colour"}},
        BadInput{"UnknownDriver", {"net_warp0"}, {}, {"net_warp"}},
        BadInput{"UnknownMode", {"net_af_xdp0,iface=p0"}, {"--forward-mode=sideways"}, {"sideways"}},
        BadInput{"UnknownOption", {"net_af_xdp0,iface=p0"}, {"--no-such-option"}, {"no-such-option"}},
        BadInput{"UnknownEalOption", {"net_af_xdp0,iface=p0"}, {}, {"no-such-option"}, {}, {"--no-such-option"}},
        BadInput{"MissingCapture", {"net_pcap0,rx_pcap=/nosuch.pcap"}, {}, {"/nosuch.pcap"}},
        BadInput{"MalformedSteerRule", {"net_af_xdp0,iface=p0"}, {"--steer", "udp sideways 7"}, {"sideways"}},
        BadInput{"WithoutNetAdmin", {"net_af_xdp0,iface=p0"}, {}, {"CAP_NET_ADMIN"}, {"setpriv", "--bounding-set=-net_admin,-sys_admin"}},
        BadInput{"TooLittleMemlock",
                 {"net_af_xdp0,iface=p0"},
                 {},
                 {"RLIMIT_MEMLOCK is 65536", "CAP_IPC_LOCK"},
                 {"prlimit", "--memlock=65536:65536", "setpriv", "--bounding-set=-ipc_lock,-sys_resource"}},
        BadInput{"RequiredButNotThere", {"net_af_xdp0,iface=p0"}, {"--require=zerocopy"}, {"zerocopy"}}),
    [](const auto& parameter) { return parameter.param.name; });

}  // namespace
}  // namespace pollux::system_tests
