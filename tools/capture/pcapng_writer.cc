// SPDX-License-Identifier: Apache-2.0
#include "tools/capture/pcapng_writer.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <absl/strings/str_cat.h>

#include "lcore/errno_status.h"

namespace pollux::capture {
namespace {

constexpr uint32_t kSectionHeader = 0x0A0D0D0A;
constexpr uint32_t kInterfaceDescription = 1;
constexpr uint32_t kInterfaceStatistics = 5;
constexpr uint32_t kEnhancedPacket = 6;
constexpr uint32_t kByteOrder = 0x1A2B3C4D;
constexpr uint16_t kEthernet = 1;
// Options, by block.
constexpr uint16_t kEndOfOptions = 0;
constexpr uint16_t kSectionApplication = 4;
constexpr uint16_t kInterfaceName = 2, kInterfaceTimeResolution = 9;
constexpr uint16_t kPacketFlags = 2, kPacketQueue = 6;
constexpr uint16_t kReceivedByInterface = 4, kDroppedByInterface = 5, kAcceptedByFilter = 6;
constexpr uint32_t kInbound = 1, kOutbound = 2;
constexpr char kNanoseconds = 9;
constexpr std::size_t kBufferBytes = 1 << 20;

// In this machine's byte order, which the section header tells.
template <typename Number>
void Append(std::string& body, Number number) {
  body.append(reinterpret_cast<const char*>(&number), sizeof(number));
}

void Pad(std::string& body) {
  body.resize((body.size() + 3) / 4 * 4);
}

void AppendOption(std::string& body, uint16_t code, absl::string_view value) {
  Append<uint16_t>(body, code);
  Append<uint16_t>(body, static_cast<uint16_t>(value.size()));
  absl::StrAppend(&body, value);
  Pad(body);
}

template <typename Number>
void AppendNumber(std::string& body, uint16_t code, Number number) {
  AppendOption(body, code, {reinterpret_cast<const char*>(&number), sizeof(number)});
}

void AppendTime(std::string& body, uint64_t time_ns) {
  Append<uint32_t>(body, static_cast<uint32_t>(time_ns >> 32));
  Append<uint32_t>(body, static_cast<uint32_t>(time_ns));
}

}  // namespace

absl::StatusOr<std::unique_ptr<PcapngWriter>> PcapngWriter::Create(const std::string& path, const std::string& interface,
                                                                   uint32_t snap_length) {
  std::FILE* const file = path == "-" ? stdout : std::fopen(path.c_str(), "wbe");
  if (file == nullptr) return lcore::ErrnoStatus(errno, absl::StrCat("open(", path, ") for writing"));
  std::setvbuf(file, nullptr, _IOFBF, kBufferBytes);
  std::unique_ptr<PcapngWriter> writer(new PcapngWriter(file, path));
  std::string& body = writer->body_;
  Append<uint32_t>(body, kByteOrder);
  Append<uint16_t>(body, 1);  // version 1.0
  Append<uint16_t>(body, 0);
  Append<int64_t>(body, -1);  // of unknown length
  AppendOption(body, kSectionApplication, "pollux capture");
  AppendOption(body, kEndOfOptions, "");
  if (absl::Status status = writer->WriteBlock(kSectionHeader); !status.ok()) return status;
  Append<uint16_t>(body, kEthernet);
  Append<uint16_t>(body, 0);
  Append<uint32_t>(body, snap_length);
  AppendOption(body, kInterfaceName, interface);
  AppendNumber(body, kInterfaceTimeResolution, kNanoseconds);
  AppendOption(body, kEndOfOptions, "");
  if (absl::Status status = writer->WriteBlock(kInterfaceDescription); !status.ok()) return status;
  if (absl::Status status = writer->Flush(); !status.ok()) return status;
  return writer;
}

PcapngWriter::~PcapngWriter() {
  if (file_ != stdout) std::fclose(file_);
}

absl::Status PcapngWriter::Write(const TappedPacket& packet) {
  Append<uint32_t>(body_, 0);  // the interface
  AppendTime(body_, packet.time_ns);
  Append<uint32_t>(body_, static_cast<uint32_t>(packet.bytes.size()));
  Append<uint32_t>(body_, packet.wire_length);
  body_.append(reinterpret_cast<const char*>(packet.bytes.data()), packet.bytes.size());
  Pad(body_);
  AppendNumber<uint32_t>(body_, kPacketFlags, packet.received ? kInbound : kOutbound);
  AppendNumber<uint32_t>(body_, kPacketQueue, packet.queue);
  AppendOption(body_, kEndOfOptions, "");
  return WriteBlock(kEnhancedPacket);
}

absl::Status PcapngWriter::WriteTotals(const TapReader::Totals& totals, uint64_t time_ns) {
  Append<uint32_t>(body_, 0);
  AppendTime(body_, time_ns);
  AppendNumber<uint64_t>(body_, kReceivedByInterface, totals.passed);
  AppendNumber<uint64_t>(body_, kDroppedByInterface, totals.dropped);
  AppendNumber<uint64_t>(body_, kAcceptedByFilter, totals.taken);
  AppendOption(body_, kEndOfOptions, "");
  return WriteBlock(kInterfaceStatistics);
}

absl::Status PcapngWriter::WriteBlock(uint32_t type) {
  const auto length = static_cast<uint32_t>(body_.size() + 3 * sizeof(uint32_t));
  const uint32_t head[] = {type, length};
  errno = 0;
  const bool written = std::fwrite(head, sizeof(head), 1, file_) == 1 && std::fwrite(body_.data(), body_.size(), 1, file_) == 1 &&
                       std::fwrite(&length, sizeof(length), 1, file_) == 1;
  body_.clear();
  return written ? absl::OkStatus() : lcore::ErrnoStatus(errno == 0 ? EIO : errno, absl::StrCat("write(", path_, ")"));
}

absl::Status PcapngWriter::Flush() {
  errno = 0;
  if (std::fflush(file_) == 0) return absl::OkStatus();
  return lcore::ErrnoStatus(errno == 0 ? EIO : errno, absl::StrCat("write(", path_, ")"));
}

}  // namespace pollux::capture
