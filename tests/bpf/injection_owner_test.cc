// SPDX-License-Identifier: Apache-2.0
// Whose an injector is: one for all ports of a process, gone with it, and lent to processes without any capability.
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>

#include "tests/bpf/injection_fixture.h"

namespace pollux::bpf {
namespace {

uint32_t ProgramId(const Injector& injector) {
  bpf_prog_info info = {};
  uint32_t size = sizeof(info);
  return bpf_obj_get_info_by_fd(injector.descriptors()[0], &info, &size) == 0 ? info.id : 0;
}

bool ProgramIsGoneSoon(uint32_t id) {
  const auto deadline = std::chrono::steady_clock::now() + support::Patience(milliseconds(20'000));
  while (std::chrono::steady_clock::now() < deadline) {
    const UniqueFd program(bpf_prog_get_fd_by_id(id));
    if (!program) return true;
    std::this_thread::sleep_for(milliseconds(5));
  }
  return false;
}

// What the process says before it is killed or ends.
struct Child {
  pid_t pid;
  uint32_t program_id;
};
template <typename Work>
Child StartChild(Work work) {
  int ends[2];
  EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
  const pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const uint32_t told = work();
    (void)!write(ends[1], &told, sizeof(told));
    pause();
  }
  close(ends[1]);
  Child child{.pid = pid, .program_id = 0};
  EXPECT_EQ(read(ends[0], &child.program_id, sizeof(child.program_id)), static_cast<ssize_t>(sizeof(child.program_id)));
  close(ends[0]);
  return child;
}

TEST_F(InjectionTest, OneInjectorServesTheProcess) {
  const auto first = Injector::ForProcess(region_), again = Injector::ForProcess(region_), any = Injector::ForProcess({});
  ASSERT_TRUE(first.ok() && again.ok() && any.ok());
  EXPECT_EQ(*first, *again);
  EXPECT_EQ(*first, *any);
}

TEST_F(InjectionTest, ItGoesWithItsLastUser) {
  std::shared_ptr<Injector> injector = *Injector::ForProcess(region_);
  const uint32_t id = ProgramId(*injector);
  ASSERT_NE(id, 0u);
  injection_->ReturnBlock(*block_);
  block_ = nullptr;
  injection_.reset();
  EXPECT_TRUE(UniqueFd(bpf_prog_get_fd_by_id(id)));
  injector.reset();
  EXPECT_TRUE(ProgramIsGoneSoon(id));
}

// The program is held by the device that it is attached to as well: where it is gone, the device is.
TEST_F(InjectionTest, NothingIsLeftOfAKilledProcess) {
  const Child child = StartChild([] {
    const auto memory = VisibleMemory::Create(kBytes, -1);
    const auto injector = Injector::ForProcess({.base = memory->base(), .bytes = kBytes, .map = memory->map()});
    if (!injector.ok()) return 0u;
    // Held until the kill.
    static const auto kept = *injector;
    return ProgramId(*kept);
  });
  ASSERT_NE(child.program_id, 0u);
  EXPECT_TRUE(UniqueFd(bpf_prog_get_fd_by_id(child.program_id)));
  ASSERT_EQ(kill(child.pid, SIGKILL), 0);
  waitpid(child.pid, nullptr, 0);
  EXPECT_TRUE(ProgramIsGoneSoon(child.program_id));
}

// Without the right to make network namespaces, the device is a tap in ours, and goes as well.
TEST_F(InjectionTest, WithoutSysAdminItIsATapThatGoesWithTheProcess) {
  const auto taps = [&] {
    const auto output = support::RunSuccessfully({"ip", "-br", "link", "show", "type", "tun"}, &rig_->switch_namespace());
    return output.ok() ? *output : output.status().ToString();
  };
  EXPECT_EQ(taps(), "");
  const Child child = StartChild([] {
    __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
    for (const int capability : {CAP_NET_ADMIN, CAP_BPF, CAP_PERFMON}) data[capability / 32].effective |= 1u << capability % 32;
    data[0].permitted = data[0].effective;
    data[1].permitted = data[1].effective;
    if (syscall(SYS_capset, &header, data) != 0) return 0u;
    const auto injector = Injector::ForProcess({});
    if (!injector.ok()) return std::fprintf(stderr, "%s\n", injector.status().ToString().c_str()), 0u;
    static const auto kept = *injector;
    return 1u;
  });
  ASSERT_EQ(child.program_id, 1u);
  EXPECT_NE(taps().find("plx" + std::to_string(child.pid) + "i"), std::string::npos) << taps();
  ASSERT_EQ(kill(child.pid, SIGKILL), 0);
  waitpid(child.pid, nullptr, 0);
  EXPECT_EQ(taps(), "");
}

TEST_F(InjectionTest, WhatIsNoInjectorIsRefused) {
  EXPECT_TRUE(absl::IsInvalidArgument(Injector::FromDescriptors({}).status()));
  const auto injector = *Injector::ForProcess(region_);
  const auto duplicate = [&] {
    std::vector<UniqueFd> duplicates;
    for (const int descriptor : injector->descriptors()) duplicates.push_back(UniqueFd::Duplicate(descriptor));
    return duplicates;
  };
  EXPECT_TRUE(Injector::FromDescriptors(duplicate()).ok());
  for (const std::size_t part : {0u, 1u, 2u}) {
    auto descriptors = duplicate();
    descriptors[part] = UniqueFd(open("/dev/null", O_RDWR));
    EXPECT_TRUE(absl::IsInvalidArgument(Injector::FromDescriptors(std::move(descriptors)).status())) << part;
  }
  auto swapped = duplicate();
  std::swap(swapped[1], swapped[2]);
  EXPECT_TRUE(absl::IsInvalidArgument(Injector::FromDescriptors(std::move(swapped)).status()));
}

bool DropEverything() {
  for (int capability = 0; prctl(PR_CAPBSET_READ, capability) >= 0; ++capability) {
    if (prctl(PR_CAPBSET_DROP, capability) != 0) return false;
  }
  if (unshare(CLONE_NEWNET) != 0 || setgroups(0, nullptr) != 0 || setresgid(65534, 65534, 65534) != 0 ||
      setresuid(65534, 65534, 65534) != 0)
    return false;
  __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  if (syscall(SYS_capset, &header, data) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return false;
  return unshare(CLONE_NEWNET) != 0 && errno == EPERM;
}

// What a broker will do: another process, of another user, in another namespace, with an empty capability set, that inherits descriptors.
TEST_F(InjectionTest, AProcessWithoutCapabilitiesSendsThroughIt) {
  constexpr uint32_t kFrames = 1000;
  const auto injector = *Injector::ForProcess(region_);
  const auto port = injector->AddPort(static_cast<int>(if_nametoindex("p0")));
  ASSERT_TRUE(port.ok());
  const auto before = rig_->PortCounters(0);
  ASSERT_TRUE(before.ok());
  const Frame frame = FrameOf(0, 200);
  const Child child = StartChild([&] {
    if (!DropEverything()) return 0u;
    std::vector<UniqueFd> descriptors;
    for (const int descriptor : injector->descriptors()) descriptors.push_back(UniqueFd::Duplicate(descriptor));
    auto lent = Injector::FromDescriptors(std::move(descriptors));
    if (!lent.ok()) return 0u;
    const auto injection = Injection::Join(*std::move(lent), *port);
    inject_block* const block = injection->TakeBlock(7);
    uint32_t sent = 0;
    for (uint32_t batch = 0; batch < 10; ++batch) {
      block->count = kFrames / 10;
      for (uint32_t index = 0; index < block->count; ++index) block->descriptors[index] = injection->Describe(frame.data(), 200);
      if (injection->Emit(*block, 200) != 0) return 0u;
      sent += block->sent;
    }
    return sent;
  });
  EXPECT_EQ(child.program_id, kFrames);
  kill(child.pid, SIGKILL);
  waitpid(child.pid, nullptr, 0);
  const auto after = rig_->PortCounters(0);
  ASSERT_TRUE(after.ok());
  EXPECT_EQ(after->tx_packets - before->tx_packets, uint64_t{kFrames});
  injector->RemovePort(*port);
}

}  // namespace
}  // namespace pollux::bpf
