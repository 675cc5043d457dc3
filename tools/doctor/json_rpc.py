# SPDX-License-Identifier: Apache-2.0
"""One question to a daemon of Open vSwitch by JSON-RPC: what ovs-appctl and ovs-vsctl send, where those programs are not at hand."""

import json
import os
import socket

PATIENCE_S = 5
LONGEST_ANSWER = 16 << 20


def connect(connection, path):
    """Also to a path that is longer than an address may be (unix(7): 108 bytes), as Open vSwitch does."""
    folder = os.open(os.path.dirname(path) or ".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        connection.connect(f"/proc/self/fd/{folder}/{os.path.basename(path)}")
    finally:
        os.close(folder)


def ask(path, method, *parameters):
    """The result. OSError: nobody answers there, or it says no."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PATIENCE_S)
        connect(connection, path)
        connection.sendall(json.dumps({"id": 0, "method": method, "params": list(parameters)}).encode())
        decoder, text = json.JSONDecoder(), ""
        while len(text) < LONGEST_ANSWER:
            data = connection.recv(65536)
            if not data:
                break
            text += data.decode(errors="replace")
            while text:
                try:
                    answer, end = decoder.raw_decode(text)
                except ValueError:
                    break  # the rest is still to come
                if answer.get("error"):
                    raise ConnectionError(f"{path}: {method}: {answer['error']}")
                if "result" in answer:
                    return answer["result"]
                text = text[end:].lstrip()  # something that nobody asked for
    raise ConnectionError(f"{path}: no answer to {method}")
