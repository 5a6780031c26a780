"""Requests written byte by byte."""

from __future__ import annotations

import socket

from tests.serving import Web


def said(server: Web, *lines: str) -> tuple[int, str]:
    """The status and all else of the answer to these lines; 0 if there was none."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as knocking:
        knocking.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1"))
        answer = b""
        while piece := knocking.recv(65_536):
            answer += piece
    head, _, rest = answer.decode("latin-1").partition("\r\n")
    return int(head.split()[1]) if head.startswith("HTTP/") else 0, rest
