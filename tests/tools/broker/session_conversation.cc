// SPDX-License-Identifier: Apache-2.0
#include "tests/tools/broker/session_conversation.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "pmd/af_xdp/descriptor_message.h"
#include "tools/support/child_process.h"

namespace pollux::broker {
namespace {

using pmd::af_xdp::broker::Reply;
using pmd::af_xdp::broker::Request;
using pmd::af_xdp::broker::Verb;
namespace protocol = pmd::af_xdp::broker;

constexpr char kConfiguration[] = R"({"clients": [{"users": [0], "ports": [
  {"interface": "p0", "queues": "0-1", "memory_mib": 4, "allow": ["inject", "busy_poll", "steer", "promiscuous", "mtu", "mac"]}]}]})";

}  // namespace

SessionRig* SessionRig::Get() {
  static const std::unique_ptr<SessionRig> rig(support::NetworkNamespace::MayCreate() ? new SessionRig : nullptr);
  return rig.get();
}

SessionRig::SessionRig() : configuration_(Configuration::Parse(kConfiguration)), store_(DescriptorStore::Open(scratch_.File("keeper"))) {
  setenv("POLLUX_STATE_FOLDER", scratch_.File("state").c_str(), 1);
  auto made = support::NetworkNamespace::CreateUnnamed();
  if (!made.ok() || !store_.ok() || !configuration_.ok()) std::abort();
  network_ = *std::move(made);
  for (const support::Arguments& words :
       {support::Arguments{"ip", "link", "add", "p0", "numrxqueues", "2", "numtxqueues", "2", "type", "veth", "peer", "name", "p1"},
        {"ip", "link", "set", "p0", "up"},
        {"ip", "link", "set", "p1", "up"}}) {
    if (!support::RunSuccessfully(words, network_.get()).ok()) std::abort();
  }
  if (!network_->Enter().ok()) std::abort();
  programs_ = std::make_unique<PortPrograms>(*store_);
}

SessionRig::~SessionRig() = default;

std::string SessionRig::Link() const {
  return support::RunSuccessfully({"ip", "-d", "link", "show", "p0"}, network_.get()).value_or("");
}

SessionRig::Outcome SessionRig::Converse(std::span<const uint8_t> bytes) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) std::abort();
  const bpf::UniqueFd client(ends[0]);
  const bpf::UniqueFd file(memfd_create("frames", MFD_CLOEXEC));
  if (ftruncate(file.get(), 1 << 20) != 0) std::abort();
  std::vector<bpf::UniqueFd> memory;
  Session session(++sessions_, bpf::UniqueFd(ends[1]), Peer{}, {*configuration_, *programs_, *store_, injectors_});
  Outcome outcome;
  while (!outcome.ended && bytes.size() >= 2) {
    const unsigned kind = bytes[0] % 5;
    Request request;
    const std::size_t length = std::min(bytes.size() - 1, sizeof(request));
    std::memcpy(static_cast<void*>(&request), bytes.data() + 1, length);
    bytes = bytes.subspan(1 + length);
    std::vector<int> descriptors;
    if (kind == 1 && !memory.empty()) descriptors = {memory.back().get()};
    if (kind == 2) descriptors = {file.get()};
    if (kind == 3) descriptors = {client.get(), network_->fd(), file.get()};
    const std::size_t sent = kind == 4 ? length / 2 + 1 : sizeof(request);
    if (pmd::af_xdp::SendMessage(client.get(), std::as_bytes(std::span(&request, 1)).first(sent), descriptors, 0) != 0) std::abort();
    outcome.ended = !session.Serve();
    Reply reply;
    auto received = pmd::af_xdp::ReceiveMessage(client.get(), std::as_writable_bytes(std::span(&reply, 1)), MSG_DONTWAIT);
    if (received.error != 0) {
      if (!outcome.ended) std::abort();  // neither an answer nor the end
      continue;
    }
    if (received.bytes != sizeof(reply) || reply.version != protocol::kVersion || reply.error < 0) std::abort();
    if (memchr(reply.text, 0, sizeof(reply.text)) == nullptr) std::abort();
    if (reply.sequence != request.sequence) std::abort();
    const bool lends = reply.error == 0 && request.verb == Verb::kInjector;
    const bool gives = reply.error == 0 && (request.verb == Verb::kMemory || request.verb == Verb::kSocket);
    if (received.descriptors.size() != (lends ? bpf::Injector::kDescriptors : gives ? 1 : 0)) std::abort();
    outcome.injectors += lends;
    if (gives && request.verb == Verb::kSocket && kind != 1) std::abort();  // of memory that is not the broker's
    outcome.refused += reply.error != 0;
    if (!gives) continue;
    outcome.sockets += request.verb == Verb::kSocket;
    if (request.verb == Verb::kMemory) memory.push_back(std::move(received.descriptors.front()));
  }
  return outcome;
}

}  // namespace pollux::broker
