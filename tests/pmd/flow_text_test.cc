// SPDX-License-Identifier: Apache-2.0
#include "pmd/flow_text.h"

#include <arpa/inet.h>

#include <cstring>
#include <string>

#include <gtest/gtest.h>

namespace pollux::pmd {
namespace {

void Set(FlowMatch& match, __u32 (FlowKey::*field)[4], int family, const char* value, const char* mask) {
  inet_pton(family, value, match.value.*field);
  inet_pton(family, mask, match.mask.*field);
}

TEST(DescribeFlowMatchTest, EveryPacketIsNoWord) {
  EXPECT_EQ(DescribeFlowMatch({}), "");
}

TEST(DescribeFlowMatchTest, FieldsByNameAndMasksWhereTheyAreNotWhole) {
  FlowMatch match;
  match.value.port = 3;
  match.mask.port = ~0u;
  match.value.ether_type = htons(0x0800);
  match.mask.ether_type = 0xffff;
  match.value.protocol = 17;
  match.mask.protocol = 0xff;
  match.value.destination_port = htons(4096);
  match.mask.destination_port = htons(0xf000);
  Set(match, &FlowKey::source, AF_INET, "10.1.0.0", "255.255.0.0");
  Set(match, &FlowKey::destination, AF_INET, "10.0.0.2", "255.255.255.255");
  EXPECT_EQ(DescribeFlowMatch(match),
            "port=3 ether_type=0x0800 protocol=17 source=10.1.0.0/255.255.0.0 destination=10.0.0.2 destination_port=4096/61440");
}

TEST(DescribeFlowMatchTest, MacAddressesTagsAndFlags) {
  FlowMatch match;
  std::memset(match.mask.destination_mac, 0xff, 6);
  match.value.destination_mac[5] = 7;
  match.mask.source_mac[0] = 1;
  match.value.tag[0] = htons(FLOW_TAG_PRESENT | 5);
  match.mask.tag[0] = htons(FLOW_TAG_PRESENT | 0xfff);
  match.value.tcp_flags = htons(2);
  match.mask.tcp_flags = htons(0xfff);
  EXPECT_EQ(DescribeFlowMatch(match),
            "destination_mac=00:00:00:00:00:07 source_mac=00:00:00:00:00:00/01:00:00:00:00:00 tag=0x1005/0x1fff tcp_flags=0x0002/0x0fff");
}

TEST(DescribeFlowMatchTest, LongAddresses) {
  FlowMatch match;
  match.value.ether_type = htons(0x86dd);
  match.mask.ether_type = 0xffff;
  Set(match, &FlowKey::destination, AF_INET6, "fd00::1", "ffff::");
  match.value.destination[3] = 0;
  EXPECT_EQ(DescribeFlowMatch(match), "ether_type=0x86dd destination=fd00::/ffff::");
  Set(match, &FlowKey::source, AF_INET6, "fd00::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
  EXPECT_EQ(DescribeFlowMatch(match), "ether_type=0x86dd source=fd00::1 destination=fd00::/ffff::");
  FlowMatch of_any_type;
  Set(of_any_type, &FlowKey::destination, AF_INET6, "fd00::2", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
  EXPECT_EQ(DescribeFlowMatch(of_any_type), "destination=fd00::2");
}

}  // namespace
}  // namespace pollux::pmd
