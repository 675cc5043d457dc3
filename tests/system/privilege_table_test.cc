// SPDX-License-Identifier: Apache-2.0
// The table of docs/privileges.md, cell by cell: testpmd is started as each column says with what each row asks for.
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>

#include "tests/support/scratch_folder.h"
#include "tests/system/forwarding_test.h"
#include "tools/support/patience.h"

namespace pollux::system_tests {
namespace {

constexpr char kDocument[] = "docs/privileges.md";
constexpr char kFive[] = "-all,+net_admin,+net_raw,+bpf,+perfmon,+ipc_lock";
constexpr char kKilledRun[] = "settings of a killed run put back";
constexpr char kNoInterface[] = "net_null";
constexpr char kBroker[] = "tools/broker/pollux-broker";
constexpr char kGrants[] = R"("clients": [{"users": ["nobody"], "ports": [{"interface": "p0", "memory_mib": 128,
  "allow": ["inject", "busy_poll", "steer", "promiscuous", "mtu", "mac"]}]}])";

struct Row {
  std::string feature;
  Arguments device;                                        // arguments of the port
  Arguments options;                                       // of testpmd
  std::vector<std::pair<std::string, std::string>> cells;  // column and what it says
};

std::vector<std::string> CellsOf(absl::string_view line) {
  std::vector<std::string> cells;
  for (absl::string_view cell : absl::StrSplit(line, '|')) cells.emplace_back(absl::StripAsciiWhitespace(cell));
  return cells.size() < 3 ? std::vector<std::string>() : std::vector<std::string>(cells.begin() + 1, cells.end() - 1);
}

