// SPDX-License-Identifier: Apache-2.0
#include "tools/performance/rig/source.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <numeric>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/tools/performance/rig/veth_fixture.h"
#include "tools/performance/rig/interface_counters.h"
#include "tools/performance/rig/sink.h"

namespace pollux::performance {
namespace {

using ::testing::HasSubstr;

class SourceTest : public VethFixture {
 protected:
  // The first frames at the other end of a source paced slowly enough for a packet socket.
  std::vector<std::vector<uint8_t>> Capture(const SourceOptions& options, size_t count) {
    const int descriptor = SocketIn(*right_, AF_PACKET, SOCK_RAW, htons(ETH_P_IP));
    const timeval timeout = {.tv_sec = 5, .tv_usec = 0};
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    auto source = Source::Create(*left_, options);
    EXPECT_TRUE(source.ok()) << source.status();
    std::vector<std::vector<uint8_t>> frames;
    if (!source.ok()) return frames;
    (*source)->SetRate(1000);
    while (frames.size() < count) {
      std::vector<uint8_t> frame(2000);
      const ssize_t bytes = recv(descriptor, frame.data(), frame.size(), 0);
      if (bytes <= 0) break;
      frame.resize(static_cast<size_t>(bytes));
      frames.push_back(std::move(frame));
    }
    close(descriptor);
    return frames;
  }

