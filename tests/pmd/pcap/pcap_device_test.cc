// SPDX-License-Identifier: Apache-2.0
#include "pmd/pcap/pcap_device.h"

#include <sys/stat.h>

#include <array>
#include <chrono>
#include <cstring>
#include <fstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pmd/drivers.h"
#include "pmd/pcap/capture.h"
#include "pmd/rx_metadata.h"
#include "tests/pmd/pcap/pcap_files.h"
#include "tests/support/pool_fixture.h"

namespace pollux::pmd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class PcapDevice : public testing::Test {
 protected:
  PcapDevice() { WritePcap(in_, {std::vector<uint8_t>(60, 1), std::vector<uint8_t>(61, 2), std::vector<uint8_t>(62, 3)}); }
  ~PcapDevice() override { EXPECT_TRUE(support::FramesAreFree(*pool_)); }

  std::unique_ptr<Device> Started(const std::string& text, std::size_t queues = 1) {
    auto device = OpenDevice(text);
    EXPECT_TRUE(device.ok()) << device.status();
    if (!device.ok()) return nullptr;
    const absl::Status configured = (*device)->Configure({.rx_queues = queues, .tx_queues = queues, .pool = pool_});
    EXPECT_TRUE(configured.ok()) << configured;
    EXPECT_TRUE((*device)->Start().ok());
    return *std::move(device);
  }
  // Lengths of what one Receive gives.
  static std::vector<uint32_t> Lengths(Device& device, std::size_t count, std::size_t queue = 0) {
    std::vector<Packet> packets(count);
    packets.resize(device.rx_queue(queue).Receive(packets));
    std::vector<uint32_t> lengths;
    for (const Packet& packet : packets) lengths.push_back(packet.length);
    mempool::Pool::Free(packets);
    return lengths;
  }
  static uint64_t Counter(const Device& device, const std::string& name) {
    for (const NamedCounter& counter : device.ExtendedStats()) {
      if (counter.name == name) return counter.value;
    }
    ADD_FAILURE() << "no counter " << name;
    return 0;
  }
  std::vector<Packet> Packets(std::size_t count) {
    std::vector<Packet> packets = support::AllocatePackets(*pool_, count);
    for (std::size_t index = 0; index < count; ++index) support::WriteContents(packets[index], 60 + index, index);
    return packets;
  }
  void ExpectRecorded(std::size_t first, std::size_t count) {
    const absl::StatusOr<Capture> capture = Capture::Read(out_);
    ASSERT_TRUE(capture.ok()) << capture.status();
    ASSERT_EQ(capture->size(), first + count);
    for (std::size_t index = 0; index < count; ++index) {
      const auto bytes = capture->bytes(capture->record(first + index));
      ASSERT_EQ(bytes.size(), 60 + index);
      for (std::size_t at = 0; at < bytes.size(); ++at) ASSERT_EQ(bytes[at], support::ContentByte(index, at));
    }
  }

  const std::shared_ptr<mempool::Pool> pool_ = support::MakePool();
  const TemporaryFolder folder_;
  const std::string in_ = folder_.Path("in.pcap");
  const std::string out_ = folder_.Path("out.pcap");
};

TEST_F(PcapDevice, ReplaysOnceAndAgainAfterStart) {
  const auto device = Started("net_pcap0,rx_pcap=" + in_);
  ASSERT_TRUE(device);
  for (int round = 0; round < 2; ++round) {
    EXPECT_THAT(Lengths(*device, 2), ElementsAre(60u, 61u));
    EXPECT_THAT(Lengths(*device, 32), ElementsAre(62u));
    EXPECT_THAT(Lengths(*device, 32), ElementsAre());
    ASSERT_TRUE(device->Stop().ok());
    ASSERT_TRUE(device->Start().ok());
  }
  EXPECT_EQ(device->Stats().rx_packets, 6u);
  EXPECT_EQ(device->Stats().rx_bytes, 2u * (60 + 61 + 62));
  EXPECT_EQ(device->Stats().rx_nombuf, 0u);
}

TEST_F(PcapDevice, ReplaysForEver) {
  for (const char* const key : {",infinite_rx=1", ",loop=1", ",loop"}) {
    const auto device = Started("net_pcap0,rx_pcap=" + in_ + key);
    ASSERT_TRUE(device);
    EXPECT_THAT(Lengths(*device, 7), ElementsAre(60u, 61u, 62u, 60u, 61u, 62u, 60u));
    EXPECT_EQ(Counter(*device, "rx_q0_loops"), 2u);
  }
}

