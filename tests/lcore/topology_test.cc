// SPDX-License-Identifier: Apache-2.0
#include "lcore/topology.h"

#include <unistd.h>

#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "lcore/affinity.h"

namespace pollux::lcore {
namespace {

TEST(TopologyTest, ReadsTwoNodesWithSmt) {
  const absl::StatusOr<Topology> machine = Topology::FromSynthetic("node:2 core:4 pu:2");
  ASSERT_TRUE(machine.ok()) << machine.status();
  ASSERT_EQ(machine->cpus().size(), 16u);
  ASSERT_EQ(machine->numa_nodes().size(), 2u);
  EXPECT_EQ(machine->numa_nodes()[0].cpus.ToString(), "0-7");
  EXPECT_EQ(machine->numa_nodes()[1].cpus.ToString(), "8-15");
  EXPECT_GT(machine->numa_nodes()[1].memory_bytes, 0u);

  const Cpu* cpu = machine->Find(11);
  ASSERT_NE(cpu, nullptr);
  EXPECT_EQ(cpu->number, 11u);
  EXPECT_EQ(cpu->physical_core, 5u);
  EXPECT_EQ(cpu->numa_node, 1u);
  EXPECT_EQ(cpu->smt_siblings.ToString(), "10-11");
  EXPECT_TRUE(cpu->l2_group.empty());
  EXPECT_EQ(machine->Find(16), nullptr);
}

TEST(TopologyTest, NumbersCpusAsTheKernelDoes) {
  // Siblings four apart, as many servers count them.
  const Topology machine = Topology::FromSynthetic("numa:2 core:2 pu:2(indexes=0,4,1,5,2,6,3,7)").value();
  ASSERT_EQ(machine.cpus().size(), 8u);
  for (unsigned number = 0; number < 8; ++number) EXPECT_EQ(machine.cpus()[number].number, number);
  EXPECT_EQ(machine.Find(1)->smt_siblings.ToString(), "1,5");
  EXPECT_EQ(machine.Find(5)->physical_core, machine.Find(1)->physical_core);
  EXPECT_EQ(machine.CpusOfNode(1).ToString(), "2-3,6-7");
}

TEST(TopologyTest, ReadsCaches) {
  const Topology machine = Topology::FromSynthetic("pack:2 [numa] l3:1(size=33554432) l2:4(size=1048576) core:1 pu:2").value();
  EXPECT_EQ(machine.Find(3)->l2_group.ToString(), "2-3");
  EXPECT_EQ(machine.Find(3)->l3_group.ToString(), "0-7");
  ASSERT_EQ(machine.caches().size(), 10u);
  EXPECT_EQ(machine.caches().front().level, 2u);
  EXPECT_EQ(machine.caches().front().bytes, 1048576u);
  EXPECT_EQ(machine.caches().back().level, 3u);
  EXPECT_EQ(machine.caches().back().cpus.ToString(), "8-15");
  EXPECT_EQ(machine.Describe(), "2 NUMA nodes, 8 cores, 16 CPUs, L2 1 MiB x 8, L3 32 MiB x 2");
}

TEST(TopologyTest, FindsTheNodeOfASetOfCpus) {
  const Topology machine = Topology::FromSynthetic("node:2 core:2 pu:1").value();
  EXPECT_EQ(machine.NodeOf({0, 1}), 0u);
  EXPECT_EQ(machine.NodeOf({2}), 1u);
  EXPECT_EQ(machine.NodeOf({1, 2}), std::nullopt) << "spans nodes";
  EXPECT_EQ(machine.NodeOf({3, 4}), std::nullopt) << "CPU 4 does not exist";
  EXPECT_EQ(machine.NodeOf({}), std::nullopt);
  EXPECT_EQ(machine.CpusOfNode(1), CoreSet({2, 3}));
  EXPECT_TRUE(machine.CpusOfNode(7).empty());
}

TEST(TopologyTest, PrintsATable) {
  const Topology machine = Topology::FromSynthetic("numa:2(memory=1073741824) l3:1 core:1 pu:2").value();
  EXPECT_EQ(machine.ToTable(),
            "  CPU  core  node  siblings     L2 shared by     L3 shared by\n"
            "    0     0     0  0-1          -                0-1\n"
            "    1     0     0  0-1          -                0-1\n"
            "    2     1     1  2-3          -                2-3\n"
            "    3     1     1  2-3          -                2-3\n"
            "node 0: CPUs 0-1, memory 1 GiB\n"
            "node 1: CPUs 2-3, memory 1 GiB\n");
}

TEST(TopologyTest, RefusesWhatIsNoDescription) {
  const absl::Status status = Topology::FromSynthetic("node:two").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "hwloc_topology_set_synthetic(\"node:two\"): Invalid argument; expected for example \"node:2 core:4 pu:2\"");
  EXPECT_EQ(Topology::FromSynthetic("core:1025 pu:1").status().code(), absl::StatusCode::kOutOfRange);
}

TEST(TopologyTest, ReadsXml) {
  const std::string path = testing::TempDir() + "/plx_topology_" + std::to_string(getpid()) + ".xml";
  std::ofstream(path) << R"(<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE topology SYSTEM "hwloc2.dtd">
<topology version="2.0">
  <object type="Machine" os_index="0" cpuset="0x00000003" complete_cpuset="0x00000003" allowed_cpuset="0x00000003"
          nodeset="0x00000004" complete_nodeset="0x00000004" allowed_nodeset="0x00000004" gp_index="1">
    <object type="NUMANode" os_index="2" cpuset="0x00000003" complete_cpuset="0x00000003" nodeset="0x00000004"
            complete_nodeset="0x00000004" gp_index="2" local_memory="2147483648"/>
    <object type="Core" os_index="7" cpuset="0x00000003" complete_cpuset="0x00000003" nodeset="0x00000004"
            complete_nodeset="0x00000004" gp_index="3">
      <object type="PU" os_index="0" cpuset="0x00000001" complete_cpuset="0x00000001" nodeset="0x00000004"
              complete_nodeset="0x00000004" gp_index="4"/>
      <object type="PU" os_index="1" cpuset="0x00000002" complete_cpuset="0x00000002" nodeset="0x00000004"
              complete_nodeset="0x00000004" gp_index="5"/>
    </object>
  </object>
</topology>
)";
  const absl::StatusOr<Topology> machine = Topology::FromXml(path);
  unlink(path.c_str());
  ASSERT_TRUE(machine.ok()) << machine.status();
  EXPECT_EQ(machine->Describe(), "1 NUMA node, 1 core, 2 CPUs");
  EXPECT_EQ(machine->Find(1)->numa_node, 2u);
  EXPECT_EQ(machine->Find(1)->physical_core, 0u) << "counted, since the kernel's number 7 is unique in its package only";
  EXPECT_EQ(machine->Find(0)->smt_siblings.ToString(), "0-1");

  EXPECT_EQ(Topology::FromXml("/nonexistent/machine.xml").status().code(), absl::StatusCode::kNotFound);
}

TEST(TopologyTest, ThisMachineHasTheCpusOfThisThread) {
  const absl::StatusOr<Topology> machine = Topology::FromMachine();
  ASSERT_TRUE(machine.ok()) << machine.status();
  CoreSet cpus;
  for (const Cpu& cpu : machine->cpus()) {
    cpus.Add(cpu.number);
    EXPECT_TRUE(cpu.smt_siblings.Contains(cpu.number));
  }
  EXPECT_TRUE(cpus.ContainsAll(ThreadAffinity().value())) << cpus.ToString();
  EXPECT_FALSE(machine->numa_nodes().empty());
}

}  // namespace
}  // namespace pollux::lcore
