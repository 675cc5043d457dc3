// SPDX-License-Identifier: Apache-2.0
// A bounded, repeatable fuzz of CompleteChecksum against a reference that is written for being read. Every packet lies between two pages
// that cannot be accessed, at the end of the room or at its beginning: what reads or writes beside it crashes, also without a sanitizer.
#include <sys/mman.h>

#include <cstring>
#include <optional>
#include <random>
#include <stdexcept>

#include <gtest/gtest.h>

#include "pmd/af_xdp/checksum_completion.h"
#include "tests/pmd/af_xdp/unfinished_checksum.h"
#include "tests/support/packet_builder.h"

namespace pollux::pmd::af_xdp {
namespace {

using support::PacketBuilder;
using Frame = PacketBuilder::Frame;

// A part of a packet that knows its end. Reading beyond it throws: the packet is left alone.
class View {
 public:
  View(Frame& frame, std::size_t begin, std::size_t end) : frame_(&frame), begin_(begin), end_(end) {}
  std::size_t size() const { return end_ - begin_; }
  std::size_t begin() const { return begin_; }
  unsigned Byte(std::size_t at) const {
    if (at >= size()) throw std::out_of_range("cut");
    return static_cast<uint8_t>((*frame_)[begin_ + at]);
  }
  unsigned Word(std::size_t at) const { return Byte(at) << 8 | Byte(at + 1); }
  View From(std::size_t at) const { return Part(at, size() - at); }
  View Part(std::size_t at, std::size_t length) const {
    if (at > size() || length > size() - at) throw std::out_of_range("cut");
    return {*frame_, begin_ + at, begin_ + at + length};
  }
  void Store(std::size_t at, unsigned word) {
    (*frame_)[begin_ + at] = static_cast<std::byte>(word >> 8);
    (*frame_)[begin_ + at + 1] = static_cast<std::byte>(word);
  }
  Frame& frame() const { return *frame_; }