TEST_F(PcapDevice, OneFileAQueue) {
  const std::string other = folder_.Path("other.pcap");
  WritePcap(other, {std::vector<uint8_t>(100, 1)});
  const auto device = Started("net_pcap0,rx_pcap=" + in_ + ",rx_pcap=" + other, 2);
  ASSERT_TRUE(device);
  EXPECT_EQ(device->Info().maximum_rx_queues, 2u);
  EXPECT_THAT(Lengths(*device, 9, 1), ElementsAre(100u));
  EXPECT_THAT(Lengths(*device, 9, 0), ElementsAre(60u, 61u, 62u));
}

TEST_F(PcapDevice, OfACutFileTheWholePacketsAreReplayedAndTheReportSaysSo) {
  std::filesystem::resize_file(in_, std::filesystem::file_size(in_) - 1);
  const std::string whole = folder_.Path("whole.pcap");
  WritePcap(whole, {std::vector<uint8_t>(64, 1)});
  const auto device = Started("net_pcap0,rx_pcap=" + whole + ",rx_pcap=" + in_, 2);
  EXPECT_THAT(Lengths(*device, 10, 1), ElementsAre(60, 61));
  const std::vector<FeatureState> features = device->Features();
  ASSERT_EQ(features.size(), 1u);
  EXPECT_EQ(features[0].feature, kFeatureWholeCapture);
  EXPECT_EQ(features[0].queue, 1);
  EXPECT_EQ(features[0].got, "2 packets");
  EXPECT_FALSE(features[0].present);
  EXPECT_THAT(features[0].reason, HasSubstr("in.pcap: cut off in packet 3"));
  EXPECT_THAT(features[0].reason, HasSubstr("the 2 packets before are replayed"));
}

TEST_F(PcapDevice, QueuesShareAPipe) {
  const std::string pipe = folder_.Path("pipe");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  std::thread writer([&] { WriteFile(pipe, PcapngText({std::vector<uint8_t>(70, 1)})); });
  const auto device = Started("net_pcap0,rx_pcap=" + pipe + ",rx_pcap=" + pipe, 2);
  writer.join();
  for (const std::size_t queue : {0, 1}) EXPECT_THAT(Lengths(*device, 10, queue), ElementsAre(70));
}

TEST_F(PcapDevice, WhatDoesNotFitIsCountedByName) {
  WritePcap(in_, {std::vector<uint8_t>(1792, 1), std::vector<uint8_t>(1793, 1), {}, std::vector<uint8_t>(64, 1)}, {.extra_wire_length = 1});
  const auto device = Started("net_pcap0,rx_pcap=" + in_);
  ASSERT_TRUE(device);
  EXPECT_THAT(Lengths(*device, 32), ElementsAre(1792u, 64u));
  EXPECT_EQ(Counter(*device, "rx_q0_dropped_oversized"), 1u);
  EXPECT_EQ(Counter(*device, "rx_q0_dropped_empty"), 1u);
  EXPECT_EQ(Counter(*device, "rx_q0_cut_in_capture"), 2u);
  EXPECT_EQ(device->Stats().rx_errors, 2u);
}

TEST_F(PcapDevice, PacketsLongerThanAFrameHaveSeveralForWhoTakesThem) {
  const std::size_t room = pool_->maximum_length();
  std::vector<uint8_t> lengthy(2 * room + 10);
  for (std::size_t at = 0; at < lengthy.size(); ++at) lengthy[at] = static_cast<uint8_t>(at % 251);
  const std::vector<uint8_t> too_long(19 * room, 7);
  WritePcap(in_, {std::vector<uint8_t>(60, 1), lengthy, too_long, std::vector<uint8_t>(61, 2)});
  auto device = OpenDevice("net_pcap0,rx_pcap=" + in_);
  ASSERT_TRUE(device.ok()) << device.status();
  ASSERT_TRUE((*device)->Configure({.rx_queues = 1, .tx_queues = 1, .pool = pool_, .scattered = true}).ok());
  ASSERT_TRUE((*device)->Start().ok());
  EXPECT_TRUE((*device)->scattered());
  EXPECT_THAT(Lengths(**device, 3), ElementsAre(60u)) << "the second would be cut";
  std::vector<Packet> packets(18);
  ASSERT_EQ((*device)->rx_queue(0).Receive(packets), 4u);
  std::vector<uint8_t> bytes;
  for (std::size_t frame = 0; frame < 3; ++frame) {
    EXPECT_EQ(packets[frame].continues(), frame < 2);
    for (const std::byte byte : packets[frame].bytes()) bytes.push_back(static_cast<uint8_t>(byte));
  }
  EXPECT_EQ(bytes, lengthy);
  EXPECT_EQ(packets[3].length, 61u);
  mempool::Pool::Free(std::span(packets).first(4));
  EXPECT_THAT(Lengths(**device, 18), ElementsAre());
  EXPECT_EQ(Counter(**device, "rx_q0_dropped_oversized"), 1u);
  EXPECT_EQ((*device)->Stats().rx_packets, 3u);
  EXPECT_EQ((*device)->Stats().rx_bytes, 60 + 61 + lengthy.size());
  EXPECT_EQ((*device)->Stats().rx_packets + (*device)->Stats().rx_errors, 4u);
}

