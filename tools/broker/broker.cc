// SPDX-License-Identifier: Apache-2.0
// pollux-broker: opens ports for processes that may not. docs/broker.md.
#include <linux/capability.h>

#include <cstring>
#include <iostream>
#include <string>
#include <vector>

#include <absl/strings/str_cat.h>

#include "lcore/capabilities.h"
#include "lcore/stop_signal.h"
#include "tools/broker/configuration.h"
#include "tools/broker/descriptor_store.h"
#include "tools/broker/server.h"

namespace pollux::broker {
namespace {

constexpr int kSuccess = 0, kFailure = 1, kUsage = 2;
constexpr char kDefaultConfiguration[] = "/etc/pollux/broker.json";

constexpr char kHelp[] =
    R"(usage: pollux-broker [--config=FILE] [--check]

Opens AF_XDP ports for processes without privileges: attaches the XDP program, makes and binds the sockets, and hands the descriptors
over. Clients are programs that speak its protocol (pmd/af_xdp/broker_protocol.h), and DPDK (use_cni=1, use_pinned_map=1) and CNDP.

  --config=FILE  who may have what (default /etc/pollux/broker.json)
  --check        read the configuration, say what is wrong with it, and end
  --help         this text

A configuration:
  {
    "socket": "/run/pollux/broker.sock",
    "clients": [
      { "users": ["nobody"], "groups": [], "cgroups": [],
        "ports": [ { "interface": "eth1", "queues": "0-3", "memory_mib": 128, "allow": ["promiscuous", "mtu"] } ] }
    ],
    "device_plugin": [ { "interface": "eth2", "user": "nobody", "folder": "/tmp/afxdp_dp/eth2" } ]
  }

examples:
  pollux-broker --config=broker.json --check
  pollux-broker --config=broker.json
  dpdk-testpmd --vdev net_af_xdp0,iface=eth2,use_cni=1,dp_path=/tmp/afxdp_dp/eth2/afxdp.sock ...    # as nobody

Needs CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF and CAP_IPC_LOCK; to grant inject CAP_PERFMON and /dev/net/tun; to start with a device plugin's
folder CAP_CHOWN. Gives away the others.
)";

int Report(const absl::Status& status, int code) {
  std::cerr << "pollux-broker: " << status.message() << "\n";
  return code;
}

int Run(const Configuration& configuration) {
  auto stop = lcore::StopSignal::Install();
  if (!stop.ok()) return Report(stop.status(), kFailure);
  auto store = DescriptorStore::Open(absl::StrCat(configuration.socket(), ".keeper"));
  if (!store.ok()) return Report(store.status(), kFailure);
  auto server = Server::Open(configuration, *std::move(store), [](const std::string& line) { std::cerr << line << std::endl; });
  if (!server.ok()) return Report(server.status(), kFailure);
  if (auto status = lcore::KeepCapabilities({CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF, CAP_PERFMON, CAP_IPC_LOCK}); !status.ok()) {
    return Report(status, kFailure);
  }
  std::cout << "pollux-broker: serving at " << configuration.socket() << std::endl;
  const absl::Status status = (*server)->Run((*stop)->file_descriptor());
  if (!status.ok()) return Report(status, kFailure);
  if ((*server)->has_clients()) {
    std::cerr << "ends; what clients use goes on, and the next broker takes it over" << std::endl;
    (*server)->LeaveEverything();
    std::_Exit(kSuccess);  // no destructor may undo what they use
  }
  return kSuccess;
}

int Main(const std::vector<std::string>& arguments) {
  std::string path = kDefaultConfiguration;
  bool check = false;
  for (const std::string& argument : arguments) {
    if (argument == "--help" || argument == "-h") {
      std::cout << kHelp;
      return kSuccess;
    }
    if (argument == "--check") {
      check = true;
    } else if (argument.rfind("--config=", 0) == 0) {
      path = argument.substr(std::strlen("--config="));
    } else {
      return Report(absl::InvalidArgumentError(absl::StrCat("unknown argument '", argument, "'; --help shows what there is")), kUsage);
    }
  }
  const auto configuration = Configuration::Read(path);
  if (!configuration.ok()) return Report(configuration.status(), kUsage);
  if (check) {
    std::cout << path << ": right\n";
    return kSuccess;
  }
  return Run(*configuration);
}

}  // namespace
}  // namespace pollux::broker

int main(int argc, char** argv) {
  return pollux::broker::Main({argv + 1, argv + argc});
}