 private:
  Frame* frame_;
  std::size_t begin_, end_;
};

void Network(unsigned ether_type, View network, int tunnels);

void EthernetHeader(View frame, int tunnels) {
  unsigned type = frame.Word(12);
  std::size_t offset = 14;
  for (int tags = 0; tags < 2 && (type == 0x8100 || type == 0x88A8 || type == 0x9100); ++tags, offset += 4) type = frame.Word(offset + 2);
  Network(type, frame.From(offset), tunnels);
}

void Finish(View segment, std::size_t ip, unsigned protocol, std::size_t field) {
  const unsigned sum = support::PseudoHeaderSum(segment.frame(), ip, static_cast<uint8_t>(protocol), segment.size());
  if (segment.Word(field) != sum) return;
  uint32_t total = 0;
  for (std::size_t at = 0; at < segment.size(); ++at) total += segment.Byte(at) << (at % 2 == 0 ? 8 : 0);
  while (total > 0xFFFF) total = (total & 0xFFFF) + (total >> 16);
  unsigned checksum = ~total & 0xFFFF;
  if (checksum == 0 && protocol == 17) checksum = 0xFFFF;
  segment.Store(field, checksum);
}

void Datagram(View segment, std::size_t ip, int tunnels) {
  const unsigned length = segment.Word(4);
  if (length < 8) return;
  View datagram = segment.Part(0, length);
  const unsigned port = datagram.Word(2);
  try {
    View payload = datagram.From(8);
    const bool vxlan = port == 4789 || port == 8472;
    if (tunnels < 2 && vxlan && payload.Byte(0) == 8) EthernetHeader(payload.From(8), tunnels + 1);
    if (tunnels < 2 && port == 6081 && payload.Byte(0) < 64) {
      View inside = payload.From(8 + 4 * payload.Byte(0));
      payload.Word(2) == 0x6558 ? EthernetHeader(inside, tunnels + 1) : Network(payload.Word(2), inside, tunnels + 1);
    }
  } catch (const std::out_of_range&) {  // the tunnel is left alone, and its datagram is not
  }
  Finish(datagram, ip, 17, 6);
}

void Transport(unsigned protocol, View segment, std::size_t ip, int tunnels) {
  if (protocol == 6 && segment.size() >= 20) Finish(segment, ip, 6, 16);
  if (protocol == 17) Datagram(segment, ip, tunnels);
  if (tunnels < 2 && protocol == 4) Network(0x0800, segment, tunnels + 1);
  if (tunnels < 2 && protocol == 41) Network(0x86DD, segment, tunnels + 1);
}

bool SourceRouteIsOpen(View options) {
  for (std::size_t at = 0; at < options.size() && options.Byte(at) != 0;) {
    if (options.Byte(at) == 1) {
      ++at;
      continue;
    }
    const unsigned length = options.Byte(at + 1);
    if (length < 2) return true;
    View option = options.Part(at, length);
    if ((option.Byte(0) == 131 || option.Byte(0) == 137) && option.Byte(2) <= length) return true;
    at += length;
  }
  return false;
}

bool HasHomeAddress(View options) {
  for (std::size_t at = 2; at < options.size();) {
    if (options.Byte(at) == 0) {
      ++at;
      continue;
    }
    if (options.Byte(at) == 201) return true;
    at += options.Part(at, 2 + options.Byte(at + 1)).size();
  }
  return false;
}

void Network(unsigned ether_type, View network, int tunnels) {
  if (ether_type == 0x0800) {
    const std::size_t header = 4 * (network.Byte(0) & 15), total = network.Word(2);
    const bool fragment = (network.Word(6) & 0x3FFF) != 0;
    if (network.Byte(0) >> 4 != 4 || header < 20 || total < header || fragment) return;
    View packet = network.Part(0, total);
    if (SourceRouteIsOpen(packet.Part(20, header - 20))) return;
    Transport(packet.Byte(9), packet.From(header), network.begin(), tunnels);
  }
  if (ether_type == 0x86DD) {
    View rest = network.Part(40, network.Word(4));
    if (network.Byte(0) >> 4 != 6) return;
    unsigned protocol = network.Byte(6);
    for (int headers = 0; headers < 8 && (protocol == 0 || protocol == 43 || protocol == 60); ++headers) {
      View header = rest.Part(0, 8 * (rest.Byte(1) + 1));
      if (protocol == 43 && header.Byte(3) != 0) return;
      if (protocol == 60 && HasHomeAddress(header)) return;
      protocol = header.Byte(0);
      rest = rest.From(header.size());
    }
    Transport(protocol, rest, network.begin(), tunnels);
  }
}

Frame Reference(Frame frame) {
  try {
    EthernetHeader(View(frame, 0, frame.size()), 0);
  } catch (const std::out_of_range&) {
  }
  return frame;
}

struct Seed {
  Frame frame;
  // Of the innermost segment that is unfinished.
  std::size_t ip;
  std::size_t transport;
  uint8_t protocol;
};

std::vector<Seed> Seeds() {
  using namespace std::string_view_literals;
  const auto begin = [] { return PacketBuilder().Ethernet(); };
  constexpr std::string_view kVxlan = "\x08\0\0\0\0\0\x2a\0"sv;
  constexpr std::string_view kGeneve = "\x02\0\x65\x58\0\0\x2a\0\1\2\x80\1\0\0\0\0"sv;
  return {
      {begin().Ipv4().Tcp().Payload(33).Build(), 14, 34, 6},
      {begin().Ipv4({.options_length = 16}).Udp().Payload(20).Build(), 14, 50, 17},
      {begin().Vlan(1).Ipv6().Udp().Payload(3).Build(), 18, 58, 17},
      {begin().Vlan(1, {.tag_protocol = 0x88a8}).Vlan(2).Ipv4().Tcp().Build(), 22, 42, 6},
      {begin().Ipv6().Ipv6HopByHop().Ipv6Routing(24).Ipv6DestinationOptions(16).Tcp().Payload(8).Build(), 14, 102, 6},
      {begin().Ipv6().Ipv6Fragment().Udp().Payload(8).Build(), 14, 62, 17},
      {begin().Ipv4().Udp({.destination = 4789}).Payload(kVxlan).Ethernet().Ipv4().Tcp().Payload(20).Build(), 64, 84, 6},
      {begin().Ipv6().Udp({.destination = 8472, .checksum = false}).Payload(kVxlan).Ethernet().Ipv6().Udp().Payload(2).Build(), 84, 124,
       17},
      {begin().Ipv4().Udp({.destination = 6081}).Payload(kGeneve).Ethernet().Vlan(7).Ipv4().Udp().Payload(9).Build(), 76, 96, 17},
      {begin().Ipv4().Udp({.destination = 6081}).Build(), 14, 34, 17},
      {begin().Ipv4().Ipv6().Udp({.destination = 4789}).Payload(kVxlan).Ethernet().Ipv4().Tcp().Build(), 104, 124, 6},
  };
}

class Walled {
 public:
  Walled() : room_(static_cast<std::byte*>(mmap(nullptr, 3 * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) + kPage) {
    EXPECT_EQ(mprotect(room_, kPage, PROT_READ | PROT_WRITE), 0);
  }
  ~Walled() { munmap(room_ - kPage, 3 * kPage); }
  Walled(const Walled&) = delete;
  Walled& operator=(const Walled&) = delete;

  // `frame` after CompleteChecksum, which must say whether it changed.
  Frame Complete(const Frame& frame, bool at_end) {
    std::byte* const place = at_end ? room_ + kPage - frame.size() : room_;
    if (!frame.empty()) std::memcpy(place, frame.data(), frame.size());
    const bool changed = CompleteChecksum({place, frame.size()});
    Frame result(place, place + frame.size());
    EXPECT_TRUE(changed || result == frame);
    return result;
  }

 private:
  static constexpr std::size_t kPage = 4096;
  std::byte* const room_;
};

Frame Mutated(const Seed& seed, std::mt19937& random) {
  Frame frame = seed.frame;
  const std::size_t headers = seed.transport + 20;
  const std::size_t flips = random() % 3;
  for (std::size_t count = 0; count < flips; ++count) {
    const std::size_t at = random() % std::min(headers, frame.size());
    static constexpr uint8_t kTelling[] = {0, 1, 4, 6, 7, 8, 17, 41, 43, 44, 60, 131, 137, 201, 0x45, 0x46, 0x60, 0xFF};
    frame[at] = static_cast<std::byte>(random() % 2 == 0 ? kTelling[random() % std::size(kTelling)] : random());
  }
  if (random() % 4 != 0 && frame[seed.ip] >> 4 == seed.frame[seed.ip] >> 4) {
    const uint8_t protocol =
        random() % 8 == 0 && frame.size() >= seed.transport + 20 ? static_cast<uint8_t>(23 - seed.protocol) : seed.protocol;
    frame = support::Unfinished(std::move(frame), seed.ip, seed.transport, protocol);
  }
  if (random() % 4 == 0) frame.resize(random() % (frame.size() + 1));
  if (random() % 4 == 0) frame.resize(frame.size() + random() % 20, std::byte{0x5A});
  return frame;
}

TEST(ChecksumCompletionFuzz, AnyPacketIsTreatedAsTheReferenceDoes) {
  constexpr int kRounds = 400'000;
  std::mt19937 random(11);
  const std::vector<Seed> seeds = Seeds();
  Walled walled;
  int completed = 0;
  for (int round = 0; round < kRounds; ++round) {
    const Frame frame = Mutated(seeds[random() % seeds.size()], random);
    const Frame expected = Reference(frame);
    ASSERT_EQ(walled.Complete(frame, random() % 2 == 0), expected) << "round " << round;
    completed += expected != frame;
  }
  EXPECT_GT(completed, kRounds / 10);
  EXPECT_LT(completed, kRounds * 9 / 10);
}

}  // namespace
}  // namespace pollux::pmd::af_xdp
