// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "bpf/xdp_redirect.skel.h"
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

}  // namespace
}  // namespace pollux::bpf
