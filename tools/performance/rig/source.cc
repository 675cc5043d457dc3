// SPDX-License-Identifier: Apache-2.0
#include "tools/performance/rig/source.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sched.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include <absl/strings/str_cat.h>

#include "lcore/errno_status.h"
#include "tools/performance/rig/source.skel.h"
#include "tools/performance/rig/traffic_frame.h"
#include "tools/support/child_process.h"
#include "tools/support/veth_pair.h"

namespace pollux::performance {
namespace {

constexpr uint32_t kMaximumFramesPerCall = 65536;  // so that a source stops within some 10 ms
constexpr uint32_t kMaximumLateFrames = 1024;      // of a paced call
constexpr char kHoldInterface[] = "plxhold0";      // where the program is attached, so that it is in the dispatcher
constexpr char kHoldPeer[] = "plxhold1";
constexpr int kLoopbackIndex = 1;  // in every network namespace

// What the rate says besides packets a second.
constexpr double kStopped = 0;
constexpr double kFull = -1;

uint64_t Now_ns(clockid_t clock = CLOCK_MONOTONIC) {
  timespec now;
  clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000 + static_cast<uint64_t>(now.tv_nsec);
}

class LiveFrameSource final : public Source {
 public:
  explicit LiveFrameSource(const SourceOptions& options) : options_(options) {}
  ~LiveFrameSource() override {
    ending_.store(true);
    if (thread_.joinable()) thread_.join();
    if (link_descriptor_ >= 0) close(link_descriptor_);
    if (return_descriptor_ >= 0) close(return_descriptor_);
    if (queue_program_attached_) network_->Call(RemoveQueueProgram).IgnoreError();
    if (program_ != nullptr) source_bpf__destroy(program_);
    // The other end goes with it. Nobody hears of an error: the namespace's end removes both.
    if (network_ != nullptr) support::RunSuccessfully({"ip", "link", "delete", kHoldInterface}, network_).IgnoreError();
  }

  absl::Status Open(const support::NetworkNamespace& network) {
    network_ = &network;
    if (absl::Status status = support::AddVethPair({network, kHoldInterface}, {network, kHoldPeer}, {.arp = false, .gro = true});
        !status.ok())
      return status;
    absl::Status status = network.Call([this] { return Load(); });
    if (!status.ok()) return status;
    // One frame, to hear now what the kernel refuses.
    status = network.Call([this] {
      if (Send(1) == 0) return absl::OkStatus();
      return lcore::ErrnoStatus(errno, "BPF_PROG_TEST_RUN(live frames)", "needs Linux 5.18, CAP_NET_ADMIN and CAP_BPF");
    });
    if (!status.ok()) return status;
    thread_ = std::thread([this] { Run(); });
    while (!ready_.load()) std::this_thread::yield();
    return thread_status_;
  }

