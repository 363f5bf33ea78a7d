"""What was declared differently: keys of the study, software versions, seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from spectral_core.comparison.side import Report, Side

ABSENT = None
_OF_A_STUDY = ("variants", "models", "audit", "bands", "blanks", "reading")


@dataclass(frozen=True)
class Change:
    """One key whose value differs; None stands for a key that one side does not have."""

    key: str
    a: Any
    b: Any

    def to_dict(self) -> dict[str, Any]:
        """Give the change as plain values."""
        return {"key": self.key, "a": self.a, "b": self.b}


def settings_changes(a: Side, b: Side) -> list[Change]:
    """Compare what was declared, key by key: the studies where both are known, else settings, regions and variants."""
    return differences(*(_declared(side.report, both=_both_studies(a, b)) for side in (a, b)))


def version_changes(a: Side, b: Side) -> list[Change]:
    """Compare the versions of offband and of the packages it computes with."""
    return differences(*(dict(side.report.get("versions") or {}) for side in (a, b)))


def undisclosed(a: Side, b: Side) -> bool:
    """Tell whether the studies differ in what report.json does not hold: samples, quality."""
    digests = [(side.report.get("study") or {}).get("digest") for side in (a, b)]
    return _both_studies(a, b) and digests[0] != digests[1] and not settings_changes(a, b)


def differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Change]:
    """List the keys whose values differ, in the order of the first mapping, then of the second.

    Example:
        >>> differences({"x": {"y": 1}, "z": 2}, {"x": {"y": 3}, "z": 2})
        [Change(key='x.y', a=1, b=3)]
    """
    flat_a, flat_b = dict(_flat(a)), dict(_flat(b))
    keys = dict.fromkeys([*flat_a, *flat_b])
    return [Change(k, flat_a.get(k), flat_b.get(k)) for k in keys if flat_a.get(k) != flat_b.get(k)]


def _both_studies(a: Side, b: Side) -> bool:
    return bool(a.report.get("study") and b.report.get("study"))


def _declared(report: Report, *, both: bool) -> dict[str, Any]:
    if both:
        study = report["study"]
        return {"name": study.get("name"), **{key: study[key] for key in _OF_A_STUDY if key in study}}
    regions = report.get("regions") or {}
    return {
        "variants": [variant["variant"] for variant in report["variants"]],
        "settings": dict(report["settings"]),
        **{key: regions[key] for key in ("bands", "blanks", "axis_unit") if key in regions},
    }


def _flat(content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in content.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
