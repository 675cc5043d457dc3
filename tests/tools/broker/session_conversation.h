// SPDX-License-Identifier: Apache-2.0
// Conversations with the broker by its own protocol, down to the kernel: sessions on a veth in a network namespace of their own. Whatever a
// client asks: one whole answer, or the end; descriptors with what gives some, and nothing else.
#ifndef TESTS_TOOLS_BROKER_SESSION_CONVERSATION_H_
#define TESTS_TOOLS_BROKER_SESSION_CONVERSATION_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "tests/support/scratch_folder.h"
#include "tools/broker/session.h"
#include "tools/support/network_namespace.h"

namespace pollux::broker {

// What all sessions share, in a namespace with the veth pair p0-p1. The thread that makes it is in there for good.
class SessionRig {
 public:
  struct Outcome {
    int sockets = 0;
    int injectors = 0;
    int refused = 0;
    bool ended = false;
  };

  // Null without root.
  static SessionRig* Get();
  ~SessionRig();

  // A message is a byte, which says what descriptors come with it, and the request's bytes as far as they go. The request is the one of the
  // verb in its first byte, so that a mutation of a byte is one of a field. Ends the process if an answer is not as it should be.
  Outcome Converse(std::span<const uint8_t> bytes);
  // The interface, as ip shows it.
  std::string Link() const;

 private:
  SessionRig();

  support::ScratchFolder scratch_{"/tmp", 0700};  // a short path, for a socket
  std::unique_ptr<support::NetworkNamespace> network_;
  absl::StatusOr<Configuration> configuration_;
  absl::StatusOr<DescriptorStore> store_;
  std::unique_ptr<PortPrograms> programs_;
  LentInjectors injectors_;
  unsigned sessions_ = 0;
};

}  // namespace pollux::broker

#endif  // TESTS_TOOLS_BROKER_SESSION_CONVERSATION_H_
