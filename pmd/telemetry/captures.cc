// SPDX-License-Identifier: Apache-2.0
#include "pmd/telemetry/captures.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <nlohmann/json.hpp>

#include "lcore/errno_status.h"
#include "pmd/tap/port_taps.h"
#include "pmd/telemetry/parameters.h"

namespace pollux::pmd::telemetry {
namespace {

using nlohmann::json;

// From a file of memory alone: reading it waits for no disk and for no other process.
absl::StatusOr<PacketFilter> ReadFilter(int descriptor) {
  struct stat status = {};
  if (descriptor < 0 || fcntl(descriptor, F_GET_SEALS) < 0 || fstat(descriptor, &status) != 0)
    return absl::InvalidArgumentError("a filter in a file of memory must come with it: `pollux capture` sends one");
  const auto bytes = static_cast<std::size_t>(status.st_size);
  if (bytes > PacketFilter::kMostInstructions * sizeof(bpf_insn))
    return absl::InvalidArgumentError(absl::StrCat("a filter of ", bytes, " bytes is too long"));
  std::vector<std::byte> program(bytes);
  if (pread(descriptor, program.data(), bytes, 0) != static_cast<ssize_t>(bytes)) return lcore::ErrnoStatus(errno, "pread(filter)");
  return PacketFilter::Of(program);
}

absl::StatusOr<PortView> PortNamed(const ProcessView& view, absl::string_view name) {
  std::vector<std::string> names;
  for (PortView& port : view.Ports()) {
    const DeviceInfo info = port.device->Info();
    if (name == absl::StrCat(port.number) || name == info.interface || name == info.name) return std::move(port);
    names.push_back(absl::StrCat(port.number, " (", info.interface.empty() ? info.name : info.interface, ")"));
  }
  return absl::NotFoundError(absl::StrCat("there is no port ", name, "; open are: ", absl::StrJoin(names, ", ")));
}

}  // namespace

Captures::~Captures() {
  while (!captures_.empty()) End(captures_.begin()->first);
}

absl::StatusOr<Captures::Started> Captures::Start(int client, absl::string_view parameters, int filter) {
  if (captures_.count(client) != 0) return absl::FailedPreconditionError("this connection has a capture already");
  // The name comes first, as it may hold anything but a comma.
  const std::size_t comma = parameters.find(',');
  const absl::StatusOr<PortView> port = PortNamed(view_, parameters.substr(0, comma));
  if (!port.ok()) return port.status();
  const auto sizes = ParseNumbers(comma == absl::string_view::npos ? "" : parameters.substr(comma + 1), {"snap_length", "bytes"});
  if (!sizes.ok()) return sizes.status();
  if (sizes->front() < 1 || sizes->front() > TapOptions{}.snap_length)
    return absl::InvalidArgumentError(absl::StrCat("a snap length of ", sizes->front(), ": 1 to ", TapOptions{}.snap_length));
  if (port->taps == nullptr) return absl::UnimplementedError(absl::StrCat("port ", port->number, " has no place for a tap"));
  if (!port->configured) return absl::FailedPreconditionError(absl::StrCat("port ", port->number, " is not configured"));
  absl::StatusOr<PacketFilter> program = ReadFilter(filter);
  if (!program.ok()) return program.status();
  auto made = Tap::Create(port->config.rx_queues, port->config.tx_queues,
                          {.snap_length = static_cast<uint32_t>(sizes->front()), .bytes = sizes->back()}, *std::move(program));
  if (!made.ok()) return made.status();
  const std::shared_ptr<Tap> tap = *std::move(made);
  if (absl::Status status = port->taps->Attach(tap); !status.ok()) return lcore::Annotate(status, absl::StrCat("port ", port->number));
  captures_[client] = {port->number, tap};
  const DeviceInfo info = port->device->Info();
  return Started{.answer = JsonText({{"port", port->number},
                                     {"name", info.interface.empty() ? info.name : info.interface},
                                     {"rx_rings", tap->rx_queues()},
                                     {"rings", tap->rings()},
                                     {"ring_bytes", tap->ring_bytes()},
                                     {"snap_length", sizes->front()}}),
                 .memory = tap->descriptor()};
}

void Captures::End(int client) {
  const auto entry = captures_.find(client);
  if (entry == captures_.end()) return;
  // Whose port is closed by now has ended by itself.
  for (const PortView& port : view_.Ports()) {
    if (port.taps != nullptr) port.taps->Detach(entry->second.tap.get());
  }
  captures_.erase(entry);
}

absl::StatusOr<std::string> Captures::List() const {
  json list = json::array();
  for (const auto& [client, capture] : captures_) {
    uint64_t packets = 0, taken = 0, dropped = 0;
    for (std::size_t ring = 0; ring < capture.tap->rings(); ++ring) {
      packets += capture.tap->header(ring).packets.load(std::memory_order_relaxed);
      taken += capture.tap->header(ring).taken.load(std::memory_order_relaxed);
      dropped += capture.tap->header(ring).dropped.load(std::memory_order_relaxed);
    }
    list.push_back({{"port", capture.port}, {"packets", packets}, {"taken", taken}, {"dropped", dropped}});
  }
  return json{{"captures", list}}.dump();
}

}  // namespace pollux::pmd::telemetry