  // Sends at the full rate until `frames` are out, however long that takes on a busy machine.
  static SourceSnapshot SendAtFullRate(Source& source, uint64_t frames) {
    source.SetFullRate();
    AwaitSent(source, frames);
    source.Stop();
    return source.Read();
  }
  static SourceSnapshot AwaitSent(Source& source, uint64_t frames) {
    return ReadUntil([&] { return source.Read(); }, [&](const SourceSnapshot& sent) { return sent.frames >= frames; });
  }
};

template <typename Value>
Value FieldAt(const std::vector<uint8_t>& frame, size_t offset) {
  Value value;
  std::memcpy(&value, frame.data() + offset, sizeof value);
  return value;
}

// Of a right header: 0xffff.
uint32_t HeaderSum(const std::vector<uint8_t>& frame) {
  uint32_t sum = 0;
  for (size_t i = 14; i < 34; i += 2) sum += static_cast<uint32_t>(frame[i] << 8 | frame[i + 1]);
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

TEST_F(SourceTest, FramesAreRightAndTakeTheFlowsByTurns) {
  const auto frames = Capture({.interface = "plxsource", .frame_bytes = 128, .flow_count = 3}, 9);
  ASSERT_EQ(frames.size(), 9u);
  const uint64_t first = FieldAt<uint64_t>(frames[0], TRAFFIC_SEQUENCE_OFFSET);
  for (size_t i = 0; i < frames.size(); ++i) {
    ASSERT_EQ(frames[i].size(), 128u);
    EXPECT_EQ(HeaderSum(frames[i]), 0xffffu);
    EXPECT_EQ(FieldAt<uint32_t>(frames[i], TRAFFIC_MAGIC_OFFSET), TRAFFIC_MAGIC);
    EXPECT_EQ(FieldAt<uint64_t>(frames[i], TRAFFIC_SEQUENCE_OFFSET), first + i);
    EXPECT_EQ(FieldAt<uint64_t>(frames[i], TRAFFIC_TIME_OFFSET), 0u);
    const uint64_t flow = (first + i) % 3;
    EXPECT_EQ(ntohl(FieldAt<uint32_t>(frames[i], TRAFFIC_SOURCE_ADDRESS_OFFSET)), 0xc6120000u + flow);
    EXPECT_EQ(ntohs(FieldAt<uint16_t>(frames[i], TRAFFIC_SOURCE_PORT_OFFSET)), TRAFFIC_FIRST_PORT + flow);
    EXPECT_EQ(ntohs(FieldAt<uint16_t>(frames[i], 16)), 128u - 14);  // IPv4's total length
    EXPECT_EQ(ntohs(FieldAt<uint16_t>(frames[i], 38)), 128u - 34);  // UDP's length
  }
}

TEST_F(SourceTest, TimeStampsAreTaken) {
  const auto frames = Capture({.interface = "plxsource", .time_stamps = true}, 2);
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_GT(FieldAt<uint64_t>(frames[1], TRAFFIC_TIME_OFFSET), FieldAt<uint64_t>(frames[0], TRAFFIC_TIME_OFFSET));
}

TEST_F(SourceTest, AtFullRateEveryFrameArrivesInOrder) {
  auto sink = Sink::Create(*right_, {.interface = "plxsink", .inspect = true});
  ASSERT_TRUE(sink.ok()) << sink.status();
  auto source = Source::Create(*left_, {.interface = "plxsource", .flow_count = 1000, .time_stamps = true});
  ASSERT_TRUE(source.ok()) << source.status();
  const SourceSnapshot sent = SendAtFullRate(**source, 10000);
  EXPECT_GE(sent.frames, 10000u);
  EXPECT_EQ(sent.errors, 0u);
  auto received = ReadUntil([&] { return (*sink)->Read(); }, [&](const auto& read) { return !read.ok() || read->packets >= sent.frames; });
  ASSERT_TRUE(received.ok()) << received.status();
  EXPECT_EQ(received->packets, sent.frames);
  EXPECT_EQ(received->interface_packets, sent.frames);
  EXPECT_EQ(received->foreign, 0u);
  EXPECT_EQ(received->reordered, 0u);
  EXPECT_EQ(received->latency_ns.count(), sent.frames);
  const uint64_t sent_back = (sent.frames + TRAFFIC_FRAMES_A_RETURN - 1) / TRAFFIC_FRAMES_A_RETURN;
  EXPECT_EQ((*source)->Read().round_trip_ns.count(), sent_back);
  EXPECT_GT((*source)->Read().round_trip_ns.Percentile(0.5), received->latency_ns.Percentile(0.5));
}

class TwoQueueSourceTest : public VethFixture {
 protected:
  TwoQueueSourceTest() : VethFixture(/*queue_count=*/2) {}

  // By queue of the sink, as soon as there are `total`.
  std::vector<uint64_t> AwaitPackets(uint64_t total) {
    const auto counters = ReadUntil([&] { return ReadQueueCounters(*right_, "plxsink"); },
                                    [&](const auto& read) {
                                      if (!read.ok()) return true;
                                      const std::vector<uint64_t>& packets = read->at("xdp_packets");
                                      return std::accumulate(packets.begin(), packets.end(), uint64_t{0}) >= total;
                                    });
    EXPECT_TRUE(counters.ok()) << counters.status();
    return counters.ok() ? counters->at("xdp_packets") : std::vector<uint64_t>{};
  }
};

TEST_F(TwoQueueSourceTest, AFlowStaysInItsQueue) {
  auto sink = Sink::Create(*right_, {.interface = "plxsink", .inspect = true});
  ASSERT_TRUE(sink.ok()) << sink.status();
  uint64_t sent_before = 0, second_queue_before = 0;
  // A source leaves nothing behind: another one can follow.
  for (int source_number = 0; source_number < 2; ++source_number) {
    auto source = Source::Create(*left_, {.interface = "plxsource", .flow_count = 3, .queue_count = 2, .time_stamps = true});
    ASSERT_TRUE(source.ok()) << source.status();
    (*source)->SetFullRate();
    ReadUntil([&] { return (*source)->Read(); }, [](const SourceSnapshot& so_far) { return so_far.frames >= 1000; });
    (*source)->Stop();
    const SourceSnapshot sent = (*source)->Read();
    EXPECT_GT(sent.frames, 1u);
    EXPECT_EQ(sent.errors, 0u);
    const std::vector<uint64_t> packets = AwaitPackets(sent_before + sent.frames);
    ASSERT_EQ(packets.size(), 2u);
    EXPECT_EQ(packets[0] + packets[1] - sent_before, sent.frames);
    // Of the flows 0, 1 and 2 by turns: the middle one.
    EXPECT_EQ(packets[1] - second_queue_before, (sent.frames + 1) / 3);
    sent_before = packets[0] + packets[1];
    second_queue_before = packets[1];
  }
  auto received = (*sink)->Read();
  ASSERT_TRUE(received.ok()) << received.status();
  EXPECT_EQ(received->foreign, 0u);
  EXPECT_EQ(received->packets, sent_before);
}

// What falsified figures before: a program that is not in the dispatcher waits 20 to 40 ms in every call.
TEST_F(SourceTest, ACallDoesNotWaitForRcu) {
  auto sink = Sink::Create(*right_, {.interface = "plxsink"});
  ASSERT_TRUE(sink.ok()) << sink.status();
  auto source = Source::Create(*left_, {.interface = "plxsource", .frames_per_call = TRAFFIC_BATCH_FRAMES});
  ASSERT_TRUE(source.ok()) << source.status();
  const SourceSnapshot sent = SendAtFullRate(**source, 110 * TRAFFIC_BATCH_FRAMES);
  EXPECT_GT(sent.calls, 100u);
  EXPECT_GT(sent.gap_ns.count(), 100u);
  EXPECT_LT(sent.gap_ns.Percentile(0.5), 5000000u);
}

// Most of a call's cost is making its page pool: 64 frames a call reach less than half of the rate.
TEST_F(SourceTest, DeepCallsAreCheapAFrame) {
  auto sink = Sink::Create(*right_, {.interface = "plxsink"});
  ASSERT_TRUE(sink.ok()) << sink.status();
  double cpu_ns_per_frame[2];
  for (const bool deep : {false, true}) {
    auto source = Source::Create(*left_, {.interface = "plxsource", .frames_per_call = deep ? 4096u : 64u});
    ASSERT_TRUE(source.ok()) << source.status();
    const SourceSnapshot sent = SendAtFullRate(**source, 100000);
    cpu_ns_per_frame[deep] = static_cast<double>(sent.cpu_ns) / static_cast<double>(sent.frames);
  }
  EXPECT_LT(cpu_ns_per_frame[true], 0.7 * cpu_ns_per_frame[false]);
}

TEST_F(SourceTest, ThePausesOfAStreamAreThoseBetweenItsFrames) {
  auto source = Source::Create(*left_, {.interface = "plxsource"});
  ASSERT_TRUE(source.ok()) << source.status();
  const uint64_t frames = SendAtFullRate(**source, 10000).frames;
  EXPECT_NEAR(static_cast<double>((*source)->Read().gap_ns.count()), static_cast<double>(frames) / TRAFFIC_BATCH_FRAMES, 2);
  // A stop is no pause.
  std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  EXPECT_LT(SendAtFullRate(**source, frames + 10000).gap_ns.Maximum(), 1500000000u);
}

TEST_F(SourceTest, APacedSourceKeepsItsSchedule) {
  auto sink = Sink::Create(*right_, {.interface = "plxsink"});
  ASSERT_TRUE(sink.ok()) << sink.status();
  auto source = Source::Create(*left_, {.interface = "plxsource"});
  ASSERT_TRUE(source.ok()) << source.status();
  const SourceSnapshot begin = (*source)->Read();
  (*source)->SetRate(10000);
  const SourceSnapshot end = AwaitSent(**source, begin.frames + 5000);
  // Open loop: never more than the schedule says, and after a pause what it missed; how late that is depends on who else uses the CPU.
  const double seconds = static_cast<double>(end.time_ns - begin.time_ns) / 1e9;
  EXPECT_LE(static_cast<double>(end.frames - begin.frames), 10000 * seconds + 1);
  EXPECT_GT(static_cast<double>(end.frames - begin.frames), 10000 * seconds / 4);
}

TEST_F(SourceTest, RefusalsNameTheValue) {
  EXPECT_THAT(std::string(Source::Create(*left_, {.interface = "plxsource", .frame_bytes = 63}).status().message()),
              HasSubstr("64 to 1514"));
  EXPECT_THAT(std::string(Source::Create(*left_, {.interface = "plxsource", .flow_count = 0}).status().message()), HasSubstr("1 to 65536"));
  EXPECT_THAT(std::string(Source::Create(*left_, {.interface = "plxsource", .flow_count = 2, .queue_count = 3}).status().message()),
              HasSubstr("3 queues"));
  EXPECT_THAT(std::string(Source::Create(*left_, {.interface = "plxsource", .frames_per_call = 65537}).status().message()),
              HasSubstr("1 to 65536"));
  EXPECT_THAT(std::string(Source::Create(*left_, {.interface = "plxnone"}).status().message()), HasSubstr("plxnone"));
}

}  // namespace
}  // namespace pollux::performance
