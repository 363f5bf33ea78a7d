"""The audits of a study over time: verdict and key figures, and where something turned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from spectral_core.comparison.declared import Change, settings_changes, version_changes
from spectral_core.comparison.figures import Accuracy
from spectral_core.comparison.side import Side

SCHEMA_VERSION = 1
KEY_FIGURES = ("full", "off_band", "blank")


@dataclass(frozen=True)
class Turn:
    """What changed from the audit before to this one; empty where nothing did.

    `verdict` and `reasons` are said of the whole audit; `settings` and `versions` of what was declared and installed.
    """

    verdict: tuple[str, str] | None
    reasons_came: tuple[str, ...]
    reasons_went: tuple[str, ...]
    settings: tuple[Change, ...]
    study_changed: bool
    versions: tuple[Change, ...]

    @property
    def of_outcome(self) -> bool:
        """Whether the verdict or the reasons turned."""
        return self.verdict is not None or bool(self.reasons_came or self.reasons_went)

    def to_dict(self) -> dict[str, Any]:
        """Give the turn as plain values."""
        return {
            "verdict": list(self.verdict) if self.verdict else None, "reasons_came": list(self.reasons_came),
            "reasons_went": list(self.reasons_went), "study_changed": self.study_changed,
            "settings": [change.to_dict() for change in self.settings],
            "versions": [change.to_dict() for change in self.versions],
        }  # fmt: skip


@dataclass(frozen=True)
class Point:
    """One audit of the study: `turn` is what changed since the one before, None for the first."""

    side: Side
    turn: Turn | None

    @property
    def verdict(self) -> str:
        """The verdict."""
        return str(self.side.report["verdict"])

    @property
    def reasons(self) -> tuple[str, ...]:
        """Codes of the reasons."""
        return codes(self.side)

    @property
    def when(self) -> datetime | None:
        """When the archive committed the snapshot; None where it is not in the archive."""
        return self.side.written_at

    def figure(self, variant: str, block: str) -> Accuracy | None:
        """Give an accuracy, or None where it was not asked."""
        row = (self.side.variants().get(variant, {}).get("probes") or {}).get(block)
        return None if row is None else Accuracy.of(row)

    def to_dict(self) -> dict[str, Any]:
        """Give the audit as plain values."""
        figures = {
            variant: {block: found.to_dict() for block in KEY_FIGURES if (found := self.figure(variant, block))}
            for variant in self.side.variants()
        }
        verdicts = {name: row["verdict"] for name, row in self.side.variants().items()}
        return {
            **self.side.to_dict(), "reasons": list(self.reasons), "verdicts": verdicts, "figures": figures,
            "turn": self.turn.to_dict() if self.turn else None,
        }  # fmt: skip


@dataclass(frozen=True)
class History:
    """The audits of a study, the oldest snapshot first; `passed_over` says which folders were not read, and why."""

    study: str
    points: Sequence[Point]
    passed_over: Sequence[str]

    @property
    def variants(self) -> list[str]:
        """Every variant that was ever audited, those of the last audit first."""
        return list(dict.fromkeys(v for point in reversed(self.points) for v in point.side.variants()))

    @property
    def turns(self) -> list[tuple[int, Point]]:
        """The audits at which verdict or reasons turned, with their number from 1."""
        return [(i, p) for i, p in enumerate(self.points, start=1) if p.turn is not None and p.turn.of_outcome]

    def to_dict(self) -> dict[str, Any]:
        """Give the one document that `offband history --json` prints."""
        return {
            "schema_version": SCHEMA_VERSION, "study": self.study, "variants": self.variants,
            "turned_at": [point.side.snapshot for _, point in self.turns],
            "audits": [point.to_dict() for point in self.points], "passed_over": list(self.passed_over),
        }  # fmt: skip


def codes(side: Side) -> tuple[str, ...]:
    """List the codes of an audit's reasons."""
    return tuple(str(row["code"]) for row in side.report["reasons"])


def history_of(study: str, sides: Iterable[Side], *, passed_over: Sequence[str] = ()) -> History:
    """Put audits in the order in which the archive committed their snapshots, and say what turned at each.

    Several audits of one snapshot follow one another as they were made; snapshots that the archive does not know come
    where their audit was made.
    """
    ordered = sorted(sides, key=_order)
    turns = [None, *(_turn(before, after) for before, after in pairwise(ordered))]
    return History(study, [Point(s, t) for s, t in zip(ordered, turns, strict=False)], tuple(passed_over))


def _order(side: Side) -> tuple[datetime, str]:
    made = str(side.report.get("created_at") or "")
    if side.written_at is not None:
        return side.written_at, made
    try:
        found = datetime.fromisoformat(made)
    except ValueError:
        found = datetime.max.replace(tzinfo=UTC)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)), made


def _turn(before: Side, after: Side) -> Turn:
    verdicts = str(before.report["verdict"]), str(after.report["verdict"])
    was, is_ = codes(before), codes(after)
    digests = [(side.report.get("study") or {}).get("digest") for side in (before, after)]
    return Turn(
        verdicts if verdicts[0] != verdicts[1] else None,
        tuple(code for code in is_ if code not in was), tuple(code for code in was if code not in is_),
        tuple(settings_changes(before, after)), digests[0] != digests[1], tuple(version_changes(before, after)),
    )  # fmt: skip


def commit_times(snapshots: Iterable[Any]) -> Mapping[str, datetime]:
    """Map the snapshots of `Archive.history()` to when they were committed."""
    return {snapshot.id: snapshot.written_at for snapshot in snapshots}
