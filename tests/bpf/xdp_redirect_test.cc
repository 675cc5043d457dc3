// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "bpf/unique_fd.h"
#include "bpf/wake_stamps.h"
#include "bpf/xdp_redirect.skel.h"
#include "bpf/xdp_shared.h"
#include "lcore/cycle_clock.h"
#include "tests/bpf/program_runner.h"
#include "tests/bpf/unbound_socket.h"
#include "tests/support/packet_builder.h"

namespace pollux::bpf {
namespace {

using support::PacketBuilder;

TEST(XdpRedirectTest, ToTheQueuesSocketOrElseTheKernel) {
  if (!MayLoadPrograms()) GTEST_SKIP() << "loading XDP programs takes CAP_BPF and CAP_NET_ADMIN";
  xdp_redirect_bpf* skeleton = xdp_redirect_bpf::open_and_load();
  ASSERT_NE(skeleton, nullptr);
  int program = bpf_program__fd(skeleton->progs.pollux_redirect);
  std::vector<std::byte> packet = PacketBuilder().Ethernet().Ipv4().Udp().FillTo(60).Build();
  EXPECT_EQ(RunProgram(program, packet), XDP_PASS);
  {
    UnboundSocket socket;
    ASSERT_TRUE(socket.ok());
    uint32_t queue = 1;
    int fd = socket.fd();
    ASSERT_EQ(bpf_map_update_elem(bpf_map__fd(skeleton->maps.xsks_map), &queue, &fd, BPF_NOEXIST), 0);
    EXPECT_EQ(RunProgram(program, packet), XDP_PASS) << "queue 0 has none";
    queue = 0;
    ASSERT_EQ(bpf_map_update_elem(bpf_map__fd(skeleton->maps.xsks_map), &queue, &fd, BPF_NOEXIST), 0);
    EXPECT_EQ(RunProgram(program, packet), XDP_REDIRECT);
    EXPECT_EQ(RunProgram(program, PacketBuilder().Ethernet().Arp().Build()), XDP_REDIRECT);
    EXPECT_EQ(RunProgram(program, PacketBuilder().Ethernet().Build()), XDP_REDIRECT);
  }
  EXPECT_EQ(RunProgram(program, packet), XDP_PASS) << "the socket was closed";
  xdp_redirect_bpf::destroy(skeleton);
}

TEST(XdpRedirectTest, StampsTheFirstPacketOfAQueueThatIsArmed) {
  if (!MayLoadPrograms()) GTEST_SKIP() << "loading XDP programs takes CAP_BPF and CAP_NET_ADMIN";
  xdp_redirect_bpf* skeleton = xdp_redirect_bpf::open_and_load();
  ASSERT_NE(skeleton, nullptr);
  const int program = bpf_program__fd(skeleton->progs.pollux_redirect);
  const std::vector<std::byte> packet = PacketBuilder().Ethernet().Ipv4().Udp().FillTo(60).Build();
  {
    WakeStamps stamps(bpf_map__fd(skeleton->maps.wake_stamps));
    ASSERT_NE(stamps.At(POLLUX_MAXIMUM_QUEUES - 1), nullptr);
    EXPECT_EQ(stamps.At(POLLUX_MAXIMUM_QUEUES), nullptr);
    volatile uint64_t& stamp = *stamps.At(0);
    volatile uint64_t& other = *stamps.At(1);
    UnboundSocket socket;
    ASSERT_TRUE(socket.ok());
    const uint32_t queue = 0;
    const int fd = socket.fd();
    stamp = WAKE_STAMP_ARMED;
    EXPECT_EQ(RunProgram(program, packet), XDP_PASS);
    EXPECT_EQ(stamp, static_cast<uint64_t>(WAKE_STAMP_ARMED)) << "the kernel's packet";
    ASSERT_EQ(bpf_map_update_elem(bpf_map__fd(skeleton->maps.xsks_map), &queue, &fd, BPF_NOEXIST), 0);
    stamp = 0;
    EXPECT_EQ(RunProgram(program, packet), XDP_REDIRECT);
    EXPECT_EQ(stamp, 0u) << "nobody sleeps";
    stamp = WAKE_STAMP_ARMED;
    other = WAKE_STAMP_ARMED;
    const uint64_t before = lcore::MonotonicNanoseconds();
    EXPECT_EQ(RunProgram(program, packet), XDP_REDIRECT);
    const uint64_t first = stamp;
    EXPECT_GE(first, before);
    EXPECT_LE(first, lcore::MonotonicNanoseconds());
    EXPECT_EQ(other, static_cast<uint64_t>(WAKE_STAMP_ARMED)) << "of another queue";
    EXPECT_EQ(RunProgram(program, packet), XDP_REDIRECT);
    EXPECT_EQ(stamp, first) << "the second packet";
  }
  xdp_redirect_bpf::destroy(skeleton);
}

TEST(WakeStampsTest, ThereAreNoneWithoutAMapOfOurs) {
  EXPECT_EQ(WakeStamps(-1).At(0), nullptr);
  if (!MayLoadPrograms()) GTEST_SKIP() << "making maps takes CAP_BPF";
  LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
  const UniqueFd narrow(bpf_map_create(BPF_MAP_TYPE_ARRAY, "narrow", 4, 4, 8, &options));
  const UniqueFd kept(bpf_map_create(BPF_MAP_TYPE_ARRAY, "kept", 4, 8, 8, nullptr));
  for (const UniqueFd* map : {&narrow, &kept}) {
    ASSERT_TRUE(*map);
    EXPECT_EQ(WakeStamps(map->get()).At(0), nullptr);
  }
}

}  // namespace
}  // namespace pollux::bpf
