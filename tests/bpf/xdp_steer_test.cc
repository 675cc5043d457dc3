// SPDX-License-Identifier: Apache-2.0
// The steering rules, packet by packet, through the program that the kernel runs. What a packet holds: parsing_test.cc.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/bpf/steer_fixture.h"

namespace pollux::bpf {
namespace {

TEST_F(XdpSteerTest, UdpDestinationPort) {
  Load({"udp dst 4789"});
  EXPECT_TRUE(Ours(Ethernet().Ipv4().Udp({.destination = 4789})));
  EXPECT_TRUE(Ours(Ethernet().Ipv6().Udp({.destination = 4789})));
  EXPECT_TRUE(Ours(Ethernet().Vlan(5).Ipv4().Udp({.destination = 4789})));
  EXPECT_TRUE(Ours(Ethernet().Vlan(5).Vlan(6).Ipv6().Udp({.destination = 4789})));
  EXPECT_FALSE(Ours(Ethernet().Ipv4().Udp({.source = 4789})));
  EXPECT_FALSE(Ours(Ethernet().Ipv4().Udp({.destination = 4788})));
  EXPECT_FALSE(Ours(Ethernet().Ipv4().Tcp({.destination = 4789})));
  EXPECT_FALSE(Ours(Ethernet().Arp()));
  EXPECT_EQ(Passed(), 4u);
}

TEST_F(XdpSteerTest, PortsOfEitherEndAndProtocol) {
  Load({"udp port 53"});
  EXPECT_TRUE(Ours(Ethernet().Ipv4().Udp({.source = 53})));
  EXPECT_TRUE(Ours(Ethernet().Ipv4().Udp({.destination = 53})));
  EXPECT_FALSE(Ours(Ethernet().Ipv4().Tcp({.destination = 53})));
  Load({"tcp src 80"});
  EXPECT_TRUE(Ours(Ethernet().Ipv4().Tcp({.source = 80})));
  EXPECT_FALSE(Ours(Ethernet().Ipv4().Tcp({.destination = 80})));
  Load({"dst port 80"});
  EXPECT_TRUE(Ours(Ethernet().Ipv4().Tcp({.destination = 80})));
  EXPECT_TRUE(Ours(Ethernet().Ipv6().Udp({.destination = 80})));
  EXPECT_FALSE(Ours(Ethernet().Ipv6().Udp({.source = 80})));
  EXPECT_FALSE(Ours(Ethernet().Ipv4({.protocol = 132}).Payload(std::string("\0\x50\0\x50", 4)))) << "SCTP";
}

TEST_F(XdpSteerTest, Protocols) {
  Load({"udp"});
  EXPECT_TRUE(Ours(Ethernet().Ipv4().Udp()));
  EXPECT_TRUE(Ours(Ethernet().Ipv6().Udp()));
  EXPECT_FALSE(Ours(Ethernet().Ipv4().Tcp()));
  Load({"icmp"});
  EXPECT_TRUE(Ours(Ethernet().Ipv4().Icmp()));
  EXPECT_FALSE(Ours(Ethernet().Ipv6().Icmp6()));
  EXPECT_FALSE(Ours(Ethernet().Ipv6({.next_header = 1}).Payload(8))) << "ICMP is IPv4's";
  Load({"icmp6"});
  EXPECT_TRUE(Ours(Ethernet().Ipv6().Icmp6()));
  EXPECT_FALSE(Ours(Ethernet().Ipv4().Icmp()));
  Load({"ip proto 47"});
  EXPECT_TRUE(Ours(Ethernet().Ipv4({.protocol = 47}).Payload(20)));
  EXPECT_FALSE(Ours(Ethernet().Ipv6({.next_header = 47}).Payload(20)));
  Load({"proto 47"});
  EXPECT_TRUE(Ours(Ethernet().Ipv6({.next_header = 47}).Payload(20)));
  Load({"ip proto 0"});
  EXPECT_TRUE(Ours(Ethernet().Ipv4({.protocol = 0}).Payload(20)));
  Load({"proto 0"});
  EXPECT_FALSE(Ours(Ethernet().Arp())) << "an unknown protocol is not protocol 0";
}

TEST_F(XdpSteerTest, EtherTypesAndFamilies) {
  Load({"arp"});
  EXPECT_TRUE(Ours(Ethernet().Arp()));
  EXPECT_TRUE(Ours(Ethernet().Vlan(9).Arp()));
  EXPECT_FALSE(Ours(Ethernet().Ipv4().Udp()));
  Load({"ip"});
  EXPECT_TRUE(Ours(Ethernet().Ipv4().Udp()));
  EXPECT_FALSE(Ours(Ethernet().Ipv6().Udp()));
  Load({"ip6"});
  EXPECT_TRUE(Ours(Ethernet().Ipv6().Udp()));
  EXPECT_FALSE(Ours(Ethernet().Ipv4().Udp()));
  Load({"ether proto 0x88cc"});
  EXPECT_TRUE(Ours(PacketBuilder().Ethernet({.ether_type = 0x88cc}).Payload(30)));
  EXPECT_FALSE(Ours(Ethernet().Arp()));
}

TEST_F(XdpSteerTest, EthernetAddresses) {
  auto packet = [](const char* source, const char* destination) {
    return PacketBuilder().Ethernet({.source = source, .destination = destination}).Ipv4().Udp();
  };
  Load({"ether dst 02:00:00:00:0a:ff"});
  EXPECT_TRUE(Ours(packet("02:00:00:00:00:01", "02:00:00:00:0a:ff")));
  EXPECT_FALSE(Ours(packet("02:00:00:00:0a:ff", "02:00:00:00:00:01")));
  EXPECT_FALSE(Ours(packet("02:00:00:00:00:01", "02:00:00:00:0a:fe")));
  EXPECT_FALSE(Ours(packet("02:00:00:00:00:01", "82:00:00:00:0a:ff")));
  Load({"ether src 02:00:00:00:0A:FF"});
  EXPECT_TRUE(Ours(packet("02:00:00:00:0a:ff", "02:00:00:00:00:01")));
  EXPECT_FALSE(Ours(packet("02:00:00:00:00:01", "02:00:00:00:0a:ff")));
  Load({"ether host ff:80:00:80:00:80"});
  EXPECT_TRUE(Ours(packet("ff:80:00:80:00:80", "02:00:00:00:00:01")));
  EXPECT_TRUE(Ours(packet("02:00:00:00:00:01", "ff:80:00:80:00:80")));
}

TEST_F(XdpSteerTest, VlanTags) {
  Load({"vlan 100"});
  EXPECT_TRUE(Ours(Ethernet().Vlan(100).Ipv4().Udp()));
  EXPECT_TRUE(Ours(Ethernet().Vlan(100, {.priority = 7}).Arp()));
  EXPECT_TRUE(Ours(Ethernet().Vlan(100, {.tag_protocol = 0x88a8}).Arp()));
  EXPECT_TRUE(Ours(Ethernet().Vlan(7, {.tag_protocol = 0x88a8}).Vlan(100).Arp()));
  EXPECT_FALSE(Ours(Ethernet().Vlan(7).Vlan(8).Vlan(100).Arp())) << "two tags are read";
  EXPECT_FALSE(Ours(Ethernet().Vlan(101).Ipv4().Udp()));
  EXPECT_FALSE(Ours(Ethernet().Ipv4().Udp()));
  Load({"vlan"});
  EXPECT_TRUE(Ours(Ethernet().Vlan(0).Ipv4().Udp()));
  EXPECT_FALSE(Ours(Ethernet().Ipv4().Udp()));
  Load({"vlan 0"});
  EXPECT_TRUE(Ours(Ethernet().Vlan(0).Ipv4().Udp()));
  EXPECT_FALSE(Ours(Ethernet().Ipv4().Udp())) << "no tag is not tag 0";
  EXPECT_FALSE(Ours(Ethernet().Vlan(5).Ipv4().Udp())) << "no second tag is not tag 0";
}

TEST_F(XdpSteerTest, Networks) {
  Load({"dst net 10.1.0.0/16"});
  EXPECT_TRUE(Ours(Ethernet().Ipv4({.destination = "10.1.255.1"}).Udp()));
  EXPECT_FALSE(Ours(Ethernet().Ipv4({.destination = "10.2.0.0"}).Udp()));
  EXPECT_FALSE(Ours(Ethernet().Ipv4({.source = "10.1.0.1"}).Udp()));
  EXPECT_FALSE(Ours(Ethernet().Ipv6({.destination = "a01::1"}).Udp())) << "0a01 as well, but not IPv4";
  Load({"src net 2001:db8::/33"});
  EXPECT_TRUE(Ours(Ethernet().Ipv6({.source = "2001:db8:7fff::1"}).Udp()));
  EXPECT_FALSE(Ours(Ethernet().Ipv6({.source = "2001:db8:8000::1"}).Udp()));
  EXPECT_FALSE(Ours(Ethernet().Ipv6({.source = "fe80::1", .destination = "2001:db8::1"}).Udp()));
  Load({"host 2001:db8::7"});
  EXPECT_TRUE(Ours(Ethernet().Ipv6({.destination = "2001:db8::7"}).Udp()));
  EXPECT_TRUE(Ours(Ethernet().Ipv6({.source = "2001:db8::7"}).Udp()));
  EXPECT_FALSE(Ours(Ethernet().Ipv6({.source = "2001:db8::6", .destination = "2001:db8::8"}).Udp()));
  Load({"net 0.0.0.0/0"});
  EXPECT_TRUE(Ours(Ethernet().Ipv4().Udp()));
  EXPECT_FALSE(Ours(Ethernet().Ipv6().Udp()));
  EXPECT_FALSE(Ours(Ethernet().Arp()));
}

TEST_F(XdpSteerTest, NegatedRulesLeaveTheRestToUs) {
  Load({"not tcp port 22", "not arp"});
  EXPECT_FALSE(Ours(Ethernet().Ipv4().Tcp({.destination = 22})));
  EXPECT_FALSE(Ours(Ethernet().Ipv6().Tcp({.source = 22})));
  EXPECT_FALSE(Ours(Ethernet().Arp()));
  EXPECT_TRUE(Ours(Ethernet().Ipv4().Tcp({.destination = 23})));
  EXPECT_TRUE(Ours(Ethernet().Ipv4().Udp({.destination = 22})));
  EXPECT_TRUE(Ours(PacketBuilder().Ethernet({.ether_type = 0x1234}).Payload(46)));
  EXPECT_EQ(Passed(), 3u);
}

TEST_F(XdpSteerTest, PositiveRulesAreAlternativesAndANegatedOneWins) {
  Load({"udp dst 4789", "not src net 10.9.0.0/16", "icmp"});
  EXPECT_TRUE(Ours(Ethernet().Ipv4().Udp({.destination = 4789})));
  EXPECT_TRUE(Ours(Ethernet().Ipv4().Icmp()));
  EXPECT_FALSE(Ours(Ethernet().Ipv4({.source = "10.9.1.1"}).Udp({.destination = 4789})));
  EXPECT_FALSE(Ours(Ethernet().Ipv4({.source = "10.9.1.1"}).Icmp()));
  EXPECT_FALSE(Ours(Ethernet().Ipv4().Tcp())) << "with a positive rule, the rest is the kernel's";
  // Wherever the program meets the negated rule among the others.
  Load({"not udp", "net 10.0.0.0/8"});
  EXPECT_FALSE(Ours(Ethernet().Ipv4().Udp()));
  Load({"udp", "not net 10.0.0.0/8"});
  EXPECT_FALSE(Ours(Ethernet().Ipv4().Udp()));
}

TEST_F(XdpSteerTest, ConditionsOfARuleMustAllHold) {
  Load({"vlan 7 and udp dst 4789 and dst net 10.0.0.0/8 and ether src 02:00:00:00:00:01"});
  EXPECT_TRUE(Ours(Ethernet().Vlan(7).Ipv4().Udp({.destination = 4789})));
  EXPECT_FALSE(Ours(Ethernet().Vlan(8).Ipv4().Udp({.destination = 4789})));
  EXPECT_FALSE(Ours(Ethernet().Vlan(7).Ipv4().Udp({.destination = 4790})));
  EXPECT_FALSE(Ours(Ethernet().Vlan(7).Ipv4({.destination = "11.0.0.1"}).Udp({.destination = 4789})));
  EXPECT_FALSE(Ours(PacketBuilder().Ethernet({.source = "02:00:00:00:00:03"}).Vlan(7).Ipv4().Udp({.destination = 4789})));
  Load({"not (tcp dst 22 and src net 10.0.0.0/8)"});
  EXPECT_FALSE(Ours(Ethernet().Ipv4().Tcp({.destination = 22})));
  EXPECT_TRUE(Ours(Ethernet().Ipv4({.source = "11.0.0.1"}).Tcp({.destination = 22})));
}

TEST_F(XdpSteerTest, SixteenRulesOfFourConditionsLoadAndWork) {
  std::vector<std::string> rules;
  for (int i = 0; i < STEER_MAXIMUM_RULES; ++i) {
    rules.push_back("udp dst " + std::to_string(1000 + i) + " and net 2001:db8::/32 and vlan and ether host 02:00:00:00:00:01");
  }
  Load(rules);
  for (int i = 0; i < STEER_MAXIMUM_RULES; ++i) {
    EXPECT_TRUE(Ours(Ethernet().Vlan(1).Ipv6().Udp({.destination = static_cast<uint16_t>(1000 + i)}))) << i;
  }
  EXPECT_FALSE(Ours(Ethernet().Vlan(1).Ipv6().Udp({.destination = 1000 + STEER_MAXIMUM_RULES})));
}

}  // namespace
}  // namespace pollux::bpf
