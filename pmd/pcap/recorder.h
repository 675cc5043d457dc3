// SPDX-License-Identifier: Apache-2.0
// Recorder: a capture file that is being written.
#ifndef PMD_PCAP_RECORDER_H_
#define PMD_PCAP_RECORDER_H_

#include <pcap/pcap.h>

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

namespace pollux::pmd {

// Writes a pcap file with nanoseconds, Ethernet, whole packets. Packets gather in a buffer that is larger than what Write puts in before
// full() says so; only Flush touches the file, and tells whether all since the last Flush is in it. After a failed Flush the
// file may end within a packet: the recorder stays failed. Single-lcore.
class Recorder {
 public:
  // Creates the file, or empties it. Errors: of open(2), naming the file.
  static absl::StatusOr<std::unique_ptr<Recorder>> Create(const std::string& path);
  ~Recorder();
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  void Write(const timespec& time, std::span<const std::byte> packet);
  bool full() const { return buffered_bytes_ >= kFlushBytes; }
  // False: what was written since the last Flush, and all that comes, is lost; status() says why.
  bool Flush();
  const absl::Status& status() const { return status_; }
  const std::string& path() const { return path_; }

 private:
  static constexpr std::size_t kFlushBytes = 128 * 1024;
  static constexpr std::size_t kBufferBytes = 2 * kFlushBytes;  // a burst of the longest packets fits behind kFlushBytes

  explicit Recorder(std::string path) : path_(std::move(path)), buffer_(kBufferBytes) {}

  const std::string path_;
  std::vector<char> buffer_;  // stdio's: outlives dumper_
  pcap_t* handle_ = nullptr;
  pcap_dumper_t* dumper_ = nullptr;
  std::size_t buffered_bytes_ = 0;
  absl::Status status_;
};

}  // namespace pollux::pmd

#endif  // PMD_PCAP_RECORDER_H_