TEST_F(PcapDevice, ALoopOfNothingThatFitsReturns) {
  WritePcap(in_, {std::vector<uint8_t>(3000, 1)});
  const auto device = Started("net_pcap0,loop,rx_pcap=" + in_);
  ASSERT_TRUE(device);
  EXPECT_THAT(Lengths(*device, 32), ElementsAre());
  EXPECT_EQ(device->Stats().rx_errors, 32u);
}

TEST_F(PcapDevice, KeepsTheRate) {
  const auto device = Started("net_pcap0,loop,rate=20000,rx_pcap=" + in_);
  ASSERT_TRUE(device);
  const auto start = std::chrono::steady_clock::now();
  constexpr std::size_t kCount = 2000;
  std::size_t received = 0;
  while (received < kCount && std::chrono::steady_clock::now() - start < std::chrono::seconds(10)) {
    received += Lengths(*device, std::min<std::size_t>(32, kCount - received)).size();
  }
  const auto elapsed = std::chrono::steady_clock::now() - start;
  EXPECT_EQ(received, kCount);
  EXPECT_GE(elapsed, std::chrono::milliseconds(98)) << "2000 packets at 20000 a second; the port started a moment before";
}

TEST_F(PcapDevice, RecordsWholePackets) {
  const auto device = Started("net_pcap0,tx_pcap=" + out_);
  ASSERT_TRUE(device);
  EXPECT_EQ(device->tx_queue(0).Send(Packets(40)), 40u);
  EXPECT_TRUE(support::FramesAreFree(*pool_)) << "a recorded packet holds no frame";
  EXPECT_EQ(device->Stats().tx_pending, 40u);
  EXPECT_EQ(device->Stats().tx_packets, 0u);
  device->tx_queue(0).Send({});
  EXPECT_EQ(device->Stats().tx_pending, 0u);
  EXPECT_EQ(device->Stats().tx_packets, 40u);
  ExpectRecorded(0, 40);
}

