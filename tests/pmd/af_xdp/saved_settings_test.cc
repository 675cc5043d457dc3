// SPDX-License-Identifier: Apache-2.0
#include "pmd/af_xdp/saved_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>

#include "tests/pmd/af_xdp/veth_pair.h"

namespace pollux::pmd::af_xdp {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class SavedSettingsTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!support::NetworkNamespace::MayCreate()) GTEST_SKIP() << "network namespaces need CAP_SYS_ADMIN";
    pair_ = support::VethPair::Create(1);
    ASSERT_NE(pair_, nullptr);
    folder_ = testing::TempDir() + "/plx_saved_" + std::to_string(getpid());
    netdev_ = OpenNetdev("x0");
    ASSERT_NE(netdev_, nullptr);
    mac_ = *netdev_->Mac();
  }
  void TearDown() override {
    settings_.reset();
    std::filesystem::remove_all(folder_);
  }

  static std::unique_ptr<Netdev> OpenNetdev(const std::string& name) {
    auto netdev = Netdev::Open(name);
    if (!netdev.ok()) return ADD_FAILURE() << netdev.status(), nullptr;
    return *std::move(netdev);
  }
  std::shared_ptr<SavedSettings> Settings(const Netdev& netdev) const {
    auto settings = SavedSettings::Of(netdev, folder_);
    if (!settings.ok()) return ADD_FAILURE() << settings.status(), nullptr;
    return *std::move(settings);
  }
  std::shared_ptr<SavedSettings> Settings() const { return Settings(*netdev_); }
  void Change() {
    settings_ = Settings();
    ASSERT_TRUE(settings_->SetMtu(1400).ok());
    ASSERT_TRUE(settings_->SetMtu(1300).ok());
    ASSERT_TRUE(settings_->SetMac(kOther).ok());
  }
  // Lets another process do it, which is then killed.
  static void InKilledProcess(const std::function<bool()>& body) {
    const pid_t child = fork();
    if (child == 0) {
      if (body()) kill(getpid(), SIGKILL);
      _exit(1);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "it could not do it";
  }
  void SetMtuInKilledProcess(std::size_t mtu) {
    InKilledProcess([&] { return (settings_ = Settings())->SetMtu(mtu).ok(); });
    ASSERT_EQ(*netdev_->Mtu(), mtu);
  }
  void ByAdministrator(const std::string& what, const std::string& value) { pair_->Run({"ip", "link", "set", "x0", what, value}); }
  void ExpectOriginal() {
    EXPECT_EQ(*netdev_->Mtu(), 1500u);
    EXPECT_EQ(*netdev_->Mac(), mac_);
  }
  bool NothingOnFile() const { return !std::filesystem::exists(folder_) || std::filesystem::is_empty(folder_); }
  std::filesystem::path File() const { return std::filesystem::directory_iterator(folder_)->path(); }

  static constexpr MacAddress kOther{{2, 0, 0, 0, 0, 9}};
  std::unique_ptr<support::VethPair> pair_;
  std::string folder_;
  std::unique_ptr<Netdev> netdev_;
  std::shared_ptr<SavedSettings> settings_;
  MacAddress mac_;
};

TEST_F(SavedSettingsTest, TheEndPutsTheFirstValuesBack) {
  Change();
  EXPECT_EQ(*netdev_->Mtu(), 1300u);
  EXPECT_EQ(*netdev_->Mac(), kOther);
  settings_.reset();
  ExpectOriginal();
  EXPECT_TRUE(NothingOnFile());
}

TEST_F(SavedSettingsTest, WhatWasDoneIsSaid) {
  Change();
  EXPECT_THAT(settings_->Restore(),
              ElementsAre("x0: MTU put back from 1300 to 1500", "x0: MAC address put back from 02:00:00:00:00:09 to " + mac_.ToString()));
  EXPECT_THAT(settings_->Restore(), IsEmpty());
}

