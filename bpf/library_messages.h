// SPDX-License-Identifier: Apache-2.0
// LibraryMessages: what libbpf and libxdp would print, for our errors instead of stderr.
#ifndef BPF_LIBRARY_MESSAGES_H_
#define BPF_LIBRARY_MESSAGES_H_

#include <mutex>
#include <string>

namespace pollux::bpf {

// While one lives, warnings of its thread are collected; other threads' go where they went before. The libraries have one print
// function a process: so there is at most one of these at a time, others wait.
class LibraryMessages {
 public:
  LibraryMessages();
  ~LibraryMessages();
  LibraryMessages(const LibraryMessages&) = delete;
  LibraryMessages& operator=(const LibraryMessages&) = delete;

  // The last lines on one line, "; "-separated, at most about 500 characters: the end of a verifier's log tells what it refused.
  std::string Last() const;

 private:
  std::unique_lock<std::mutex> alone_;
};

}  // namespace pollux::bpf

#endif  // BPF_LIBRARY_MESSAGES_H_
