// SPDX-License-Identifier: Apache-2.0
#include "pmd/af_xdp/settings_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

namespace pollux::pmd::af_xdp {
namespace {

using testing::HasSubstr;

class SettingsFileTest : public testing::Test {
 protected:
  void SetUp() override {
    home_ = testing::TempDir() + "/plx_settings_file_" + std::to_string(getpid());
    std::filesystem::create_directory(home_);
    folder_ = home_ + "/state";
  }
  void TearDown() override { std::filesystem::remove_all(home_); }

  absl::StatusOr<std::unique_ptr<SettingsFile>> Create() const { return SettingsFile::Lock(folder_, "f", SettingsFile::Absent::kCreate); }
  absl::StatusOr<std::unique_ptr<SettingsFile>> Find() const { return SettingsFile::Lock(folder_, "f", SettingsFile::Absent::kRefuse); }
  void ExpectRefused(const std::string& why) {
    for (const auto& file : {Create().status(), Find().status()}) {
      EXPECT_EQ(file.code(), absl::StatusCode::kPermissionDenied) << file;
      EXPECT_THAT(std::string(file.message()), HasSubstr(why));
    }
  }
  // The status of Create in a process of user 65534 with no capabilities.
  absl::StatusCode CodeAsNobody() const {
    const pid_t child = fork();
    if (child == 0) _exit(setresuid(65534, 65534, 65534) == 0 ? static_cast<int>(Create().status().code()) : 255);
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    return static_cast<absl::StatusCode>(WEXITSTATUS(status));
  }

  std::string home_, folder_;
};

TEST_F(SettingsFileTest, HoldsARecord) {
  EXPECT_EQ(Find().status().code(), absl::StatusCode::kNotFound);
  {
    const auto file = Create();
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_EQ((*file)->Read().value(), "");
    ASSERT_TRUE((*file)->Write("a longer record\n").ok());
    ASSERT_TRUE((*file)->Write("short\n").ok());
    EXPECT_EQ(Find().status().code(), absl::StatusCode::kAlreadyExists) << "it is held";
  }
  const auto file = Find();
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ((*file)->Read()->substr(0, 7), "short\n\n") << "nothing of the longer one is left";
  (*file)->Remove();
  EXPECT_EQ(Find().status().code(), absl::StatusCode::kNotFound);
}

TEST_F(SettingsFileTest, IsForItsUserOnlyWhateverTheUmask) {
  const mode_t before = umask(0);
  const auto file = Create();
  umask(before);
  ASSERT_TRUE(file.ok()) << file.status();
  struct stat status {};
  ASSERT_EQ(stat(folder_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0700u);
  ASSERT_EQ(stat((*file)->path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
}

TEST_F(SettingsFileTest, FollowsNoLink) {
  const std::string precious = home_ + "/precious";
  std::ofstream(precious) << "precious";
  std::filesystem::create_directory(folder_);
  std::filesystem::create_symlink(precious, folder_ + "/f");
  EXPECT_FALSE(Create().ok());
  std::filesystem::remove(folder_ + "/f");
  std::filesystem::create_hard_link(precious, folder_ + "/f");
  ExpectRefused("has a second name");
  std::filesystem::rename(folder_, home_ + "/elsewhere");
  std::filesystem::create_directory_symlink(home_ + "/elsewhere", folder_);
  EXPECT_FALSE(Create().ok());
  std::string text;
  std::ifstream(precious) >> text;
  EXPECT_EQ(text, "precious");
}

TEST_F(SettingsFileTest, WhatOthersMayWriteToIsRefused) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  std::filesystem::create_directory(folder_);
  ASSERT_EQ(chmod(folder_.c_str(), 0777), 0);
  ExpectRefused("may be written to by other users");
  ASSERT_EQ(chmod(folder_.c_str(), 0700), 0);
  ASSERT_EQ(chown(folder_.c_str(), 65534, 65534), 0);
  ExpectRefused("belongs to user 65534");
  ASSERT_EQ(chown(folder_.c_str(), 0, 0), 0);
  std::ofstream(folder_ + "/f") << "";
  ASSERT_EQ(chown((folder_ + "/f").c_str(), 65534, 65534), 0);
  ExpectRefused("belongs to user 65534");
  std::filesystem::remove(folder_ + "/f");
  ASSERT_EQ(mkfifo((folder_ + "/f").c_str(), 0600), 0);
  ExpectRefused("is not a file");
}

TEST_F(SettingsFileTest, ErrorsHaveTheirNames) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  ASSERT_EQ(chmod(home_.c_str(), 0711), 0);
  EXPECT_EQ(CodeAsNobody(), absl::StatusCode::kPermissionDenied) << "may not make the folder";
  ASSERT_TRUE(Create().ok());
  EXPECT_EQ(CodeAsNobody(), absl::StatusCode::kPermissionDenied) << "may not enter it";
  folder_ = "/nonexistent/folder";
  EXPECT_THAT(std::string(Create().status().message()), HasSubstr("POLLUX_STATE_FOLDER="));
}

// Whoever has the lock has the file that has the name: else two would believe that they hold it.
TEST_F(SettingsFileTest, TheOneWhoHoldsItHoldsTheFileOfThatName) {
  std::atomic<int> holders{0}, most{0}, held{0};
  const auto body = [&] {
    while (held < 2000) {
      const auto file = Create();
      if (!file.ok()) continue;
      most = std::max<int>(most, ++holders);
      ++held;
      --holders;
      if (held % 2 == 0) (*file)->Remove();
    }
  };
  std::thread first(body), second(body), third(body);
  first.join(), second.join(), third.join();
  EXPECT_EQ(most, 1);
}

TEST_F(SettingsFileTest, TheEnvironmentNamesTheFolder) {
  EXPECT_EQ(SettingsFile::Folder(), "/run/pollux");
  setenv(SettingsFile::kFolderVariable, "/var/tmp/x", 1);
  EXPECT_EQ(SettingsFile::Folder(), "/var/tmp/x");
  unsetenv(SettingsFile::kFolderVariable);
}

}  // namespace
}  // namespace pollux::pmd::af_xdp