  void SetRate(double packets_per_second) override {
    rate_.store(packets_per_second);
    generation_.fetch_add(1);
  }
  void SetFullRate() override { SetRate(kFull); }
  void Stop() override {
    SetRate(kStopped);
    const uint64_t generation = generation_.load();
    while (seen_generation_.load() != generation) std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  SourceSnapshot Read() const override {
    SourceSnapshot snapshot;
    snapshot.frames = std::atomic_ref<__u64>(program_->bss->next_sequence).load(std::memory_order_relaxed);
    snapshot.time_ns = Now_ns();
    snapshot.calls = calls_.value();
    snapshot.errors = errors_.value();
    snapshot.cpu_ns = cpu_ns_.load();
    snapshot.gap_ns = late_ns_.Read();
    for (uint32_t i = 0; i < TRAFFIC_LATENCY_BUCKETS; ++i) {
      snapshot.gap_ns.Add(i, std::atomic_ref<__u64>(program_->bss->batch_ns[i]).load(std::memory_order_relaxed));
    }
    for (uint32_t i = 0; i < TRAFFIC_LATENCY_BUCKETS; ++i) {
      snapshot.round_trip_ns.Add(i, std::atomic_ref<__u64>(program_->bss->round_trip_ns[i]).load(std::memory_order_relaxed));
    }
    return snapshot;
  }

 private:
  absl::Status Load() {
    program_ = source_bpf__open();
    if (program_ == nullptr) return lcore::ErrnoStatus(errno, "source_bpf__open");
    program_->rodata->flow_count = options_.flow_count;
    program_->rodata->source_network = kSourceNetwork;
    program_->rodata->with_time = options_.time_stamps;
    program_->rodata->queue_count = options_.queue_count;
    TrafficFrame frame = MakeTrafficFrame(options_.frame_bytes);
    frame_ = std::move(frame.bytes);
    program_->rodata->ip_checksum_base = frame.ip_checksum_base;
    const uint32_t key = 0, target = if_nametoindex(options_.interface.c_str());
    if (target == 0) return lcore::ErrnoStatus(errno, absl::StrCat("if_nametoindex(", options_.interface, ")"));
    program_->rodata->target_index = target;
    if (const int error = source_bpf__load(program_)) return lcore::ErrnoStatus(-error, "load traffic_source", "needs CAP_BPF");
    if (const int error = bpf_map_update_elem(bpf_map__fd(program_->maps.target_device), &key, &target, BPF_ANY)) {
      return lcore::ErrnoStatus(-error, absl::StrCat("bpf_map_update_elem(devmap, ", options_.interface, ")"));
    }
    LIBBPF_OPTS(bpf_link_create_opts, attach, .flags = XDP_FLAGS_DRV_MODE);
    if (options_.time_stamps) {
      return_descriptor_ = bpf_link_create(bpf_program__fd(program_->progs.traffic_return), static_cast<int>(target), BPF_XDP, &attach);
      if (return_descriptor_ < 0)
        return lcore::ErrnoStatus(-return_descriptor_, absl::StrCat("bpf_link_create(", options_.interface, ", native)"));
    }
    program_descriptor_ = bpf_program__fd(program_->progs.traffic_source);
    link_descriptor_ = bpf_link_create(program_descriptor_, static_cast<int>(if_nametoindex(kHoldInterface)), BPF_XDP, &attach);
    if (link_descriptor_ < 0) return lcore::ErrnoStatus(-link_descriptor_, absl::StrCat("bpf_link_create(", kHoldInterface, ", native)"));
    return options_.queue_count > 1 ? AttachQueueProgram() : absl::OkStatus();
  }

  absl::Status AttachQueueProgram() {
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = kLoopbackIndex, .attach_point = BPF_TC_INGRESS);
    LIBBPF_OPTS(bpf_tc_opts, attach, .prog_fd = bpf_program__fd(program_->progs.traffic_queue));
    if (const int error = bpf_tc_hook_create(&hook)) return lcore::ErrnoStatus(-error, "bpf_tc_hook_create(loopback)");
    queue_program_attached_ = true;
    if (const int error = bpf_tc_attach(&hook, &attach)) return lcore::ErrnoStatus(-error, "bpf_tc_attach(loopback, traffic_queue)");
    return absl::OkStatus();
  }

  static absl::Status RemoveQueueProgram() {
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = kLoopbackIndex,
                .attach_point = static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS));
    const int error = bpf_tc_hook_destroy(&hook);
    return error == 0 ? absl::OkStatus() : lcore::ErrnoStatus(-error, "bpf_tc_hook_destroy(loopback)");
  }

