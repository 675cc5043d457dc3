// SPDX-License-Identifier: Apache-2.0
// Conversations with the broker by the device plugin's protocol: an answer of the protocol, shorter than DPDK reads, or the end; the map
// only for who has connected and names its interface, to the letter.
#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <span>
#include <string>

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/string_view.h>

#include "pmd/af_xdp/descriptor_message.h"
#include "tests/fuzz/input.h"
#include "tools/broker/plugin_session.h"

namespace pollux {
namespace {

using bpf::UniqueFd;

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

// Requests are lines; the first character of each says how many descriptors come with it, '0' to '3'.
void Converse(const std::vector<std::string>& lines) {
  int ends[2];
  FUZZ_REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
  const UniqueFd client(ends[0]);
  const UniqueFd nothing(open("/dev/null", O_RDWR | O_CLOEXEC));
  broker::PluginSession session(UniqueFd(ends[1]), broker::Peer{}, kInterface, nothing.get(), [] { return true; });
  bool connected = false;
  for (const std::string& line : lines) {
    const std::size_t count = line.empty() ? 0 : static_cast<unsigned char>(line.front()) % 4;
    const std::array<int, 3> descriptors = {client.get(), nothing.get(), nothing.get()};
    const std::string text = line.empty() ? line : line.substr(1);
    FUZZ_REQUIRE(pmd::af_xdp::SendMessage(client.get(), std::as_bytes(std::span(text)), {descriptors.data(), count}, 0) == 0);
    connected |= absl::StrContains(text, "/connect");
    const bool goes_on = session.Serve();
    std::array<char, 4096> answer;
    const auto received = pmd::af_xdp::ReceiveMessage(client.get(), std::as_writable_bytes(std::span(answer)), MSG_DONTWAIT);
    FUZZ_REQUIRE(received.error == 0 || !goes_on);
    if (received.error == 0) {
      const absl::string_view said(answer.data(), received.bytes);
      FUZZ_REQUIRE(received.bytes <= kLongestAnswer);
      FUZZ_REQUIRE(std::find(std::begin(kAnswers), std::end(kAnswers), said) != std::end(kAnswers));
      FUZZ_REQUIRE(received.descriptors.size() == (said == "/fd_ack" ? 1 : 0));
      FUZZ_REQUIRE(said != "/fd_ack" || (connected && WithoutSpaces(text) == absl::StrCat("/xsk_map_fd,", kInterface)));
    }
    if (!goes_on) return;
  }
}

}  // namespace
}  // namespace pollux

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  pollux::Converse(pollux::fuzz::Input(data, size).Lines());
  return 0;
}
