"""How much is held in memory at once; above it, spectra are streamed."""

from __future__ import annotations

IN_MEMORY = 512 * 2**20
"""Bytes of n × d spectra in double precision up to which training and audit hold them all: 65,536 of 1,024 channels."""


def fits_in_memory(n: int, d: int, *, most: float = IN_MEMORY) -> bool:
    """Whether n spectra of d channels in double precision take at most so many bytes; else they are streamed.

    Example:
        >>> fits_in_memory(65_536, 1024), fits_in_memory(65_537, 1024)
        (True, False)
    """
    return 8 * n * d <= most
