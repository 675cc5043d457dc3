// SPDX-License-Identifier: Apache-2.0
#include "tools/performance/contenders/telemetry_reader.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include "lcore/affinity.h"
#include "lcore/errno_status.h"

namespace pollux::performance {
namespace {

constexpr std::array<const char*, 4> kQuestions = {"/ethdev/stats,0", "/ethdev/xstats,0", "/eal/lcore/usage", "/pollux/accounting"};
constexpr double kLeast = 0.9;  // of the reads that were due

}  // namespace

absl::StatusOr<std::unique_ptr<TelemetryReader>> TelemetryReader::Start(const std::string& path, int reads_per_second, int cpu) {
  bpf::UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return absl::InvalidArgumentError(absl::StrCat(path, ": too long for a socket"));
  path.copy(address.sun_path, path.size());
  if (connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return lcore::ErrnoStatus(errno, absl::StrCat("connect(", path, ")"));
  }
  return std::unique_ptr<TelemetryReader>(new TelemetryReader(std::move(socket), reads_per_second, cpu));
}

TelemetryReader::TelemetryReader(bpf::UniqueFd socket, int reads_per_second, int cpu)
    : socket_(std::move(socket)), reads_per_second_(reads_per_second), cpu_(cpu), thread_([this] { Run(); }) {}

TelemetryReader::~TelemetryReader() {
  Stop().IgnoreError();
}

// Asks when it is time to, also while an answer is on its way: who answers late is asked as often.
void TelemetryReader::Run() {
  using Clock = std::chrono::steady_clock;
  if (const absl::Status status = lcore::PinThisThread(lcore::CoreSet{static_cast<unsigned>(cpu_)}); !status.ok()) {
    fault_ = std::string(status.message());
    return;
  }
  const auto pause = std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(1.0 / reads_per_second_));
  auto due = Clock::now();
  for (uint64_t asked = 0; !stop_.load(std::memory_order_relaxed) && fault_.empty();) {
    while (Take()) {
    }
    for (; due <= Clock::now(); due += pause, ++asked) {
      const char* const question = kQuestions[asked % kQuestions.size()];
      if (send(socket_.get(), question, std::strlen(question), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EAGAIN) {
        fault_ = absl::StrCat("send(telemetry): ", std::strerror(errno));
        return;
      }
    }
    std::this_thread::sleep_until(due);
  }
}

// False: there is no answer yet, or none that is right.
bool TelemetryReader::Take() {
  const ssize_t length = recv(socket_.get(), answer_.data(), answer_.size(), MSG_DONTWAIT);
  if (length < 0 && errno == EAGAIN) return false;
  const absl::string_view text(answer_.data(), length < 0 ? 0 : static_cast<std::size_t>(length));
  if (text.empty() || absl::StrContains(text, "\"error\":")) {
    fault_ = text.empty() ? "telemetry: the connection ended" : absl::StrCat("telemetry: ", text.substr(0, 200));
    return false;
  }
  const bool greets = absl::StrContains(text, "\"max_output_len\":");
  if (!greets) answers_.fetch_add(1, std::memory_order_relaxed);
  return true;
}

absl::Status TelemetryReader::Stop() {
  if (!thread_.joinable()) return absl::OkStatus();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
  stop_.store(true, std::memory_order_relaxed);
  thread_.join();
  if (!fault_.empty()) return absl::InternalError(fault_);
  const double due = seconds * reads_per_second_;
  if (static_cast<double>(answers()) >= kLeast * due) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("telemetry: ", answers(), " answers of ", static_cast<uint64_t>(due), " that were due"));
}

std::string FindTelemetrySocket(const std::string& output) {
  constexpr absl::string_view kWords = "Telemetry: ";
  const std::size_t at = output.find(kWords.data());
  if (at == std::string::npos) return "";
  const std::size_t end = output.find('\n', at);
  return end == std::string::npos ? "" : output.substr(at + kWords.size(), end - at - kWords.size());
}

}  // namespace pollux::performance
