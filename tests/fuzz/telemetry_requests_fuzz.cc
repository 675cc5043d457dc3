// SPDX-License-Identifier: Apache-2.0
// What clients ask of a process's telemetry, a request a line: always one JSON object. The second kind of input asks for captures, with a
// filter that is part of it.
#include <sys/mman.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "bpf/unique_fd.h"
#include "pmd/tap/port_taps.h"
#include "pmd/telemetry/captures.h"
#include "pmd/telemetry/command_table.h"
#include "pmd/telemetry/commands.h"
#include "tests/fuzz/input.h"
#include "tests/pmd/telemetry/telemetry_fixture.h"

namespace pollux::pmd {
namespace {

// Ports that can be captured.
class TappedPorts final : public ProcessView {
 public:
  explicit TappedPorts(TwoPorts& ports) : ports_(ports) {
    for (std::size_t number = 0; number < std::size(taps_); ++number) taps_[number].Follow(ports_.device(number), 2, 2);
  }
  std::vector<PortView> Ports() const override {
    std::vector<PortView> views = ports_.Ports();
    for (PortView& view : views) view.taps = &taps_[view.number];
    return views;
  }
  std::vector<std::shared_ptr<const mempool::Pool>> Pools() const override { return ports_.Pools(); }

 private:
  TwoPorts& ports_;
  mutable PortTaps taps_[2];
};

void Ask(const std::vector<std::string>& requests) {
  static const TwoPorts* const view = new TwoPorts;
  static const telemetry::CommandTable* const table = [] {
    auto* const made = new telemetry::CommandTable;
    telemetry::AddEthdevCommands(*made, *view);
    telemetry::AddProcessCommands(*made, *view);
    telemetry::AddPolluxCommands(*made, *view);
    return made;
  }();
  for (const std::string& request : requests) {
    const auto answer = nlohmann::json::parse(table->Answer(request), nullptr, false);
    FUZZ_REQUIRE(answer.is_object() && !answer.empty());
    FUZZ_REQUIRE(!answer.contains("error") || answer["error"].is_string());
  }
}

// Each line is a client's: "0,96,1048576", a tab, and the instructions of a filter.
void AskForCaptures(const std::vector<std::string>& lines) {
  static TwoPorts* const ports = new TwoPorts;
  static const TappedPorts* const view = new TappedPorts(*ports);
  telemetry::Captures captures(*view);
  int client = 0;
  for (const std::string& line : lines) {
    const std::size_t tab = line.find('\t');
    const bpf::UniqueFd file(memfd_create("filter", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    const std::string filter = tab == std::string::npos ? "" : line.substr(tab + 1);
    FUZZ_REQUIRE(file.get() >= 0 && write(file.get(), filter.data(), filter.size()) == static_cast<ssize_t>(filter.size()));
    const auto started = captures.Start(client, line.substr(0, tab), tab == std::string::npos ? -1 : file.get());
    if (started.ok()) {
      FUZZ_REQUIRE(started->memory >= 0 && nlohmann::json::parse(started->answer, nullptr, false).is_object());
      // Of each port there is one at a time; the next client has the other port, or is told.
      ++client;
    } else {
      FUZZ_REQUIRE(!started.status().message().empty());
    }
    const auto list = captures.List();
    FUZZ_REQUIRE(list.ok() && nlohmann::json::parse(*list)["captures"].size() == static_cast<std::size_t>(client));
  }
}

}  // namespace
}  // namespace pollux::pmd

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  pollux::fuzz::Input input(data, size);
  const bool captures = input.Byte() == 'C';
  (captures ? pollux::pmd::AskForCaptures : pollux::pmd::Ask)(input.Lines());
  return 0;
}
