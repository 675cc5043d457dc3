// SPDX-License-Identifier: Apache-2.0
// The kernel as forwarder: XDP_REDIRECT, which is the limit, and the bridge, which is what people use.
//
// A veth's NAPI runs in the softirq of whoever sends to it, here on the source's CPU: every contender's receive work is done there, up
// to the socket. The redirect stays there as a whole, and is the limit of the path. In a NAPI thread pinned to the forwarder's CPU it
// is far slower: the pages come back from another CPU than they were made on, and the source's pool takes few of those. The bridge is
// work for a CPU of its own, and so has such a thread; but not between pods (WorkKind::kTcp), whose veth pairs do not poll, as they are.
#ifndef TOOLS_PERFORMANCE_CONTENDERS_KERNEL_CONTENDER_H_
#define TOOLS_PERFORMANCE_CONTENDERS_KERNEL_CONTENDER_H_

#include <memory>

#include "tools/performance/contenders/contender.h"

namespace pollux::performance {

std::unique_ptr<Contender> MakeRedirectContender();
std::unique_ptr<Contender> MakeRedirectThreadContender();
std::unique_ptr<Contender> MakeBridgeContender();
// No forwarder: a veth pair from pod to pod.
std::unique_ptr<Contender> MakeStraightContender();

}  // namespace pollux::performance

#endif  // TOOLS_PERFORMANCE_CONTENDERS_KERNEL_CONTENDER_H_
