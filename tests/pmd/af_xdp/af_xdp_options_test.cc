// SPDX-License-Identifier: Apache-2.0
#include "pmd/af_xdp/af_xdp_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pollux::pmd::af_xdp {
namespace {

using testing::HasSubstr;

absl::StatusOr<AfXdpOptions> Parse(absl::string_view text) {
  auto arguments = DeviceArguments::Parse(text);
  if (!arguments.ok()) return arguments.status();
  return ParseAfXdpOptions(*arguments);
}

TEST(AfXdpOptions, DefaultsAreTheCarefulChoice) {
  const auto options = Parse("net_af_xdp0,iface=eth1");
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->interface, "eth1");
  EXPECT_EQ(options->start_queue, 0u);
  EXPECT_EQ(options->queue_count, std::nullopt);
  EXPECT_EQ(options->copy_mode, CopyMode::kAutomatic);
  EXPECT_TRUE(options->need_wakeup);
  EXPECT_EQ(options->busy_polling.budget, 0u);
  EXPECT_EQ(options->program.mode, bpf::AttachMode::kAutomatic);
  EXPECT_EQ(options->rx_checksum, ChecksumPolicy::kAutomatic);
  EXPECT_TRUE(options->program.steer.empty());
}

TEST(AfXdpOptions, DpdksArgumentsMeanWhatTheyMeanThere) {
  const auto options =
      Parse("net_af_xdp0,iface=p0,start_queue=2,queue_count=3,busy_budget=32,force_copy=1,shared_umem=1,mode=skb,xdp_prog=/tmp/x.o");
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->start_queue, 2u);
  EXPECT_EQ(options->queue_count, 3u);
  EXPECT_EQ(options->busy_polling.budget, 32u);
  EXPECT_EQ(options->copy_mode, CopyMode::kCopy);
  EXPECT_EQ(options->program.mode, bpf::AttachMode::kGeneric);
  EXPECT_EQ(options->program.object_file, "/tmp/x.o");
}

TEST(AfXdpOptions, ChecksumsAreCompletedOrKept) {
  EXPECT_EQ(Parse("net_af_xdp0,iface=p0,rx_checksum=complete")->rx_checksum, ChecksumPolicy::kComplete);
  EXPECT_EQ(Parse("net_af_xdp0,iface=p0,rx_checksum=keep")->rx_checksum, ChecksumPolicy::kKeep);
  EXPECT_TRUE(CompletesChecksums(*Parse("net_af_xdp0,iface=p0"), "veth"));
  EXPECT_FALSE(CompletesChecksums(*Parse("net_af_xdp0,iface=p0"), "igb"));
  EXPECT_TRUE(CompletesChecksums(*Parse("net_af_xdp0,iface=p0,rx_checksum=complete"), "igb"));
  EXPECT_FALSE(CompletesChecksums(*Parse("net_af_xdp0,iface=p0,rx_checksum=keep"), "veth"));
}

TEST(AfXdpOptions, PacketsOfSeveralFrames) {
  EXPECT_EQ(Parse("net_af_xdp0,iface=p0")->scatter, ScatterPolicy::kAutomatic);
  EXPECT_FALSE(Parse("net_af_xdp0,iface=p0,rx_metadata=auto")->rx_metadata.has_value());
  EXPECT_EQ(Parse("net_af_xdp0,iface=p0,rx_metadata=off")->rx_metadata, 0u);
  EXPECT_EQ(Parse("net_af_xdp0,iface=p0,rx_metadata=[hash,vlan]")->rx_metadata, 6u);
  EXPECT_EQ(Parse("net_af_xdp0,iface=p0,sg=on")->scatter, ScatterPolicy::kOn);
  EXPECT_EQ(Parse("net_af_xdp0,iface=p0,sg=off")->scatter, ScatterPolicy::kOff);
}

TEST(AfXdpOptions, SteeringRulesAddUp) {
  const auto options = Parse("net_af_xdp0,iface=p0,steer=arp,steer=udp dst 4789");
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->program.steer.size(), 2u);
}

TEST(AfXdpOptions, BadArgumentsAreNamed) {
  const struct {
    const char* text;
    const char* message;
  } cases[] = {
      {"net_af_xdp0", "iface= is missing"},
      {"net_af_xdp0,iface=p0,start_queue=-1", "start_queue"},
      {"net_af_xdp0,iface=p0,start_queue=4096", "start_queue"},
      {"net_af_xdp0,iface=p0,queue_count=0", "queue_count"},
      {"net_af_xdp0,iface=p0,queue_count=two", "queue_count"},
      {"net_af_xdp0,iface=p0,mode=hw", "mode"},
      {"net_af_xdp0,iface=p0,bind_mode=maybe", "bind_mode"},
      {"net_af_xdp0,iface=p0,rx_checksum=on", "rx_checksum"},
      {"net_af_xdp0,iface=p0,sg=perhaps", "sg"},
      {"net_af_xdp0,iface=p0,rx_metadata=age", "rx_metadata=auto|off|[KIND,...]: 'age' in 'age': must be timestamp, hash, vlan"},
      {"net_af_xdp0,iface=p0,sg=on,dispatcher=1", "sg=on excludes broker= and dispatcher=1"},
      {"net_af_xdp0,iface=p0,bind_mode=zerocopy,force_copy=1", "exclude each other"},
      {"net_af_xdp0,iface=p0,bind_mode=zerocopy,mode=skb", "mode=skb and bind_mode=zerocopy exclude each other"},
      {"net_af_xdp0,iface=p0,busy_timeout_us=5", "busy_timeout_us= has no effect without busy polling"},
      {"net_af_xdp0,iface=p0,busy_budget=70000", "busy_budget"},
      {"net_af_xdp0,iface=p0,need_wakeup=often", "need_wakeup"},
      {"net_af_xdp0,iface=p0,steer=udp dst port", "udp dst port"},
      {"net_af_xdp0,iface=p0,speed=10", "speed"},
  };
  for (const auto& [text, message] : cases) {
    const auto options = Parse(text);
    EXPECT_EQ(options.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(options.status().message()), HasSubstr(message)) << text;
  }
}

}  // namespace
}  // namespace pollux::pmd::af_xdp
