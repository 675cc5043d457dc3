// SPDX-License-Identifier: Apache-2.0
// ProgramObject: the BPF object that the options ask for, opened and then loaded.
#ifndef BPF_PROGRAM_OBJECT_H_
#define BPF_PROGRAM_OBJECT_H_

#include <memory>
#include <optional>
#include <string>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "bpf/rx_metadata_shared.h"
#include "bpf/xdp_program.h"
#include "bpf/xdp_shared.h"

struct bpf_object;
struct bpf_program;

namespace pollux::bpf {

class ProgramObject {
 public:
  // The redirect program; the steering program, if there are rules; or the object file. INVALID_ARGUMENT for a file that cannot be
  // read, has no XDP program or no map "xsks_map", or together with rules (which only our program reads).
  static absl::StatusOr<ProgramObject> Open(const ProgramOptions& options);
  // Ours, bound to the interface with this index, which tells it of VLAN tags, time stamps and hashes; where kernel or driver cannot, Load
  // or the attachment fails.
  static absl::StatusOr<ProgramObject> OpenBound(const ProgramOptions& options, int ifindex);
  ProgramObject(ProgramObject&&) noexcept;
  ~ProgramObject();

  // To the kernel, once: a second call does nothing. INTERNAL with the verifier's words if it refuses the program.
  absl::Status Load();

  struct ::bpf_object* object() const {
    return object_.get();
  }
  struct ::bpf_program* program() const {
    return program_;
  }
  const std::string& name() const { return name_; }
  bool custom() const { return custom_; }
  bool bound() const { return bound_; }
  const bound_options& asked_of_device() const { return asked_of_device_; }  // of a bound one
  const std::optional<steer_options>& steering() const { return steering_; }

  // After Load(); -1 where the object has no such map.
  int program_fd() const;
  int map_fd(const char* name) const;

 private:
  struct Close {
    void operator()(struct ::bpf_object* object) const;
  };
  ProgramObject();
  static absl::StatusOr<ProgramObject> Make(const ProgramOptions& options, int bound_to);
  absl::Status OpenFile(const ProgramOptions& options);
  absl::Status OpenBuiltIn(int bound_to, bool frags);
  absl::Status SetOptions(const char* map_name, const void* options, size_t size);
  absl::Status FindParts(const std::string& source);

  std::unique_ptr<struct ::bpf_object, Close> object_;
  struct ::bpf_program* program_ = nullptr;
  std::string name_;
  bool custom_ = false;
  bool bound_ = false;
  bool loaded_ = false;
  bound_options asked_of_device_ = {};
  std::optional<steer_options> steering_;
};

}  // namespace pollux::bpf

#endif  // BPF_PROGRAM_OBJECT_H_
