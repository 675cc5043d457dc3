// SPDX-License-Identifier: Apache-2.0
// Captures recorded from an interface, and replayed into one.

#include <pcap/pcap.h>

#include <absl/strings/str_cat.h>

#include "tests/support/scratch_folder.h"
#include "tests/system/forwarding_test.h"

namespace pollux::system_tests {
namespace {

using Frames = std::vector<FrameSocket::Frame>;

class PcapTest : public ForwardingTest {
 protected:
  std::string File(const std::string& name) const { return folder_.File(name + ".pcap"); }

  static void Write(const std::string& file, const Frames& frames) {
    pcap_t* pcap = pcap_open_dead(DLT_EN10MB, 65535);
    pcap_dumper_t* dumper = pcap_dump_open(pcap, file.c_str());
    ASSERT_NE(dumper, nullptr) << pcap_geterr(pcap);
    for (const auto& frame : frames) {
      const pcap_pkthdr header{.ts = {.tv_sec = 1, .tv_usec = 2},
                               .caplen = static_cast<bpf_u_int32>(frame.size()),
                               .len = static_cast<bpf_u_int32>(frame.size())};
      pcap_dump(reinterpret_cast<u_char*>(dumper), &header, reinterpret_cast<const u_char*>(frame.data()));
    }
    pcap_dump_close(dumper);
    pcap_close(pcap);
  }

  static Frames Read(const std::string& file) {
    char error[PCAP_ERRBUF_SIZE];
    pcap_t* pcap = pcap_open_offline(file.c_str(), error);
    EXPECT_NE(pcap, nullptr) << error;
    Frames frames;
    pcap_pkthdr* header = nullptr;
    const u_char* data = nullptr;
    while (pcap != nullptr && pcap_next_ex(pcap, &header, &data) == 1) {
      const auto* bytes = reinterpret_cast<const std::byte*>(data);
      frames.emplace_back(bytes, bytes + header->caplen);
    }
    if (pcap != nullptr) pcap_close(pcap);
    return frames;
  }

  // Distinct frames of every length from the shortest to the longest, in steps.
  static Frames Sequence() {
    Frames frames;
    for (std::size_t length = 60; length <= 1514; length += 11) {
      frames.push_back(PacketBuilder().Ethernet(Between(0, 1)).Ipv4().Udp().FillTo(length).Build());
    }
    return frames;
  }

 private:
  const support::ScratchFolder folder_;
};

TEST_F(PcapTest, WhatAnInterfaceReceivesIsRecorded) {
  ASSERT_NO_FATAL_FAILURE(BuildRig({.ports = 1, .ipv6 = false}));
  const std::string file = File("recorded");
  ASSERT_NO_FATAL_FAILURE(StartForwarding({.devices = {"net_af_xdp0,iface=p0", "net_pcap0,tx_pcap=" + file},
                                           .options = {"--forward-mode=io", "--no-flush-rx", "--stats-period=1"}}));
  const Frames frames = Sequence();
  for (const auto& frame : frames) ASSERT_OK(Socket(0).Send(frame));
  ASSERT_OK(testpmd().process().WaitForText(absl::StrCat("TX-packets: ", frames.size())));
  StopForwarding();
  EXPECT_EQ(account().ports[0].received, frames.size());
  EXPECT_EQ(account().ports[1].sent, frames.size());
  EXPECT_TRUE(Read(file) == frames) << "the capture differs from what was sent\n" << Transcript();
}

TEST_F(PcapTest, ACaptureIsReplayedIntoAnInterface) {
  ASSERT_NO_FATAL_FAILURE(BuildRig({.ports = 1, .ipv6 = false}));
  const std::string file = File("replayed");
  const Frames frames = Sequence();
  ASSERT_NO_FATAL_FAILURE(Write(file, frames));
  Socket(0);
  ASSERT_NO_FATAL_FAILURE(StartForwarding(
      {.devices = {"net_af_xdp0,iface=p0", "net_pcap0,rx_pcap=" + file}, .options = {"--forward-mode=io", "--no-flush-rx"}}));
  for (const auto& frame : frames) {
    const auto arrived = Socket(0).Receive(std::chrono::seconds(5));
    ASSERT_TRUE(arrived.ok()) << arrived.status() << Transcript();
    ASSERT_EQ(*arrived, frame);
  }
  StopForwarding();
  EXPECT_EQ(account().ports[1].received, frames.size());
  EXPECT_EQ(account().ports[0].sent, frames.size());
}

}  // namespace
}  // namespace pollux::system_tests
