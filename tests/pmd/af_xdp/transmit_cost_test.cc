// SPDX-License-Identifier: Apache-2.0
#include "pmd/af_xdp/transmit_cost.h"

#include <gtest/gtest.h>

#include <random>

namespace pollux::pmd::af_xdp {
namespace {

struct Machine {
  double ring_call, ring_frame, inject_call, inject_frame;  // microseconds

  uint64_t Cost(TransmitEngine engine, std::size_t depth) const {
    const double call = engine == TransmitEngine::kRing ? ring_call : inject_call;
    const double frame = engine == TransmitEngine::kRing ? ring_frame : inject_frame;
    return static_cast<uint64_t>(1000 * (call + frame * static_cast<double>(depth)));
  }
  TransmitEngine Better(std::size_t depth) const {
    return Cost(TransmitEngine::kInject, depth) < Cost(TransmitEngine::kRing, depth) ? TransmitEngine::kInject : TransmitEngine::kRing;
  }
};

// design's figures: a receiver that runs XDP, a plain stack, and one where injection never pays
constexpr Machine kMachines[] = {{1, 1.0, 15.7, 0.19}, {1, 0.95, 15.7, 0.62}, {1, 0.3, 15.7, 0.6}};

TEST(TransmitCost, IsWithinFivePercentOfTheBetterEngineAtEveryDepth) {
  for (const Machine& machine : kMachines) {
    for (std::size_t depth = 1; depth <= 1024; ++depth) {
      TransmitCost cost;
      uint64_t spent = 0, best = 0;
      // A second's worth of bursts, after a tenth of one to settle.
      for (uint64_t clock = 0; clock < 1'100'000;) {
        const TransmitEngine engine = cost.Choose(depth);
        const uint64_t cycles = machine.Cost(engine, depth);
        if (cost.Measures(depth)) cost.Learn(engine, depth, cycles);
        clock += cycles / 1000 + 1;
        if (clock < 100'000) continue;
        spent += cycles;
        best += machine.Cost(machine.Better(depth), depth);
      }
      EXPECT_LE(static_cast<double>(spent), 1.05 * static_cast<double>(best)) << "depth " << depth;
    }
  }
}

// An engine that was not used for a while takes longer at first. Where the engines are close, that must not keep it from being found.
TEST(TransmitCost, ColdCachesDoNotHideTheBetterEngine) {
  TransmitCost cost;
  const Machine& machine = kMachines[0];
  constexpr std::size_t kDepth = 22;  // inject is the better one, by 14 %
  for (int burst = 0; burst < 100; ++burst) cost.Learn(TransmitEngine::kRing, kDepth, machine.Cost(TransmitEngine::kRing, kDepth));
  for (int burst = 0; burst < 100; ++burst) cost.Learn(TransmitEngine::kInject, kDepth, 2 * machine.Cost(TransmitEngine::kRing, kDepth));
  TransmitEngine last = TransmitEngine::kRing;
  int warm = 0, injected = 0;
  for (int burst = 0; burst < 20'000; ++burst) {
    const TransmitEngine engine = cost.Choose(kDepth);
    warm = engine == last ? warm + 1 : 0;
    last = engine;
    injected += burst >= 10'000 && engine == TransmitEngine::kInject;
    if (!cost.Measures(kDepth)) continue;
    cost.Learn(engine, kDepth, static_cast<uint64_t>((warm < 3 ? 1.3 : 1) * static_cast<double>(machine.Cost(engine, kDepth))));
  }
  EXPECT_GT(injected, 9'700);
}

TEST(TransmitCost, MixedDepthsStayCloseToo) {
  const Machine& machine = kMachines[0];
  TransmitCost cost;
  std::mt19937 random(7);
  uint64_t spent = 0, best = 0;
  for (int burst = 0; burst < 200'000; ++burst) {
    const std::size_t depth = 1 + random() % (burst % 2 == 0 ? 64 : 1024);
    const TransmitEngine engine = cost.Choose(depth);
    if (cost.Measures(depth)) cost.Learn(engine, depth, machine.Cost(engine, depth));
    if (burst < 20'000) continue;
    spent += machine.Cost(engine, depth);
    best += machine.Cost(machine.Better(depth), depth);
  }
  EXPECT_LE(static_cast<double>(spent), 1.05 * static_cast<double>(best));
}

TEST(TransmitCost, FollowsAReceiverThatChanges) {
  TransmitCost cost;
  const auto run = [&cost](const Machine& machine, int bursts) {
    int injected = 0;
    for (int burst = 0; burst < bursts; ++burst) {
      const TransmitEngine engine = cost.Choose(64);
      injected += engine == TransmitEngine::kInject;
      if (cost.Measures(64)) cost.Learn(engine, 64, machine.Cost(engine, 64));
    }
    return injected;
  };
  run(kMachines[0], 1000);
  EXPECT_GT(run(kMachines[0], 1000), 980);
  run(kMachines[2], 3000);
  EXPECT_LT(run(kMachines[2], 1000), 20);
}

TEST(TransmitCost, OneInterruptedCallDoesNotTurnTheChoice) {
  TransmitCost cost;
  const Machine& machine = kMachines[0];
  for (int burst = 0; burst < 1000; ++burst) {
    const TransmitEngine engine = cost.Choose(256);
    cost.Learn(engine, 256, machine.Cost(engine, 256));
  }
  cost.Learn(TransmitEngine::kInject, 256, 1'000'000'000);
  EXPECT_EQ(cost.Choose(256), TransmitEngine::kInject);
}

// A call that was interrupted for long counts as four of its kind at most.
TEST(TransmitCost, OneInterruptedCallMovesTheMeanByHalfAtMost) {
  for (const TransmitEngine engine : {TransmitEngine::kRing, TransmitEngine::kInject}) {
    TransmitCost cost;
    for (int burst = 0; burst < 100; ++burst) {
      cost.Learn(engine, 256, 1000);
      cost.Learn(engine == TransmitEngine::kRing ? TransmitEngine::kInject : TransmitEngine::kRing, 256, 2000);
    }
    const uint64_t before = cost.Cycles(engine, 256);
    cost.Learn(engine, 256, 1'000'000'000);
    EXPECT_LE(cost.Cycles(engine, 256), before + before / 2);
  }
}

// The first bursts of a look find cold caches, and are not counted.
TEST(TransmitCost, ColdBurstsOfALookDoNotCount) {
  constexpr std::size_t kDepth = 64;
  TransmitCost cost;
  for (int burst = 0; burst < 8; ++burst) cost.Learn(TransmitEngine::kRing, kDepth, 1000);
  for (int burst = 0; burst < 8; ++burst) cost.Learn(TransmitEngine::kInject, kDepth, 2000);
  int looks = 0;
  for (int burst = 0; burst < 10'000 && looks < 4; ++burst) {
    const TransmitEngine engine = cost.Choose(kDepth);
    looks += engine == TransmitEngine::kInject;
    cost.Learn(engine, kDepth, engine == TransmitEngine::kInject ? 7000 : 1000);
  }
  ASSERT_EQ(looks, 4);
  EXPECT_EQ(cost.Cycles(TransmitEngine::kInject, kDepth), 2000u);
}

// A burst of one packet is sent in little more than the time of reading the clock twice.
TEST(TransmitCost, FewBurstsAreMeasuredOnceBothEnginesAreKnown) {
  TransmitCost cost;
  const Machine& machine = kMachines[2];
  int measured = 0;
  for (int burst = 0; burst < 100'000; ++burst) {
    const TransmitEngine engine = cost.Choose(1);
    if (!cost.Measures(1)) continue;
    measured += burst >= 1000;
    cost.Learn(engine, 1, machine.Cost(engine, 1));
  }
  EXPECT_LE(measured, 99'000 / 7);
  EXPECT_GE(measured, 99'000 / 9);
}

// Looks at an engine that is many times dearer take a thousandth of the time, and do not end.
TEST(TransmitCost, WhatIsFarDearerIsSeldomLookedAt) {
  TransmitCost cost;
  const Machine& machine = kMachines[2];
  uint64_t spent = 0, best = 0;
  int looks = 0;
  for (int burst = 0; burst < 1'000'000; ++burst) {
    const TransmitEngine engine = cost.Choose(1);
    const uint64_t cycles = machine.Cost(engine, 1);
    if (cost.Measures(1)) cost.Learn(engine, 1, cycles);
    if (burst < 1000) continue;
    looks += engine == TransmitEngine::kInject;
    spent += cycles;
    best += machine.Cost(TransmitEngine::kRing, 1);
  }
  EXPECT_LE(static_cast<double>(spent), 1.002 * static_cast<double>(best));
  EXPECT_GT(looks, 40);
}

TEST(TransmitCost, EveryDepthHasAnEntryAndDeeperOnesNoSmallerOnes) {
  for (std::size_t depth = 1; depth < 3000; ++depth) {
    EXPECT_LT(TransmitCost::Index(depth), TransmitCost::kEntries);
    EXPECT_GE(TransmitCost::Index(depth), TransmitCost::Index(depth - 1)) << depth;
  }
}

}  // namespace
}  // namespace pollux::pmd::af_xdp
