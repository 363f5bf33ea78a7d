"""What one ingestion did with the files of the inbox."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class IngestReport:
    """What one ingestion did with the files of the inbox.

    `new`, `already_archived` and `duplicates` (the bytes of another file) count files; `quarantined` lists
    (file, reason); `waiting` names files that changed while they were read, for the next run; `relabelled`
    counts archived spectra whose metadata the sample sheet corrected; `spectra` counts those added, and
    `spectra_in_archive` all in `snapshot`; `moved` counts files that left the inbox.
    """

    new: int
    already_archived: int
    duplicates: int
    quarantined: tuple[tuple[str, str], ...]
    waiting: tuple[str, ...]
    relabelled: int
    spectra: int
    spectra_in_archive: int
    snapshot: str
    moved: int = 0

    def __str__(self) -> str:
        further = {
            "duplicates": self.duplicates,
            "quarantined": len(self.quarantined),
            "still being written": len(self.waiting),
            "relabelled": self.relabelled,
            "moved": self.moved,
        }
        parts = [f"{self.new} new", f"{self.already_archived} already archived"]
        return ", ".join(parts + [f"{count} {what}" for what, count in further.items() if count])

    def to_dict(self) -> dict[str, Any]:
        """Give the report as plain values for JSON."""
        return asdict(self)