TEST_F(PcapDevice, APacketThatADeviceStampedHasThatTime) {
  const auto device = Started("net_pcap0,tx_pcap=" + out_);
  ASSERT_TRUE(device);
  std::vector<Packet> packets = Packets(2);
  rx_metadata left{};
  left.timestamp_ns = 1'234'567'890'000'000'042;
  left.valid = RxMetadata::kTimestamp;
  left.mark = RX_METADATA_RECEIVED;
  std::memcpy(packets[0].data - sizeof(left), &left, sizeof(left));
  packets[0].flags = Packet::kRxMetadata;
  const std::size_t length = packets[0].length;
  EXPECT_EQ(device->tx_queue(0).Send(packets), 2u);
  ASSERT_TRUE(device->Stop().ok());
  // A file header of 24 bytes; of each packet seconds, nanoseconds, two lengths, and its bytes.
  std::ifstream file(out_, std::ios::binary);
  const auto word = [&file](std::size_t at) {
    uint32_t value = 0;
    file.seekg(static_cast<std::streamoff>(at));
    file.read(reinterpret_cast<char*>(&value), sizeof(value));
    return value;
  };
  EXPECT_EQ(word(24), 1'234'567'890u);
  EXPECT_EQ(word(28), 42u);
  EXPECT_GT(word(24 + 16 + length), 1'234'567'890u);
}

TEST_F(PcapDevice, GoesOnRecordingAfterStopAndConfigure) {
  const auto device = Started("net_pcap0,tx_pcap=" + out_);
  ASSERT_TRUE(device);
  device->tx_queue(0).Send(Packets(3));
  ASSERT_TRUE(device->Stop().ok());
  ExpectRecorded(0, 3);
  ASSERT_TRUE(device->Configure({.pool = pool_}).ok());
  ASSERT_TRUE(device->Start().ok());
  device->tx_queue(0).Send(Packets(2));
  ASSERT_TRUE(device->Stop().ok());
  ExpectRecorded(3, 2);
}

TEST_F(PcapDevice, ALongRecordingFlushesByItself) {
  const auto device = Started("net_pcap0,tx_pcap=" + out_);
  ASSERT_TRUE(device);
  for (int round = 0; round < 100; ++round) {
    std::vector<Packet> packets = support::AllocatePackets(*pool_, 32);
    for (Packet& packet : packets) support::WriteContents(packet, 1500, 1);
    ASSERT_EQ(device->tx_queue(0).Send(packets), 32u);
  }
  const QueueStats stats = device->Stats();
  EXPECT_EQ(stats.tx_packets + stats.tx_pending, 3200u);
  EXPECT_LT(stats.tx_pending, 100u);
  ASSERT_TRUE(device->Stop().ok());
  EXPECT_EQ(Capture::Read(out_)->size(), 3200u);
}

TEST_F(PcapDevice, AFullDiskIsADropWithANameAndAnErrorOfStop) {
  const auto device = Started("net_pcap0,tx_pcap=/dev/full");
  ASSERT_TRUE(device);
  EXPECT_EQ(device->tx_queue(0).Send(Packets(3)), 3u);
  device->tx_queue(0).Send({});
  EXPECT_EQ(device->tx_queue(0).Send(Packets(2)), 2u) << "the port goes on, and goes on counting";
  EXPECT_EQ(Counter(*device, "tx_q0_dropped_write_error"), 5u);
  EXPECT_EQ(device->Stats().tx_dropped, 5u);
  EXPECT_EQ(device->Stats().tx_packets, 0u);
  const absl::Status status = device->Stop();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(status.message(), "net_pcap0: write(/dev/full): No space left on device; 5 packets are not in the file");
}

TEST_F(PcapDevice, WithoutAFileThereIsNothingToReceiveAndNothingIsSent) {
  const auto source = Started("net_pcap0,rx_pcap=" + in_);
  ASSERT_TRUE(source);
  EXPECT_EQ(source->tx_queue(0).Send(Packets(2)), 2u);
  EXPECT_EQ(Counter(*source, "tx_q0_dropped_no_file"), 2u);
  const auto sink = Started("net_pcap1,tx_pcap=" + out_);
  ASSERT_TRUE(sink);
  EXPECT_THAT(Lengths(*sink, 4), ElementsAre());
}

TEST_F(PcapDevice, OpeningChangesNothing) {
  ASSERT_TRUE(OpenDevice("net_pcap0,tx_pcap=" + out_).ok());
  EXPECT_FALSE(std::filesystem::exists(out_));
}

TEST_F(PcapDevice, NamesWithCommas) {
  const std::string path = folder_.Path("a,b.pcap");
  WritePcap(path, {std::vector<uint8_t>(60, 1)});
  EXPECT_TRUE(OpenDevice("net_pcap0,rx_pcap=\"" + path + "\"").ok());
}

TEST_F(PcapDevice, BadArguments) {
  const std::string damaged = folder_.Path("damaged.pcap");
  WriteFile(damaged, PcapText({std::vector<uint8_t>(60, 1)}).substr(0, 70));
  const std::string none = folder_.Path("none.pcap");
  WritePcap(none, {});
  std::filesystem::create_hard_link(in_, folder_.Path("link.pcap"));
  const struct {
    std::string keys;
    const char* message;
  } cases[] = {{"", "net_pcap0: give rx_pcap=FILE, tx_pcap=FILE, or both"},
               {",iface=eth0", "net_pcap0: iface=eth0: this driver replays and records files; for an interface use net_af_xdp0,iface=eth0"},
               {",rx_iface=eth0,tx_iface=eth1", "use net_af_xdp0,iface=eth0"},
               {",rx_pcap=" + damaged, "net_pcap0: rx_pcap: "},
               {",rx_pcap=" + damaged, "packet 1 cannot be read"},
               {",rx_pcap=" + folder_.Path("missing"), "No such file or directory"},
               {",rx_pcap", "stat(): No such file or directory"},
               {",tx_pcap", "tx_pcap: must be the name of a file"},
               {",tx_pcap=" + folder_.Path(""), "is a folder"},
               {",tx_pcap=" + folder_.Path("no/such"), "No such file or directory"},
               {",rx_pcap=" + in_ + ",tx_pcap=" + in_, "would overwrite"},
               {",rx_pcap=" + in_ + ",tx_pcap=" + folder_.Path("link.pcap"), "would overwrite"},
               {",tx_pcap=" + out_ + ",tx_pcap=" + out_, "would overwrite"},
               {",infinite_rx=1,rx_pcap=" + none, "holds no packet to replay for ever"},
               {",rate=0,rx_pcap=" + in_, "rate=0: must be a number from 1 to"},
               {",loop=2,rx_pcap=" + in_, "loop=2: must be 0 or 1"}};
  for (const auto& bad : cases) {
    const absl::Status status = OpenDevice("net_pcap0" + bad.keys).status();
    EXPECT_FALSE(status.ok()) << bad.keys;
    EXPECT_THAT(status.message(), HasSubstr(bad.message)) << bad.keys;
  }
}

}  // namespace
}  // namespace pollux::pmd
