// SPDX-License-Identifier: Apache-2.0
// pollux capture: the packets of a port of a running process, in a file for Wireshark and tcpdump.
#include <getopt.h>
#include <poll.h>

#include <cerrno>
#include <ctime>
#include <iostream>
#include <string>
#include <utility>

#include <absl/strings/str_cat.h>

#include "lcore/parse_number.h"
#include "lcore/stop_signal.h"
#include "tools/capture/pcapng_writer.h"
#include "tools/capture/process_port.h"

namespace pollux::capture {
namespace {

constexpr char kHelp[] = R"(usage: pollux capture PORT -w FILE [OPTION]... [FILTER]

Captures the packets of a port of a running process.

What a port receives and sends goes to FILE, in pcapng, with direction and queue, until Ctrl-C. PORT is a number, an interface, or a device's name.
Filters are those of tcpdump. The process copies what the filter takes to memory that this program reads, and waits for nobody: what finds no room
there is left out of the capture, counted, and said at the end. Packets that the kernel forwards by a flow table are not seen.

  -w, --write=FILE         where they go; "-": the standard output
  -c, --count=N            end after N packets
  -s, --snap-length=BYTES  of each packet at most (262144)
  -Q, --direction=WHICH    in, out or inout (inout)
  -B, --buffer=MIB         memory between the process and this program (16)
  -f, --file-prefix=NAME   of processes with this prefix only (all)
  -h, --help

  pollux capture eth1 -w web.pcapng tcp port 80
  pollux capture 0 -w - icmp | tcpdump -n -r -

Exit code: 0; 1 if there is no such port, it cannot be captured, or the file cannot be written; 2 for wrong options.
)";

struct Options {
  TapRequest request;
  std::string file;
  uint64_t count = 0;  // 0: no end
  bool received = true;
  bool sent = true;
};

int Fail(const absl::Status& status) {
  std::cerr << "pollux capture: " << status.message() << "\n";
  return absl::IsInvalidArgument(status) ? 2 : 1;
}

absl::Status SetNumber(const char* text, const char* name, uint64_t least, uint64_t most, uint64_t factor, uint64_t& target) {
  const absl::StatusOr<uint64_t> number = lcore::ParseNumber(text, least, most);
  if (!number.ok()) return absl::InvalidArgumentError(absl::StrCat(name, "=", text, ": ", number.status().message()));
  target = *number * factor;
  return absl::OkStatus();
}

absl::Status SetDirection(const std::string& text, Options& options) {
  if (text != "in" && text != "out" && text != "inout")
    return absl::InvalidArgumentError(absl::StrCat("--direction=", text, ": in, out or inout"));
  options.received = text != "out";
  options.sent = text != "in";
  return absl::OkStatus();
}

absl::StatusOr<Options> Parse(int argc, char** argv, bool& help) {
  constexpr option kOptions[] = {{"write", required_argument, nullptr, 'w'},
                                 {"count", required_argument, nullptr, 'c'},
                                 {"snap-length", required_argument, nullptr, 's'},
                                 {"direction", required_argument, nullptr, 'Q'},
                                 {"buffer", required_argument, nullptr, 'B'},
                                 {"file-prefix", required_argument, nullptr, 'f'},
                                 {"help", no_argument, nullptr, 'h'},
                                 {}};
  Options options;
  uint64_t snap_length = options.request.snap_length;
  for (int letter; (letter = getopt_long(argc, argv, "w:c:s:Q:B:f:h", kOptions, nullptr)) != -1;) {
    absl::Status status;
    switch (letter) {
      case 'w':
        options.file = optarg;
        break;
      case 'c':
        status = SetNumber(optarg, "--count", 1, UINT64_MAX, 1, options.count);
        break;
      case 's':
        status = SetNumber(optarg, "--snap-length", 1, options.request.snap_length, 1, snap_length);
        break;
      case 'Q':
        status = SetDirection(optarg, options);
        break;
      case 'B':
        status = SetNumber(optarg, "--buffer", 1, 1024, 1 << 20, options.request.bytes);
        break;
      case 'f':
        options.request.file_prefix = optarg;
        break;
      case 'h':
        help = true;
        return options;
      default:
        return absl::InvalidArgumentError("Try: pollux capture --help");
    }
    if (!status.ok()) return status;
  }
  options.request.snap_length = static_cast<uint32_t>(snap_length);
  if (optind == argc) return absl::InvalidArgumentError("no port: a number or an interface (try --help)");
  if (options.file.empty()) return absl::InvalidArgumentError("no file: -w FILE, or -w - for the standard output");
  options.request.port = argv[optind++];
  for (; optind < argc; ++optind) absl::StrAppend(&options.request.filter, options.request.filter.empty() ? "" : " ", argv[optind]);
  return options;
}

uint64_t Now() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000 + static_cast<uint64_t>(now.tv_nsec);
}

