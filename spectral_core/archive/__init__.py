"""The versioned store of spectra: append, deduplicate, open at a snapshot; and what became of every file."""

from spectral_core.archive.axis import ArchiveAxis, axis_of, most_frequent_axis
from spectral_core.archive.folder import check_claimable, is_archive
from spectral_core.archive.ledger import Entry, Ledger, Row, Stat, State
from spectral_core.archive.quarantine import drop_copies, hashes_kept, keep_copy, quarantine_path
from spectral_core.archive.snapshots import Snapshot
from spectral_core.archive.store import Archive, create_archive, open_archive
from spectral_core.archive.verification import Discrepancy, Verification, verify_archive

__all__ = [
    "Archive", "ArchiveAxis", "Discrepancy", "Entry", "Ledger", "Row", "Snapshot", "Stat", "State", "Verification",
    "axis_of", "check_claimable", "create_archive", "drop_copies", "hashes_kept", "is_archive", "keep_copy",
    "most_frequent_axis", "open_archive", "quarantine_path", "verify_archive",
]  # fmt: skip
