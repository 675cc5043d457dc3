// SPDX-License-Identifier: Apache-2.0
// PortPrograms: our XDP program on each interface that a client uses; one an interface, for all its clients.
#ifndef TOOLS_BROKER_PORT_PROGRAMS_H_
#define TOOLS_BROKER_PORT_PROGRAMS_H_

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>

#include "bpf/xdp_program.h"
#include "tools/broker/descriptor_store.h"

namespace pollux::broker {

// A program and what it was attached for.
struct PortProgram {
  std::unique_ptr<bpf::XdpProgram> program;
  bpf::AttachMode mode;
  std::vector<std::string> rules;
  std::set<uint32_t> queues = {};  // with a socket of some client
};

// Single-threaded.
class PortPrograms {
 public:
  explicit PortPrograms(DescriptorStore& store) : store_(store) {}

  // Takes from what a former broker left: names that begin with "program/".
  void Resume(std::vector<StoredDescriptor>& left);
  // The interface's program, if it runs or was left; else null.
  std::shared_ptr<PortProgram> Resumed(const std::string& interface);
  // Takes off what was left and has no client any more.
  void ForgetWhatIsLeft();

  // The interface's program, attached for the first to ask; it goes with the last who holds it. FAILED_PRECONDITION if it is there for
  // another mode or other rules; else as bpf::XdpProgram::Attach. `rx_metadata`, bits of RX_METADATA_*, are what the first asks for: others
  // have what that one has, which XdpProgram::rx_metadata tells.
  absl::StatusOr<std::shared_ptr<PortProgram>> Get(const std::string& interface, bpf::AttachMode mode,
                                                   const std::vector<std::string>& rules, uint32_t rx_metadata);

 private:
  struct Left {
    bpf::LinkDescriptors descriptors;
    std::string asked;  // as Remember in port_programs.cc has it
  };

  std::shared_ptr<PortProgram> Share(const std::string& interface, PortProgram program);

  DescriptorStore& store_;
  std::map<std::string, std::weak_ptr<PortProgram>> programs_;
  std::map<std::string, Left> left_;
};

}  // namespace pollux::broker

#endif  // TOOLS_BROKER_PORT_PROGRAMS_H_
