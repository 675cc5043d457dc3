// SPDX-License-Identifier: Apache-2.0
// DescriptorStore: what must outlive the broker, held by a second process that does nothing else.
//
//   broker ---- Put(name, descriptor), Drop(prefix) ----> keeper (a fork of the broker, no capability)
//   broker dies; traffic goes on, since the keeper holds links and maps; the next broker finds the keeper and takes all back
//   broker dead, and a client too: the keeper closes what is in its folder; no client is left: it ends
#ifndef TOOLS_BROKER_DESCRIPTOR_STORE_H_
#define TOOLS_BROKER_DESCRIPTOR_STORE_H_

#include <string>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "bpf/unique_fd.h"

namespace pollux::broker {

struct StoredDescriptor {
  // "session/7/connection/eth0" or "plugin/3/process": the folder goes with this connection or process.
  std::string name;
  bpf::UniqueFd descriptor;
};

// Single-threaded.
class DescriptorStore {
 public:
  static constexpr std::size_t kLongestName = 119;

  // The keeper that listens at `path`, or a new one: forks, so it is called before there are threads. ALREADY_EXISTS if another
  // broker has the keeper.
  static absl::StatusOr<DescriptorStore> Open(const std::string& path);

  // What a former broker left; once, before the first Put.
  std::vector<StoredDescriptor> TakeAll();
  absl::Status Put(const std::string& name, int descriptor);
  // Those whose names begin so.
  absl::Status Drop(const std::string& prefix);

 private:
  explicit DescriptorStore(bpf::UniqueFd connection) : connection_(std::move(connection)) {}
  absl::Status AwaitDone();

  bpf::UniqueFd connection_;
};

}  // namespace pollux::broker

#endif  // TOOLS_BROKER_DESCRIPTOR_STORE_H_
