// SPDX-License-Identifier: Apache-2.0
#include "pmd/pcap/pcap_device.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>

#include "lcore/errno_status.h"
#include "pmd/basic_device.h"
#include "pmd/pcap/capture.h"
#include "pmd/pcap/pcap_queues.h"
#include "pmd/pcap/recorder.h"

namespace pollux::pmd {
namespace {

constexpr uint64_t kMaximumRate = 1'000'000'000;

struct PcapOptions {
  std::vector<std::string> rx_files;
  std::vector<std::string> tx_files;
  ReplayOptions replay;
};

class PcapDevice final : public BasicDevice {
 public:
  PcapDevice(DeviceInfo info, PcapOptions options, std::vector<std::shared_ptr<const Capture>> captures)
      : BasicDevice(std::move(info)), options_(std::move(options)), captures_(std::move(captures)), recorders_(options_.tx_files.size()) {}

  std::vector<FeatureState> Features() const override {
    std::vector<FeatureState> features;
    for (std::size_t number = 0; number < captures_.size(); ++number) {
      if (captures_[number]->cut().empty()) continue;
      features.push_back({.feature = kFeatureWholeCapture,
                          .queue = static_cast<int>(number),
                          .asked = options_.rx_files[number],
                          .got = absl::StrCat(captures_[number]->size(), " packets"),
                          .reason = captures_[number]->cut()});
    }
    return features;
  }

  bool scattered() const override { return state() == State::kStarted && scattered_; }

 private:
  absl::StatusOr<Queues> MakeQueues(const DeviceConfig& config) override {
    Queues queues;
    bool scattered = false;
    for (std::size_t number = 0; number < config.rx_queues; ++number) {
      auto queue =
          std::make_unique<ReplayQueue>(captures_.empty() ? nullptr : captures_[number], options_.replay, config.pool, config.scattered);
      scattered |= queue->scattered();
      queues.rx.push_back(std::move(queue));
    }
    for (std::size_t number = 0; number < config.tx_queues; ++number) {
      if (recorders_.empty()) {
        queues.tx.push_back(std::make_unique<NoFileQueue>());
        continue;
      }
      if (recorders_[number] == nullptr) {
        absl::StatusOr<std::unique_ptr<Recorder>> recorder = Recorder::Create(options_.tx_files[number]);
        if (!recorder.ok()) return lcore::Annotate(recorder.status(), absl::StrCat(name(), ": tx_pcap"));
        recorders_[number] = *std::move(recorder);
      }
      queues.tx.push_back(std::make_unique<RecordQueue>(recorders_[number], name()));
    }
    scattered_ = scattered;
    return queues;
  }

  bool scattered_ = false;  // of the queues
  const PcapOptions options_;
  const std::vector<std::shared_ptr<const Capture>> captures_;  // by rx queue; empty without rx_pcap
  std::vector<std::shared_ptr<Recorder>> recorders_;            // by tx queue, made when first needed; empty without tx_pcap
};

// DPDK's net_pcap also opens interfaces through libpcap.
absl::Status RefuseInterfaces(DeviceArguments& arguments) {
  for (const char* const key : {"iface", "rx_iface", "rx_iface_in", "tx_iface"}) {
    if (!arguments.Has(key)) continue;
    const std::string interface = arguments.TakeAll(key).front();
    return absl::InvalidArgumentError(
        absl::StrCat(arguments.name(), ": ", key, "=", interface,
                     ": this driver replays and records files; for an interface use net_af_xdp0,iface=", interface));
  }
  return absl::OkStatus();
}

// Looks, without creating it, whether the file could be written.
absl::Status CheckWritable(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) == 0) {
    if (S_ISDIR(status.st_mode)) return absl::InvalidArgumentError(absl::StrCat(path, ": is a folder"));
    return access(path.c_str(), W_OK) == 0 ? absl::OkStatus() : lcore::ErrnoStatus(errno, absl::StrCat("access(", path, ", write)"));
  }
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  return access(folder.c_str(), W_OK | X_OK) == 0 ? absl::OkStatus()
                                                  : lcore::ErrnoStatus(errno, absl::StrCat("access(", folder, ", write)"));
}

