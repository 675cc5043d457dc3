// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/options/foreign_options.h"

#include <cstdlib>

#include <absl/strings/str_cat.h>

namespace pollux::testpmd {
namespace {

using enum OptionValue;

struct Accepted {
  const char* name;
  OptionValue value;
};

constexpr Accepted kAccepted[] = {
    {"numa", kNone},
    {"no-numa", kNone},
    {"socket-num", kRequired},
    {"port-numa-config", kRequired},
    {"ring-numa-config", kRequired},
    {"num-procs", kRequired},
    {"proc-id", kRequired},
    {"mlockall", kNone},
    {"no-mlockall", kNone},
    {"mp-alloc", kRequired},
    {"mp-anon", kNone},
    {"no-iova-contig", kNone},
    {"no-lsc-interrupt", kNone},
    {"no-rmv-interrupt", kNone},
    {"print-event", kRequired},
    {"mask-event", kRequired},
    {"hot-plug", kNone},
    {"disable-crc-strip", kNone},
    {"enable-drop-en", kNone},
    {"disable-rss", kNone},
    {"rss-ip", kNone},
    {"rss-udp", kNone},
    {"rss-level-inner", kNone},
    {"rss-level-outer", kNone},
    {"rx-mq-mode", kRequired},
    {"rxq-share", kOptional},
    {"rxpt", kRequired},
    {"rxht", kRequired},
    {"rxwt", kRequired},
    {"rxfreet", kRequired},
    {"txpt", kRequired},
    {"txht", kRequired},
    {"txwt", kRequired},
    {"txfreet", kRequired},
    {"txrst", kRequired},
    {"max-lro-pkt-size", kRequired},
    {"eth-link-speed", kRequired},
};

struct Refused {
  const char* name;
  OptionValue value;
  const char* reason;
};

constexpr const char* kNoOffload = "AF_XDP has no such offload; the kernel's own are set with ethtool -K";
constexpr const char* kNoSplit = "a received packet is in one frame; splitting is not supported";
constexpr const char* kNoHairpin = "hairpin queues need hardware that AF_XDP does not reach";

constexpr Refused kRefused[] = {
    {"enable-rx-cksum", kNone, "AF_XDP delivers no checksum verdict; --forward-mode=csum verifies in software"},
    {"enable-rx-timestamp", kNone, kNoOffload},
    {"enable-scatter", kNone, kNoSplit},
    {"enable-lro", kNone, kNoOffload},
    {"enable-hw-vlan", kNone, kNoOffload},
    {"enable-hw-vlan-filter", kNone, kNoOffload},
    {"enable-hw-vlan-strip", kNone, kNoOffload},
    {"enable-hw-vlan-extend", kNone, kNoOffload},
    {"enable-hw-qinq-strip", kNone, kNoOffload},
    {"rxoffs", kRequired, kNoSplit},
    {"rxpkts", kRequired, kNoSplit},
    {"rxhdrs", kRequired, kNoSplit},
    {"multi-rx-mempool", kNone, kNoSplit},
    {"hairpinq", kRequired, kNoHairpin},
    {"hairpin-mode", kRequired, kNoHairpin},
    {"flow-isolate-all", kNone, "flows come before what a port receives, and isolate nothing; see --steer"},
    {"flowgen-clones", kRequired, "flowgen sends every flow once in turn"},
    {"bitrate-stats", kRequired, "rates are in the port statistics (--stats-period)"},
    {"latencystats", kRequired, "latency is not measured"},
    {"vxlan-gpe-port", kRequired, "tunnels are not parsed"},
    {"geneve-parsed-port", kRequired, "tunnels are not parsed"},
    {"disable-device-start", kNone, "ports are started at the start; `port stop N` stops one"},
};

void AddOffloadMask(OptionTable& table, const std::string& name, std::vector<std::string>& without_meaning) {
  table.Add({name, 0, kRequired, "", "", [name, &without_meaning](const std::string& value) {
               char* end = nullptr;
               const unsigned long long mask = std::strtoull(value.c_str(), &end, 16);
               if (value.empty() || *end != '\0') return absl::InvalidArgumentError("a hexadecimal mask is expected");
               if (mask != 0) return absl::InvalidArgumentError(kNoOffload);
               without_meaning.push_back(absl::StrCat("--", name, "=", value));
               return absl::OkStatus();
             }});
}

}  // namespace

void AddForeignOptions(OptionTable& table, std::vector<std::string>& without_meaning) {
  for (const Accepted& option : kAccepted) {
    const std::string name = option.name;
    table.Add({name, 0, option.value, "", "", [name, &without_meaning](const std::string& value) {
                 without_meaning.push_back(value.empty() ? absl::StrCat("--", name) : absl::StrCat("--", name, "=", value));
                 return absl::OkStatus();
               }});
  }
  for (const Refused& option : kRefused) {
    const std::string reason = option.reason;
    table.Add({option.name, 0, option.value, "", "", [reason](const std::string&) { return absl::InvalidArgumentError(reason); }});
  }
  AddOffloadMask(table, "rx-offloads", without_meaning);
  AddOffloadMask(table, "tx-offloads", without_meaning);
}

}  // namespace pollux::testpmd
