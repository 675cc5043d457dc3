// SPDX-License-Identifier: Apache-2.0
#include "tools/broker/configuration.h"

#include <grp.h>
#include <net/if.h>
#include <pwd.h>

#include <algorithm>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <set>
#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <nlohmann/json.hpp>

#include "pmd/af_xdp/broker_protocol.h"

namespace pollux::broker {
namespace {

using nlohmann::json;
namespace protocol = pmd::af_xdp::broker;

constexpr std::size_t kLargestFile = 1 << 20;
constexpr uint32_t kMostQueues = 1024;
constexpr std::size_t kMostMemoryMib = 511;  // of one BPF map that frames are injected from
constexpr uint64_t kMostSeconds = 3600;

constexpr std::pair<absl::string_view, uint32_t> kGrants[] = {
    {"inject", protocol::kMayInject},        {"busy_poll", protocol::kMayBusyPoll},
    {"steer", protocol::kMaySteer},          {"promiscuous", protocol::kMayBePromiscuous},
    {"mtu", protocol::kMaySetMtu},           {"mac", protocol::kMaySetMac},
    {"rx_metadata", protocol::kMayAskDevice}};

absl::Status Wrong(absl::string_view where, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(where, ": ", what));
}

absl::Status CheckKeys(const json& object, absl::string_view where, std::initializer_list<absl::string_view> known) {
  if (!object.is_object()) return Wrong(where, "an object {...} is expected");
  for (const auto& [key, value] : object.items()) {
    if (std::find(known.begin(), known.end(), absl::string_view(key)) == known.end()) {
      return Wrong(absl::StrCat(where, ".", key), absl::StrCat("unknown; known are ", absl::StrJoin(known, ", ")));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> Text(const json& object, const char* key, absl::string_view where) {
  if (!object.contains(key) || !object[key].is_string() || object[key].get<std::string>().empty()) {
    return Wrong(absl::StrCat(where, ".", key), "a text is expected");
  }
  return object[key].get<std::string>();
}

absl::StatusOr<std::string> Interface(const json& object, absl::string_view where) {
  auto name = Text(object, "interface", where);
  if (name.ok() && name->size() >= IFNAMSIZ) return Wrong(absl::StrCat(where, ".interface"), absl::StrCat("'", *name, "' is too long"));
  return name;
}

// A name or a number.
absl::StatusOr<uid_t> User(const json& value, absl::string_view where) {
  if (value.is_number_unsigned() && value.get<uint64_t>() < uid_t(-1)) return value.get<uid_t>();
  if (!value.is_string()) return Wrong(where, "a user's name or number is expected");
  const auto name = value.get<std::string>();
  const passwd* const found = getpwnam(name.c_str());
  if (found == nullptr) return Wrong(where, absl::StrCat("there is no user '", name, "'"));
  return found->pw_uid;
}

absl::StatusOr<gid_t> Group(const json& value, absl::string_view where) {
  if (value.is_number_unsigned() && value.get<uint64_t>() < gid_t(-1)) return value.get<gid_t>();
  if (!value.is_string()) return Wrong(where, "a group's name or number is expected");
  const auto name = value.get<std::string>();
  const group* const found = getgrnam(name.c_str());
  if (found == nullptr) return Wrong(where, absl::StrCat("there is no group '", name, "'"));
  return found->gr_gid;
}

absl::StatusOr<std::string> ControlGroup(const json& value, absl::string_view where) {
  if (!value.is_string() || !absl::StartsWith(value.get<std::string>(), "/")) {
    return Wrong(where, "the path of a control group is expected, as in /proc/PID/cgroup behind the last colon: /system.slice/x.service");
  }
  return value.get<std::string>();
}

template <typename Value, typename Parse>
absl::Status List(const json& object, const char* key, const std::string& where, Parse parse, std::vector<Value>* values) {
  if (!object.contains(key)) return absl::OkStatus();
  const std::string place = absl::StrCat(where, ".", key);
  if (!object[key].is_array()) return Wrong(place, "a list [...] is expected");
  for (std::size_t index = 0; index < object[key].size(); ++index) {
    auto value = parse(object[key][index], absl::StrCat(place, "[", index, "]"));
    if (!value.ok()) return value.status();
    values->push_back(*std::move(value));
  }
  return absl::OkStatus();
}

absl::Status Seconds(const json& object, const char* key, absl::string_view where, std::chrono::seconds* seconds) {
  if (!object.contains(key)) return absl::OkStatus();
  const json& value = object[key];
  if (!value.is_number_unsigned() || value.get<uint64_t>() < 1 || value.get<uint64_t>() > kMostSeconds) {
    return Wrong(absl::StrCat(where, ".", key), absl::StrCat("a number from 1 to ", kMostSeconds, " is expected"));
  }
  *seconds = std::chrono::seconds(value.get<uint64_t>());
  return absl::OkStatus();
}

// "0", "2-5".
absl::Status Queues(const json& object, const std::string& where, Grant* grant) {
  if (!object.contains("queues")) return absl::OkStatus();
  const json& value = object["queues"];
  uint32_t first = 0, last = 0;
  bool right = false;
  if (value.is_number_unsigned() && value.get<uint64_t>() < kMostQueues) {
    first = last = value.get<uint32_t>();
    right = true;
  } else if (value.is_string()) {
    const std::string text = value.get<std::string>();
    const std::size_t dash = text.find('-');
    right = absl::SimpleAtoi(text.substr(0, dash), &first);
    last = first;
    if (right && dash != std::string::npos) right = absl::SimpleAtoi(text.substr(dash + 1), &last);
  }
  if (!right || last < first || last >= kMostQueues) {
    return Wrong(absl::StrCat(where, ".queues"),
                 absl::StrCat("a queue or a range of queues below ", kMostQueues, " is expected, as \"0-3\""));
  }
  grant->first_queue = first;
  grant->queues = last - first + 1;
  return absl::OkStatus();
}

absl::StatusOr<Grant> ParsePort(const json& object, const std::string& where) {
  if (auto status = CheckKeys(object, where, {"interface", "queues", "allow", "memory_mib"}); !status.ok()) return status;
  Grant grant;
  auto interface = Interface(object, where);
  if (!interface.ok()) return interface.status();
  grant.interface = *std::move(interface);
  if (auto status = Queues(object, where, &grant); !status.ok()) return status;
  std::vector<uint32_t> bits;
  const auto parse_grant = [](const json& value, const std::string& place) -> absl::StatusOr<uint32_t> {
    std::vector<absl::string_view> names;
    for (const auto& [name, bit] : kGrants) {
      if (value.is_string() && value.get<std::string>() == name) return bit;
      names.push_back(name);
    }
    return Wrong(place, absl::StrCat("one of ", absl::StrJoin(names, ", "), " is expected"));
  };
  if (auto status = List(object, "allow", where, parse_grant, &bits); !status.ok()) return status;
  for (const uint32_t bit : bits) grant.grants |= bit;
  if (object.contains("memory_mib")) {
    const json& value = object["memory_mib"];
    if (!value.is_number_unsigned() || value.get<uint64_t>() < 1 || value.get<uint64_t>() > kMostMemoryMib) {
      return Wrong(absl::StrCat(where, ".memory_mib"), absl::StrCat("a number from 1 to ", kMostMemoryMib, " is expected"));
    }
    grant.most_memory = value.get<std::size_t>() << 20;
  }
  return grant;
}

absl::StatusOr<PluginFolder> ParsePluginFolder(const json& object, const std::string& where) {
  if (auto status = CheckKeys(object, where, {"interface", "folder", "user", "pin", "idle_seconds"}); !status.ok()) return status;
  PluginFolder result;
  auto interface = Interface(object, where);
  if (!interface.ok()) return interface.status();
  result.interface = *std::move(interface);
  result.folder = absl::StrCat("/tmp/afxdp_dp/", result.interface);
  if (object.contains("folder")) {
    auto folder = Text(object, "folder", where);
    if (!folder.ok()) return folder.status();
    if (!absl::StartsWith(*folder, "/")) return Wrong(absl::StrCat(where, ".folder"), "a path that begins with / is expected");
    result.folder = *std::move(folder);
  }
  if (object.contains("pin")) {
    auto pin = Text(object, "pin", where);
    if (!pin.ok()) return pin.status();
    if (!absl::StartsWith(*pin, "/"))
      return Wrong(absl::StrCat(where, ".pin"), "a path below a BPF file system is expected (/sys/fs/bpf/...)");
    result.pin = *std::move(pin);
  }
  if (!object.contains("user")) return Wrong(absl::StrCat(where, ".user"), "who may use it is expected: a user's name or number");
  auto user = User(object["user"], absl::StrCat(where, ".user"));
  if (!user.ok()) return user.status();
  result.user = *user;
  if (auto status = Seconds(object, "idle_seconds", where, &result.idle); !status.ok()) return status;
  return result;
}

bool IsBelow(absl::string_view path, absl::string_view ancestor) {
  while (absl::EndsWith(ancestor, "/")) ancestor.remove_suffix(1);
  return absl::StartsWith(path, ancestor) && (path.size() == ancestor.size() || path[ancestor.size()] == '/');
}

}  // namespace

absl::StatusOr<Configuration> Configuration::Parse(const std::string& text) {
  const json root = json::parse(text, nullptr, /*allow_exceptions=*/false, /*ignore_comments=*/true);
  if (root.is_discarded()) return absl::InvalidArgumentError("this is not JSON (json_verify tells where)");
  if (auto status = CheckKeys(root, "configuration", {"socket", "clients", "device_plugin", "handshake_seconds", "idle_seconds"});
      !status.ok()) {
    return status;
  }
  Configuration result;
  result.socket_ = protocol::kDefaultSocket;
  if (root.contains("socket")) {
    auto socket = Text(root, "socket", "configuration");
    if (!socket.ok()) return socket.status();
    if (!absl::StartsWith(*socket, "/")) return Wrong("configuration.socket", "a path that begins with / is expected");
    result.socket_ = *std::move(socket);
  }
  for (const absl::Status& status : {Seconds(root, "handshake_seconds", "configuration", &result.handshake_),
                                     Seconds(root, "idle_seconds", "configuration", &result.idle_)}) {
    if (!status.ok()) return status;
  }
  const auto parse_entry = [](const json& object, const std::string& where) -> absl::StatusOr<Entry> {
    if (auto status = CheckKeys(object, where, {"users", "groups", "cgroups", "ports"}); !status.ok()) return status;
    Entry entry;
    for (const absl::Status& status :
         {List(object, "users", where, User, &entry.users), List(object, "groups", where, Group, &entry.groups),
          List(object, "cgroups", where, ControlGroup, &entry.cgroups), List(object, "ports", where, ParsePort, &entry.ports)}) {
      if (!status.ok()) return status;
    }
    if (entry.users.empty() && entry.groups.empty() && entry.cgroups.empty()) {
      return Wrong(where, "who it is for is missing: users, groups or cgroups");
    }
    if (entry.ports.empty()) return Wrong(absl::StrCat(where, ".ports"), "at least one port is expected");
    return entry;
  };
  if (auto status = List(root, "clients", "configuration", parse_entry, &result.entries_); !status.ok()) return status;
  if (auto status = List(root, "device_plugin", "configuration", ParsePluginFolder, &result.plugin_folders_); !status.ok()) return status;
  if (result.entries_.empty() && result.plugin_folders_.empty()) {
    return Wrong("configuration", "nobody may have anything: clients or device_plugin is expected");
  }
  return result;
}

absl::StatusOr<Configuration> Configuration::Read(const std::string& path) {
  std::ifstream file(path);
  if (!file) return absl::NotFoundError(absl::StrCat(path, ": cannot be read; --help shows what a configuration looks like"));
  std::string text(kLargestFile + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kLargestFile) return absl::InvalidArgumentError(absl::StrCat(path, ": more than ", kLargestFile, " bytes"));
  auto result = Parse(text);
  if (!result.ok()) return absl::InvalidArgumentError(absl::StrCat(path, ": ", result.status().message()));
  return result;
}

bool Configuration::Entry::Fits(const Peer& peer) const {
  if (!users.empty() && std::find(users.begin(), users.end(), peer.user) == users.end()) return false;
  if (!groups.empty() && std::none_of(peer.groups.begin(), peer.groups.end(),
                                      [this](gid_t group) { return std::find(groups.begin(), groups.end(), group) != groups.end(); })) {
    return false;
  }
  return cgroups.empty() ||
         std::any_of(cgroups.begin(), cgroups.end(), [&](const std::string& cgroup) { return IsBelow(peer.cgroup, cgroup); });
}

std::optional<Grant> Configuration::Find(const Peer& peer, absl::string_view interface) const {
  for (const Entry& entry : entries_) {
    if (!entry.Fits(peer)) continue;
    for (const Grant& grant : entry.ports) {
      if (grant.interface == interface) return grant;
    }
  }
  return std::nullopt;
}

bool Configuration::Knows(const Peer& peer) const {
  return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.Fits(peer); });
}

std::vector<std::string> Configuration::Interfaces() const {
  std::set<std::string> names;
  for (const Entry& entry : entries_) {
    for (const Grant& grant : entry.ports) names.insert(grant.interface);
  }
  for (const PluginFolder& folder : plugin_folders_) names.insert(folder.interface);
  return {names.begin(), names.end()};
}

}  // namespace pollux::broker
