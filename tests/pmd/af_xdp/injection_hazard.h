// SPDX-License-Identifier: Apache-2.0
// InjectionHazard: two threads send single packets, as fast as they can, into a UDP socket that is read too slowly, or never. What that
// does to the machine, and to who sends.
#ifndef TESTS_PMD_AF_XDP_INJECTION_HAZARD_H_
#define TESTS_PMD_AF_XDP_INJECTION_HAZARD_H_

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "mempool/pool.h"
#include "pmd/device.h"
#include "tests/pmd/af_xdp/thread_time.h"
#include "tests/pmd/af_xdp/veth_pair.h"

namespace pollux::support {

struct HazardOptions {
  const char* engine = "inject";  // tx=
  bool reading = true;            // no faster than a packet in 20 us
  std::chrono::seconds duration{3};
};

struct HazardFindings {
  static constexpr std::size_t kThreads = 2;

  uint64_t packets = 0;
  uint32_t most_pools = 0;              // that outlived their call, on the whole machine
  uint64_t most_objects = 0;            // of a page pool's size, more than before
  TimeSpent longest_for_itself;         // of all sends: by own()
  TimeSpent longest;                    // by elapsed
  std::string stack;                    // the kernel's, of a send that slept for long; empty if none did, or the kernel does not tell
  TimeSpent longest_reading;            // of a thread that reads the clock and does nothing else: what the machine does to everybody
  uint32_t pools_left = 0;              // once the socket is closed, and 20 s later at the latest
  std::vector<std::string> kernel_log;  // what the kernel said meanwhile
  std::chrono::nanoseconds binding{};   // what another port's start took at the end, while all of that was alive
};

// Makes the calling thread enter a namespace for as long as it lives.
class InjectionHazard {
 public:
  // Null, having failed the test, if the machine refuses.
  static std::unique_ptr<InjectionHazard> Create();
  ~InjectionHazard();

  // Once. Expects sums that come out and frames that are free at the end; what was found is for the caller to judge.
  HazardFindings Run(const HazardOptions& options);

 private:
  InjectionHazard() = default;
  std::unique_ptr<pmd::Device> Open(const std::string& arguments, std::size_t tx_queues);
  void Prepare();

  std::unique_ptr<VethPair> pair_;
  std::shared_ptr<mempool::Pool> pool_;
  std::vector<std::byte> frame_;
  int socket_ = -1;
};

// One line.
std::string Describe(const HazardFindings& findings);

}  // namespace pollux::support

#endif  // TESTS_PMD_AF_XDP_INJECTION_HAZARD_H_
