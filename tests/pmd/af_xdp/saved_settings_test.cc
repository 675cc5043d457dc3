// SPDX-License-Identifier: Apache-2.0
#include "pmd/af_xdp/saved_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "tests/pmd/af_xdp/veth_pair.h"

namespace pollux::pmd::af_xdp {
namespace {

class SavedSettingsTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!support::NetworkNamespace::MayCreate()) GTEST_SKIP() << "network namespaces need CAP_SYS_ADMIN";
    pair_ = support::VethPair::Create(1);
    ASSERT_NE(pair_, nullptr);
    folder_ = testing::TempDir() + "/plx_saved_" + std::to_string(getpid());
    auto netdev = Netdev::Open("x0");
    ASSERT_TRUE(netdev.ok()) << netdev.status();
    netdev_ = *std::move(netdev);
    mac_ = *netdev_->Mac();
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void Change() {
    auto settings = SavedSettings::Open(*netdev_, folder_);
    ASSERT_TRUE(settings.ok()) << settings.status();
    ASSERT_TRUE((*settings)->SetMtu(1400).ok());
    ASSERT_TRUE((*settings)->SetMtu(1300).ok());
    ASSERT_TRUE((*settings)->SetMac(kOther).ok());
    settings_ = *std::move(settings);
  }
  void ExpectOriginal() {
    EXPECT_EQ(*netdev_->Mtu(), 1500u);
    EXPECT_EQ(*netdev_->Mac(), mac_);
  }

  static constexpr MacAddress kOther{{2, 0, 0, 0, 0, 9}};
  std::unique_ptr<support::VethPair> pair_;
  std::string folder_;
  std::unique_ptr<Netdev> netdev_;
  std::unique_ptr<SavedSettings> settings_;
  MacAddress mac_;
};

TEST_F(SavedSettingsTest, TheDestructorPutsTheFirstValuesBack) {
  Change();
  EXPECT_EQ(*netdev_->Mtu(), 1300u);
  EXPECT_EQ(*netdev_->Mac(), kOther);
  settings_.reset();
  ExpectOriginal();
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(SavedSettingsTest, ALivingProcessIsLeftAlone) {
  Change();
  EXPECT_TRUE(SavedSettings::RestoreAbandoned(folder_).empty());
  EXPECT_EQ(*netdev_->Mtu(), 1300u);
  const auto second = SavedSettings::Open(*netdev_, folder_);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
}

TEST_F(SavedSettingsTest, AKilledProcessIsPutRight) {
  const pid_t child = fork();
  if (child == 0) {
    Change();
    kill(getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  ASSERT_EQ(*netdev_->Mtu(), 1300u) << "the child changed nothing";
  EXPECT_THAT(SavedSettings::RestoreAbandoned(folder_), testing::ElementsAre(testing::HasSubstr("x0")));
  ExpectOriginal();
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(SavedSettingsTest, AnotherDeviceOfThatNameIsNotTouched) {
  Change();
  pair_->Run({"ip", "link", "del", "x0"});
  pair_->Make();
  pair_->Run({"ip", "link", "set", "x0", "mtu", "1200"});
  settings_.reset();
  EXPECT_EQ(*netdev_->Mtu(), 1200u);
}

TEST_F(SavedSettingsTest, WithoutAFileNothingIsChanged) {
  const auto settings = SavedSettings::Open(*netdev_, "/proc/no/such/folder");
  EXPECT_FALSE(settings.ok());
  ExpectOriginal();
}

}  // namespace
}  // namespace pollux::pmd::af_xdp
