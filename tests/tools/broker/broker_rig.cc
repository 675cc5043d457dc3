// SPDX-License-Identifier: Apache-2.0
#include "tests/tools/broker/broker_rig.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <system_error>
#include "tools/support/patience.h"
#include "tools/support/veth_pair.h"

namespace pollux::support {
namespace {

constexpr char kBroker[] = "tools/broker/pollux-broker";

}  // namespace

std::unique_ptr<BrokerRig> BrokerRig::Create(std::size_t queues) {
  std::unique_ptr<BrokerRig> rig(new BrokerRig);
  auto network = NetworkNamespace::Create("broker");
  if (!network.ok()) {
    ADD_FAILURE() << network.status();
    return nullptr;
  }
  rig->network_ = *std::move(network);
  rig->Run({"sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1"});  // only the test's packets
  const absl::Status added = AddVethPair({*rig->network_, "p0"}, {*rig->network_, "p1"}, {.queues = queues});
  EXPECT_TRUE(added.ok()) << added;
  rig->Run({"ip", "link", "set", "lo", "up"});
  // A path of at most 107 bytes, where every user may look up the socket.
  char path[] = "/tmp/plx-broker-XXXXXX";
  rig->folder_ = mkdtemp(path);
  chmod(path, 0755);
  return rig;
}

BrokerRig::~BrokerRig() {
  broker_.reset();
  if (folder_.empty()) return;
  // The keeper may be about to take its socket away.
  const bool removed = Eventually([this] {
    std::error_code error;
    std::filesystem::remove_all(folder_, error);
    return !error;
  });
  EXPECT_TRUE(removed) << folder_;
}

std::string BrokerRig::Run(const std::vector<std::string>& command) const {
  auto output = RunSuccessfully(command, network_.get());
  EXPECT_TRUE(output.ok()) << output.status();
  return output.value_or("");
}

void BrokerRig::Start(const std::string& members) {
  std::ofstream(folder_ + "/broker.json") << "{\"socket\": \"" << socket() << "\", " << members << "}";
  Restart();
}

void BrokerRig::Restart() {
  broker_.reset();
  auto started = ChildProcess::Start({kBroker, "--config=" + folder_ + "/broker.json"}, network_.get());
  ASSERT_TRUE(started.ok()) << started.status();
  broker_ = *std::move(started);
  ASSERT_TRUE(broker_->WaitForText("serving at").ok()) << broker_->Transcript();
}

bool BrokerRig::HasKeeper() const {
  const int probe = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, (socket() + ".keeper").c_str(), sizeof(address.sun_path) - 1);
  const bool there = connect(probe, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  close(probe);
  return there;
}

bool BrokerRig::HasProgram() const {
  return Run({"ip", "-d", "link", "show", "p0"}).find("prog/xdp") != std::string::npos;
}

}  // namespace pollux::support
