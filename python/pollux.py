# SPDX-License-Identifier: Apache-2.0
"""Pollux for Python: pools, ports and bursts by ctypes, on the C library (pollux.h says who owns what; the rules are the same).

    import pollux
    pool = pollux.Pool(frame_count=4096)
    with pollux.Port("net_af_xdp0,iface=p0", pool) as port:
        port.send([frame])                 # bytes, copied into frames of the pool; returns how many were taken
        for packet in port.receive():      # bytes, copied out; their frames are free again
            ...
        print(port.counters())

A call that fails raises pollux.Error, with the sentence of pollux_last_error(). A port belongs to one thread at a time. For packets without a copy
there is C and C++: this is for generators, tests and tools.
"""

import contextlib
import ctypes
import os

_ABI = 7
_CONTINUES, _RX_METADATA, _MOST_FRAMES = 1, 4, 18
_RX_KINDS = {"timestamp": 1, "hash": 2, "vlan": 4}
_TX_KINDS = {"timestamp": 1, "checksum": 2, "launch_time": 4}
_library = ctypes.CDLL(os.environ.get("POLLUX_LIBRARY", "libpollux.so.0"))


class Error(OSError):
    """A call of the library that failed: errno, and its sentence."""


class _Sized(ctypes.Structure):
    """A structure that begins with its size."""

    def __init__(self, **members):
        super().__init__(size=ctypes.sizeof(type(self)), **members)


class _Packet(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("length", ctypes.c_uint32), ("pool", ctypes.c_uint16), ("flags", ctypes.c_uint16)]


class _PoolOptions(_Sized):
    _fields_ = [("size", ctypes.c_uint32), ("frame_count", ctypes.c_uint32), ("frame_size", ctypes.c_uint32), ("headroom", ctypes.c_uint32),
                ("numa_node", ctypes.c_int32), ("pages", ctypes.c_uint32), ("require_pages", ctypes.c_uint32), ("require_node", ctypes.c_uint32)]


class _PoolLayout(_Sized):
    _fields_ = [("size", ctypes.c_uint32), ("frame_count", ctypes.c_uint32), ("frame_size", ctypes.c_uint32), ("frame_shift", ctypes.c_uint32),
                ("headroom", ctypes.c_uint32), ("id", ctypes.c_uint32), ("base", ctypes.c_void_p)]


class _DeviceInfo(_Sized):
    _fields_ = [("size", ctypes.c_uint32), ("numa_node", ctypes.c_int32), ("mtu", ctypes.c_uint32), ("maximum_rx_queues", ctypes.c_uint32),
                ("maximum_tx_queues", ctypes.c_uint32), ("recommended_burst", ctypes.c_uint32), ("recommended_ring", ctypes.c_uint32),
                ("mac", ctypes.c_uint8 * 8), ("name", ctypes.c_char * 64), ("driver", ctypes.c_char * 32), ("interface", ctypes.c_char * 32),
                ("scattered", ctypes.c_uint32), ("rx_metadata", ctypes.c_uint32), ("tx_metadata", ctypes.c_uint32)]


class _DeviceConfig(_Sized):
    _fields_ = [("size", ctypes.c_uint32), ("rx_queues", ctypes.c_uint32), ("tx_queues", ctypes.c_uint32), ("rx_ring", ctypes.c_uint32),
                ("tx_ring", ctypes.c_uint32), ("pool", ctypes.c_void_p), ("promiscuous", ctypes.c_uint32), ("unused", ctypes.c_uint32),
                ("scattered", ctypes.c_uint32), ("unused2", ctypes.c_uint32), ("rx_metadata", ctypes.c_uint32), ("reserved", ctypes.c_uint32)]


class _RxMetadata(_Sized):
    _fields_ = [("size", ctypes.c_uint32), ("valid", ctypes.c_uint32), ("timestamp_ns", ctypes.c_uint64), ("hash", ctypes.c_uint32),
                ("hash_type", ctypes.c_uint32), ("vlan_protocol", ctypes.c_uint16), ("vlan_control", ctypes.c_uint16), ("reserved", ctypes.c_uint32)]
    _kinds = {"timestamp": ("timestamp_ns",), "hash": ("hash", "hash_type"), "vlan": ("vlan_protocol", "vlan_control")}

    def as_dictionary(self):
        """The members of the kinds that are valid."""
        return {member: getattr(self, member) for kind, members in self._kinds.items() if self.valid & _RX_KINDS[kind] for member in members}


