# SPDX-License-Identifier: Apache-2.0
"""Two questions to the kernel's generic netlink family "netdev": what XDP a driver can do, and which NAPI instance a queue has."""

import socket
import struct

NETLINK_GENERIC = 16
GENL_ID_CTRL = 16
CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_ID, CTRL_ATTR_FAMILY_NAME = 3, 1, 2
NETDEV_CMD_DEV_GET, NETDEV_A_DEV_IFINDEX, NETDEV_A_DEV_XDP_FEATURES = 1, 1, 3
NETDEV_CMD_QUEUE_GET, NETDEV_A_QUEUE_ID, NETDEV_A_QUEUE_IFINDEX, NETDEV_A_QUEUE_TYPE, NETDEV_A_QUEUE_NAPI_ID = 10, 1, 2, 3, 4
NLM_F_REQUEST, NLM_F_DUMP = 1, 0x300
NLMSG_ERROR, NLMSG_DONE = 2, 3
HEADERS = 20  # struct nlmsghdr and struct genlmsghdr


def _attribute(kind, value):
    return struct.pack("=HH", 4 + len(value), kind) + value + b"\0" * (-len(value) % 4)


def _attributes(data):
    found = {}
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        if length < 4:
            break
        found[kind & 0x3FFF] = data[4:length]
        data = data[(length + 3) & ~3:]
    return found


def _ask(family, command, attributes, flags=0):
    """Attributes of each message of the answer; OSError if the kernel refuses."""
    body = struct.pack("=BBH", command, 1, 0) + attributes
    answers = []
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_GENERIC) as link:
        link.settimeout(2)
        link.send(struct.pack("=IHHII", 16 + len(body), family, NLM_F_REQUEST | flags, 1, 0) + body)
        while True:
            data = link.recv(65536)
            while len(data) >= 16:
                length, kind = struct.unpack_from("=IH", data)
                if kind == NLMSG_ERROR:
                    raise OSError(-struct.unpack_from("=i", data, 16)[0], "netlink")
                if kind == NLMSG_DONE:
                    return answers
                answers.append(_attributes(data[HEADERS:length]))
                data = data[(length + 3) & ~3:]
            if not flags & NLM_F_DUMP:
                return answers


def _family():
    answer = _ask(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, _attribute(CTRL_ATTR_FAMILY_NAME, b"netdev\0"))
    return struct.unpack("=H", answer[0][CTRL_ATTR_FAMILY_ID])[0]


def xdp_features(interface):
    try:
        index = struct.pack("=I", socket.if_nametoindex(interface))
        answer = _ask(_family(), NETDEV_CMD_DEV_GET, _attribute(NETDEV_A_DEV_IFINDEX, index))
        return struct.unpack("=Q", answer[0][NETDEV_A_DEV_XDP_FEATURES])[0]
    except (OSError, LookupError, struct.error):
        return None


def napi_of_queues(interface):
    try:
        index = struct.pack("=I", socket.if_nametoindex(interface))
        answers = _ask(_family(), NETDEV_CMD_QUEUE_GET, _attribute(NETDEV_A_QUEUE_IFINDEX, index), NLM_F_DUMP)
    except (OSError, LookupError, struct.error):
        return {}
    queues = {}
    for answer in answers:
        if struct.unpack("=I", answer.get(NETDEV_A_QUEUE_TYPE, b"\1\0\0\0"))[0] != 0:  # 0: rx
            continue
        napi = answer.get(NETDEV_A_QUEUE_NAPI_ID)
        queues[struct.unpack("=I", answer[NETDEV_A_QUEUE_ID])[0]] = struct.unpack("=I", napi)[0] if napi else None
    return queues
