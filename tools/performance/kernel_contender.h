// SPDX-License-Identifier: Apache-2.0
// The kernel as forwarder: XDP_REDIRECT, which is the limit, and the bridge, which is what people use. Both run in a NAPI thread of
// the in port pinned to the forwarder's CPU; otherwise they would run on the source's.
#ifndef TOOLS_PERFORMANCE_KERNEL_CONTENDER_H_
#define TOOLS_PERFORMANCE_KERNEL_CONTENDER_H_

#include <memory>

#include "tools/performance/contender.h"

namespace pollux::performance {

std::unique_ptr<Contender> MakeRedirectContender();
std::unique_ptr<Contender> MakeBridgeContender();

}  // namespace pollux::performance

#endif  // TOOLS_PERFORMANCE_KERNEL_CONTENDER_H_