class _Counter(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char * 56), ("value", ctypes.c_uint64)]


def _function(name, result, *arguments):
    function = getattr(_library, name)
    function.restype, function.argtypes = result, arguments
    return function


_last_error = _function("pollux_last_error", ctypes.c_char_p)
_handle, _size = ctypes.c_void_p, ctypes.c_size_t
_pool_create = _function("pollux_pool_create", ctypes.c_int, ctypes.POINTER(_PoolOptions), ctypes.POINTER(_handle))
_pool_release = _function("pollux_pool_release", None, _handle)
_pool_get_layout = _function("pollux_pool_get_layout", ctypes.c_int, _handle, ctypes.POINTER(_PoolLayout))
_pool_free_count = _function("pollux_pool_free_count", _size, _handle)
_allocate = _function("pollux_allocate", _size, _handle, ctypes.POINTER(_Packet), _size)
_free = _function("pollux_free", None, ctypes.POINTER(_Packet), _size)
_open = _function("pollux_device_open", ctypes.c_int, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.POINTER(_handle))
_close = _function("pollux_device_close", None, _handle)
_get_info = _function("pollux_device_get_info", ctypes.c_int, _handle, ctypes.POINTER(_DeviceInfo))
_configure = _function("pollux_device_configure", ctypes.c_int, _handle, ctypes.POINTER(_DeviceConfig))
_start = _function("pollux_device_start", ctypes.c_int, _handle)
_get_counters = _function("pollux_device_get_counters", _size, _handle, ctypes.POINTER(_Counter), _size)
_rx_queue = _function("pollux_device_rx_queue", _handle, _handle, ctypes.c_uint32)
_tx_queue = _function("pollux_device_tx_queue", _handle, _handle, ctypes.c_uint32)
_receive = _function("pollux_receive", _size, _handle, ctypes.POINTER(_Packet), _size)
_send = _function("pollux_send", _size, _handle, ctypes.POINTER(_Packet), _size)
_get_rx_metadata = _function("pollux_packet_get_rx_metadata", ctypes.c_int, ctypes.POINTER(_Packet), ctypes.POINTER(_RxMetadata))
_tx_poll = _function("pollux_tx_poll", ctypes.c_int, _handle)

#: The library's version: "0.1.0".
version = _function("pollux_version", ctypes.c_char_p)().decode()


def _check(error):
    if error:
        raise Error(error, _last_error().decode(errors="replace"))


_check(_function("pollux_check_abi", ctypes.c_int, ctypes.c_uint32)(_ABI))


def _bits(kinds, names):
    for name in names:
        if name not in kinds:
            raise ValueError(f"'{name}': must be of {', '.join(kinds)}")
    return sum(kinds[name] for name in set(names))


def _names(kinds, bits):
    return [name for name, bit in kinds.items() if bits & bit]


class Pool:
    """Memory for frames, for all ports that are opened with it. It goes when the last of them is closed."""

    def __init__(self, frame_count=32768, frame_size=2048):
        self.handle = _handle()
        _check(_pool_create(_PoolOptions(frame_count=frame_count, frame_size=frame_size, numa_node=-1), self.handle))
        layout = _PoolLayout()
        _check(_pool_get_layout(self.handle, layout))
        self.frame_room = layout.frame_size - layout.headroom
        #: Of several frames, where the port sends such; else it drops what is longer than frame_room, and counts it.
        self.largest_packet = _MOST_FRAMES * self.frame_room

    def free_frames(self):
        """Frames that nobody holds now."""
        return _pool_free_count(self.handle)

    def __del__(self):
        if self.handle:
            _pool_release(self.handle)
            self.handle = _handle()


