// SPDX-License-Identifier: Apache-2.0
#include "tools/performance/rig/tcp_pods.h"

#include <chrono>
#include <tuple>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <nlohmann/json.hpp>

#include "tools/support/child_process.h"

namespace pollux::performance {
namespace {

// Nobody routes between the namespaces of a rig.
constexpr char kSourceAddress[] = "10.77.0.1";
constexpr char kSinkAddress[] = "10.77.0.2";
constexpr std::chrono::seconds kPatience{30};  // beyond the time that iperf3 is told to take

}  // namespace

absl::Status ConfigurePods(const Rig& rig, const std::string& settings) {
  for (const auto& [network, interface, address] :
       {std::tuple(rig.source.get(), kSourceInterface, kSourceAddress), std::tuple(rig.sink.get(), kSinkInterface, kSinkAddress)}) {
    auto added = support::RunSuccessfully({"ip", "address", "add", absl::StrCat(address, "/24"), "dev", interface}, network);
    if (!added.ok()) return added.status();
    if (settings.empty()) continue;
    support::Arguments command = {"ethtool", "-K", interface};
    for (absl::string_view word : absl::StrSplit(settings, ' ')) command.emplace_back(word);
    if (auto set = support::RunSuccessfully(command, network); !set.ok()) return set.status();
  }
  return absl::OkStatus();
}

bool PodsReachEachOther(const Rig& rig) {
  return support::RunSuccessfully({"ping", "-n", "-c", "1", "-W", "1", kSinkAddress}, rig.source.get()).ok();
}

std::vector<std::string> SenderCommand(const TcpOptions& options) {
  return {"taskset",
          "-c",
          absl::StrCat(options.sender_cpu),
          "iperf3",
          "--client",
          kSinkAddress,
          "--json",
          "--parallel",
          absl::StrCat(options.streams),
          "--omit",
          absl::StrCat(options.warm_up_s),
          "--time",
          absl::StrCat(options.seconds)};
}

absl::StatusOr<TcpResult> ExchangeTcp(const Rig& rig, const TcpOptions& options) {
  auto server = support::ChildProcess::Start(
      {"taskset", "-c", absl::StrCat(options.receiver_cpu), "iperf3", "--server", "--one-off", "--forceflush", "--bind", kSinkAddress},
      rig.sink.get(), {.joined_output = true, .own_group = true});
  if (!server.ok()) return server.status();
  if (absl::Status status = (*server)->WaitForText("Server listening"); !status.ok()) return status;
  const int seconds = options.warm_up_s + options.seconds;
  auto ran = support::RunCommand(SenderCommand(options), rig.source.get(), std::chrono::seconds(seconds) + kPatience);
  if (!ran.ok()) return ran.status();
  return ParseIperf(ran->output);
}

absl::StatusOr<TcpResult> ParseIperf(const std::string& json) {
  const auto parsed = nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (parsed.is_discarded() || !parsed.is_object()) return absl::InternalError(absl::StrCat("iperf3 ended with \"", json, "\""));
  if (parsed.contains("error")) return absl::InternalError(absl::StrCat("iperf3: ", parsed["error"].dump()));
  const auto figure = [&](const char* sum, const char* name) {
    return parsed.value(nlohmann::json::json_pointer(absl::StrCat("/end/", sum, "/", name)), 0.0);
  };
  TcpResult result = {.seconds = figure("sum_received", "seconds"),
                      .bits_per_second = figure("sum_received", "bits_per_second"),
                      .retransmissions = static_cast<uint64_t>(figure("sum_sent", "retransmits"))};
  if (result.bits_per_second <= 0) return absl::InternalError("iperf3: nothing was received");
  return result;
}

}  // namespace pollux::performance
