"""Text of Japanese instruments: UTF-8 or UTF-16 where marked, else Shift-JIS (code page 932)."""

from __future__ import annotations

from spectral_core.readers.text import decode_text


def decode_japanese(data: bytes, *, where: str) -> str:
    """Decode text as `decode_text` does, with Shift-JIS in place of Latin-1 where the bytes allow.

    Raises:
        ReadError: The bytes are no text.
    """
    text = decode_text(data, where=where)
    if text.isascii() or text != data.decode("latin-1"):
        return text
    try:
        return data.decode("cp932")
    except UnicodeDecodeError:
        return text
