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

  // The words that make a command run as a column says; empty if there is no such column.
  std::optional<Arguments> Prefix(const std::string& column) const {
    if (column == "Root") return Arguments{};
    const std::string kept = column == "Five" ? kFive : "-all";
    if (column != "Five" && column != "None") return std::nullopt;
    return Arguments{"env",
                     "POLLUX_STATE_FOLDER=" + scratch_.File("state"),
                     "setpriv",
                     "--reuid=nobody",
                     "--regid=nogroup",
                     "--clear-groups",
                     "--no-new-privs",
                     "--inh-caps=" + kept,
                     "--ambient-caps=" + kept,
                     "--bounding-set=" + kept};
  }

  Arguments Command(const Row& row, const Arguments& prefix, bool with_requirements) const {
    Arguments words = prefix;
    std::string device = row.device == Arguments{kNoInterface} ? "net_null0" : "net_af_xdp0,iface=p0";
    if (absl::StartsWith(device, "net_af_xdp") && !row.device.empty()) absl::StrAppend(&device, ",", absl::StrJoin(row.device, ","));
    words.insert(words.end(), {Program(), "-l", "0,1", "--vdev", device, "--", "-i", "--total-num-mbufs=4096"});
    for (const std::string& option : row.options) {
      if (with_requirements || !absl::StartsWith(option, "--require")) words.push_back(option);
    }
    return words;
  }

  // Starts, and ends at the end of its input.
  support::CommandResult Run(const Arguments& words) {
    auto started = ChildProcess::Start(words, &rig().switch_namespace());
    if (!started.ok()) return {};
    (*started)->CloseInput();
    const auto code = (*started)->Wait();
    return {code.value_or(-1), (*started)->Output(), (*started)->Errors()};
  }

  // "yes", "falls back" or "no", and the words of the program behind it.
  std::pair<std::string, std::string> Outcome(const Row& row, const Arguments& prefix) {
    if (row.feature == kKilledRun) LeaveMtuBehind(prefix);
    const support::CommandResult asked = Run(Command(row, prefix, true));
    const std::string words = asked.output + asked.errors;
    if (asked.exit_code == 0) {
      if (row.feature == kKilledRun && MtuOfPort() != 1500) return {"no", words};
      for (const char* complaint : {"not permitted", "Permission denied", "lacks"}) {
        if (absl::StrContains(words, complaint)) return {"falls back", words};
      }
      return {"yes", words};
    }
    return {Run(Command(row, prefix, false)).exit_code == 0 ? "falls back" : "no", words};
  }

  // As a testpmd does that changed the MTU and was killed.
  void LeaveMtuBehind(const Arguments& prefix) {
    Arguments words = Command({}, prefix, false);
    words.push_back("--max-pkt-len=1418");
    const auto started = ChildProcess::Start(words, &rig().switch_namespace());
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
};

TEST_F(PrivilegeTableTest, EachCellIsTrue) {
  const std::vector<Row> rows = ReadTable();
  ASSERT_GT(rows.size(), 10u) << kDocument << " has lost its table";
  for (const Row& row : rows) {
    for (const auto& [column, says] : row.cells) {
      SCOPED_TRACE(absl::StrCat("row '", row.feature, "', column '", column, "'"));
      const auto prefix = Prefix(column);
      ASSERT_TRUE(prefix.has_value()) << "nobody knows how to start in this column";
      const auto [outcome, words] = Outcome(row, *prefix);
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
