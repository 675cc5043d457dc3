// SPDX-License-Identifier: Apache-2.0
#include "tools/broker/port_programs.h"

#include <sys/mman.h>
#include <unistd.h>

#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>

#include "bpf/feature_probe.h"
#include "bpf/rx_metadata_shared.h"
#include "bpf/steer_rule.h"
#include "bpf/uapi.h"

namespace pollux::broker {
namespace {

constexpr char kFolder[] = "program/";
constexpr std::size_t kMostText = 65536;

// Mode, LinkDescriptors::bound_to and the members of its bound in a line, and a line for each rule, in memory that a descriptor stands for.
bpf::UniqueFd Remember(bpf::AttachMode mode, const bpf::LinkDescriptors& link, const std::vector<std::string>& rules) {
  bpf::UniqueFd file(memfd_create("asked", MFD_CLOEXEC));
  const std::string text = absl::StrCat(static_cast<int>(mode), " ", link.bound_to, " ", link.bound.put_vlan_tag, " ",
                                        link.bound.rx_metadata, "\n", absl::StrJoin(rules, "\n"));
  if (!file || write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) return {};
  return file;
}

std::string Recall(int descriptor) {
  std::string text(kMostText, '\0');
  const ssize_t length = pread(descriptor, text.data(), text.size(), 0);
  text.resize(length > 0 ? static_cast<std::size_t>(length) : 0);
  return text;
}

absl::StatusOr<bpf::ProgramOptions> Options(bpf::AttachMode mode, const std::vector<std::string>& rules) {
  bpf::ProgramOptions options{.mode = mode};
  for (const std::string& text : rules) {
    auto rule = bpf::ParseSteerRule(text);
    if (!rule.ok()) return rule.status();
    options.steer.push_back(*rule);
  }
  return options;
}

}  // namespace

void PortPrograms::Resume(std::vector<StoredDescriptor>& left) {
  for (StoredDescriptor& stored : left) {
    if (!absl::StartsWith(stored.name, kFolder)) continue;
    // program/INTERFACE/link, /sockets, /passed
    const std::vector<std::string> parts = absl::StrSplit(stored.name, '/');
    if (parts.size() != 3) continue;
    Left& left_program = left_[parts[1]];
    if (parts[2] == "link") left_program.descriptors.link = std::move(stored.descriptor);
    if (parts[2] == "sockets") left_program.descriptors.sockets = std::move(stored.descriptor);
    if (parts[2] == "passed") left_program.descriptors.passed = std::move(stored.descriptor);
    if (parts[2] == "asked") left_program.asked = Recall(stored.descriptor.get());
  }
}

absl::StatusOr<std::shared_ptr<PortProgram>> PortPrograms::Get(const std::string& interface, bpf::AttachMode mode,
                                                               const std::vector<std::string>& rules, uint32_t rx_metadata) {
  if (auto running = programs_[interface].lock(); running != nullptr) {
    if (running->mode == mode && running->rules == rules) return running;
    return absl::FailedPreconditionError(
        absl::StrCat("interface ", interface, ": its XDP program is there for another client, which asked for ",
                     running->mode == mode ? "other steering rules" : "another mode", "; clients of one interface need the same"));
  }
  auto options = Options(mode, rules);
  if (!options.ok()) return options.status();
  const auto features = bpf::ProbeDevice(interface);
  const uint32_t told = features.ok() ? static_cast<uint32_t>(features->rx_metadata) : 0;
  options->vlan_tags = (told & bpf::kRxMetadataVlanTag) != 0;
  options->rx_metadata = told & rx_metadata;
  auto program = bpf::XdpProgram::Attach(interface, *options);
  if (!program.ok()) return program.status();
  const std::string folder = absl::StrCat(kFolder, interface, "/");
  const bpf::LinkDescriptors descriptors = (*program)->Descriptors();
  const bpf::UniqueFd asked = Remember(mode, descriptors, rules);
  for (const auto& [name, descriptor] : {std::pair("link", descriptors.link.get()), std::pair("sockets", descriptors.sockets.get()),
                                         std::pair("passed", descriptors.passed.get()), std::pair("asked", asked.get())}) {
    if (descriptor < 0) continue;
    if (auto status = store_.Put(absl::StrCat(folder, name), descriptor); !status.ok()) return status;
  }
  return Share(interface, {*std::move(program), mode, rules});
}

std::shared_ptr<PortProgram> PortPrograms::Resumed(const std::string& interface) {
  if (auto running = programs_[interface].lock(); running != nullptr) return running;
  const auto left = left_.find(interface);
  if (left == left_.end()) return nullptr;
  const Left from = std::move(left->second);
  left_.erase(left);
  std::vector<std::string> lines = absl::StrSplit(from.asked, '\n', absl::SkipEmpty());
  const std::vector<std::string> numbers = absl::StrSplit(lines.empty() ? "" : lines.front(), ' ');
  int mode = 0, bound_to = 0;
  bool known = absl::SimpleAtoi(numbers.front(), &mode) && (numbers.size() < 2 || absl::SimpleAtoi(numbers[1], &bound_to));
  // A former version asked for tags alone, and did not write that down.
  bound_options bound{.put_vlan_tag = bound_to != 0 ? 1u : 0u, .rx_metadata = 0};
  if (numbers.size() == 4) known &= absl::SimpleAtoi(numbers[2], &bound.put_vlan_tag) && absl::SimpleAtoi(numbers[3], &bound.rx_metadata);
  auto program = bpf::XdpProgram::Resume(interface, {.link = bpf::UniqueFd::Duplicate(from.descriptors.link.get()),
                                                     .sockets = bpf::UniqueFd::Duplicate(from.descriptors.sockets.get()),
                                                     .passed = bpf::UniqueFd::Duplicate(from.descriptors.passed.get()),
                                                     .bound_to = bound_to,
                                                     .bound = bound});
  if (!program.ok() || !known) {
    store_.Drop(absl::StrCat(kFolder, interface, "/")).IgnoreError();
    return nullptr;
  }
  lines.erase(lines.begin());
  return Share(interface, {*std::move(program), static_cast<bpf::AttachMode>(mode), std::move(lines)});
}

void PortPrograms::ForgetWhatIsLeft() {
  for (const auto& [interface, left] : left_) store_.Drop(absl::StrCat(kFolder, interface, "/")).IgnoreError();
  left_.clear();
}

std::shared_ptr<PortProgram> PortPrograms::Share(const std::string& interface, PortProgram program) {
  // The last holder's end takes it off the interface, here and in the keeper.
  std::shared_ptr<PortProgram> shared(new PortProgram(std::move(program)), [this, interface](PortProgram* last) {
    store_.Drop(absl::StrCat(kFolder, interface, "/")).IgnoreError();
    delete last;
  });
  programs_[interface] = shared;
  return shared;
}

}  // namespace pollux::broker
