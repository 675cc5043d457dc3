// SPDX-License-Identifier: Apache-2.0
// ScratchFolder: a folder of the test's own, with a name that nobody could guess, and gone with the object.
#ifndef TESTS_SUPPORT_SCRATCH_FOLDER_H_
#define TESTS_SUPPORT_SCRATCH_FOLDER_H_

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

#include <sys/stat.h>

namespace pollux::support {

class ScratchFolder {
 public:
  // In TEST_TMPDIR, or /tmp where that is not set.
  ScratchFolder() : ScratchFolder(std::getenv("TEST_TMPDIR") ? std::getenv("TEST_TMPDIR") : "/tmp", 0700) {}
  // With a mode that lets other users read, for a parent that they can reach.
  ScratchFolder(const std::string& parent, mode_t mode) : path_(parent + "/plxXXXXXX") {
    if (mkdtemp(path_.data()) == nullptr || chmod(path_.c_str(), mode) != 0) std::abort();
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  std::string File(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace pollux::support

#endif  // TESTS_SUPPORT_SCRATCH_FOLDER_H_
