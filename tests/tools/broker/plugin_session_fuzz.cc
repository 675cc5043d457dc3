// SPDX-License-Identifier: Apache-2.0
// A bounded, repeatable fuzz of the device plugin's protocol as the broker reads it; with libFuzzer, LLVMFuzzerTestOneInput is the entry.
// Whatever a client says: an answer of the protocol, shorter than DPDK reads, or the end. The map only for who has connected and names its
// interface.
#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <iterator>
#include <random>
#include <span>
#include <string>

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/string_view.h>
#include <gtest/gtest.h>

#include "pmd/af_xdp/descriptor_message.h"
#include "tools/broker/plugin_session.h"

namespace pollux::broker {
namespace {

constexpr char kInterface[] = "p0";
constexpr std::size_t kLongestAnswer = 127;  // DPDK writes a zero byte behind what it reads
constexpr absl::string_view kAnswers[] = {"/host_ok", "/host_nak", "0.1", "/fd_ack", "/config_busy_poll_ack", "/config_busy_poll_nak",
                                          "/fin_ack", "/nak"};

// As far as the first zero byte.
std::string WithoutSpaces(const std::string& text) {
  std::string result = text.substr(0, text.find('\0'));
  result.erase(std::remove_if(result.begin(), result.end(), absl::ascii_isspace), result.end());
  return result;
}

struct Outcome {
  int maps = 0;
  bool ended = false;
};

// A message is a byte, of which the lowest bits say how many descriptors come with it and the next what kind, a length, and the text.
Outcome TryConversation(std::span<const uint8_t> bytes) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) std::abort();
  const bpf::UniqueFd client(ends[0]);
  const bpf::UniqueFd nothing(open("/dev/null", O_RDWR | O_CLOEXEC));
  PluginSession session(bpf::UniqueFd(ends[1]), Peer{}, kInterface, nothing.get(), [] { return true; });
  bool connected = false;
  Outcome outcome;
  while (!outcome.ended && bytes.size() >= 2) {
    const std::size_t count = bytes[0] % 4, length = std::min<std::size_t>(bytes[1], bytes.size() - 2);
    const int kind = bytes[0] / 4 % 2 == 0 ? nothing.get() : client.get();
    const std::array<int, 3> descriptors = {kind, kind, kind};
    const std::string text(reinterpret_cast<const char*>(bytes.data()) + 2, length);
    bytes = bytes.subspan(2 + length);
    if (pmd::af_xdp::SendMessage(client.get(), std::as_bytes(std::span(text)), {descriptors.data(), count}, 0) != 0) std::abort();
    connected |= absl::StrContains(text, "/connect");
    outcome.ended = !session.Serve();
    std::array<char, 4096> answer;
    const auto received = pmd::af_xdp::ReceiveMessage(client.get(), std::as_writable_bytes(std::span(answer)), MSG_DONTWAIT);
    if (received.error != 0) {
      if (!outcome.ended) std::abort();  // neither an answer nor the end
      continue;
    }
    const absl::string_view said(answer.data(), received.bytes);
    if (received.bytes > kLongestAnswer || std::find(std::begin(kAnswers), std::end(kAnswers), said) == std::end(kAnswers)) std::abort();
    if (received.descriptors.size() != (said == "/fd_ack" ? 1 : 0)) std::abort();
    if (said == "/fd_ack" && (!connected || WithoutSpaces(text) != absl::StrCat("/xsk_map_fd,", kInterface))) std::abort();
    outcome.maps += said == "/fd_ack";
  }
  return outcome;
}

const std::string kTexts[] = {"/connect,host",
                              "/connect, host",
                              "/connect",
                              "/version",
                              "/xsk_map_fd,p0",
                              "/xsk_map_fd, p0",
                              "/xsk_map_fd,p1",
                              "/xsk_map_fd,p0x",
                              "/config_busy_poll,20,64",
                              "/config_busy_poll,20",
                              "/config_busy_poll,4294967296,1",
                              "/fin",
                              "",
                              ",",
                              "/",
                              std::string("/version\0x", 10),
                              std::string(127, 'x'),
                              std::string(200, ',')};

std::string RandomConversation(std::mt19937& random) {
  std::string bytes;
  for (std::size_t message = random() % 6; message > 0; --message) {
    std::string text = message > 3 && random() % 4 != 0 ? kTexts[random() % 2] : kTexts[random() % std::size(kTexts)];
    for (std::size_t flips = random() % 4 == 0 ? random() % 4 : 0; flips > 0 && !text.empty(); --flips) {
      text[random() % text.size()] = static_cast<char>(random());
    }
    bytes += static_cast<char>(random() % 3 == 0 ? random() : 0);
    bytes += static_cast<char>(text.size());
    bytes += text;
  }
  return bytes;
}

TEST(PluginSessionFuzz, AnyConversationIsAnsweredOrEnded) {
  constexpr int kRounds = 20000;
  std::mt19937 random(3);
  int maps = 0, ended = 0;
  for (int round = 0; round < kRounds; ++round) {
    const std::string bytes = RandomConversation(random);
    const Outcome outcome = TryConversation({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
    maps += outcome.maps;
    ended += outcome.ended;
  }
  // The generator must reach behind the first message, and beside the right ones.
  EXPECT_GT(maps, kRounds / 50);
  EXPECT_GT(ended, kRounds / 50);
}

}  // namespace
}  // namespace pollux::broker

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  pollux::broker::TryConversation({data, size});
  return 0;
}