// Whether both names lead to one ordinary file (a character device such as /dev/null may stand twice).
bool SameFile(const std::string& one, const std::string& other) {
  if (one == other) return true;
  struct stat first {};
  struct stat second {};
  return stat(one.c_str(), &first) == 0 && stat(other.c_str(), &second) == 0 && S_ISREG(first.st_mode) && first.st_dev == second.st_dev &&
         first.st_ino == second.st_ino;
}

absl::Status CheckFiles(const PcapOptions& options) {
  const auto overwrites = [](const std::string& path) {
    return absl::InvalidArgumentError(absl::StrCat("tx_pcap=", path, ": would overwrite a file that this port reads or writes already"));
  };
  if (options.rx_files.empty() && options.tx_files.empty()) return absl::InvalidArgumentError("give rx_pcap=FILE, tx_pcap=FILE, or both");
  if (std::max(options.rx_files.size(), options.tx_files.size()) > kMaximumBasicQueues) {
    return absl::InvalidArgumentError(absl::StrCat("more than ", kMaximumBasicQueues, " files in one direction"));
  }
  for (std::size_t index = 0; index < options.tx_files.size(); ++index) {
    const std::string& path = options.tx_files[index];
    if (path.empty()) return absl::InvalidArgumentError("tx_pcap: must be the name of a file");
    const auto same = [&path](const std::string& other) { return SameFile(path, other); };
    if (std::any_of(options.rx_files.begin(), options.rx_files.end(), same)) return overwrites(path);
    if (std::any_of(options.tx_files.begin(), options.tx_files.begin() + index, same)) return overwrites(path);
    if (absl::Status status = CheckWritable(path); !status.ok()) return lcore::Annotate(status, "tx_pcap");
  }
  return absl::OkStatus();
}

absl::StatusOr<PcapOptions> TakeOptions(DeviceArguments& arguments) {
  PcapOptions options;
  absl::Status status = RefuseInterfaces(arguments);
  options.rx_files = arguments.TakeAll("rx_pcap");
  options.tx_files = arguments.TakeAll("tx_pcap");
  const absl::StatusOr<bool> infinite_rx = arguments.TakeFlag("infinite_rx", false);
  const absl::StatusOr<bool> loop = arguments.TakeFlag("loop", false);
  const absl::StatusOr<uint64_t> rate = arguments.TakeNumber("rate", 0, 1, kMaximumRate);
  status.Update(infinite_rx.status());
  status.Update(loop.status());
  status.Update(rate.status());
  status.Update(arguments.Finish());
  if (!status.ok()) return status;
  options.replay = {.loop = *infinite_rx || *loop, .rate = *rate};
  status = CheckFiles(options);
  if (!status.ok()) return lcore::Annotate(status, arguments.name());
  return options;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Device>> OpenPcapDevice(DeviceArguments arguments) {
  absl::StatusOr<PcapOptions> options = TakeOptions(arguments);
  if (!options.ok()) return options.status();
  std::vector<std::shared_ptr<const Capture>> captures;
  for (const std::string& path : options->rx_files) {
    // A file that several queues replay is read once; a pipe could not be read again.
    const auto known = std::find(options->rx_files.begin(), options->rx_files.end(), path) - options->rx_files.begin();
    if (static_cast<std::size_t>(known) < captures.size()) {
      captures.push_back(captures[static_cast<std::size_t>(known)]);
      continue;
    }
    absl::StatusOr<Capture> capture = Capture::Read(path);
    const std::string context = absl::StrCat(arguments.name(), ": rx_pcap");
    if (!capture.ok()) return lcore::Annotate(capture.status(), context);
    if (options->replay.loop && capture->size() == 0) {
      return absl::InvalidArgumentError(absl::StrCat(context, "=", path, ": holds no packet to replay for ever"));
    }
    captures.push_back(std::make_shared<const Capture>(*std::move(capture)));
  }
  DeviceInfo info;
  info.name = arguments.name();
  info.driver = kPcapDriver;
  info.maximum_rx_queues = captures.empty() ? kMaximumBasicQueues : captures.size();
  info.maximum_tx_queues = options->tx_files.empty() ? kMaximumBasicQueues : options->tx_files.size();
  return std::make_unique<PcapDevice>(std::move(info), *std::move(options), std::move(captures));
}

}  // namespace pollux::pmd
