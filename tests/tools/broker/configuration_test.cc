// SPDX-License-Identifier: Apache-2.0
#include "tools/broker/configuration.h"

#include <string>

#include <gtest/gtest.h>

#include "pmd/af_xdp/broker_protocol.h"

namespace pollux::broker {
namespace {

namespace protocol = pmd::af_xdp::broker;

TEST(ConfigurationTest, GrantsByUserGroupAndControlGroup) {
  const auto configuration = Configuration::Parse(R"({
    "socket": "/run/x.sock",
    "clients": [
      {"users": ["root", 1000], "ports": [{"interface": "p0", "queues": "2-5", "allow": ["mtu", "steer"], "memory_mib": 8}]},
      {"groups": [77], "ports": [{"interface": "p0"}, {"interface": "p1", "queues": 3}]},
      {"cgroups": ["/pods/"], "users": [1001], "ports": [{"interface": "p2"}]}
    ]})");
  ASSERT_TRUE(configuration.ok()) << configuration.status();
  EXPECT_EQ(configuration->socket(), "/run/x.sock");
  EXPECT_EQ(configuration->handshake().count(), 10);
  EXPECT_EQ(configuration->idle().count(), 300);
  EXPECT_EQ(configuration->Interfaces(), (std::vector<std::string>{"p0", "p1", "p2"}));

  const auto by_user = configuration->Find({.user = 1000}, "p0");
  ASSERT_TRUE(by_user);
  EXPECT_EQ(by_user->first_queue, 2u);
  EXPECT_EQ(by_user->queues, 4u);
  EXPECT_EQ(by_user->grants, uint32_t{protocol::kMaySetMtu | protocol::kMaySteer});
  EXPECT_EQ(by_user->most_memory, std::size_t{8} << 20);
  EXPECT_FALSE(configuration->Find({.user = 1000}, "p1"));

  const auto by_group = configuration->Find({.user = 5, .groups = {4, 77}}, "p1");
  ASSERT_TRUE(by_group);
  EXPECT_EQ(by_group->first_queue, 3u);
  EXPECT_EQ(by_group->queues, 1u);
  EXPECT_EQ(by_group->grants, 0u);

  EXPECT_TRUE(configuration->Find({.user = 1001, .cgroup = "/pods/a"}, "p2"));
  EXPECT_TRUE(configuration->Find({.user = 1001, .cgroup = "/pods"}, "p2"));
  EXPECT_FALSE(configuration->Find({.user = 1001, .cgroup = "/podsx"}, "p2"));
  EXPECT_FALSE(configuration->Find({.user = 1002, .cgroup = "/pods"}, "p2"));
  EXPECT_FALSE(configuration->Knows({.user = 1002, .cgroup = "/pods"}));
}

TEST(ConfigurationTest, ErrorsNameThePlaceAndWhatIsAllowedThere) {
  const struct {
    const char* text;
    const char* place;
    const char* allowed;
  } wrong[] = {
      {"{", "not JSON", ""},
      {"[]", "configuration", "object"},
      {"{}", "configuration", "clients or device_plugin"},
      {R"({"client": []})", "configuration.client", "socket, clients, device_plugin, handshake_seconds"},
      {R"({"clients": {}})", "configuration.clients", "a list"},
      {R"({"clients": [{"ports": [{"interface": "p0"}]}]})", "configuration.clients[0]", "users, groups or cgroups"},
      {R"({"clients": [{"users": [0]}]})", "configuration.clients[0].ports", "at least one port"},
      {R"({"clients": [{"users": ["plx-nobody"], "ports": []}]})", "configuration.clients[0].users[0]", "there is no user 'plx-nobody'"},
      {R"({"clients": [{"users": [-1], "ports": []}]})", "configuration.clients[0].users[0]", "name or number"},
      {R"({"clients": [{"users": [0], "ports": [{"interface": "seventeen-letters"}]}]})", "ports[0].interface", "too long"},
      {R"({"clients": [{"users": [0], "ports": [{"interface": "p0", "queues": "3-1"}]}]})", "ports[0].queues", "a range of queues"},
      {R"({"clients": [{"users": [0], "ports": [{"interface": "p0", "queues": "0-1024"}]}]})", "ports[0].queues", "below 1024"},
      {R"({"clients": [{"users": [0], "ports": [{"interface": "p0", "queues": "0-"}]}]})", "ports[0].queues", "a range of queues"},
      {R"({"clients": [{"users": [0], "ports": [{"interface": "p0", "allow": ["root"]}]}]})", "ports[0].allow[0]", "busy_poll, steer"},
      {R"({"clients": [{"users": [0], "ports": [{"interface": "p0", "memory_mib": 512}]}]})", "ports[0].memory_mib", "1 to 511"},
      {R"({"clients": [{"cgroups": ["x"], "ports": [{"interface": "p0"}]}]})", "cgroups[0]", "control group"},
      {R"({"device_plugin": [{"interface": "p0"}]})", "device_plugin[0].user", "who may use it"},
      {R"({"device_plugin": [{"interface": "p0", "user": 0, "folder": "x"}]})", "device_plugin[0].folder", "begins with /"},
      {R"({"handshake_seconds": 0})", "configuration.handshake_seconds", "1 to 3600"},
      {R"({"idle_seconds": 3601})", "configuration.idle_seconds", "1 to 3600"},
      {R"({"device_plugin": [{"interface": "p0", "user": 0, "idle_seconds": "x"}]})", "device_plugin[0].idle_seconds", "1 to 3600"},
      {R"({"socket": "x", "device_plugin": [{"interface": "p0", "user": 0}]})", "configuration.socket", "begins with /"},
  };
  for (const auto& [text, place, allowed] : wrong) {
    const auto configuration = Configuration::Parse(text);
    ASSERT_FALSE(configuration.ok()) << text;
    EXPECT_NE(configuration.status().message().find(place), absl::string_view::npos) << configuration.status();
    EXPECT_NE(configuration.status().message().find(allowed), absl::string_view::npos) << configuration.status();
  }
}

}  // namespace
}  // namespace pollux::broker
