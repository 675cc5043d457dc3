// SPDX-License-Identifier: Apache-2.0
#include "pmd/pcap/capture.h"

#include <pcap/pcap.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <memory>

#include <absl/strings/str_cat.h>

#include "lcore/errno_status.h"

namespace pollux::pmd {
namespace {

struct PcapCloser {
  void operator()(pcap_t* handle) const { pcap_close(handle); }
};
using PcapHandle = std::unique_ptr<pcap_t, PcapCloser>;

absl::Status Unusable(const std::string& path, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", why));
}

absl::StatusOr<PcapHandle> OpenCapture(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return lcore::ErrnoStatus(errno, absl::StrCat("stat(", path, ")"));
  if (!S_ISREG(status.st_mode)) return Unusable(path, "not an ordinary file");
  if (static_cast<uint64_t>(status.st_size) > Capture::kMaximumFileBytes) {
    return Unusable(path, absl::StrCat(status.st_size, " bytes, must be at most ", Capture::kMaximumFileBytes,
                                       ": a capture is replayed from memory; split it (editcap -c)"));
  }
  std::FILE* const file = std::fopen(path.c_str(), "rbe");
  if (file == nullptr) return lcore::ErrnoStatus(errno, absl::StrCat("open(", path, ")"));
  char error[PCAP_ERRBUF_SIZE] = "";
  PcapHandle handle(pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, error));
  if (handle == nullptr) {
    std::fclose(file);
    return Unusable(path, absl::StrCat("not a capture that libpcap reads: ", error));
  }
  return handle;
}

std::string LinkTypeName(int link_type) {
  const char* const name = pcap_datalink_val_to_name(link_type);
  return absl::StrCat(link_type, " (", name == nullptr ? "unknown" : name, ")");
}

}  // namespace

absl::StatusOr<Capture> Capture::Read(const std::string& path) {
  absl::StatusOr<PcapHandle> handle = OpenCapture(path);
  if (!handle.ok()) return handle.status();
  if (const int link_type = pcap_datalink(handle->get()); link_type != DLT_EN10MB) {
    return Unusable(path, absl::StrCat("its link type is ", LinkTypeName(link_type), ", must be 1 (EN10MB, Ethernet)"));
  }
  Capture capture;
  for (;;) {
    pcap_pkthdr* header = nullptr;
    const u_char* data = nullptr;
    const int result = pcap_next_ex(handle->get(), &header, &data);
    if (result == PCAP_ERROR_BREAK) return capture;  // the end of the file
    if (result != 1) {
      return Unusable(path, absl::StrCat("packet ", capture.size() + 1, " cannot be read: ", pcap_geterr(handle->get())));
    }
    capture.records_.push_back({capture.bytes_.size(), header->caplen, header->len});
    const auto* const bytes = reinterpret_cast<const std::byte*>(data);
    capture.bytes_.insert(capture.bytes_.end(), bytes, bytes + header->caplen);
  }
}

}  // namespace pollux::pmd
