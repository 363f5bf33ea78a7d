"""Whether an inbox still is the folder that files came from: a share that is not mounted leaves an empty one behind."""

from __future__ import annotations

from pathlib import Path

from spectral_core.archive.ledger import Ledger
from spectral_core.errors import StudyError


def identity_of(folder: Path) -> str:
    """Tell a folder from another at the same path by its inode; "" where it has none.

    The device's number does not count: a share gets another each time it is mounted.
    """
    try:
        inode = folder.stat().st_ino
    except OSError:
        return ""
    return str(inode) if inode else ""


def check_mounted(inbox: Path, intake: Path, *, files: int) -> None:
    """Refuse an empty inbox that is not the folder in which files lay before.

    One that was emptied by hand, or by moving files after ingestion, is the same folder still.

    Args:
        inbox: As the study names it.
        intake: Where the ledger lies, which knows the inbox of earlier runs, if there were any.
        files: How many files were found in the inbox.

    Raises:
        StudyError: As said, before anything is written.
    """
    ledger_file = intake / "ledger.sqlite"
    if files or not ledger_file.is_file():
        return
    with Ledger(ledger_file) as ledger:
        noted = ledger.inboxes().get(inbox.resolve())
        seen = sum(ledger.counts().values())
    if noted is None or not seen or not is_another(inbox, noted.identity):
        return
    raise StudyError(
        f"inbox {inbox}",
        f"the folder that {seen} files came from",
        "another folder, which is empty",
        "Mount it. If this one is meant, ingestion goes on with the first file in it.",
    )


def is_another(folder: Path, identity: str) -> bool:
    """Whether a folder is not the one of that identity; unknown identities are taken for the same."""
    here = identity_of(folder)
    return bool(here and identity and here != identity)
