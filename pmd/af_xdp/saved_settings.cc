// SPDX-License-Identifier: Apache-2.0
#include "pmd/af_xdp/saved_settings.h"

#include <map>
#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

#include "lcore/errno_status.h"

namespace pollux::pmd::af_xdp {
namespace {

constexpr const char* kFirstLine = "pollux settings 1";
constexpr const char* kLastLine = "end";

std::string ValueText(std::size_t mtu) {
  return absl::StrCat(mtu);
}
std::string ValueText(const MacAddress& mac) {
  return mac.ToString();
}
std::optional<std::size_t> ParseValue(absl::string_view text, std::size_t) {
  uint64_t mtu = 0;
  return absl::SimpleAtoi(text, &mtu) ? std::optional<std::size_t>(mtu) : std::nullopt;
}
std::optional<MacAddress> ParseValue(absl::string_view text, const MacAddress&) {
  return MacAddress::Parse(text);
}

// "mtu 1500 1400 1300": found, set, and set before.
template <typename Value>
void AppendChange(const char* name, const std::optional<ChangedSetting<Value>>& change, std::string& text) {
  if (!change) return;
  absl::StrAppend(&text, name, " ", ValueText(change->found), " ", ValueText(change->set));
  if (change->before) absl::StrAppend(&text, " ", ValueText(*change->before));
  text += '\n';
}

template <typename Value>
std::optional<ChangedSetting<Value>> ParseChange(const std::vector<absl::string_view>& words) {
  if (words.size() < 3 || words.size() > 4) return std::nullopt;
  const auto found = ParseValue(words[1], Value{});
  const auto set = ParseValue(words[2], Value{});
  const auto before = words.size() == 4 ? ParseValue(words[3], Value{}) : std::nullopt;
  if (!found || !set || (words.size() == 4 && !before)) return std::nullopt;
  return ChangedSetting<Value>{.found = *found, .set = *set, .before = before};
}

bool ParseInterface(const std::vector<absl::string_view>& words, InterfaceIdentity& identity) {
  if (words.size() != 6) return false;
  const auto address = MacAddress::Parse(words[5]);
  if (!address || !absl::SimpleAtoi(words[3], &identity.index) || !absl::SimpleAtoi(words[4], &identity.creation)) return false;
  identity.boot = std::string(words[1]);
  identity.network = std::string(words[2]);
  identity.address = *address;
  return identity.index > 0;
}

// What became of one setting, as a line; empty if it needs none. False: it is not as it should be, and could be.
template <typename Value, typename Read, typename Set>
bool PutBack(const Netdev& netdev, const char* name, const ChangedSetting<Value>& change, Read read, Set set,
             std::vector<std::string>& lines) {
  const absl::StatusOr<Value> now = read();
  if (!now.ok()) {
    lines.push_back(
        absl::StrCat(netdev.name(), ": ", name, " could not be put back to ", ValueText(change.found), ": ", now.status().message()));
    return false;
  }
  if (*now == change.found) return true;
  if (!change.IsOurs(*now)) {
    lines.push_back(absl::StrCat(netdev.name(), ": ", name, " is ", ValueText(*now), ", set by somebody else since it was changed from ",
                                 ValueText(change.found), " to ", ValueText(change.set), " here: it stays"));
    return true;
  }
  if (const absl::Status status = set(change.found); !status.ok()) {
    lines.push_back(absl::StrCat(netdev.name(), ": ", name, " ", ValueText(*now), " could not be put back to ", ValueText(change.found),
                                 ": ", status.message()));
    return false;
  }
  lines.push_back(absl::StrCat(netdev.name(), ": ", name, " put back from ", ValueText(*now), " to ", ValueText(change.found)));
  return true;
}

// Of this process: by folder and file.
struct Registry {
  std::mutex lock;
  std::map<std::string, std::weak_ptr<SavedSettings>> settings;

