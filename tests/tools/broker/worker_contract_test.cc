// SPDX-License-Identifier: Apache-2.0
// The driver contract, passed by a worker without any capability: uid nobody, all capability sets empty, no_new_privs, in a network
// namespace that does not hold the interfaces. This program starts the broker, and itself again as that worker.
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>

#include <gtest/gtest.h>

#include "pmd/drivers.h"
#include "tests/pmd/driver_contract.h"
#include "tests/tools/broker/broker_rig.h"
#include "tools/support/patience.h"

namespace pollux::pmd {
namespace {

constexpr char kSocketVariable[] = "POLLUX_TEST_BROKER";
constexpr std::size_t kQueues = 4;

class WorkerRig final : public DriverRig {
 public:
  explicit WorkerRig(std::string arguments) : arguments_(std::move(arguments)) {
    if (!Injects()) return;
    // Injected frames arrive on the queue of the CPU that sent them: those of CPU 0 on queue 0, in order.
    cpu_set_t one;
    sched_getaffinity(0, sizeof(before_), &before_);
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    sched_setaffinity(0, sizeof(one), &one);
  }
  ~WorkerRig() override {
    if (Injects()) sched_setaffinity(0, sizeof(before_), &before_);
  }

  std::string SenderText() const override { return Text("net_af_xdp0,iface=p0"); }
  std::string ReceiverText() const override { return Text("net_af_xdp1,iface=p1"); }
  RigTraits Traits() const override {
    const bool keeps_queue = arguments_.find("mode=skb") == std::string::npos && !Injects();
    return {.keeps_queue = keeps_queue, .has_limit = true, .minimum_length = 14, .maximum_length = 1518, .too_long = 1519};
  }
  // The memory outlives the port that asked for it.
  std::shared_ptr<mempool::Pool> MakePool(const mempool::PoolOptions& options) const override {
    auto device = OpenDevice(SenderText());
    const auto bytes = mempool::RegionBytes(options);
    EXPECT_TRUE(device.ok()) << device.status();
    if (!device.ok() || !bytes.ok()) return nullptr;
    auto region = (*device)->MakeRegion({.bytes = *bytes});
    EXPECT_TRUE(region.ok()) << region.status();
    if (!region.ok()) return nullptr;
    return mempool::Pool::Create(*std::move(region), options).value_or(nullptr);
  }

 private:
  bool Injects() const { return arguments_.find("tx=ring") == std::string::npos; }
  std::string Text(const std::string& port) const { return port + ",broker=" + std::getenv(kSocketVariable) + "," + arguments_; }

  const std::string arguments_;
  cpu_set_t before_;
};

DriverCase Case(const std::string& name, const std::string& arguments) {
  return {name, [arguments] { return std::make_unique<WorkerRig>(arguments); }};
}

INSTANTIATE_TEST_SUITE_P(Worker, DriverContract,
                         testing::Values(Case("native", "mode=drv,tx=ring"), Case("generic", "mode=skb,tx=ring"),
                                         Case("wakeupOff", "need_wakeup=0,tx=ring"), Case("busyPolling", "busy_budget=64,tx=ring"),
                                         Case("inject", "tx=inject"), Case("cheapest", "tx=auto")),
                         DriverCaseName);

TEST(Worker, HasNoCapabilityAndNoInterface) {
  std::ifstream status("/proc/self/status");
  int sets = 0;
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("Cap", 0) == 0) {
      ++sets;
      EXPECT_EQ(line.substr(line.find('\t') + 1), "0000000000000000") << line;
    }
    if (line.rfind("NoNewPrivs", 0) == 0) {
      EXPECT_EQ(line.back(), '1');
    }
  }
  EXPECT_EQ(sets, 5);
  EXPECT_NE(geteuid(), 0u);
  EXPECT_FALSE(OpenDevice("net_af_xdp0,iface=p0").ok());
}

