// SPDX-License-Identifier: Apache-2.0
#include "tools/plot/run_series.h"

#include <cmath>
#include <limits>
#include <set>

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <nlohmann/json.hpp>

namespace pollux::plot {
namespace {

using nlohmann::json;

constexpr int kVersion = 1;
constexpr std::size_t kLongestLine = 4 << 20;

class Reader {
 public:
  explicit Reader(std::istream& input) : input_(input) {}

  absl::StatusOr<RunSeries> Read() {
    line_.resize(kLongestLine);
    if (absl::Status status = ReadFirst(); !status.ok()) return status;
    while (NextLine()) {
      const json sample = json::parse(text_, nullptr, false);
      if (sample.is_discarded()) {
        // What a killed process, or a full disk, left of a line.
        if (input_.eof() && number_ > 1) {
          series_.cut = absl::StrCat("it is cut off in line ", number_, ", which is left out");
          break;
        }
        return Damaged("no JSON");
      }
      try {
        if (absl::Status status = Add(sample); !status.ok()) return status;
      } catch (const json::exception& exception) {
        return Damaged(exception.what());
      }
    }
    if (!input_.eof()) return Damaged("it is longer than any sample, or cannot be read");
    if (series_.samples < 2)
      return absl::InvalidArgumentError(absl::StrCat("it has ", series_.samples, " sample(s), and curves need two at least"));
    return std::move(series_);
  }

 private:
  bool NextLine() {
    ++number_;
    input_.getline(line_.data(), static_cast<std::streamsize>(line_.size()));
    text_ = absl::string_view(line_.data());
    return !input_.fail();
  }

  absl::Status Damaged(const std::string& why) const { return absl::InvalidArgumentError(absl::StrCat("line ", number_, ": ", why)); }

  absl::Status ReadFirst() {
    const json first = NextLine() ? json::parse(text_, nullptr, false) : json(json::value_t::discarded);
    if (!first.is_object() || first.value("record", json()) != "pollux" || !first.value("version", json()).is_number_integer())
      return absl::InvalidArgumentError("it is no record of testpmd --record");
    if (first["version"] != kVersion)
      return absl::InvalidArgumentError(absl::StrCat("it is a record of version ", first["version"].dump(), ", and known is ", kVersion));
    const json hertz = first.value("cycles_per_second", json());
    if (!hertz.is_number() || hertz.get<double>() <= 0) return Damaged("cycles_per_second is missing");
    cycles_per_us_ = hertz.get<double>() / 1e6;
    return absl::OkStatus();
  }

  absl::Status Add(const json& sample) {
    const double now = sample.at("seconds").get<double>();
    if (!std::isfinite(now) || now < 0 || (series_.samples > 0 && now <= now_)) return Damaged("its time is not behind the last line's");
    before_ = now_;
    now_ = now;
    seen_.clear();
    for (const json& port : sample.at("ports")) {
      const auto name = port.at("name").get<std::string>();
      Rate(RunValue::kRxPackets, name, name + " rx_packets", port.at("rx_packets").get<uint64_t>(), 1);
      Rate(RunValue::kTxPackets, name, name + " tx_packets", port.at("tx_packets").get<uint64_t>(), 1);
      Rate(RunValue::kRxBits, name, name + " rx_bytes", port.at("rx_bytes").get<uint64_t>(), 8);
      Rate(RunValue::kTxBits, name, name + " tx_bytes", port.at("tx_bytes").get<uint64_t>(), 8);
      AddDrops(name + " ", port.at("drops"));
    }
    AddDrops("", sample.at("drops"));
    for (const json& pool : sample.at("pools")) {
      const auto frames = pool.at("frames").get<double>();
      if (frames > 0)
        Point(RunValue::kFreeFrames, absl::StrCat("pool ", pool.at("pool").get<uint64_t>()), 100 * pool.at("free").get<double>() / frames);
    }
    for (const json& lcore : sample.at("lcores")) AddLcore(lcore);
    // What is not in this sample begins anew if it comes again.
    for (auto entry = counters_.begin(); entry != counters_.end();) {
      if (seen_.count(entry->first) != 0) {
        ++entry;
        continue;
      }
      if (entry->second.drawn) series_.values[entry->second.series].emplace_back(now_, std::numeric_limits<double>::quiet_NaN());
      entry = counters_.erase(entry);
    }
    ++series_.samples;
    series_.seconds = now_;
    return absl::OkStatus();
  }

  // A cause that is not named has lost nothing yet.
  void AddDrops(const std::string& prefix, const json& drops) {
    for (const auto& [cause, packets] : drops.items()) {
      const std::string name = prefix + cause;
      if (series_.samples > 0) counters_.try_emplace(name, Counter{.value = 0, .series = {RunValue::kDrops, name}, .drawn = true});
      Rate(RunValue::kDrops, name, name, packets.get<uint64_t>(), 1);
    }
  }

  void AddLcore(const json& lcore) {
    const std::string name = absl::StrCat("lcore ", lcore.at("lcore").get<uint64_t>());
    const auto busy = lcore.at("busy_cycles").get<uint64_t>(), idle = lcore.at("idle_cycles").get<uint64_t>();
    const auto rounds = lcore.at("busy_rounds").get<uint64_t>();
    const auto [entry, is_new] = lcores_.try_emplace(name, Lcore{busy, idle, rounds});
    if (is_new) return;
    const Lcore last = std::exchange(entry->second, Lcore{busy, idle, rounds});
    if (busy < last.busy || idle < last.idle || rounds < last.rounds) return;  // it was started anew
    const auto busy_now = static_cast<double>(busy - last.busy), all = busy_now + static_cast<double>(idle - last.idle);
    if (all > 0) Point(RunValue::kBusy, name, 100 * busy_now / all);
    if (rounds > last.rounds) Point(RunValue::kRound, name, busy_now / static_cast<double>(rounds - last.rounds) / cycles_per_us_);
  }

  void Rate(RunValue kind, const std::string& name, const std::string& counter, uint64_t value, double factor) {
    seen_.insert(counter);
    series_.totals[counter] = value;
    const auto [entry, is_new] = counters_.try_emplace(counter, Counter{.value = value, .series = {kind, name}});
    if (is_new) return;
    const uint64_t last = std::exchange(entry->second.value, value);
    entry->second.drawn = true;
    const double rate = static_cast<double>(value - last) * factor / (now_ - before_);
    Point(kind, name, value < last ? std::numeric_limits<double>::quiet_NaN() : rate);
  }

  void Point(RunValue kind, const std::string& name, double value) { series_.values[{kind, name}].emplace_back(now_, value); }

  struct Counter {
    uint64_t value = 0;
    std::pair<RunValue, std::string> series;
    bool drawn = false;  // it has points
  };
  struct Lcore {
    uint64_t busy, idle, rounds;
  };

  std::istream& input_;
  std::string line_;
  absl::string_view text_;
  std::size_t number_ = 0;  // of the line at hand
  double cycles_per_us_ = 0;
  double before_ = 0, now_ = 0;  // of the last sample and of this
  std::set<std::string> seen_;   // counters of this sample
  std::map<std::string, Counter> counters_;
  std::map<std::string, Lcore> lcores_;
  RunSeries series_;
};

}  // namespace

absl::StatusOr<RunSeries> ReadRunSeries(std::istream& input) {
  return Reader(input).Read();
}

}  // namespace pollux::plot