// The table that begins with "| Feature | Asked by |".
std::vector<Row> ReadTable() {
  std::ifstream file(kDocument);
  std::vector<std::string> columns;
  std::vector<Row> rows;
  for (std::string line; std::getline(file, line);) {
    const std::vector<std::string> cells = CellsOf(line);
    if (columns.empty()) {
      if (cells.size() > 2 && cells[0] == "Feature" && cells[1] == "Asked by") columns = cells;
      continue;
    }
    if (cells.empty()) break;
    if (absl::StartsWith(cells[0], "---")) continue;
    Row row{.feature = cells[0]};
    // Every second part is between backticks.
    const std::vector<std::string> parts = absl::StrSplit(cells[1], '`');
    for (std::size_t part = 1; part < parts.size(); part += 2) {
      (absl::StartsWith(parts[part], "--") ? row.options : row.device).push_back(parts[part]);
    }
    for (std::size_t column = 2; column < cells.size() && column < columns.size(); ++column) {
      row.cells.emplace_back(columns[column], cells[column]);
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

// What nobody has on this machine: programs of the dispatcher's type, huge pages.
bool MachineLacks(const std::string& words) {
  return absl::StrContains(words, "this kernel does not load programs of type") || absl::StrContains(words, " has 0 free of ");
}

class PrivilegeTableTest : public ForwardingTest {
 protected:
  void SetUp() override {
    ForwardingTest::SetUp();
    if (IsSkipped()) return;
    ASSERT_NO_FATAL_FAILURE(BuildRig());
    // Only such a client takes packets that are no sk_buffs.
    const auto set = support::RunSuccessfully({"ethtool", "-K", VethRig::ClientInterface(0), "gro", "on"}, &rig().client(0));
    ASSERT_TRUE(set.ok()) << set.status();
    ForgetSwitchState();
    // Where an ordinary user may look in, and with a folder that is his.
    std::filesystem::copy_file(TestpmdProcess::Program(), Program());
    const std::string state = scratch_.File("state");
    const auto made = support::RunSuccessfully({"install", "-d", "-o", "nobody", state});
    ASSERT_TRUE(made.ok()) << made.status();
  }

  std::string Program() const { return scratch_.File("testpmd"); }

  // How a column's testpmd is started.
  struct Way {
    Arguments prefix;  // words before the command
    std::string device;
    const support::NetworkNamespace* network;
  };

  std::optional<Way> WayOf(const std::string& column) {
    if (column == "Root") return Way{{}, "", &rig().switch_namespace()};
    if (column != "Five" && column != "None" && column != "Broker") return std::nullopt;
    const std::string kept = column == "Five" ? kFive : "-all";
    Way way{{"env", "POLLUX_STATE_FOLDER=" + scratch_.File("state"), "setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups",
             "--no-new-privs", "--inh-caps=" + kept, "--ambient-caps=" + kept, "--bounding-set=" + kept},
            "",
            &rig().switch_namespace()};
    if (column != "Broker") return way;
    // Where the interface is not.
    way.network = &rig().client(1);
    way.device = "broker=" + scratch_.File("broker.sock");
    if (broker_ == nullptr) StartBroker();
    return way;
  }

  void StartBroker() {
    std::ofstream(scratch_.File("broker.json")) << "{\"socket\": \"" << scratch_.File("broker.sock") << "\", " << kGrants << "}";
    auto started = ChildProcess::Start({kBroker, "--config=" + scratch_.File("broker.json")}, &rig().switch_namespace());
    ASSERT_TRUE(started.ok()) << started.status();
    broker_ = *std::move(started);
    ASSERT_TRUE(broker_->WaitForText("serving at").ok()) << broker_->Transcript();
  }

  Arguments Command(const Row& row, const Way& way, bool with_requirements) const {
    Arguments words = way.prefix, device = row.device;
    if (device == Arguments{kNoInterface}) {
      device = {"net_null0"};
    } else {
      device.insert(device.begin(), {"net_af_xdp0", "iface=p0"});
      if (!way.device.empty()) device.push_back(way.device);
    }
    words.insert(words.end(), {Program(), "-l", "0,1", "--vdev", absl::StrJoin(device, ","), "--", "-i", "--total-num-mbufs=4096"});
    for (const std::string& option : row.options) {
      if (with_requirements || !absl::StartsWith(option, "--require")) words.push_back(option);
    }
    return words;
  }

  // Starts, and ends at the end of its input.
  static support::CommandResult Run(const Arguments& words, const Way& way) {
    auto started = ChildProcess::Start(words, way.network);
    if (!started.ok()) return {};
    (*started)->CloseInput();
    const auto code = (*started)->Wait();
    return {code.value_or(-1), (*started)->Output(), (*started)->Errors()};
  }

  // "yes", "falls back" or "no", and the words of the program behind it.
  std::pair<std::string, std::string> Outcome(const Row& row, const Way& way) {
    if (row.feature == kKilledRun) LeaveMtuBehind(way);
    const support::CommandResult asked = Run(Command(row, way, true), way);
    const std::string words = asked.output + asked.errors;
    if (asked.exit_code == 0) {
      if (row.feature == kKilledRun && MtuOfPort() != 1500) return {"no", words};
      for (const char* complaint : {"not permitted", "Permission denied", "lacks"}) {
        if (absl::StrContains(words, complaint)) return {"falls back", words};
      }
      return {"yes", words};
    }
    return {Run(Command(row, way, false), way).exit_code == 0 ? "falls back" : "no", words};
  }

  // As a testpmd does that changed the MTU and was killed.
  void LeaveMtuBehind(const Way& way) {
    Arguments words = Command({}, way, false);
    words.push_back("--max-pkt-len=1418");
    const auto started = ChildProcess::Start(words, way.network);
    ASSERT_TRUE(started.ok()) << started.status();
    support::Eventually([&] { return MtuOfPort() == 1400 || !(*started)->running(); });
    if ((*started)->running()) (*started)->Signal(SIGKILL).IgnoreError();
    ASSERT_TRUE((*started)->Wait().ok());
  }

  int MtuOfPort() {
    const auto link = support::RunSuccessfully({"ip", "link", "show", "p0"}, &rig().switch_namespace());
    const std::size_t at = link.ok() ? link->find(" mtu ") : std::string::npos;
    return at == std::string::npos ? -1 : std::atoi(link->c_str() + at + 5);
  }

  const support::ScratchFolder scratch_{"/tmp", 0755};
  std::unique_ptr<ChildProcess> broker_;
};

TEST_F(PrivilegeTableTest, EachCellIsTrue) {
  const std::vector<Row> rows = ReadTable();
  ASSERT_GT(rows.size(), 10u) << kDocument << " has lost its table";
  for (const Row& row : rows) {
    for (const auto& [column, says] : row.cells) {
      SCOPED_TRACE(absl::StrCat("row '", row.feature, "', column '", column, "'"));
      const auto way = WayOf(column);
      ASSERT_TRUE(way.has_value()) << "nobody knows how to start in this column";
      const auto [outcome, words] = Outcome(row, *way);
      if (outcome != says && MachineLacks(words)) {
        std::cout << "not seen here: " << row.feature << ", " << column << "\n";
        continue;
      }
      EXPECT_EQ(outcome, says) << words;
    }
  }
}

}  // namespace
}  // namespace pollux::system_tests