// What the contract asks of no driver: that the ports inject, and say whose they are.
TEST(Worker, InjectsAndReportsTheBroker) {
  const WorkerRig rig("tx=inject");
  auto device = OpenDevice(rig.SenderText());
  ASSERT_TRUE(device.ok()) << device.status();
  const auto pool = rig.MakePool({.frame_count = 8192, .slab_frames = 64});
  // The other end with a program: from then on a veth takes XDP frames.
  auto receiver = OpenDevice(rig.ReceiverText());
  ASSERT_TRUE(receiver.ok()) << receiver.status();
  for (Device* port : {receiver->get(), device->get()}) {
    ASSERT_TRUE(port->Configure({.pool = pool}).ok());
    const absl::Status started = port->Start();
    ASSERT_TRUE(started.ok()) << started;
  }
  bool broker = false, inject = false;
  for (const FeatureState& state : (*device)->Features()) {
    if (state.feature == kFeatureBroker) broker = state.present;
    if (state.feature == kFeatureInject) inject = state.present && state.got == "inject" && state.reason.empty();
  }
  EXPECT_TRUE(broker);
  EXPECT_TRUE(inject);
}

int StartWorker(int argc, char** argv) {
  auto rig = support::BrokerRig::Create(kQueues);
  if (rig == nullptr) return 1;
  const std::string ports = R"("queues": "0-3", "allow": ["inject", "busy_poll", "steer", "promiscuous", "mtu", "mac"])";
  rig->Start(R"("clients": [{"users": ["nobody"], "ports": [{"interface": "p0", )" + ports + R"(}, {"interface": "p1", )" + ports + "}]}]");
  auto elsewhere = support::NetworkNamespace::Create("worker");
  // Where the build is, nobody may not be able to look.
  const std::string program = rig->folder() + "/worker", results = rig->folder() + "/results.xml";
  std::filesystem::copy_file("/proc/self/exe", program);
  chmod(program.c_str(), 0755);
  std::ofstream(results).close();
  chmod(results.c_str(), 0666);
  // gtest ends where it cannot write that file.
  support::Arguments command = {"env",
                                "--unset=TEST_PREMATURE_EXIT_FILE",
                                std::string(kSocketVariable) + "=" + rig->socket(),
                                "setpriv",
                                "--reuid=nobody",
                                "--regid=nogroup",
                                "--clear-groups",
                                "--bounding-set=-all",
                                "--inh-caps=-all",
                                "--no-new-privs",
                                program};
  const char* const wanted = std::getenv("XML_OUTPUT_FILE");
  if (wanted != nullptr) command.insert(command.begin() + 2, std::string("XML_OUTPUT_FILE=") + results);
  command.insert(command.end(), argv + 1, argv + argc);
  auto worker = support::ChildProcess::Start(command, elsewhere.ok() ? elsewhere->get() : nullptr, {.joined_output = true});
  if (!elsewhere.ok() || !worker.ok()) {
    std::cerr << elsewhere.status() << "\n" << worker.status() << "\n";
    return 1;
  }
  const absl::StatusOr<int> code = (*worker)->Wait(std::chrono::minutes(10));
  std::cout << (*worker)->Transcript() << std::flush;
  if (wanted != nullptr) std::filesystem::copy_file(results, wanted, std::filesystem::copy_options::overwrite_existing);
  const bool clean = support::Eventually([&] { return !rig->HasProgram(); });
  if (code.value_or(1) != 0 || !clean) std::cout << rig->broker().Transcript() << (clean ? "" : "\nthe program is still on p0\n");
  return clean ? code.value_or(1) : 1;
}

}  // namespace
}  // namespace pollux::pmd

int main(int argc, char** argv) {
  if (std::getenv(pollux::pmd::kSocketVariable) == nullptr && pollux::support::NetworkNamespace::MayCreate()) {
    return pollux::pmd::StartWorker(argc, argv);
  }
  testing::InitGoogleTest(&argc, argv);
  if (std::getenv(pollux::pmd::kSocketVariable) == nullptr) {
    testing::GTEST_FLAG(filter) = "-*";
    std::cout << "network namespaces need CAP_SYS_ADMIN\n";
  }
  return RUN_ALL_TESTS();
}
