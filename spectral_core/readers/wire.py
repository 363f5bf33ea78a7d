"""What passes between this process and the one that reads for it: headers of JSON and plain bytes, never a pickle."""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Mapping, Sequence
from typing import Any

_LENGTH = struct.Struct("<Q")
_MARK = struct.Struct("<qq")


def pack(header: Mapping[str, Any], blobs: Sequence[bytes]) -> int:
    """Write a header and contents into a piece of memory that can be handed to another process.

    Returns:
        Its descriptor, to be closed by the caller.
    """
    text = json.dumps({**header, "sizes": [len(blob) for blob in blobs]}).encode()
    descriptor = os.memfd_create("offband")
    with os.fdopen(os.dup(descriptor), "wb") as file:
        file.write(_LENGTH.pack(len(text)) + text)
        for blob in blobs:
            file.write(blob)
    return descriptor


def unpack(descriptor: int) -> tuple[dict[str, Any], list[bytes]]:
    """Read what `pack` wrote, and close the descriptor.

    Raises:
        ValueError: It is not as long as its header says.
    """
    with os.fdopen(descriptor, "rb") as file:
        file.seek(0)
        held = os.fstat(file.fileno()).st_size
        (length,) = _LENGTH.unpack(file.read(_LENGTH.size))
        header: dict[str, Any] = json.loads(file.read(min(length, held)))
        if _LENGTH.size + length + sum(header["sizes"]) != held:
            raise ValueError(f"{held} bytes")
        return header, [file.read(size) for size in header["sizes"]]


def send(link: socket.socket, number: int, status: int = 0, descriptor: int | None = None) -> None:
    """Send the number of a question, or a status without one, and what was packed."""
    descriptors = [] if descriptor is None else [descriptor]
    socket.send_fds(link, [_MARK.pack(number, status)], descriptors)


def receive(link: socket.socket) -> tuple[int, int, int | None] | None:
    """Receive number, status and descriptor; None if the other side is gone."""
    mark, descriptors, _, _ = socket.recv_fds(link, _MARK.size, 1)
    if len(mark) != _MARK.size:
        return None
    number, status = _MARK.unpack(mark)
    return number, status, descriptors[0] if descriptors else None
