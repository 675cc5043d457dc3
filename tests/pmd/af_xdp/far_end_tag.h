// SPDX-License-Identifier: Apache-2.0
// FarEndTag: the other end of a veth sends tagged packets, as a VLAN interface on top of it does: the tag is beside the packet
// (push_vlan.bpf.c, at TC egress). This machine's kernel may have no VLAN interfaces.
#ifndef TESTS_PMD_AF_XDP_FAR_END_TAG_H_
#define TESTS_PMD_AF_XDP_FAR_END_TAG_H_

#include <bpf/libbpf.h>
#include <net/if.h>

#include <cstdint>
#include <memory>

#include "tests/pmd/af_xdp/push_vlan.skel.h"

namespace pollux::pmd::af_xdp {

class FarEndTag {
 public:
  static constexpr uint16_t kTag = 5 << 13 | 42;  // priority and identifier, as the program has them

  // False: the kernel refused. It stays until the interface goes.
  bool Attach(const char* interface) {
    program_.reset(push_vlan_bpf::open_and_load());
    if (program_ == nullptr) return false;
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = static_cast<int>(if_nametoindex(interface)), .attach_point = BPF_TC_EGRESS);
    LIBBPF_OPTS(bpf_tc_opts, options, .prog_fd = bpf_program__fd(program_->progs.push_vlan));
    return bpf_tc_hook_create(&hook) == 0 && bpf_tc_attach(&hook, &options) == 0;
  }

 private:
  struct Destroy {
    void operator()(push_vlan_bpf* program) const { push_vlan_bpf::destroy(program); }
  };
  std::unique_ptr<push_vlan_bpf, Destroy> program_;
};

}  // namespace pollux::pmd::af_xdp

#endif  // TESTS_PMD_AF_XDP_FAR_END_TAG_H_
