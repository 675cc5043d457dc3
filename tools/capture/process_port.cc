// SPDX-License-Identifier: Apache-2.0
#include "tools/capture/process_port.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>
#include <vector>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <nlohmann/json.hpp>

#include "lcore/errno_status.h"
#include "pmd/af_xdp/descriptor_message.h"
#include "pmd/telemetry/runtime_socket.h"

namespace pollux::capture {
namespace {

using bpf::UniqueFd;
using lcore::ErrnoStatus;
using nlohmann::json;
namespace af_xdp = pmd::af_xdp;

constexpr timeval kPatience = {.tv_sec = 10, .tv_usec = 0};
constexpr std::size_t kLongestAnswer = 128 * 1024;
constexpr char kSocketName[] = "dpdk_telemetry.v2";

absl::StatusOr<std::vector<std::string>> SocketPaths(const std::string& prefix) {
  std::vector<std::string> paths;
  std::error_code error;
  const std::string folder = pmd::telemetry::RuntimeFolder();
  for (std::filesystem::directory_iterator each(folder, error), end; !error && each != end; each.increment(error)) {
    if (!prefix.empty() && each->path().filename() != prefix) continue;
    std::error_code inner;
    for (std::filesystem::directory_iterator file(each->path(), inner), last; !inner && file != last; file.increment(inner)) {
      if (absl::StartsWith(file->path().filename().string(), kSocketName)) paths.push_back(file->path().string());
    }
    if (inner.value() == EACCES)
      return ErrnoStatus(EACCES, each->path().string(), "ports are captured by the user of their process, and by root");
  }
  if (error && error.value() != ENOENT)
    return ErrnoStatus(error.value(), folder, "ports are captured by the user of their process, and by root");
  std::sort(paths.begin(), paths.end());
  return paths;
}

// Of an object; "" where there is none, or another kind of value.
std::string TextOf(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

struct Answer {
  json value;
  UniqueFd descriptor;
};

class Client {
 public:
  static absl::StatusOr<Client> Connect(const std::string& path) {
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    if (path.size() >= sizeof(address.sun_path)) return absl::InvalidArgumentError(absl::StrCat(path, ": too long for a socket"));
    std::memcpy(address.sun_path, path.data(), path.size());
    Client client(UniqueFd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)));
    if (!client.socket_) return ErrnoStatus(errno, "socket()");
    setsockopt(client.socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof(kPatience));
    if (connect(client.socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
      return ErrnoStatus(errno, absl::StrCat("connect(", path, ")"));
    absl::StatusOr<Answer> greeting = client.Receive();
    if (!greeting.ok()) return greeting.status();
    if (const auto pid = greeting->value.find("pid"); pid != greeting->value.end() && pid->is_number_integer())
      client.pid_ = pid->get<int>();
    return client;
  }

  absl::StatusOr<Answer> Ask(const std::string& request, const UniqueFd& descriptor = {}) {
    const int passed = descriptor.get();
    const std::span<const int> descriptors(&passed, passed >= 0 ? 1 : 0);
    if (const int error = af_xdp::SendMessage(socket_.get(), std::as_bytes(std::span(request)), descriptors, 0); error != 0)
      return ErrnoStatus(error, "send()");
    absl::StatusOr<Answer> answer = Receive();
    if (!answer.ok()) return answer.status();
    if (const auto error = answer->value.find("error"); error != answer->value.end())
      return absl::FailedPreconditionError(error->is_string() ? error->get<std::string>() : error->dump());
    answer->value = answer->value.value(request.substr(0, request.find(',')), json());
    return answer;
  }

  // "testpmd (7)".
  std::string Name() const {
    std::string name = "process";
    if (std::FILE* const file = std::fopen(absl::StrCat("/proc/", pid_, "/comm").c_str(), "re")) {
      char text[64] = {};
      if (std::fgets(text, sizeof(text), file) != nullptr) name.assign(text, std::strcspn(text, "\n"));
      std::fclose(file);
    }
    return absl::StrCat(name, " (", pid_, ")");
  }
  UniqueFd Release() { return std::move(socket_); }

 private:
  explicit Client(UniqueFd socket) : socket_(std::move(socket)) {}

  absl::StatusOr<Answer> Receive() {
    std::string text(kLongestAnswer, '\0');
    af_xdp::ReceivedMessage message = af_xdp::ReceiveMessage(socket_.get(), std::as_writable_bytes(std::span(text)), 0);
    if (message.error != 0) return ErrnoStatus(message.error, "recv()", "the process does not answer");
    if (message.bytes == 0) return absl::UnavailableError("the process has closed the connection (it may have ten clients already)");
    Answer answer{.value = json::parse(text.substr(0, message.bytes), nullptr, false), .descriptor = {}};
    if (!answer.value.is_object()) return absl::InternalError("the process answers no JSON");
    if (message.descriptors.size() == 1) answer.descriptor = std::move(message.descriptors.front());
    return answer;
  }

  UniqueFd socket_;
  int pid_ = 0;
};

// The compiled filter, in a file of memory.
absl::StatusOr<UniqueFd> CompileFilter(const TapRequest& request) {
  const std::unique_ptr<pcap_t, decltype(&pcap_close)> handle(pcap_open_dead(DLT_EN10MB, static_cast<int>(request.snap_length)),
                                                              pcap_close);
  if (handle == nullptr) return absl::ResourceExhaustedError("pcap_open_dead(): out of memory");
  bpf_program program{};
  if (pcap_compile(handle.get(), &program, request.filter.c_str(), 1, PCAP_NETMASK_UNKNOWN) != 0)
    return absl::InvalidArgumentError(absl::StrCat("filter \"", request.filter, "\": ", pcap_geterr(handle.get())));
  UniqueFd file(memfd_create("pollux-filter", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  const std::size_t bytes = program.bf_len * sizeof(bpf_insn);
  const bool written = file && write(file.get(), program.bf_insns, bytes) == static_cast<ssize_t>(bytes);
  pcap_freecode(&program);
  if (!written) return ErrnoStatus(errno, "memfd_create() or write() of the filter");
  return file;
}

// The numbers and names of its ports.
std::vector<std::pair<std::string, std::vector<std::string>>> PortsOf(Client& client) {
  std::vector<std::pair<std::string, std::vector<std::string>>> ports;
  const absl::StatusOr<Answer> list = client.Ask("/ethdev/list");
  if (!list.ok() || !list->value.is_array()) return ports;
  for (const json& number : list->value) {
    const absl::StatusOr<Answer> info = client.Ask(absl::StrCat("/ethdev/info,", number.dump()));
    if (!info.ok() || !info->value.is_object()) continue;
    ports.push_back({number.dump(), {TextOf(info->value, "interface"), TextOf(info->value, "name")}});
  }
  return ports;
}

absl::StatusOr<ProcessPort> Start(Client client, const TapRequest& request) {
  absl::StatusOr<UniqueFd> filter = CompileFilter(request);
  if (!filter.ok()) return filter.status();
  ProcessPort port;
  port.process = client.Name();
  const absl::StatusOr<Answer> answer =
      client.Ask(absl::StrCat("/pollux/capture,", request.port, ",", request.snap_length, ",", request.bytes), *filter);
  if (!answer.ok()) return lcore::Annotate(answer.status(), port.process);
  TapShape shape;
  try {
    port.name = answer->value.at("name").get<std::string>();
    shape = {.rx_rings = answer->value.at("rx_rings"), .rings = answer->value.at("rings"), .ring_bytes = answer->value.at("ring_bytes")};
  } catch (const json::exception& exception) {
    return absl::InternalError(absl::StrCat(port.process, ": an answer that is not understood: ", exception.what()));
  }
  absl::StatusOr<std::unique_ptr<TapReader>> reader = TapReader::Map(answer->descriptor, shape);
  if (!reader.ok()) return lcore::Annotate(reader.status(), port.process);
  port.reader = *std::move(reader);
  port.connection = client.Release();
  return port;
}

}  // namespace

absl::StatusOr<ProcessPort> TapPort(const TapRequest& request) {
  // A mistake in it is said before anything else.
  if (absl::StatusOr<UniqueFd> filter = CompileFilter(request); !filter.ok()) return filter.status();
  const absl::StatusOr<std::vector<std::string>> paths = SocketPaths(request.file_prefix);
  if (!paths.ok()) return paths.status();
  std::vector<Client> found;
  std::vector<std::string> seen, have_it;
  for (const std::string& path : *paths) {
    absl::StatusOr<Client> client = Client::Connect(path);
    if (absl::IsPermissionDenied(client.status())) return client.status();
    if (!client.ok()) continue;  // it was killed, or ends
    std::vector<std::string> names;
    bool has_it = false;
    for (const auto& [number, called] : PortsOf(*client)) {
      names.push_back(absl::StrCat(number, " (", called[0].empty() ? called[1] : called[0], ")"));
      has_it |= request.port == number || std::find(called.begin(), called.end(), request.port) != called.end();
    }
    seen.push_back(absl::StrCat(client->Name(), " has ", names.empty() ? "none" : absl::StrJoin(names, ", ")));
    if (!has_it) continue;
    have_it.push_back(absl::StrCat(client->Name(), " of ", path));
    found.push_back(*std::move(client));
  }
  if (found.empty()) {
    return absl::NotFoundError(absl::StrCat("no process has a port ", request.port,
                                            seen.empty() ? absl::StrCat("; none answers in ", pmd::telemetry::RuntimeFolder())
                                                         : absl::StrCat(": ", absl::StrJoin(seen, "; "))));
  }
  if (found.size() > 1) {
    return absl::FailedPreconditionError(absl::StrCat("several processes have a port ", request.port, ": ", absl::StrJoin(have_it, ", "),
                                                      "; name its interface, or choose by --file-prefix"));
  }
  return Start(std::move(found.front()), request);
}

}  // namespace pollux::capture
