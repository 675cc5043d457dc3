// SPDX-License-Identifier: Apache-2.0
#include "pmd/af_xdp/poll_guard.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace pollux::pmd::af_xdp {
namespace {

// Two threads take their steps in the order that a text says: 'r' the one that receives, 't' the one that takes back. Whose steps are over
// before the text is, is passed over.
class Script {
 public:
  explicit Script(std::string order) : order_(std::move(order)) {}

  template <typename Action>
  void Step(char who, Action action) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return Next() == who || Next() == 0; });
    action();
    if (place_ < order_.size()) ++place_;
    changed_.notify_all();
  }
  void End(char who) {
    const std::lock_guard lock(mutex_);
    (who == 'r' ? r_ended_ : t_ended_) = true;
    changed_.notify_all();
  }

 private:
  char Next() {
    while (place_ < order_.size() && (order_[place_] == 'r' ? r_ended_ : t_ended_)) ++place_;
    return place_ < order_.size() ? order_[place_] : 0;
  }

  const std::string order_;
  std::size_t place_ = 0;
  bool r_ended_ = false, t_ended_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
};

thread_local Script* script = nullptr;
thread_local char me = 0;

// Each load and each store is a step.
class SteppedFlag {
 public:
  explicit SteppedFlag(bool value) : value_(value) {}
  void store(bool value, std::memory_order) {
    script->Step(me, [&] { value_ = value; });
  }
  bool load(std::memory_order) const {
    bool value = false;
    script->Step(me, [&] { value = value_; });
    return value;
  }

 private:
  bool value_;
};

struct Outcome {
  bool waited = false;
  bool took = false;
  bool met = false;     // one took back while the other was in poll(2)
  bool wanted = false;  // at the end
};

Outcome Play(const std::string& order) {
  Script steps(order);
  BasicPollGuard<SteppedFlag> guard;
  Outcome outcome;
  bool polls = false, takes = false;
  std::thread receiver([&] {
    script = &steps;
    me = 'r';
    if (guard.BeginWait()) {
      outcome.waited = true;
      steps.Step('r', [&] { polls = true, outcome.met |= takes; });
      steps.Step('r', [&] { polls = false; });
      guard.EndWait();
    }
    steps.End('r');
  });
  std::thread taker([&] {
    script = &steps;
    me = 't';
    if (guard.BeginTake()) {
      outcome.took = true;
      steps.Step('t', [&] { takes = true, outcome.met |= polls; });
      steps.Step('t', [&] { takes = false; });
      guard.EndTake(true);
    }
    steps.End('t');
  });
  receiver.join();
  taker.join();
  Script over("");
  script = &over;
  outcome.wanted = guard.wanted();
  return outcome;
}

TEST(PollGuard, NobodyTakesBackWhileAnotherPollsInWhateverOrder) {
  // The longest that either does: two steps to begin, two of the matter, and one or three to end.
  std::string order = "rrrrrttttttt";
  int waited = 0, took = 0, both_went_back = 0;
  do {
    const Outcome outcome = Play(order);
    ASSERT_FALSE(outcome.met) << order;
    ASSERT_NE(outcome.took, outcome.wanted) << order << ": what was refused is wanted, and nothing else is";
    waited += outcome.waited;
    took += outcome.took;
    both_went_back += !outcome.waited && !outcome.took;
  } while (std::next_permutation(order.begin(), order.end()));
  EXPECT_GT(waited, 0);
  EXPECT_GT(took, 0);
  EXPECT_GT(both_went_back, 0) << "neither waits for the other";
}

TEST(PollGuard, WhatIsWantedIsForgottenOnceItIsHad) {
  PollGuard guard;
  ASSERT_TRUE(guard.BeginWait());
  EXPECT_FALSE(guard.BeginTake());
  EXPECT_TRUE(guard.wanted());
  guard.EndWait();
  EXPECT_TRUE(guard.BeginTake());
  EXPECT_FALSE(guard.BeginWait());
  guard.EndTake(true);
  EXPECT_FALSE(guard.wanted());
  EXPECT_TRUE(guard.BeginWait());
  EXPECT_TRUE(guard.waiting());
  EXPECT_FALSE(guard.BeginTake());
  guard.Forget();
  EXPECT_FALSE(guard.wanted());
  guard.EndWait();
  EXPECT_FALSE(guard.waiting());
  EXPECT_TRUE(guard.BeginTake());
  guard.EndTake(false);
  EXPECT_TRUE(guard.wanted()) << "some of it is left";
}

}  // namespace
}  // namespace pollux::pmd::af_xdp
