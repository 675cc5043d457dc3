#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A packet generator in 40 lines: generate.py DEVICE COUNT [LENGTH], for example generate.py net_af_xdp0,iface=p0 1000 128

Sends COUNT UDP packets of LENGTH bytes (64) to the broadcast address, each with its number, and says what became of them."""

import struct
import sys

import pollux


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xffff:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def packet(number, length, source):
    payload = struct.pack("!Q", number).ljust(length - 42, b"\0")
    udp = struct.pack("!HHHH", 9, 9, 8 + len(payload), 0)
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp) + len(payload), number & 0xffff, 0, 64, 17, 0,
                     bytes([192, 0, 2, 1]), bytes([192, 0, 2, 255]))
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    return b"\xff" * 6 + source + b"\x08\x00" + ip + udp + payload


def main(device, count, length=64):
    with pollux.Port(device, pollux.Pool(8192)) as port:
        source, sent = port.info()["mac"], 0
        while sent < int(count):
            sent += port.send([packet(number, int(length), source) for number in range(sent, min(sent + 64, int(count)))])
        while port.pending():
            pass
        for name, value in port.counters().items():
            if value:
                print(f"{name:40} {value}")


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(*sys.argv[1:])