TEST_F(SavedSettingsTest, TwoPortsOfAProcessShareThem) {
  const auto first = Settings();
  const auto second = Settings(*OpenNetdev("x0"));
  EXPECT_EQ(first, second);
  ASSERT_TRUE(first->SetMtu(1400).ok());
  EXPECT_TRUE(second->SetMtu(1300).ok());
  EXPECT_NE(Settings(*OpenNetdev("x1")), first);
}

TEST_F(SavedSettingsTest, WhatIsInEffectAlreadyIsNoChange) {
  const auto settings = Settings();
  EXPECT_TRUE(settings->SetMtu(1500).ok());
  EXPECT_TRUE(settings->SetMac(mac_).ok());
  EXPECT_TRUE(NothingOnFile());
}

TEST_F(SavedSettingsTest, ALivingProcessIsLeftAlone) {
  int ready[2], end[2];
  ASSERT_EQ(pipe(ready), 0);
  ASSERT_EQ(pipe(end), 0);
  const pid_t child = fork();
  if (child == 0) {
    close(end[1]);
    const auto settings = Settings();
    char byte = settings->SetMtu(1300).ok() ? 'y' : 'n';
    (void)!write(ready[1], &byte, 1);
    (void)!read(end[0], &byte, 1);
    kill(getpid(), SIGKILL);
  }
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  EXPECT_EQ(byte, 'y');
  const auto second = Settings();
  EXPECT_THAT(second->RestoreAbandoned(), IsEmpty());
  EXPECT_EQ(*netdev_->Mtu(), 1300u);
  const absl::Status status = second->SetMtu(1200);
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(status.message()), HasSubstr("another process has changed the MTU or MAC address of x0"));
  close(end[1]);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  EXPECT_THAT(second->RestoreAbandoned(), ElementsAre(HasSubstr("x0: MTU put back from 1300 to 1500")));
  for (const int descriptor : {ready[0], ready[1], end[0]}) close(descriptor);
}

// Nothing but the MTU: the only record is the one that was written before it was set.
TEST_F(SavedSettingsTest, AKilledProcessIsPutRightBySomebody) {
  SetMtuInKilledProcess(1300);
  EXPECT_THAT(Settings()->RestoreAbandoned(), ElementsAre("x0: MTU put back from 1300 to 1500 (of a process that was killed)"));
  ExpectOriginal();
  EXPECT_TRUE(NothingOnFile());
  InKilledProcess([&] { return (settings_ = Settings())->SetMac(kOther).ok(); });
  EXPECT_THAT(Settings()->RestoreAbandoned(), ElementsAre(HasSubstr("MAC address put back")));
  ExpectOriginal();
}

TEST_F(SavedSettingsTest, OnlyTheInterfaceThatIsOpenedIsPutRight) {
  SetMtuInKilledProcess(1300);
  EXPECT_THAT(Settings(*OpenNetdev("x1"))->RestoreAbandoned(), IsEmpty());
  EXPECT_EQ(*netdev_->Mtu(), 1300u);
}

TEST_F(SavedSettingsTest, WhatSomebodyElseHasSetSinceStays) {
  SetMtuInKilledProcess(1300);
  ByAdministrator("mtu", "9000");
  EXPECT_THAT(Settings()->RestoreAbandoned(), ElementsAre(AllOf(HasSubstr("x0: MTU is 9000"), HasSubstr("from 1500 to 1300"))));
  EXPECT_EQ(*netdev_->Mtu(), 9000u);
  EXPECT_TRUE(NothingOnFile());

  settings_ = Settings();
  ASSERT_TRUE(settings_->SetMtu(1300).ok());
  ByAdministrator("mtu", "1600");
  ASSERT_TRUE(settings_->SetMtu(1200).ok());
  settings_.reset();
  EXPECT_EQ(*netdev_->Mtu(), 1600u) << "what was found last";
}

TEST_F(SavedSettingsTest, WhatAKilledProcessFoundIsTakenOver) {
  settings_ = Settings();  // of a process that runs all the time
  SetMtuInKilledProcess(1700);
  ASSERT_TRUE(settings_->SetMtu(1400).ok());
  EXPECT_EQ(*netdev_->Mtu(), 1400u);
  settings_.reset();
  ExpectOriginal();
}

