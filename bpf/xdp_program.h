// SPDX-License-Identifier: Apache-2.0
// XdpProgram: our program on an interface, and the sockets it redirects to.
#ifndef BPF_XDP_PROGRAM_H_
#define BPF_XDP_PROGRAM_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "bpf/flow_program.h"
#include "bpf/rx_metadata_shared.h"
#include "bpf/steer_rule.h"
#include "bpf/unique_fd.h"

namespace pollux::bpf {

enum class AttachMode { kAutomatic, kNative, kGeneric };  // automatic: native, and generic where the driver has no native mode

struct ProgramOptions {
  AttachMode mode = AttachMode::kAutomatic;
  std::vector<SteerRule> steer;  // empty: every packet is ours
  bool dispatcher = false;       // through libxdp's dispatcher, beside other programs; not crash-safe as a bpf_link is
  bool vlan_tags = false;        // a tag that the device keeps beside a packet is put into its bytes, where kernel and driver can tell
  uint32_t rx_metadata = 0;      // RX_METADATA_*: left in front of packets (rx_metadata_shared.h), as far as kernel and driver can tell
  bool frags = false;            // ours takes packets of several buffers; an object file's section ("xdp.frags") says so itself
  std::string object_file;       // empty: ours; else a BPF object whose first XDP program and map "xsks_map" are used
};

// What a program needs to live on in another process (tools/broker); empty where it has no such thing.
struct LinkDescriptors {
  UniqueFd link;
  UniqueFd sockets;  // xsks_map
  UniqueFd passed;   // passed_packets; empty without rules
  // Which the kernel does not tell: index of the interface that it asks about packets, 0: it asks nobody; and what it asks.
  int bound_to = 0;
  bound_options bound = {};
};

// Holds the attachment: a bpf_link, which the kernel takes away with the last process that holds it, SIGKILL or not. Several
// Pollux processes may share an interface, each with queues of its own: the first attaches, a later one finds the link, checks
// that it asks for the same steering, and holds the link too. Single-threaded.
class XdpProgram {
 public:
  // Errors: NOT_FOUND (interface), ALREADY_EXISTS (a program that is not ours is attached: its name, id and mode; or a
  // port with attach=tc takes the interface's packets),
  // FAILED_PRECONDITION (asked for native where the driver has none, or for other steering or another mode than the running process
  // has), PERMISSION_DENIED (which capability: CAP_NET_ADMIN and CAP_BPF, and CAP_SYS_ADMIN to share), INVALID_ARGUMENT (rules, object
  // file), UNIMPLEMENTED (a dispatcher on a kernel that cannot run one). May wait up to a second for a program that is going away.
  static absl::StatusOr<std::unique_ptr<XdpProgram>> Attach(const std::string& interface, const ProgramOptions& options);
  // The program whose descriptors a former process left to this one. FAILED_PRECONDITION if it is not on the interface any more.
  static absl::StatusOr<std::unique_ptr<XdpProgram>> Resume(const std::string& interface, LinkDescriptors descriptors);
  // Detaches if nobody else holds the link. Never touches a program that we did not attach.
  virtual ~XdpProgram() = default;

  // Packets of receive queue `queue` go to this AF_XDP socket from now on; it needs its memory, fill ring and receive ring already.
  // ALREADY_EXISTS if a live socket is there, of this process or another; OUT_OF_RANGE if the map is too small for the queue.
  virtual absl::Status AddSocket(uint32_t queue, int socket) = 0;
  // Takes out what AddSocket put in, never the socket of somebody else; NOT_FOUND if nothing was put in. A closed socket leaves the map
  // by itself, and the destructor takes out the rest.
  virtual absl::Status RemoveSocket(uint32_t queue) = 0;
  // Takes over a socket that a former process added, to remove it later.
  virtual absl::Status ResumeSocket(uint32_t queue, int socket) { return AddSocket(queue, socket); }
  // Duplicates; all empty for a program in libxdp's dispatcher.
  virtual LinkDescriptors Descriptors() const { return {}; }

  // Packets that are ours are looked up in a flow table from now on, or no more (hook.maps null): by another program, which takes the place
  // of this one at once; sockets and steering stay. The maps outlive this object, or the next call. UNIMPLEMENTED for an object file and in
  // the dispatcher, FAILED_PRECONDITION where another process attached the program.
  virtual absl::Status UseFlows(const FlowHook& hook);

  // Takes the program off the interface, though this object lives on: for one that went away with it attached. Sockets stay as they are.
  virtual void Detach() = 0;

  virtual bool native() const = 0;
  // Why automatic mode ended with generic; empty where it did not.
  virtual std::string fallback_reason() const { return {}; }
  // Puts VLAN tags into packets, as ProgramOptions::vlan_tags asks; false: no, or another process attached it, and nobody can tell.
  virtual bool puts_vlan_tags() const { return false; }
  // RX_METADATA_*: what it asks the device for, and leaves in front of packets; also where another process attached it.
  virtual uint32_t rx_metadata() const { return 0; }
  // Another process attached it.
  virtual bool joined() const = 0;
  virtual uint32_t program_id() const = 0;
  // Where the program puts down when the first packet came to a queue (wake_stamps.h), for as long as this object lives. Null: it does not;
  // an object file, or a program that another process has attached and of which no more than the sockets can be had.
  virtual uint64_t* wake_stamp(uint32_t queue) const {
    static_cast<void>(queue);
    return nullptr;
  }
  // Packets that the steering rules left to the kernel; 0 without rules.
  virtual uint64_t passed_packets() const = 0;
};

// A program found on an interface.
struct AttachedProgram {
  std::string name;
  uint32_t id = 0;
  bool native = false;  // else generic
};
absl::StatusOr<std::vector<AttachedProgram>> AttachedPrograms(const std::string& interface);

}  // namespace pollux::bpf

#endif  // BPF_XDP_PROGRAM_H_
