// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/session/start_notes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pollux::testpmd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(QueueNote, TellsOfQueuesThatNobodyServes) {
  pmd::DeviceInfo info{.interface = "p0", .maximum_rx_queues = 4, .interface_rx_queues = 4};
  EXPECT_EQ(QueueNote("port 0 (p0)", info, 4), "");
  EXPECT_EQ(QueueNote("port 0 (p0)", info, 0), "") << "it receives nothing, as it was asked to";
  EXPECT_EQ(
      QueueNote("port 0 (p0)", info, 1),
      "port 0 (p0): its interface receives by 4 queues, and 1 is served: what comes in by the others goes to the kernel. All: --rxq=4; "
      "fewer queues: ethtool -L p0");
  info.maximum_rx_queues = 2;
  EXPECT_THAT(QueueNote("port 0 (p0)", info, 2), HasSubstr("start_queue= and queue_count= leave this port 2"));
  EXPECT_EQ(QueueNote("port 0 (net_null0)", {}, 1), "");
}

TEST(StartNotes, NamesWhatComesToNothing) {
  std::vector<std::unique_ptr<Port>> ports;
  ports.push_back(*Port::Open(0, "net_null0"));
  TestpmdOptions options;
  options.peers[9] = {};
  options.steer = {"arp"};
  options.display_xstats = {"rx_good_packet", "tx_good_packets"};
  options.notes = {"first"};
  EXPECT_THAT(StartNotes(options, {}, ports),
              ElementsAre("first", "--eth-peer=9,00:00:00:00:00:00: there is no port 9", HasSubstr("--steer: no port is a net_af_xdp"),
                          "--display-xstats: no port has a counter 'rx_good_packet'; did you mean rx_good_packets?"));
  EXPECT_THAT(StartNotes({}, {}, ports), IsEmpty());
}

TEST(StartNotes, TellsOfLcoresWithoutAStream) {
  TestpmdOptions options;
  options.forward_core_count = 2;
  std::vector<std::unique_ptr<Port>> ports;
  ports.push_back(*Port::Open(0, "net_null0"));
  ForwardConfig config{.ports = {0}, .lcores = {1, 2}, .lcore_count = 2};
  EXPECT_THAT(StartNotes(options, config, ports), ElementsAre(HasSubstr("--nb-cores=2: 1 stream(s) keep 1 lcore(s) busy")));
  config.rx_queues = config.tx_queues = 2;
  EXPECT_THAT(StartNotes(options, config, ports), IsEmpty());
}

}  // namespace
}  // namespace pollux::testpmd