  int Send(uint32_t frames) {
    LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame_.data(), .data_size_in = static_cast<uint32_t>(frame_.size()),
                .repeat = static_cast<int>(frames), .flags = BPF_F_TEST_XDP_LIVE_FRAMES,
                .batch_size = std::min<uint32_t>(frames, TRAFFIC_BATCH_FRAMES));
    return bpf_prog_test_run_opts(program_descriptor_, &run);
  }

  // The thread. Its network namespace decides whose loopback the frames seem to come from.
  void Run() {
    prctl(PR_SET_NAME, "perf-source");
    thread_status_ = network_->Enter();
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(options_.cpu, &cpus);
    if (sched_setaffinity(0, sizeof cpus, &cpus) != 0)
      thread_status_.Update(lcore::ErrnoStatus(errno, absl::StrCat("sched_setaffinity(CPU ", options_.cpu, ")")));
    ready_.store(true);
    if (!thread_status_.ok()) return;
    while (!ending_.load()) {
      const uint64_t generation = generation_.load();
      const double rate = rate_.load();
      seen_generation_.store(generation);
      if (rate == kStopped) {
        std::this_thread::sleep_for(std::chrono::microseconds(200));
      } else if (rate == kFull) {
        RunFull(generation);
      } else {
        RunPaced(rate, generation);
      }
    }
  }

  bool Changed(uint64_t generation) const {
    return generation_.load(std::memory_order_relaxed) != generation || ending_.load(std::memory_order_relaxed);
  }

  void Count(int result) {
    calls_.Add(1);
    cpu_ns_.store(Now_ns(CLOCK_THREAD_CPUTIME_ID));
    if (result != 0) errors_.Add(1);
  }

  void RunFull(uint64_t generation) {
    program_->bss->batch_began_ns = 0;
    program_->bss->watching = 1;
    while (!Changed(generation)) Count(Send(options_.frames_per_call));
    program_->bss->watching = 0;
  }

  void RunPaced(double rate, uint64_t generation) {
    const double interval_ns = 1e9 / rate;
    const uint64_t start_ns = Now_ns();
    uint64_t sent = 0;
    while (!Changed(generation)) {
      const auto elapsed_ns = static_cast<double>(Now_ns() - start_ns);
      const auto due = static_cast<uint64_t>(elapsed_ns / interval_ns);
      if (due <= sent) {
        // Rates this low are no measurement: leave the CPU to the others.
        if (interval_ns > 200e3) std::this_thread::sleep_for(std::chrono::microseconds(100));
        continue;
      }
      late_ns_.Add(static_cast<uint64_t>(elapsed_ns - static_cast<double>(sent + 1) * interval_ns));
      const auto frames = static_cast<uint32_t>(std::min<uint64_t>(due - sent, kMaximumLateFrames));
      Count(Send(frames));
      sent += frames;
    }
  }

  const SourceOptions options_;
  const support::NetworkNamespace* network_ = nullptr;
  source_bpf* program_ = nullptr;
  int program_descriptor_ = -1;
  int link_descriptor_ = -1;
  int return_descriptor_ = -1;
  bool queue_program_attached_ = false;
  std::vector<uint8_t> frame_;

  std::thread thread_;
  absl::Status thread_status_;
  std::atomic<bool> ready_{false};
  std::atomic<bool> ending_{false};
  std::atomic<double> rate_{kStopped};
  std::atomic<uint64_t> generation_{0};
  std::atomic<uint64_t> seen_generation_{0};
  lcore::Counter calls_;
  lcore::Counter errors_;
  std::atomic<uint64_t> cpu_ns_{0};
  HistogramCounter late_ns_;
};

absl::Status Check(const SourceOptions& options) {
  if (options.frame_bytes < TRAFFIC_MINIMUM_FRAME_BYTES || options.frame_bytes > TRAFFIC_MAXIMUM_FRAME_BYTES) {
    return absl::InvalidArgumentError(
        absl::StrCat("frame size ", options.frame_bytes, ": ", TRAFFIC_MINIMUM_FRAME_BYTES, " to ", TRAFFIC_MAXIMUM_FRAME_BYTES));
  }
  if (options.flow_count < 1 || options.flow_count > TRAFFIC_MAXIMUM_FLOWS) {
    return absl::InvalidArgumentError(absl::StrCat(options.flow_count, " flows: 1 to ", TRAFFIC_MAXIMUM_FLOWS));
  }
  if (options.queue_count < 1 || options.queue_count > options.flow_count) {
    return absl::InvalidArgumentError(absl::StrCat(options.queue_count, " queues: 1 to the number of flows, ", options.flow_count));
  }
  if (options.frames_per_call < 1 || options.frames_per_call > kMaximumFramesPerCall) {
    return absl::InvalidArgumentError(absl::StrCat(options.frames_per_call, " frames a call: 1 to ", kMaximumFramesPerCall));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Source>> Source::Create(const support::NetworkNamespace& network, const SourceOptions& options) {
  if (absl::Status status = Check(options); !status.ok()) return status;
  auto source = std::make_unique<LiveFrameSource>(options);
  if (absl::Status status = source->Open(network); !status.ok()) return status;
  return std::unique_ptr<Source>(std::move(source));
}

}  // namespace pollux::performance
