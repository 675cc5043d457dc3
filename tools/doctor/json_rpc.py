# SPDX-License-Identifier: Apache-2.0
"""One question to a daemon of Open vSwitch by JSON-RPC: what ovs-appctl and ovs-vsctl send, where those programs are not at hand."""

import json
import socket

PATIENCE_S = 5
LONGEST_ANSWER = 16 << 20


def ask(path, method, *parameters):
    """The result. OSError: nobody answers there, or it says no."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PATIENCE_S)
        connection.connect(path)
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
