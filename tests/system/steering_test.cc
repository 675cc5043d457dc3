// SPDX-License-Identifier: Apache-2.0
// --steer: chosen traffic is ours, the kernel keeps the rest of the port's.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/system/forwarding_test.h"

namespace pollux::system_tests {
namespace {

using std::chrono::milliseconds;

constexpr char kPortIpv4[] = "10.77.0.100";
constexpr char kPortIpv6[] = "fd77::100";

class SteeringTest : public ForwardingTest {
 protected:
  // The switch's kernel has an address on port 0, that client 0 knows without asking.
  void BuildRigWithPortAddress() {
    ASSERT_NO_FATAL_FAILURE(BuildRig());
    ShareThePorts();
    ASSERT_OK(support::RunSuccessfully({"ip", "address", "add", "10.77.0.100/24", "dev", "p0"}, &rig().switch_namespace()));
    ASSERT_OK(support::RunSuccessfully({"ip", "neighbour", "add", VethRig::ClientIpv4(0), "lladdr", VethRig::ClientMac(0), "dev", "p0"},
                                       &rig().switch_namespace()));
    ASSERT_OK(
        support::RunSuccessfully({"ip", "neighbour", "add", kPortIpv4, "lladdr", VethRig::PortMac(0), "dev", "c0"}, &rig().client(0)));
  }

  FrameSocket::Frame Datagram(uint16_t port) {
    return PacketBuilder().Ethernet(Between(0, 1)).Ipv4().Udp({.source = 5555, .destination = port}).Payload(40).Build();
  }

  void ExpectNoArrival(const FrameSocket::Frame& frame) {
    Socket(1);
    ASSERT_OK(Socket(0).Send(frame));
    const auto arrived = Socket(1).Receive([&](const auto& candidate) { return candidate == frame; }, milliseconds(300));
    EXPECT_FALSE(arrived.ok()) << "a frame got through that was not ours\n" << Transcript();
  }

  // A TCP connection from client 0 to a listener of the switch's kernel.
  bool ConnectsToTheSwitch(uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    inet_pton(AF_INET, kPortIpv4, &address.sin_addr);
    return Connects(reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  }
  bool ConnectsToTheSwitchByIpv6(uint16_t port) {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(port);
    inet_pton(AF_INET6, kPortIpv6, &address.sin6_addr);
    return Connects(reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  }

 private:
  bool Connects(const sockaddr* generic, socklen_t length) {
    const int listener = SocketIn(rig().switch_namespace(), generic->sa_family), client = SocketIn(rig().client(0), generic->sa_family);
    const timeval patience{.tv_sec = 1, .tv_usec = 0};  // of connect()
    setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    const bool connected = bind(listener, generic, length) == 0 && listen(listener, 1) == 0 && connect(client, generic, length) == 0;
    close(client);
    close(listener);
    return connected;
  }

  static int SocketIn(const support::NetworkNamespace& network, int family) {
    const auto scope = support::NamespaceScope::Enter(network);
    EXPECT_TRUE(scope.ok()) << scope.status();
    const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    return fd;
  }
};

TEST_F(SteeringTest, OnlyTheDatagramsOfOnePortAreOurs) {
  ASSERT_NO_FATAL_FAILURE(BuildRigWithPortAddress());
  ASSERT_NO_FATAL_FAILURE(StartForwarding({.options = {"--forward-mode=io", "--steer", "udp dst 4789"}}));
  ExpectArrival(0, 1, Datagram(4789), Datagram(4789));
  ExpectNoArrival(Datagram(4790));
  Ping(0, kPortIpv4);
  EXPECT_TRUE(ConnectsToTheSwitch(80)) << Transcript();
  StopForwarding();
  EXPECT_EQ(account().ports[0].received, 1u);
}

TEST_F(SteeringTest, EverythingButSshIsOurs) {
  ASSERT_NO_FATAL_FAILURE(BuildRigWithPortAddress());
  ASSERT_NO_FATAL_FAILURE(StartForwarding({.options = {"--forward-mode=io", "--steer", "not tcp port 22"}}));
  ExpectArrival(0, 1, Datagram(4789), Datagram(4789));
  PingBothWays();
  EXPECT_TRUE(ConnectsToTheSwitch(22)) << Transcript();
  EXPECT_FALSE(ConnectsToTheSwitch(80)) << "these packets are ours\n" << Transcript();
  StopForwarding();
}

// The rules of docs/steering.md for ssh: addresses are asked for by ARP over IPv4, by ICMPv6 over IPv6. Nobody knows a neighbour before.
TEST_F(SteeringTest, TheDocumentedRulesForSshWorkOverBothFamilies) {
  ASSERT_NO_FATAL_FAILURE(BuildRig());
  ShareThePorts();
  ASSERT_OK(support::RunSuccessfully({"ip", "address", "add", "10.77.0.100/24", "dev", "p0"}, &rig().switch_namespace()));
  ASSERT_OK(support::RunSuccessfully({"sysctl", "-qw", "net.ipv6.conf.p0.disable_ipv6=0"}, &rig().switch_namespace()));
  ASSERT_OK(support::RunSuccessfully({"ip", "address", "add", "fd77::100/64", "dev", "p0", "nodad"}, &rig().switch_namespace()));
  ASSERT_NO_FATAL_FAILURE(
      StartForwarding({.options = {"--forward-mode=io", "--steer", "not tcp port 22", "--steer", "not arp", "--steer", "not icmp6"}}));
  ASSERT_OK(support::RunSuccessfully({"ip", "neighbour", "flush", "all"}, &rig().client(0)));
  EXPECT_TRUE(ConnectsToTheSwitch(22)) << Transcript();
  EXPECT_TRUE(ConnectsToTheSwitchByIpv6(22)) << Transcript();
  EXPECT_FALSE(ConnectsToTheSwitchByIpv6(80)) << "these packets are ours\n" << Transcript();
  StopForwarding();
}

}  // namespace
}  // namespace pollux::system_tests
