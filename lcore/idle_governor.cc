// SPDX-License-Identifier: Apache-2.0
#include "lcore/idle_governor.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

#include <absl/strings/str_cat.h>

#include "lcore/cycle_clock.h"

namespace pollux::lcore {
namespace {

constexpr std::size_t kMostDescriptors = 256;
constexpr uint64_t kNanosecondsASecond = 1'000'000'000;
constexpr uint64_t kLongestWakeNs = 10 * kNanosecondsASecond;  // what is longer was measured by two clocks (a time namespace)
constexpr uint64_t kWeight = 8;                                // of what is known, against one sleep

}  // namespace

absl::StatusOr<IdleMode> ParseIdleMode(absl::string_view name) {
  if (name == "spin") return IdleMode::kSpin;
  if (name == "adaptive") return IdleMode::kAdaptive;
  if (name == "sleep") return IdleMode::kSleep;
  return absl::InvalidArgumentError(absl::StrCat("'", name, "': spin, adaptive or sleep is expected"));
}

bool Sleeper::Sleep(std::span<const int> descriptors, uint64_t nanoseconds) {
  std::array<pollfd, kMostDescriptors> waited;
  const std::size_t count = std::min(descriptors.size(), waited.size());
  for (std::size_t index = 0; index < count; ++index) waited[index] = {.fd = descriptors[index], .events = POLLIN, .revents = 0};
  const timespec limit{.tv_sec = static_cast<time_t>(nanoseconds / kNanosecondsASecond),
                       .tv_nsec = static_cast<long>(nanoseconds % kNanosecondsASecond)};
  // Not epoll_wait: it asks a socket again only if that was readable before, and a zero-copy driver wakes only who has asked.
  return ppoll(waited.data(), count, &limit, nullptr) != 0;
}

uint64_t Sleeper::Nanoseconds() {
  return MonotonicNanoseconds();
}

Sleeper& Sleeper::Kernel() {
  static Sleeper kernel;
  return kernel;
}

IdleGovernor::IdleGovernor(IdleMode mode, Prepare prepare, Sleeper& sleeper)
    : mode_(mode), prepare_(std::move(prepare)), sleeper_(sleeper) {
  descriptors_.reserve(kMostDescriptors);
  if (mode_ == IdleMode::kAdaptive) spin_cycles_ = CyclesPerSecond() / 1'000'000 * spin_ns_ / 1000;
}

bool IdleGovernor::PrepareOrSleep(uint64_t now) {
  if (!prepared_) {
    descriptors_.clear();
    prepared_ = prepare_(descriptors_) && descriptors_.size() <= kMostDescriptors;
    // Not yet: tried again when it has spun once more.
    if (!prepared_) idle_since_ = now;
    return false;
  }
  prepared_ = false;
  const uint64_t before = sleeper_.Nanoseconds();
  const bool woken = sleeper_.Sleep(descriptors_, kLongestSleepNs);
  const uint64_t now_ns = sleeper_.Nanoseconds();
  const uint64_t slept = now_ns - before;
  if (wakes_ != nullptr) wake_ns_ = TimeToWake(woken, now_ns);
  // A sleep that nobody ended should have lasted so long, and what it lasted longer is what a wake takes.
  if (!woken && slept >= kLongestSleepNs) Learn(slept - kLongestSleepNs);
  return true;
}

// Also of a sleep that lasted its time: the packet came at its end, or was slept over, which is to be seen.
uint64_t IdleGovernor::TimeToWake(bool woken, uint64_t now_ns) const {
  const uint64_t arrival_ns = first_arrival_();
  if (arrival_ns != 0 && now_ns - arrival_ns < kLongestWakeNs) return std::max<uint64_t>(now_ns - arrival_ns, 1);
  return woken ? kUnmeasured : 0;
}

void IdleGovernor::CountWake() {
  if (wake_ns_ == kUnmeasured) {
    wakes_->AddUnmeasured();
  } else {
    wakes_->Add(wake_ns_);
  }
  wake_ns_ = 0;
}

void IdleGovernor::Learn(uint64_t wake_ns) {
  if (mode_ != IdleMode::kAdaptive) return;
  const uint64_t bounded = std::clamp(wake_ns, kShortestSpinNs, kLongestSpinNs);
  spin_ns_ = (spin_ns_ * (kWeight - 1) + bounded) / kWeight;
  spin_cycles_ = CyclesPerSecond() / 1'000'000 * spin_ns_ / 1000;
}

}  // namespace pollux::lcore
