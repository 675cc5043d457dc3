// SPDX-License-Identifier: Apache-2.0
#include "tools/performance/rig/sink.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include <absl/strings/str_cat.h>

#include "lcore/errno_status.h"
#include "tools/performance/rig/interface_counters.h"
#include "tools/performance/rig/sink.skel.h"

namespace pollux::performance {
namespace {

uint64_t Now_ns() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000 + static_cast<uint64_t>(now.tv_nsec);
}

class VethSink final : public Sink {
 public:
  VethSink(const support::NetworkNamespace& network, const SinkOptions& options) : network_(network), options_(options) {}
  ~VethSink() override {
    if (link_descriptor_ >= 0) close(link_descriptor_);
    if (program_ != nullptr) sink_bpf__destroy(program_);
  }

  absl::Status Attach() {
    program_ = sink_bpf__open();
    if (program_ == nullptr) return lcore::ErrnoStatus(errno, "sink_bpf__open");
    program_->rodata->inspect = options_.inspect;
    if (const int error = sink_bpf__load(program_)) return lcore::ErrnoStatus(-error, "load traffic_sink", "needs CAP_BPF");
    LIBBPF_OPTS(bpf_link_create_opts, attach, .flags = XDP_FLAGS_DRV_MODE);
    link_descriptor_ = bpf_link_create(bpf_program__fd(program_->progs.traffic_sink),
                                       static_cast<int>(if_nametoindex(options_.interface.c_str())), BPF_XDP, &attach);
    if (link_descriptor_ < 0) {
      return lcore::ErrnoStatus(-link_descriptor_, absl::StrCat("bpf_link_create(", options_.interface, ", native)"));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<SinkSnapshot> Read() const override {
    SinkSnapshot snapshot;
    absl::StatusOr<LinkCounters> link = ReadLinkCounters(network_, options_.interface);
    if (!link.ok()) return link.status();
    snapshot.interface_packets = link->rx_packets;
    if (options_.receiver == Receiver::kStack) {
      snapshot.time_ns = Now_ns();
      snapshot.packets = link->rx_packets;
      return snapshot;
    }
    std::vector<sink_counters> counters(static_cast<size_t>(libbpf_num_possible_cpus()));
    const uint32_t zero = 0;
    if (const int error = bpf_map_lookup_elem(bpf_map__fd(program_->maps.counters), &zero, counters.data())) {
      return lcore::ErrnoStatus(-error, "bpf_map_lookup_elem(sink counters)");
    }
    snapshot.time_ns = Now_ns();
    for (const sink_counters& cpu : counters) {
      snapshot.packets += cpu.packets;
      snapshot.foreign += cpu.foreign;
      snapshot.reordered += cpu.reordered;
    }
    if (options_.inspect) ReadLatency(&snapshot.latency_ns);
    return snapshot;
  }

 private:
  void ReadLatency(Histogram* latency_ns) const {
    std::vector<uint64_t> counts(static_cast<size_t>(libbpf_num_possible_cpus()));
    for (uint32_t bucket = 0; bucket < TRAFFIC_LATENCY_BUCKETS; ++bucket) {
      if (bpf_map_lookup_elem(bpf_map__fd(program_->maps.latency), &bucket, counts.data()) != 0) continue;
      for (uint64_t count : counts) latency_ns->Add(bucket, count);
    }
  }

  const support::NetworkNamespace& network_;
  const SinkOptions options_;
  sink_bpf* program_ = nullptr;
  int link_descriptor_ = -1;
};

}  // namespace

const char* ReceiverName(Receiver receiver) {
  return receiver == Receiver::kXdp ? "xdp" : "stack";
}

absl::StatusOr<std::unique_ptr<Sink>> Sink::Create(const support::NetworkNamespace& network, const SinkOptions& options) {
  if (options.inspect && options.receiver != Receiver::kXdp) {
    return absl::InvalidArgumentError("order and latency need the receiver that runs XDP");
  }
  auto sink = std::make_unique<VethSink>(network, options);
  if (options.receiver == Receiver::kXdp) {
    if (absl::Status status = network.Call([&] { return sink->Attach(); }); !status.ok()) return status;
  }
  return std::unique_ptr<Sink>(std::move(sink));
}

}  // namespace pollux::performance