  static Registry& OfProcess() {
    static auto* const registry = new Registry();
    return *registry;
  }
};

}  // namespace

std::string ChangedSettings::ToText() const {
  std::string text = absl::StrCat(kFirstLine, "\ninterface ", interface.boot, " ", interface.network, " ", interface.index, " ",
                                  interface.creation, " ", interface.address.ToString(), "\n");
  AppendChange("mtu", mtu, text);
  AppendChange("mac", mac, text);
  return absl::StrCat(text, kLastLine, "\n");
}

std::optional<ChangedSettings> ChangedSettings::Parse(const std::string& text) {
  ChangedSettings changes;
  const std::vector<std::string> lines = absl::StrSplit(text, '\n');
  if (lines.front() != kFirstLine) return std::nullopt;
  for (std::size_t number = 1; number < lines.size(); ++number) {
    const std::vector<absl::string_view> words = absl::StrSplit(lines[number], ' ');
    bool right = false;
    if (words[0] == kLastLine) return changes.interface.index > 0 ? std::optional(changes) : std::nullopt;
    if (words[0] == "interface") right = ParseInterface(words, changes.interface);
    if (words[0] == "mtu") right = (changes.mtu = ParseChange<std::size_t>(words)).has_value();
    if (words[0] == "mac") right = (changes.mac = ParseChange<MacAddress>(words)).has_value();
    if (!right) return std::nullopt;
  }
  return std::nullopt;
}

SavedSettings::SavedSettings(std::unique_ptr<Netdev> netdev, InterfaceIdentity identity, std::string folder)
    : netdev_(std::move(netdev)), identity_(std::move(identity)), folder_(std::move(folder)) {
  changes_.interface = identity_;
}

SavedSettings::~SavedSettings() {
  Restore();
}

absl::StatusOr<std::shared_ptr<SavedSettings>> SavedSettings::Of(const Netdev& netdev, const std::string& folder) {
  auto identity = netdev.Identity();
  if (!identity.ok()) return identity.status();
  Registry& registry = Registry::OfProcess();
  const std::lock_guard lock(registry.lock);
  std::weak_ptr<SavedSettings>& entry = registry.settings[absl::StrCat(folder, "/", FileName(*identity))];
  if (std::shared_ptr<SavedSettings> known = entry.lock()) {
    if (known->IsOfThisInterface({.interface = *identity, .mac = known->Changes().mac})) return known;
    known->Forget();  // that of an interface that is gone: this one has its number
  }
  auto own = netdev.Duplicate();
  if (!own.ok()) return own.status();
  std::shared_ptr<SavedSettings> settings(new SavedSettings(*std::move(own), *std::move(identity), folder));
  entry = settings;
  return settings;
}

ChangedSettings SavedSettings::Changes() {
  const std::lock_guard lock(lock_);
  return changes_;
}

std::string SavedSettings::FileName(const InterfaceIdentity& identity) {
  return absl::StrCat(identity.network, "-", identity.index);
}

// Boot and namespace of the file's name say which machine and which number; the rest whether the number is still that interface's.
bool SavedSettings::IsOfThisInterface(const ChangedSettings& changes) const {
  const InterfaceIdentity& that = changes.interface;
  if (that.boot != identity_.boot || that.network != identity_.network || that.index != identity_.index) return false;
  if (that.creation != 0 && identity_.creation != 0) return that.creation == identity_.creation;
  if (that.address == identity_.address) return true;
  // Either was looked at after the other's address had been changed.
  return changes.mac && (changes.mac->IsOurs(identity_.address) || changes.mac->IsOurs(that.address));
}

// Takes the file, and with it what a process that was killed had found.
absl::Status SavedSettings::Acquire() {
  if (file_ != nullptr) return absl::OkStatus();
  auto file = SettingsFile::Lock(folder_, FileName(identity_), SettingsFile::Absent::kCreate);
  if (absl::IsAlreadyExists(file.status())) {
    return absl::AlreadyExistsError(
        absl::StrCat("another process has changed the MTU or MAC address of ", netdev_->name(), " (", file.status().message(), ")"));
  }
  if (!file.ok()) return file.status();
  const auto record = (*file)->Read();
  if (!record.ok()) return record.status();
  const auto changes = ChangedSettings::Parse(*record);
  changes_ = ChangedSettings{.interface = identity_};
  if (changes && IsOfThisInterface(*changes)) {
    changes_.mtu = changes->mtu;
    changes_.mac = changes->mac;
  }
  file_ = *std::move(file);
  return absl::OkStatus();
}

// The file goes if nothing is on it that somebody may want to put back.
void SavedSettings::Release() {
  if (file_ != nullptr && !changes_.mtu && !changes_.mac) file_->Remove();
  file_.reset();
}

template <typename Value, typename Read, typename Set>
absl::Status SavedSettings::Change(std::optional<ChangedSetting<Value>>& change, const Value& value, Read read, Set set) {
  const std::lock_guard lock(lock_);
  absl::StatusOr<Value> now = read();
  if (!now.ok()) return now.status();
  if (*now == value && file_ == nullptr) return absl::OkStatus();
  if (auto status = Acquire(); !status.ok()) return status;
  const std::optional<ChangedSetting<Value>> former = change;
  // What somebody else has set since is what will be put back.
  const Value found = former && former->IsOurs(*now) ? former->found : *now;
  change = ChangedSetting<Value>{.found = found, .set = value, .before = *now};
  absl::Status status = file_->Write(changes_.ToText());
  if (status.ok()) {
    status = set(value);
    if (status.ok()) {
      change->before.reset();
    } else {
      change = former;
    }
    file_->Write(changes_.ToText()).IgnoreError();  // as it is, the record is right too, only less exact
  } else {
    change = former;
  }
  if (!changes_.mtu && !changes_.mac) Release();
  return status;
}

absl::Status SavedSettings::SetMtu(std::size_t mtu) {
  return Change(
      changes_.mtu, mtu, [&] { return netdev_->Mtu(); }, [&](std::size_t value) { return netdev_->SetMtu(value); });
}

absl::Status SavedSettings::SetMac(const MacAddress& mac) {
  return Change(
      changes_.mac, mac, [&] { return netdev_->Mac(); }, [&](const MacAddress& value) { return netdev_->SetMac(value); });
}

std::vector<std::string> SavedSettings::Restore() {
  const std::lock_guard lock(lock_);
  return file_ != nullptr ? PutBackAll() : PutBackAbandoned();
}

std::vector<std::string> SavedSettings::RestoreAbandoned() {
  const std::lock_guard lock(lock_);
  return file_ != nullptr ? std::vector<std::string>() : PutBackAbandoned();
}

std::vector<std::string> SavedSettings::PutBackAbandoned() {
  auto file = SettingsFile::Lock(folder_, FileName(identity_), SettingsFile::Absent::kRefuse);
  if (!file.ok()) return {};  // there is none, or who wrote it lives, or it is not to be trusted
  const auto record = (*file)->Read();
  const auto changes = record.ok() ? ChangedSettings::Parse(*record) : std::nullopt;
  if (!changes || !IsOfThisInterface(*changes)) {
    (*file)->Remove();
    return {};
  }
  changes_ = *changes;
  file_ = *std::move(file);
  std::vector<std::string> lines = PutBackAll();
  for (std::string& line : lines) absl::StrAppend(&line, " (of a process that was killed)");
  return lines;
}

std::vector<std::string> SavedSettings::PutBackAll() {
  const auto now = netdev_->Identity();
  if (now.ok() && !IsOfThisInterface({.interface = *now, .mac = changes_.mac})) changes_ = {};  // another has its number
  std::vector<std::string> lines;
  if (changes_.mtu && PutBack(
                          *netdev_, "MTU", *changes_.mtu, [&] { return netdev_->Mtu(); },
                          [&](std::size_t value) { return netdev_->SetMtu(value); }, lines)) {
    changes_.mtu.reset();
  }
  if (changes_.mac && PutBack(
                          *netdev_, "MAC address", *changes_.mac, [&] { return netdev_->Mac(); },
                          [&](const MacAddress& value) { return netdev_->SetMac(value); }, lines)) {
    changes_.mac.reset();
  }
  if (changes_.mtu || changes_.mac) file_->Write(changes_.ToText()).IgnoreError();  // what it says of the others is right as well
  Release();
  changes_ = ChangedSettings{.interface = identity_};
  return lines;
}

void SavedSettings::Forget() {
  const std::lock_guard lock(lock_);
  changes_.mtu.reset();
  changes_.mac.reset();
  Release();
}

}  // namespace pollux::pmd::af_xdp