TEST_F(SavedSettingsTest, WhoEndsPutsRightWhatAnotherLeft) {
  settings_ = Settings();
  SetMtuInKilledProcess(1700);
  settings_.reset();
  ExpectOriginal();
}

TEST_F(SavedSettingsTest, ARenamedInterfaceIsPutRight) {
  Change();
  pair_->Run({"ip", "link", "set", "x0", "name", "y0"});
  EXPECT_THAT(settings_->Restore(), ElementsAre(HasSubstr("y0: MTU put back"), HasSubstr("y0: MAC address put back")));
  ExpectOriginal();
  SetMtuInKilledProcess(1300);
  pair_->Run({"ip", "link", "set", "y0", "name", "z0"});
  EXPECT_THAT(Settings(*OpenNetdev("z0"))->RestoreAbandoned(), ElementsAre(HasSubstr("z0: MTU put back")));
}

TEST_F(SavedSettingsTest, AnotherDeviceOfThatNameOrNumberIsNotTouched) {
  const std::string index = std::to_string(netdev_->index());
  Change();
  pair_->Run({"ip", "link", "del", "x0"});
  pair_->Run({"ip", "link", "add", "x0", "index", index, "mtu", "1300", "type", "veth", "peer", "name", "x1"});
  const auto another = OpenNetdev("x0");
  const auto its = Settings(*another);
  EXPECT_NE(its, settings_);
  settings_.reset();
  EXPECT_EQ(*another->Mtu(), 1300u);
  ASSERT_TRUE(its->SetMtu(1200).ok());
  EXPECT_THAT(its->Restore(), ElementsAre(HasSubstr("MTU put back from 1200 to 1300")));
}

TEST_F(SavedSettingsTest, ANumberThatIsUsedAgainMeanwhileIsAnother) {
  const std::string index = std::to_string(netdev_->index());
  Change();
  pair_->Run({"ip", "link", "del", "x0"});
  pair_->Run({"ip", "link", "add", "x0", "index", index, "mtu", "1300", "type", "veth", "peer", "name", "x1"});
  settings_.reset();
  EXPECT_EQ(*OpenNetdev("x0")->Mtu(), 1300u);
}

TEST_F(SavedSettingsTest, ANumberThatIsUsedAgainAfterAKillIsAnother) {
  const std::string index = std::to_string(netdev_->index());
  SetMtuInKilledProcess(1300);
  pair_->Run({"ip", "link", "del", "x0"});
  pair_->Run({"ip", "link", "add", "x0", "index", index, "mtu", "1300", "type", "veth", "peer", "name", "x1"});
  const auto another = OpenNetdev("x0");
  EXPECT_THAT(Settings(*another)->RestoreAbandoned(), IsEmpty());
  EXPECT_EQ(*another->Mtu(), 1300u);
}

TEST_F(SavedSettingsTest, WhatCannotBePutBackStaysOnFile) {
  SetMtuInKilledProcess(1300);
  ASSERT_FALSE(NothingOnFile());
  const auto settings = Settings();
  const auto elsewhere = support::NetworkNamespace::Create("elsewhere");
  ASSERT_TRUE(elsewhere.ok()) << elsewhere.status();
  pair_->Run({"ip", "link", "set", "x0", "netns", (*elsewhere)->name()});
  EXPECT_THAT(settings->RestoreAbandoned(), ElementsAre(HasSubstr("MTU could not be put back to 1500")));
  EXPECT_FALSE(NothingOnFile());
  pair_->Run({"ip", "-n", (*elsewhere)->name(), "link", "set", "x0", "netns", pair_->network().name()});
  EXPECT_THAT(settings->RestoreAbandoned(), ElementsAre(HasSubstr("MTU put back from 1300 to 1500")));
  EXPECT_TRUE(NothingOnFile());
}

TEST_F(SavedSettingsTest, WithoutAFileNothingIsChanged) {
  const auto settings = SavedSettings::Of(*netdev_, "/proc/no/such/folder");
  ASSERT_TRUE(settings.ok());
  EXPECT_FALSE((*settings)->SetMtu(1400).ok());
  ExpectOriginal();
}

