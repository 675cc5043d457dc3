// SPDX-License-Identifier: Apache-2.0
#include "tests/pmd/driver_contract.h"
#include "tests/pmd/pcap/pcap_files.h"

namespace pollux::pmd {
namespace {

// Replays and records at once; what is recorded pcap_device_test looks at.
class PcapRig : public DriverRig {
 public:
  PcapRig() {
    text_ = "net_pcap0,infinite_rx=1";
    for (std::size_t queue = 0; queue < Traits().maximum_queues; ++queue) {
      const std::string number = std::to_string(queue);
      const std::string input = folder_.Path("in" + number + ".pcap");
      WritePcap(input, {std::vector<uint8_t>(60 + queue, 1), std::vector<uint8_t>(1514, 2), std::vector<uint8_t>(64, 3)});
      text_ += ",rx_pcap=" + input + ",tx_pcap=" + folder_.Path("out" + number + ".pcap");
    }
  }
  std::string SenderText() const override { return text_; }
  RigTraits Traits() const override { return {.returns = false, .sources = true, .maximum_length = 1792}; }

 private:
  const TemporaryFolder folder_;
  std::string text_;
};

INSTANTIATE_TEST_SUITE_P(Pcap, DriverContract, testing::Values(DriverCase{"Files", [] { return std::make_unique<PcapRig>(); }}),
                         DriverCaseName);

}  // namespace
}  // namespace pollux::pmd
