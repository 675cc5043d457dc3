#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds the two example programs against the installed library with CMake (both ways), Meson and make, and runs them; and Python's module.
set -euo pipefail

fail() { echo "FAIL: $*" >&2; exit 1; }
readonly here=$PWD prefix=$TEST_TMPDIR/prefix
tools/install --prefix="$prefix" >/dev/null
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig LD_LIBRARY_PATH=$prefix/lib
# A tree with nothing but the examples, as their user has it.
mkdir "$TEST_TMPDIR/tree"
cp -rL examples python "$TEST_TMPDIR/tree"
mkdir "$TEST_TMPDIR/tree/tools"
cp -L tools/c_forward.c tools/l2_forward.cc "$TEST_TMPDIR/tree/tools"
cd "$TEST_TMPDIR/tree"

# run FOLDER: a null port, which sends without end, and a ring port, which sends back, need neither root nor a kernel interface.
run() {
  local program code pid
  for program in c_forward l2_forward; do
    code=0
    "$1/$program" net_null0 net_ring0 >"$1/log" 2>&1 &
    pid=$!
    # Until it takes SIGTERM itself.
    until ((0x$(sed -n 's/^SigCgt:\t//p' "/proc/$pid/status") & 1 << 14)); do sleep 0.05; done
    kill -TERM "$pid"
    wait "$pid" || code=$?
    [[ $code == 0 ]] && grep -q '^balanced: ' "$1/log" || { cat "$1/log"; fail "$1/$program: exit code $code"; }
  done
  echo "ok $1"
}

cmake -S examples -B cmake -DCMAKE_PREFIX_PATH="$prefix" >cmake.log && cmake --build cmake >>cmake.log || { cat cmake.log; fail cmake; }
run cmake
cmake -S examples -B cmake_pkg_config -DBY=pkg-config >cmake.log && cmake --build cmake_pkg_config >>cmake.log || { cat cmake.log; fail "cmake, pkg-config"; }
run cmake_pkg_config
# Another minor version may be another library.
sed -i 's/find_package(pollux 0.1 REQUIRED)/find_package(pollux 0.2 REQUIRED)/' examples/CMakeLists.txt
! cmake -S examples -B cmake_later -DCMAKE_PREFIX_PATH="$prefix" >cmake.log 2>&1 || fail "version 0.2 is found"

meson setup meson examples >meson.log && meson compile -C meson >>meson.log || { cat meson.log; fail meson; }
run meson

mkdir make
make -C examples OUT="$PWD/make" >make.log 2>&1 || { cat make.log; fail make; }
run make

# The interpreter's own static memory for threads is nearly used up: the library has to get along with what is left.
export PYTHONDONTWRITEBYTECODE=1
python3 python/generate.py net_null0 1000 128 >python.log || fail "generate.py"
grep -q -E '^tx_q0_packets +1000$' python.log && grep -q -E '^tx_q0_bytes +128000$' python.log || { cat python.log; fail "generate.py counts otherwise"; }
python3 - <<'PYTHON'
import ctypes
import struct
import sys
sys.path.insert(0, "python")
import pollux

pool = pollux.Pool(4096)
with pollux.Port("net_ring0,sg=on", pool) as port:
    sent = [bytes([number]) * (60 + number) for number in range(10)]
    assert port.send(sent) == 10
    assert port.receive() == sent and port.receive() == []
    assert port.info()["driver"] == "net_ring", port.info()
    assert port.counters()["rx_q0_packets"] == 10 and not port.pending()
    long = [bytes(range(256)) * 20, b"short", b"x" * pool.largest_packet]
    assert port.info()["scattered"] == 1 and port.send(long) == 3 and port.receive() == long
    for bad in b"", b"x" * (pool.largest_packet + 1):
        try:
            port.send([bad])
        except ValueError as error:
            assert str(len(bad)) in str(error)
        else:
            raise AssertionError(f"a packet of {len(bad)} bytes was sent")
    assert port.info()["rx_metadata"] == [] and port.info()["tx_metadata"] == [], port.info()
    assert port.send([sent[0]]) == 1 and port.receive_told() == [(sent[0], {})]
    # As a device leaves it in front of a packet: a hash, of ports, and no time.
    frame = (pollux._Packet * 1)()
    assert pollux._allocate(pool.handle, frame, 1) == 1
    told = struct.pack("<QIIHHIII", 7, 0x1234, 8, 0, 0, 2, 0, 0x4d786c70)
    ctypes.memmove(frame[0].data - len(told), told + sent[0], len(told) + len(sent[0]))
    frame[0].length, frame[0].flags = len(sent[0]), pollux._RX_METADATA
    assert pollux._send(port._tx[0], frame, 1) == 1
    assert port.receive_told() == [(sent[0], {"hash": 0x1234, "hash_type": 8})]
try:
    pollux.Port("net_null0", pool, rx_metadata=["hash", "speed"])
except ValueError as error:
    assert "'speed': must be of timestamp, hash, vlan" in str(error), error
else:
    raise AssertionError("rx_metadata=speed was accepted")
assert pool.free_frames() == 4096, pool.free_frames()
try:
    pollux.Port("net_nothing0", pool)
except pollux.Error as error:
    assert error.errno == 19 and "net_af_xdp" in str(error), error
else:
    raise AssertionError("net_nothing0 was opened")
PYTHON
echo "ok python"
