// SPDX-License-Identifier: Apache-2.0
#include "pmd/af_xdp/af_xdp_options.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

#include "lcore/errno_status.h"
#include "pmd/af_xdp/checksum_completion.h"
#include "pmd/rx_metadata.h"

namespace pollux::pmd::af_xdp {
namespace {

constexpr uint64_t kMostQueues = 4096;
constexpr uint64_t kMostBusyBudget = 65535;

absl::Status ParseProgram(DeviceArguments& arguments, bpf::ProgramOptions& program) {
  const auto mode = arguments.TakeChoice("mode", "auto", {"auto", "drv", "skb"});
  if (!mode.ok()) return mode.status();
  program.mode = *mode == "drv" ? bpf::AttachMode::kNative : *mode == "skb" ? bpf::AttachMode::kGeneric : bpf::AttachMode::kAutomatic;
  const auto object = arguments.TakeText("xdp_prog", "");
  if (!object.ok()) return object.status();
  program.object_file = *object;
  const auto dispatcher = arguments.TakeFlag("dispatcher", false);
  if (!dispatcher.ok()) return dispatcher.status();
  program.dispatcher = *dispatcher;
  for (const std::string& text : arguments.TakeAll("steer")) {
    auto rule = bpf::ParseSteerRule(text);
    if (!rule.ok()) return rule.status();
    program.steer.push_back(*std::move(rule));
  }
  return absl::OkStatus();
}

absl::Status ParseAttach(DeviceArguments& arguments, AttachHook& attach) {
  const auto choice = arguments.TakeChoice("attach", "xdp", {"xdp", "tc", "auto"});
  if (!choice.ok()) return choice.status();
  attach = *choice == "tc" ? AttachHook::kTc : *choice == "auto" ? AttachHook::kAutomatic : AttachHook::kXdp;
  return absl::OkStatus();
}

// What only XDP on the interface itself can do; "" where nothing of it is asked for.
std::string NeedsXdp(const AfXdpOptions& options) {
  if (!options.broker.empty()) return "broker=";
  if (!options.program.steer.empty()) return "steer=";
  if (!options.program.object_file.empty()) return "xdp_prog=";
  if (options.program.dispatcher) return "dispatcher=1";
  if (options.program.mode == bpf::AttachMode::kGeneric) return "mode=skb";
  if (options.copy_mode == CopyMode::kZeroCopy) return "bind_mode=zerocopy";
  return "";
}

absl::Status ParseQueues(DeviceArguments& arguments, AfXdpOptions& options) {
  const auto start = arguments.TakeNumber("start_queue", 0, 0, kMostQueues - 1);
  if (!start.ok()) return start.status();
  options.start_queue = static_cast<uint32_t>(*start);
  if (!arguments.Has("queue_count")) return absl::OkStatus();
  const auto count = arguments.TakeNumber("queue_count", 1, 1, kMostQueues);
  if (!count.ok()) return count.status();
  options.queue_count = static_cast<uint32_t>(*count);
  return absl::OkStatus();
}

absl::Status ParseCopyMode(DeviceArguments& arguments, CopyMode& mode) {
  const auto choice = arguments.TakeChoice("bind_mode", "auto", {"auto", "zerocopy", "copy"});
  if (!choice.ok()) return choice.status();
  const auto force_copy = arguments.TakeFlag("force_copy", false);
  if (!force_copy.ok()) return force_copy.status();
  if (*force_copy && *choice == "zerocopy") return absl::InvalidArgumentError("force_copy=1 and bind_mode=zerocopy exclude each other");
  mode = *choice == "zerocopy" ? CopyMode::kZeroCopy : *choice == "copy" || *force_copy ? CopyMode::kCopy : CopyMode::kAutomatic;
  return absl::OkStatus();
}

absl::Status ParsePolling(DeviceArguments& arguments, AfXdpOptions& options) {
  const auto budget = arguments.TakeNumber("busy_budget", 0, 0, kMostBusyBudget);
  if (!budget.ok()) return budget.status();
  options.busy_polling.budget = static_cast<uint32_t>(*budget);
  const auto timeout = arguments.TakeNumber("busy_timeout_us", options.busy_polling.timeout_us, 1, 1'000'000);
  if (!timeout.ok()) return timeout.status();
  options.busy_polling.timeout_us = static_cast<uint32_t>(*timeout);
  const auto need_wakeup = arguments.TakeFlag("need_wakeup", true);
  if (!need_wakeup.ok()) return need_wakeup.status();
  options.need_wakeup = *need_wakeup;
  return absl::OkStatus();
}

absl::Status ParseTransmit(DeviceArguments& arguments, AfXdpOptions& options) {
  const auto choice = arguments.TakeChoice("tx", "auto", {"auto", "ring", "inject"});
  if (!choice.ok()) return choice.status();
  options.transmit = *choice == "ring" ? TransmitPolicy::kRing : *choice == "inject" ? TransmitPolicy::kInject : TransmitPolicy::kAutomatic;
  const auto flush = arguments.TakeNumber("flush_us", kDefaultFlushUs, 0, kMaximumFlushUs);
  if (!flush.ok()) return flush.status();
  options.flush_us = static_cast<uint32_t>(*flush);
  return absl::OkStatus();
}

absl::Status ParseChecksum(DeviceArguments& arguments, ChecksumPolicy& policy) {
  const auto choice = arguments.TakeChoice("rx_checksum", "auto", {"auto", "complete", "keep"});
  if (!choice.ok()) return choice.status();
  policy = *choice == "complete" ? ChecksumPolicy::kComplete : *choice == "keep" ? ChecksumPolicy::kKeep : ChecksumPolicy::kAutomatic;
  return absl::OkStatus();
}

absl::Status ParseVlan(DeviceArguments& arguments, bool& rx_vlan) {
  const auto choice = arguments.TakeChoice("rx_vlan", "auto", {"auto", "off"});
  if (!choice.ok()) return choice.status();
  rx_vlan = *choice == "auto";
  return absl::OkStatus();
}

absl::Status ParseRxMetadata(DeviceArguments& arguments, std::optional<uint32_t>& kinds) {
  const auto text = arguments.TakeText("rx_metadata", "auto");
  if (!text.ok()) return text.status();
  if (*text == "auto") return absl::OkStatus();
  if (*text == "off") {
    kinds = 0;
    return absl::OkStatus();
  }
  const auto parsed = ParseRxMetadataKinds(*text);
  if (!parsed.ok()) return lcore::Annotate(parsed.status(), absl::StrCat(arguments.name(), ": rx_metadata=auto|off|[KIND,...]"));
  kinds = *parsed;
  return absl::OkStatus();
}

absl::Status ParseTxMetadata(DeviceArguments& arguments, TxMetadataPolicy& policy) {
  const auto text = arguments.TakeText("tx_metadata", "off");
  if (!text.ok()) return text.status();
  if (*text == "off") return absl::OkStatus();
  using Checksum = TxMetadataPolicy::Checksum;
  absl::string_view words = *text;
  if (words.front() == '[' && words.back() == ']') words = words.substr(1, words.size() - 2);
  for (const absl::string_view word : absl::StrSplit(words, ',')) {
    const bool checksum = word == "checksum" || word == "sw_checksum";
    bool* const time = word == "timestamp" ? &policy.timestamp : word == "launch_time" ? &policy.launch_time : nullptr;
    const bool again = checksum ? policy.checksum != Checksum::kOff : time != nullptr && *time;
    if ((!checksum && time == nullptr) || again) {
      return absl::InvalidArgumentError(
          absl::StrCat("tx_metadata=", *text, ": '", word, "' ", again ? "comes a second time" : "is not known",
                       "; off, or some of checksum or sw_checksum, timestamp, launch_time, as in [checksum,timestamp]"));
    }
    if (checksum) policy.checksum = word == "checksum" ? Checksum::kOffload : Checksum::kSoftware;
    if (time != nullptr) *time = true;
  }
  return absl::OkStatus();
}

absl::Status ParseScatter(DeviceArguments& arguments, ScatterPolicy& policy) {
  const auto choice = arguments.TakeChoice("sg", "auto", {"auto", "on", "off"});
  if (!choice.ok()) return choice.status();
  policy = *choice == "on" ? ScatterPolicy::kOn : *choice == "off" ? ScatterPolicy::kOff : ScatterPolicy::kAutomatic;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<AfXdpOptions> ParseAfXdpOptions(DeviceArguments& arguments) {
  AfXdpOptions options;
  const auto interface = arguments.TakeText("iface", "");
  if (!interface.ok()) return interface.status();
  if (interface->empty())
    return absl::InvalidArgumentError(
        absl::StrCat(arguments.name(), ": iface= is missing: the kernel interface to use, as in ", arguments.name(), ",iface=eth1"));
  options.interface = *interface;
  const auto broker = arguments.TakeText("broker", "");
  if (!broker.ok()) return broker.status();
  options.broker = *broker;
  const bool gives_timeout = arguments.Has("busy_timeout_us");
  if (const auto shared = arguments.TakeFlag("shared_umem", true); !shared.ok()) return shared.status();
  for (const absl::Status& status :
       {ParseAttach(arguments, options.attach), ParseQueues(arguments, options), ParseProgram(arguments, options.program),
        ParseCopyMode(arguments, options.copy_mode), ParseTransmit(arguments, options), ParseChecksum(arguments, options.rx_checksum),
        ParseVlan(arguments, options.rx_vlan), ParseRxMetadata(arguments, options.rx_metadata), ParseScatter(arguments, options.scatter),
        ParseTxMetadata(arguments, options.tx_metadata), ParsePolling(arguments, options), arguments.Finish()}) {
    if (!status.ok()) return status;
  }
  if (options.program.mode == bpf::AttachMode::kGeneric && options.copy_mode == CopyMode::kZeroCopy) {
    return absl::InvalidArgumentError("mode=skb and bind_mode=zerocopy exclude each other: a generic program gets copies");
  }
  if (!options.broker.empty() && (options.program.dispatcher || !options.program.object_file.empty())) {
    return absl::InvalidArgumentError("xdp_prog= and dispatcher= exclude broker=: the program is the broker's");
  }
  if (options.attach != AttachHook::kXdp) {
    options.needs_xdp = NeedsXdp(options);
    if (options.attach == AttachHook::kTc && !options.needs_xdp.empty())
      return absl::InvalidArgumentError(
          absl::StrCat("attach=tc and ", options.needs_xdp, " exclude each other: that is done at XDP of the interface"));
  }
  if (options.scatter == ScatterPolicy::kOn && (!options.broker.empty() || options.program.dispatcher)) {
    return absl::InvalidArgumentError(
        "sg=on excludes broker= and dispatcher=1: packets of several frames need a socket and a program that this process makes for them");
  }
  if (gives_timeout && options.busy_polling.budget == 0) {
    return absl::InvalidArgumentError("busy_timeout_us= has no effect without busy polling: give busy_budget= too");
  }
  return options;
}

bool CompletesChecksums(const AfXdpOptions& options, const std::string& driver) {
  if (options.rx_checksum != ChecksumPolicy::kAutomatic) return options.rx_checksum == ChecksumPolicy::kComplete;
  return LeavesChecksumsUnfinished(driver);
}

}  // namespace pollux::pmd::af_xdp
