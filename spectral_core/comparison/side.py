"""One side of a comparison: the content of a report.json, and the archive behind it where it can be reached."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spectral_core.audit_report import SCHEMA_VERSION
from spectral_core.errors import AuditError

if TYPE_CHECKING:
    import xarray as xr

Report = Mapping[str, Any]
_NEEDED = ("schema_version", "verdict", "reasons", "settings", "design", "variants")


@dataclass(frozen=True)
class Side:
    """What is compared: `name` as the user gave it, the report, and the metadata of its spectra if they are known.

    `written_at` is when the archive committed the report's snapshot; `no_metadata` says why there are none.
    """

    name: str
    report: Report
    metadata: xr.Dataset | None = None
    written_at: datetime | None = None
    no_metadata: str = "no archive was named"

    @property
    def snapshot(self) -> str:
        """The archive's snapshot, "" of a report without an archive."""
        return str(self.report.get("archive_snapshot") or "")

    @property
    def study(self) -> str:
        """The study's name, "" of a report without a study."""
        return str((self.report.get("study") or {}).get("name") or "")

    def variants(self) -> dict[str, Report]:
        """Give what was found on each variant."""
        return {str(found["variant"]): found for found in self.report["variants"]}

    def to_dict(self) -> dict[str, Any]:
        """Give what identifies the audit."""
        report, design = self.report, self.report["design"]
        return {
            "name": self.name, "study": self.study, "study_digest": (report.get("study") or {}).get("digest"),
            "archive_snapshot": self.snapshot or None,
            "written_at": None if self.written_at is None else self.written_at.isoformat(timespec="seconds"),
            "created_at": report.get("created_at"), "verdict": report["verdict"],
            "n_spectra": design.get("n_spectra"), "n_units": design.get("n_units"),
            "schema_version": report["schema_version"],
        }  # fmt: skip


def read_report(path: Path) -> dict[str, Any]:
    """Read a report.json.

    Raises:
        AuditError: The file cannot be read, is no report of offband, or of a newer schema.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise AuditError(str(path), "a report.json", "no such file", "Check the path, or run the audit.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise AuditError(str(path), "a readable report.json", str(error), "Check the file.") from None
    except json.JSONDecodeError as error:
        remedy = "Run the audit again, or restore the file."
        raise AuditError(f"{path}, line {error.lineno}", "JSON", error.msg, remedy) from None
    return check_report(content, where=str(path))


def check_report(content: object, *, where: str) -> dict[str, Any]:
    """Refuse what is no report of a schema that this version reads.

    Raises:
        AuditError: A key is missing, or the schema is newer.

    Example:
        >>> report = dict(schema_version=1, verdict="supported", reasons=[], settings={}, design={}, variants=[])
        >>> check_report(report, where="a.json") == report
        True
    """
    missing = [key for key in _NEEDED if key not in content] if isinstance(content, dict) else ["schema_version"]
    if not isinstance(content, dict) or missing:
        raise AuditError(
            where, "a report of an audit, as offband writes report.json", f"none: it lacks the key {missing[0]!r}",
            "Name a report.json, a folder that holds one, a snapshot of a study, or an MLflow run.",
        )  # fmt: skip
    version = content["schema_version"]
    if not isinstance(version, int) or not 1 <= version <= SCHEMA_VERSION:
        raise AuditError(
            f"{where}, key schema_version", f"1 to {SCHEMA_VERSION}, which this version of offband reads",
            f"{version!r}, written by offband {content.get('offband_version', 'of an unknown version')}",
            "Update offband, or audit again with this version.",
        )  # fmt: skip
    return content