class Port:
    """A started port: `device` as behind testpmd's --vdev ("net_af_xdp0,iface=p0"), with one queue each way unless told otherwise. Packets
    longer than a frame come and go as any other, if the interface's MTU asks for them or the device has sg=on. `burst` counts frames.
    `rx_metadata`: what the device is to tell of each packet (receive_told), where it can: of "timestamp", "hash", "vlan"."""

    def __init__(self, device, pool, queues=1, burst=64, rx_metadata=()):
        kinds = _bits(_RX_KINDS, rx_metadata)
        self.pool, self._packets = pool, (_Packet * max(burst, _MOST_FRAMES))()
        name, _, arguments = device.partition(",")
        self._device = _handle()
        _check(_open(name.encode(), None, arguments.encode(), self._device))
        with contextlib.ExitStack() as undo:
            undo.callback(self.close)
            _check(_configure(self._device, _DeviceConfig(rx_queues=queues, tx_queues=queues, pool=pool.handle, scattered=1,
                                                          rx_metadata=kinds)))
            _check(_start(self._device))
            undo.pop_all()
        self._rx = [_rx_queue(self._device, number) for number in range(queues)]
        self._tx = [_tx_queue(self._device, number) for number in range(queues)]

    def info(self):
        """What the port is: driver, interface, mtu, mac (bytes), the numbers of queues it may have, scattered: it may receive packets that
        are longer than a frame, rx_metadata and tx_metadata: lists of what it tells of packets, and does for those that ask."""
        info = _DeviceInfo()
        _check(_get_info(self._device, info))
        texts = {name: getattr(info, name).decode() for name in ("name", "driver", "interface")}
        numbers = {name: getattr(info, name) for name in ("mtu", "maximum_rx_queues", "maximum_tx_queues", "scattered")}
        metadata = {"rx_metadata": _names(_RX_KINDS, info.rx_metadata), "tx_metadata": _names(_TX_KINDS, info.tx_metadata)}
        return {**texts, **numbers, **metadata, "mac": bytes(info.mac[:6])}

    def receive(self, queue=0):
        """The next packets, at most a burst; [] if there are none. Never waits."""
        return [packet for packet, _ in self.receive_told(queue)]

    def receive_told(self, queue=0):
        """As receive, of pairs: a packet, and what the device told of it beside its bytes: {"hash": ..., "hash_type": ...}, {"timestamp_ns": ...},
        {"vlan_protocol": ..., "vlan_control": ...}, or several of these in one. What it did not tell is not there."""
        count = _receive(self._rx[queue], self._packets, len(self._packets))
        received, begun, told = [], [], {}
        for packet in self._packets[:count]:
            if packet.flags & _RX_METADATA:
                metadata = _RxMetadata()
                told = metadata.as_dictionary() if _get_rx_metadata(packet, metadata) else {}
            begun.append(ctypes.string_at(packet.data, packet.length))
            if not packet.flags & _CONTINUES:
                received.append((b"".join(begun), told))
                begun, told = [], {}
        _free(self._packets, count)
        return received

    def send(self, packets, queue=0):
        """Takes the first packets of a list of bytes; returns how many: fewer, at most a burst's frames, if frames or room ran out."""
        room, parts, ends = self.pool.frame_room, [], [0]
        for packet in packets:
            if not 0 < len(packet) <= self.pool.largest_packet:
                raise ValueError(f"a packet of {len(packet)} bytes: {_MOST_FRAMES} frames of this pool hold 1 to {self.pool.largest_packet}")
        for packet in packets:
            pieces = [packet[begin:begin + room] for begin in range(0, len(packet), room)]
            if len(parts) + len(pieces) > len(self._packets):
                break
            parts += [(piece, _CONTINUES) for piece in pieces[:-1]] + [(pieces[-1], 0)]
            ends.append(len(parts))
        allocated = _allocate(self.pool.handle, self._packets, len(parts))
        count = max(end for end in ends if end <= allocated)  # whole packets
        for number, (piece, flags) in enumerate(parts[:count]):
            frame = self._packets[number]
            ctypes.memmove(frame.data, piece, len(piece))
            frame.length, frame.flags = len(piece), flags
        sent = _send(self._tx[queue], self._packets, count)
        if sent < allocated:
            _free(ctypes.cast(ctypes.byref(self._packets, sent * ctypes.sizeof(_Packet)), ctypes.POINTER(_Packet)), allocated - sent)
        return ends.index(sent)

    def pending(self, queue=0):
        """Visits what waits to be sent or completed; True as long as something does."""
        return bool(_tx_poll(self._tx[queue]))

    def counters(self):
        """Every counter of the port by its name."""
        counters = (_Counter * _get_counters(self._device, None, 0))()
        count = min(_get_counters(self._device, counters, len(counters)), len(counters))
        return {counter.name.decode(): counter.value for counter in counters[:count]}

    def close(self):
        """Stops the port, and puts back what it changed at its interface."""
        _close(self._device)
        self._device = _handle()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