TEST_F(SavedSettingsTest, AFullDiskChangesNothing) {
  std::filesystem::create_directory(folder_);
  std::filesystem::permissions(folder_, std::filesystem::perms::owner_all);
  ASSERT_EQ(system(("mount -t tmpfs -o size=4k,mode=700 plx_saved " + folder_).c_str()), 0);
  std::ofstream(folder_ + "/full") << std::string(8192, 'x');
  const absl::Status status = Settings()->SetMtu(1400);
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("No space left on device"), HasSubstr("nothing was changed")));
  ExpectOriginal();
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1) << "no empty file is left";
  ASSERT_EQ(system(("umount " + folder_).c_str()), 0);
}

// A crash between the record and the setting, and one between the setting and the record.
TEST_F(SavedSettingsTest, ACrashAtAnyMomentCanBePutRight) {
  SetMtuInKilledProcess(1300);
  std::ifstream file(File());
  auto changes = ChangedSettings::Parse({std::istreambuf_iterator<char>(file), {}});
  ASSERT_TRUE(changes.has_value());
  EXPECT_EQ(changes->mtu, (ChangedSetting<std::size_t>{.found = 1500, .set = 1300}));
  changes->mtu->set = 1200;
  changes->mtu->before = 1300;
  for (const std::string now : {"1200", "1300"}) {
    ByAdministrator("mtu", now);
    std::ofstream(folder_ + "/" + File().filename().string()) << changes->ToText();
    EXPECT_THAT(Settings()->RestoreAbandoned(), ElementsAre(HasSubstr("MTU put back from " + now + " to 1500")));
    SetMtuInKilledProcess(1300);
  }
}

TEST(ChangedSettingsTest, TextAndBack) {
  ChangedSettings changes{
      .interface = {.boot = "b", .network = "n5", .index = 7, .creation = 1234567890123, .address = {{2, 0, 0, 0, 0, 1}}},
      .mtu = ChangedSetting<std::size_t>{.found = 1500, .set = 1400, .before = 1300}};
  const auto back = ChangedSettings::Parse(changes.ToText());
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(back->interface, changes.interface);
  EXPECT_EQ(back->mtu, changes.mtu);
  EXPECT_FALSE(back->mac.has_value());
}

TEST(ChangedSettingsTest, AnythingElseIsRefused) {
  ChangedSettings changes{.interface = {.boot = "b", .network = "n5", .index = 7, .creation = 12, .address = {{2, 0, 0, 0, 0, 1}}},
                          .mtu = ChangedSetting<std::size_t>{.found = 1500, .set = 1400, .before = 1300},
                          .mac = ChangedSetting<MacAddress>{.found = {{2}}, .set = {{4}}, .before = {}}};
  const std::string text = changes.ToText();
  ASSERT_TRUE(ChangedSettings::Parse(text).has_value());
  for (std::size_t length = 0; length < text.size() - 1; ++length) EXPECT_FALSE(ChangedSettings::Parse(text.substr(0, length))) << length;
  for (const char* const wrong : {"", "\n", "end", "mtu 1500 1400\nend", "pollux settings 2\nend", "pollux settings 1\nend",
                                  "pollux settings 1\ninterface b n5 -7 12 02:00:00:00:00:01\nend\n",
                                  "pollux settings 1\ninterface b n5 7 12 02:00:00:00:00:01\nmtu -1 5\nend\n",
                                  "pollux settings 1\ninterface b n5 7 12 02:00:00:00:00:01\nmtu 99999999999999999999 5\nend\n"}) {
    EXPECT_FALSE(ChangedSettings::Parse(wrong)) << wrong;
  }
  // Any byte may be any other.
  for (std::size_t at = 0; at < text.size(); ++at) {
    for (const char byte : {'\0', ' ', '\n', '9', 'x', '\xff'}) {
      std::string changed = text;
      changed[at] = byte;
      (void)ChangedSettings::Parse(changed);
    }
  }
}

}  // namespace
}  // namespace pollux::pmd::af_xdp
