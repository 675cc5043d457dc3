// SPDX-License-Identifier: Apache-2.0
#include "pmd/pcap/capture.h"

#include <pcap/pcap.h>

#include <cerrno>
#include <cstdio>
#include <memory>

#include <absl/strings/str_cat.h>

#include "lcore/errno_status.h"
#include "pmd/pcap/capture_input.h"
#include "pmd/pcap/pcapng.h"

namespace pollux::pmd {
namespace {

struct PcapCloser {
  void operator()(pcap_t* handle) const { pcap_close(handle); }
};
using PcapHandle = std::unique_ptr<pcap_t, PcapCloser>;

absl::StatusOr<PcapHandle> OpenPcap(std::vector<std::byte>& file) {
  if (file.empty()) return absl::InvalidArgumentError("not a capture that libpcap reads: it is empty");
  std::FILE* const stream = fmemopen(file.data(), file.size(), "rb");
  if (stream == nullptr) return lcore::ErrnoStatus(errno, "fmemopen");
  char error[PCAP_ERRBUF_SIZE] = "";
  PcapHandle handle(pcap_fopen_offline_with_tstamp_precision(stream, PCAP_TSTAMP_PRECISION_NANO, error));
  if (handle == nullptr) {
    std::fclose(stream);
    const bool compressed = file.size() >= 2 && file[0] == std::byte{0x1F} && file[1] == std::byte{0x8B};
    return absl::InvalidArgumentError(absl::StrCat("not a capture that libpcap reads: ", error,
                                                   compressed ? "; it is compressed: read it through a pipe, rx_pcap=<(zcat FILE)" : ""));
  }
  return handle;
}

std::string LinkTypeName(int link_type) {
  const char* const name = pcap_datalink_val_to_name(link_type);
  return absl::StrCat(link_type, " (", name == nullptr ? "unknown" : name, ")");
}

}  // namespace

absl::StatusOr<Capture> Capture::Read(const std::string& path) {
  absl::StatusOr<std::vector<std::byte>> file = ReadCaptureInput(path, kMaximumFileBytes, kPipePatience);
  if (!file.ok()) return file.status();
  Capture capture;
  const bool pcapng = IsPcapng(*file);
  absl::Status status = pcapng ? capture.ReadPcapng(*std::move(file)) : capture.ReadPcap(*std::move(file));
  if (absl::IsDataLoss(status) && capture.size() > 0) {
    capture.cut_ = absl::StrCat(path, ": ", status.message(), "; the ", capture.size(), " packets before are replayed");
    return capture;
  }
  if (absl::IsDataLoss(status)) status = absl::InvalidArgumentError(absl::StrCat("packet 1 cannot be read: ", status.message()));
  if (!status.ok()) return lcore::Annotate(status, path);
  return capture;
}

absl::Status Capture::ReadPcap(std::vector<std::byte> file) {
  absl::StatusOr<PcapHandle> handle = OpenPcap(file);
  if (!handle.ok()) return handle.status();
  if (const int link_type = pcap_datalink(handle->get()); link_type != DLT_EN10MB) {
    return absl::InvalidArgumentError(absl::StrCat("its link type is ", LinkTypeName(link_type), ", must be 1 (EN10MB, Ethernet)"));
  }
  for (;;) {
    pcap_pkthdr* header = nullptr;
    const u_char* data = nullptr;
    const int result = pcap_next_ex(handle->get(), &header, &data);
    if (result == PCAP_ERROR_BREAK) return absl::OkStatus();  // the end of the file
    if (result != 1) {
      const std::string error = pcap_geterr(handle->get());
      if (std::feof(pcap_file(handle->get()))) return absl::DataLossError(absl::StrCat("cut off in packet ", size() + 1, ": ", error));
      return absl::InvalidArgumentError(absl::StrCat("packet ", size() + 1, " cannot be read: ", error));
    }
    records_.push_back({bytes_.size(), header->caplen, header->len});
    const auto* const bytes = reinterpret_cast<const std::byte*>(data);
    bytes_.insert(bytes_.end(), bytes, bytes + header->caplen);
  }
}

absl::Status Capture::ReadPcapng(std::vector<std::byte> file) {
  bytes_ = std::move(file);
  return ParsePcapng(bytes_, records_);
}

}  // namespace pollux::pmd