// Writes what is there. The number of packets.
absl::StatusOr<uint64_t> Drain(TapReader& reader, PcapngWriter& writer, const Options& options, uint64_t most) {
  uint64_t written = 0;
  while (written < most) {
    const auto packet = reader.Next();
    if (!packet.ok()) return packet.status();
    if (!packet->has_value()) break;
    if ((*packet)->received ? options.received : options.sent) {
      if (absl::Status status = writer.Write(**packet); !status.ok()) return status;
      ++written;
    }
    reader.Consume();
  }
  return written;
}

// Until a signal, the last of --count, or the end of the process or its port.
absl::Status Capture(const ProcessPort& port, PcapngWriter& writer, const Options& options, lcore::StopSignal& stop, uint64_t& written) {
  constexpr int kWaitMs = 5;
  const uint64_t most = options.count == 0 ? UINT64_MAX : options.count;
  for (bool last = false; !last;) {
    pollfd descriptors[2] = {{.fd = port.connection.get(), .events = POLLIN, .revents = 0},
                             {.fd = stop.file_descriptor(), .events = POLLIN, .revents = 0}};
    // Nobody wakes this program up for a packet: that would be a system call of the data path.
    if (poll(descriptors, 2, kWaitMs) > 0) {
      if (descriptors[0].revents != 0) std::cerr << "pollux capture: " << port.process << " has ended\n";
      last = true;
    } else if (port.reader->ended()) {
      std::cerr << "pollux capture: " << port.process << " has closed " << port.name << ", or configured it anew\n";
      last = true;
    }
    // What it wrote before the end is drained after that was noticed.
    absl::StatusOr<uint64_t> count = Drain(*port.reader, writer, options, most - written);
    if (!count.ok()) return count.status();
    written += *count;
    if (*count > 0) {
      if (absl::Status status = writer.Flush(); !status.ok()) return status;
    }
    if (written >= most) last = true;
  }
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  bool help = false;
  const absl::StatusOr<Options> options = Parse(argc, argv, help);
  if (!options.ok()) return Fail(options.status());
  if (help) {
    std::cout << kHelp;
    return 0;
  }
  const absl::StatusOr<std::unique_ptr<lcore::StopSignal>> stop = lcore::StopSignal::Install();
  if (!stop.ok()) return Fail(stop.status());
  absl::StatusOr<ProcessPort> port = TapPort(options->request);
  if (!port.ok()) return Fail(port.status());
  absl::StatusOr<std::unique_ptr<PcapngWriter>> writer = PcapngWriter::Create(options->file, port->name, options->request.snap_length);
  if (!writer.ok()) return Fail(writer.status());
  std::cerr << "pollux capture: " << port->process << ", " << port->name << ", up to " << options->request.snap_length
            << " bytes a packet\n";
  uint64_t written = 0;
  absl::Status status = Capture(*port, **writer, *options, **stop, written);
  const TapReader::Totals totals = port->reader->totals();
  if (status.ok()) status = (*writer)->WriteTotals(totals, Now());
  if (status.ok()) status = (*writer)->Flush();
  std::cerr << written << " packets captured, " << totals.dropped << " dropped by the tap, " << totals.taken << " taken by the filter of "
            << totals.passed << " that passed\n";
  return status.ok() ? 0 : Fail(status);
}

}  // namespace
}  // namespace pollux::capture

int main(int argc, char** argv) {
  return pollux::capture::Main(argc, argv);
}
