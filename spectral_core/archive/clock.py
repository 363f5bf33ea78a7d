"""Commits follow one another in time: a clock that was set back is waited for, or told."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from spectral_core.errors import ArchiveError

STEP_S = 10.0
"""A clock that is corrected, by itself or from outside, steps back by no more than this: then it pays to wait."""


def pass_moment(newest: datetime, *, where: str) -> None:
    """Return once this machine's clock is later than the newest snapshot, which the store asks of the next one.

    Args:
        newest: When the newest snapshot was written.
        where: The archive, for the message.

    Raises:
        ArchiveError: The clock is behind by more than `STEP_S`; nothing is written.
    """
    now = datetime.now(UTC)
    behind = (newest - now).total_seconds()
    if behind > STEP_S:
        raise ArchiveError(
            where,
            f"a clock later than the newest snapshot, of {newest:%Y-%m-%d %H:%M:%S} UTC",
            f"{now:%Y-%m-%d %H:%M:%S} UTC",
            "Set this machine's clock right and try again; where the snapshot is of a wrong time, begin a new archive.",
        )
    if behind >= 0:
        time.sleep(behind + 0.001)


def remedy_of_refusal(found: str) -> str:
    """Say what to do about a commit that the store refused with a message."""
    if "clock" in found or "timestamp" in found:
        cause = "Set the clocks of this machine and of its file server right"
    else:
        cause = "Check the disk"
    return f"{cause} and try again; nothing of this commit was stored."
