// SPDX-License-Identifier: Apache-2.0
#include "bpf/pinned_map.h"

#include <bpf/bpf.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include <absl/strings/str_cat.h>

#include "bpf/privilege.h"
#include "bpf/unique_fd.h"
#include "lcore/errno_status.h"

namespace pollux::bpf {
namespace {

bool HasSameName(int map, int other) {
  bpf_map_info infos[2] = {};
  for (const int index : {0, 1}) {
    uint32_t size = sizeof(infos[index]);
    if (bpf_obj_get_info_by_fd(index == 0 ? map : other, &infos[index], &size) != 0) return false;
  }
  return infos[0].type == infos[1].type && std::strncmp(infos[0].name, infos[1].name, sizeof(infos[0].name)) == 0;
}

// What a killed process pinned is of the user that it gave it to: a look at it takes that it is ours, where root is without root's powers.
void RemoveLeft(int map, const std::string& path) {
  struct stat found {};
  if (lstat(path.c_str(), &found) != 0) return;
  const bool taken = found.st_uid != geteuid() && lchown(path.c_str(), geteuid(), gid_t(-1)) == 0;
  const UniqueFd left(bpf_obj_get(path.c_str()));
  if (left && HasSameName(map, left.get())) {
    unlink(path.c_str());
  } else if (taken && lchown(path.c_str(), found.st_uid, gid_t(-1)) != 0) {
    return;  // it stays ours; what follows fails, and says that something is there
  }
}

}  // namespace

absl::Status PinMap(int map, const std::string& path, uid_t owner) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
  RemoveLeft(map, path);
  if (bpf_obj_pin(map, path.c_str()) != 0) {
    const int cause = errno;
    if (cause == EEXIST) return absl::AlreadyExistsError(absl::StrCat("bpf(BPF_OBJ_PIN, ", path, "): something else is there"));
    if (cause == EPERM || cause == EINVAL || cause == ENOENT) {
      return absl::FailedPreconditionError(absl::StrCat("bpf(BPF_OBJ_PIN, ", path, "): ", std::strerror(cause),
                                                        "; the folder has to be in a BPF file system (mount -t bpf bpf /sys/fs/bpf)"));
    }
    return CallStatus(cause, absl::StrCat("bpf(BPF_OBJ_PIN, ", path, ")"), {CAP_BPF});
  }
  // In this order: what is another's is no more ours to change.
  if (chmod(path.c_str(), 0600) != 0 || chown(path.c_str(), owner, gid_t(-1)) != 0) {
    const absl::Status status = lcore::ErrnoStatus(errno, absl::StrCat("chmod or chown(", path, ")"), "needs CAP_CHOWN");
    unlink(path.c_str());
    return status;
  }
  return absl::OkStatus();
}

}  // namespace pollux::bpf
