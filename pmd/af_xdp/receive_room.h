// SPDX-License-Identifier: Apache-2.0
// How much of a frame one packet can have where a device counts its receive buffers in steps.
#ifndef PMD_AF_XDP_RECEIVE_ROOM_H_
#define PMD_AF_XDP_RECEIVE_ROOM_H_

#include <cstddef>
#include <string_view>

namespace pollux::pmd::af_xdp {

// The longest packet that `driver` (as ethtool -i names it) puts into one frame in zero-copy mode, if frames have `room` bytes behind the
// headroom. 0: not one.
//
// igb and igc count buffers in steps of 1024 bytes (SRRCTL.BSIZEPKT: igb_setup_srrctl and igc_configure_rx_ring shift what
// xsk_pool_get_rx_frame_size gives to the right by 10). The device continues a longer packet in the next buffer, and igb_clean_rx_irq_zc
// and igc_clean_rx_irq_zc do not ask whether a buffer is a packet's last: each piece arrives as a packet of its own, and nothing marks it.
// Seen with igb on Linux 7.3, and read in igc's source. Of the others, i40e lets no packet span buffers and stmmac refuses frames that are
// too small; and what has fragments the kernel drops, since the sockets are not bound with XDP_USE_SG (xsk_rcv_check).
constexpr std::size_t ZeroCopyRoom(std::string_view driver, std::size_t room) {
  constexpr std::size_t kStep = 1024;
  return driver == "igb" || driver == "igc" ? room / kStep * kStep : room;
}

}  // namespace pollux::pmd::af_xdp

#endif  // PMD_AF_XDP_RECEIVE_ROOM_H_
