// SPDX-License-Identifier: Apache-2.0
#include "pmd/pcap/recorder.h"

#include <cerrno>
#include <cstdio>
#include <utility>

#include <absl/strings/str_cat.h>

#include "lcore/errno_status.h"

namespace pollux::pmd {
namespace {

constexpr int kSnapLength = 262144;        // what libpcap and Wireshark take for "whole packets"
constexpr std::size_t kRecordHeader = 16;  // of a packet in the file

}  // namespace

absl::StatusOr<std::unique_ptr<Recorder>> Recorder::Create(const std::string& path) {
  std::unique_ptr<Recorder> recorder(new Recorder(path));
  recorder->handle_ = pcap_open_dead_with_tstamp_precision(DLT_EN10MB, kSnapLength, PCAP_TSTAMP_PRECISION_NANO);
  if (recorder->handle_ == nullptr) return absl::ResourceExhaustedError(absl::StrCat("pcap_open_dead for ", path, ": out of memory"));
  std::FILE* const file = std::fopen(path.c_str(), "wbe");
  if (file == nullptr) return lcore::ErrnoStatus(errno, absl::StrCat("open(", path, ") for writing"));
  std::setvbuf(file, recorder->buffer_.data(), _IOFBF, recorder->buffer_.size());
  recorder->dumper_ = pcap_dump_fopen(recorder->handle_, file);
  if (recorder->dumper_ == nullptr) {
    std::fclose(file);
    return absl::UnknownError(absl::StrCat(path, ": ", pcap_geterr(recorder->handle_)));
  }
  return recorder;
}

Recorder::~Recorder() {
  if (dumper_ != nullptr) pcap_dump_close(dumper_);
  if (handle_ != nullptr) pcap_close(handle_);
}

void Recorder::Write(const timespec& time, std::span<const std::byte> packet) {
  pcap_pkthdr header{};
  header.ts.tv_sec = time.tv_sec;
  header.ts.tv_usec = time.tv_nsec;  // nanoseconds: the precision that the file was opened with
  header.caplen = static_cast<bpf_u_int32>(packet.size());
  header.len = header.caplen;
  pcap_dump(reinterpret_cast<u_char*>(dumper_), &header, reinterpret_cast<const u_char*>(packet.data()));
  buffered_bytes_ += kRecordHeader + packet.size();
}

bool Recorder::Flush() {
  buffered_bytes_ = 0;
  if (!status_.ok()) return false;
  errno = 0;
  const bool flushed = pcap_dump_flush(dumper_) == 0 && std::ferror(pcap_dump_file(dumper_)) == 0;
  if (!flushed) status_ = lcore::ErrnoStatus(errno == 0 ? EIO : errno, absl::StrCat("write(", path_, ")"));
  return flushed;
}

}  // namespace pollux::pmd
