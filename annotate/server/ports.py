"""Ports of this machine: which are free. Label Studio itself takes the next one without a word."""

from __future__ import annotations

import os
import socket

from data.common.errors import UserError

HOST = "127.0.0.1"
FURTHER = 100  # ports that are tried above the one that is taken


def check(port: int) -> None:
    """Raise `UserError`, with a port to try, if a server cannot listen at this one."""
    problem = _problem(port)
    if problem:
        above = range(max(port, 1023) + 1, min(port + FURTHER, 65535) + 1)
        free = next((other for other in (*above, 8080) if not _problem(other)), None)
        command = f"python -m annotate serve --port {free}" if free else "python -m annotate serve --port ..."
        raise UserError(f"port {port} of this machine cannot be used ({problem})", f"try: {command}")


def _problem(port: int) -> str:
    """Return why nobody can listen at a port, in the system's words, or nothing."""
    with socket.socket() as listener:
        # As servers do: a connection that ended a moment ago does not count.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError as error:
            return os.strerror(error.errno or 0).lower()
    return ""
